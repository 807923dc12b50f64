// Package typing tells the people in a channel who is writing to it just now.
//
// It is the one thing that may get lost: it goes from the socket server of the
// one who types straight to those of the others, is written down nowhere, and ends
// by itself. The server that was told keeps a clock for each user and channel, so
// that nobody is shown as typing for ever because a client has gone.
package typing

import (
	"time"

	"parley/app/problem"
)

const (
	// Life is how long somebody counts as typing without saying so again.
	Life = 6 * time.Second
	// pace is the shortest time between two times that a channel is told of the same user; but the end of typing
	// is told at once.
	pace = 2 * time.Second
	// backlog is how many events wait to be published at most; beyond it they are dropped.
	backlog = 256
	// publishTimeout is how long the bus may take for what is of no use later.
	publishTimeout = 2 * time.Second
)

// ErrNotSubscribed is a channel that the connection does not hear.
var ErrNotSubscribed = problem.New(404, "channel_not_found", "There is no such channel, or you are not subscribed to it.")

// payload is what clients get.
type payload struct {
	ChannelID int64 `json:"channelId"`
	UserID    int64 `json:"userId"`
	Typing    bool  `json:"typing"`
	ExpiresIn int64 `json:"expiresInMs,omitempty"` // after what time to stop showing it
}
