package e2e

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/store/storetest"
	"parley/app/testenv"
)

// presence is how somebody is seen.
type presence struct {
	UserID   int64
	State    string
	LastSeen *event.Time
}

// sight is a connection that watches others.
type sight struct {
	*watcher

	known  map[int64]presence
	states map[int64][]string // of each, as they came
}

// watch connects and watches people.
func (p *person) watch(server int, people ...*person) *sight {
	p.t.Helper()
	s := &sight{watcher: p.watcher(server), known: make(map[int64]presence), states: make(map[int64][]string)}
	s.subscribe(people...)
	return s
}

// tell sends an event that must be acknowledged as documented.
func (w *watcher) tell(name string, payload any) []byte {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	ack, err := w.conn.EmitAck(ctx, name, payload)
	require.NoError(w.t, err)
	require.NoError(w.t, undocumented(name+"_ACK", ack))
	return ack
}

// state says what the device is.
func (w *watcher) state(state string) {
	w.t.Helper()
	require.JSONEq(w.t, `{"ok": true}`, string(w.tell(event.PresenceChanged, map[string]string{"state": state})))
}

// subscribe watches these people, and nobody else, and returns whom it may see.
func (s *sight) subscribe(people ...*person) map[int64]string {
	s.t.Helper()
	ids := make([]int64, 0, len(people))
	for _, p := range people {
		ids = append(ids, p.id)
	}
	var answer struct{ Presences []presence }
	ack := s.tell(event.PresenceSubscribe, map[string]any{"userIds": ids})
	require.NoError(s.t, json.Unmarshal(ack, &answer))
	clear(s.known)
	seen := make(map[int64]string)
	for _, p := range answer.Presences {
		s.known[p.UserID] = p
		seen[p.UserID] = p.State
	}
	return seen
}

// sees waits until somebody is seen like this.
func (s *sight) sees(p *person, state string) presence {
	s.t.Helper()
	for s.known[p.id].State != state {
		s.next(p.name + " " + state)
	}
	return s.known[p.id]
}

// next takes the next PRESENCE.
func (s *sight) next(what string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	e, err := s.conn.Await(ctx, event.PresenceChanged)
	require.NoError(s.t, err, "waiting to see %s", what)
	require.NoError(s.t, undocumented(e.Name, e.Payload))
	var p presence
	require.NoError(s.t, e.Decode(&p))
	s.known[p.UserID] = p
	s.states[p.UserID] = append(s.states[p.UserID], p.State)
}

func TestPresence(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		people := c.people(t, "person", 4)
		ann, ben, cat, eve := people[0], people[1], people[2], people[3]
		g := ann.group("friends", ben, cat)
		nobody := &person{id: 1 << 40}

		s := ann.watch(0)
		require.Equal(t, map[int64]string{ann.id: "online", ben.id: "offline", cat.id: "offline"},
			s.subscribe(ann, ben, cat, eve, nobody), "strangers are left out as if they did not exist")
		require.Nil(t, s.known[ben.id].LastSeen, "never seen")

		phone := ben.watcher(1)
		s.sees(ben, "online")
		phone.state("away")
		s.sees(ben, "away")
		laptop := ben.watcher(0)
		s.sees(ben, "online")
		laptop.state("away")
		s.sees(ben, "away")
		phone.state("online")
		s.sees(ben, "online")
		require.Equal(t, map[int64]string{ben.id: "online", cat.id: "offline"}, ann.watch(1).subscribe(ben, cat), "from another server")

		phone.conn.Close() // the device that is away is left
		s.sees(ben, "away")
		s.states[ben.id] = nil
		laptop.conn.Close() // a page that is loaded again
		laptop = ben.watcher(1)
		other := cat.watcher(0)
		s.sees(cat, "online")
		left := time.Now()
		other.conn.Close()
		seen := s.sees(cat, "offline")
		require.NotNil(t, seen.LastSeen)
		require.WithinDuration(t, left, seen.LastSeen.Time, patience/2)
		require.NotContains(t, s.states[ben.id], "offline", "back sooner than anybody looked")
		s.sees(ben, "online")

		s.forgetsWhoLeft(g, ann, ben, laptop, cat)
		s.limits()
	})
}

// forgetsWhoLeft has somebody removed from the only group that is shared: very soon, nothing more is seen, whatever the device does.
func (s *sight) forgetsWhoLeft(g group, owner, gone *person, device *watcher, other *person) {
	s.t.Helper()
	require.Equal(s.t, map[int64]string{gone.id: "online", other.id: "offline"}, s.subscribe(gone, other))
	owner.remove(g, gone)
	mark := other.watcher(1)
	s.sees(other, "online")
	for state, opposite := "away", "online"; ; state, opposite = opposite, state {
		device.state(state)
		mark.state(state) // both of them, so that what the one does has come when the other is seen
		s.sees(other, state)
		if s.known[gone.id].State == opposite {
			break
		}
	}
	require.Equal(s.t, map[int64]string{other.id: s.known[other.id].State}, s.subscribe(gone, other))
}

// limits tries what is refused.
func (s *sight) limits() {
	s.t.Helper()
	ids := make([]int64, 0, 202)
	for id := range int64(201) {
		ids = append(ids, id+1)
	}
	require.Contains(s.t, string(s.tell(event.PresenceSubscribe, map[string]any{"userIds": ids})), `"too_many_users"`)
	require.Contains(s.t, string(s.tell(event.PresenceSubscribe, map[string]any{"userIds": append(ids[:200], 1)})), `"ok":true`, "counted once")
	require.Contains(s.t, string(s.tell(event.PresenceSubscribe, map[string]any{"users": ids})), `"malformed_request"`)
	require.Contains(s.t, string(s.tell(event.PresenceChanged, map[string]any{"state": "offline"})), `"malformed_request"`)
	require.JSONEq(s.t, `{"ok": true, "presences": []}`, string(s.tell(event.PresenceSubscribe, map[string]any{"userIds": []int64{}})))
}

// TestPresenceAfterACrash: those who were on a server that is killed turn offline by themselves, and those who come back elsewhere do not.
func TestPresenceAfterACrash(t *testing.T) {
	t.Parallel()
	c := startSplit(t, services(t, testenv.AMQPURL(t), storetest.PostgresURL(t)), nil)
	people := c.people(t, "person", 4)
	ann, ben, cat, dan := people[0], people[1], people[2], people[3]
	ann.group("friends", ben, cat, dan)
	s := ann.watch(0, ben, cat, dan)
	for _, p := range []*person{ben, cat, dan} {
		p.watcher(1)
		s.sees(p, "online")
	}
	dan.watcher(0) // on both

	c.sockets[1].kill()
	killed := time.Now()
	cat.watcher(0) // comes back elsewhere
	require.NotNil(t, s.sees(ben, "offline").LastSeen)
	t.Logf("seen as offline %v after the crash", time.Since(killed))
	require.Equal(t, []string{"online"}, s.states[cat.id], "comes back sooner than anybody believes that it is gone")
	require.Equal(t, []string{"online"}, s.states[dan.id])

	c.sockets[1].restart()
	ben.watcher(1)
	s.sees(ben, "online")
	require.Equal(t, map[int64]string{ben.id: "online", cat.id: "online", dan.id: "online"}, ann.watch(1).subscribe(ben, cat, dan))
}
