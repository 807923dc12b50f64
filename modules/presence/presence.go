// Package presence tells people whether others are there: online, away or
// offline, and when they were last seen.
//
// Nothing is kept about who is connected where. The broker's bindings know it:
// a server is bound to user:{id} for as long as the user is connected to it. So
// what is published to that key, mandatory, reaches exactly the servers that
// can say more, and comes back if there are none: then the user is offline.
//
// A server where somebody watches a user binds presence:{id}. Servers announce
// there when a user's state on them changes. The watching server keeps, for
// each user it watches and for no one else, what each server said last, and makes the state of it:
//
//	            an announcement, an answer to a probe
//	unknown ──────────────────────────────────────────► online, away ◄─┐
//	   │                                                    │          │ an answer
//	   │ probe: nobody                 the last server left,│          │
//	   │                               or is there no more  ▼          │
//	   └──────────► offline ◄────── probe: nobody ──── in doubt ───────┘
//
// Announcements and answers of one server are published by one goroutine, which
// looks at the connections when it writes them: the later one is never older.
package presence

import (
	"time"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/problem"
)

const (
	// MaxWatched is how many users one connection may watch.
	MaxWatched = 200

	// reloadGrace is how long a user whose last connection to a server has ended may take to come back to it
	// before the server tells: a page that is loaded again takes less.
	reloadGrace = 3 * time.Second
	// doubt is how long somebody may be nowhere, without a server having said so, before that is believed: after a server has
	// gone, clients take up to 5 s to come back to another one.
	doubt = 6 * time.Second
	// checkEvery is how often the servers of watched users are asked for.
	checkEvery = 5 * time.Second
	// probeEvery is within which time each watched user who is there is asked for again. Nothing depends on it but that
	// what should never have gone wrong is put right.
	probeEvery = time.Minute
	// answerTimeout is how long servers may take to answer a probe.
	answerTimeout = 5 * time.Second
	// awayPatience is how long to wait, if all that is known is that somebody is away on one server, for another one that says online.
	awayPatience = 200 * time.Millisecond
	// recheckEvery is how often it is asked again whom a connection may watch, besides whenever somebody leaves a group.
	recheckEvery = time.Minute
	// pace is the shortest time between two announcements of the same user by a server.
	pace = time.Second
	// askPace is the shortest time between two questions for the same connection to a worker.
	askPace = 250 * time.Millisecond
	// ackTimeout is how long a client may wait to be acknowledged.
	ackTimeout = 10 * time.Second
	// workerTimeout is after what time without an answer a worker is asked again.
	workerTimeout = 5 * time.Second
	// busTimeout bounds a call of the bus.
	busTimeout = 5 * time.Second
	// retryAfter is the pause after a call that failed.
	retryAfter = time.Second
	// tickEvery is how often it is looked at what is due.
	tickEvery = 250 * time.Millisecond
	// seenEvery is for how long it is gathered who was seen.
	seenEvery = 2 * time.Second

	// maxAnnounced is the most users in one announcement, maxProbed in one round of probes, maxSeen and maxAsks in one
	// message to a worker, the latter of watchers.
	maxAnnounced = 100
	maxProbed    = 500
	maxSeen      = 500
	maxAsks      = 32
)

// queue is where requests wait for a worker. They are independent of each other.
var queue = bus.Queue{Name: "presence", Key: event.PresenceRequestKey, Batch: 16}

var (
	// ErrTooMany is a list of more users than one may watch.
	ErrTooMany = problem.New(400, "too_many_users", "One connection can watch 200 users at most.")
	// ErrSuperseded is a subscription that was replaced before it was answered.
	ErrSuperseded = problem.New(409, "superseded", "A later PRESENCE_SUBSCRIBE of this connection has taken the place of this one.")
)

// payload is what clients get.
type payload struct {
	UserID   int64           `json:"userId"`
	State    event.UserState `json:"state"`
	LastSeen *event.Time     `json:"lastSeen,omitempty"` // of those who are offline, if known
}

// subscribed acknowledges a subscription.
type subscribed struct {
	OK        bool      `json:"ok"`
	Presences []payload `json:"presences"`
}
