// Package promise is what stands behind the answer 202: a message has been handed to the bus, and cannot get lost any more. What
// the bus says otherwise becomes an answer from which clients know whether to send the message again.
package promise

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"parley/app/bus"
	"parley/app/problem"
)

// Problems of messages that cannot be promised to be kept.
var (
	// ErrNotKept is a message that could not be stored for a reason that trying again does not change. Workers tell senders so, too.
	ErrNotKept = problem.New(http.StatusInternalServerError, "not_kept", "The message could not be kept.")
	// ErrNotAccepted means that the message was not promised to be kept. Sending it again with the same hash is safe.
	ErrNotAccepted = problem.Unavailable.WithDetail("The message was not accepted. Send it again with the same hash.")
	// ErrOverloaded means that too many accepted messages wait for a worker already. This one was not accepted.
	ErrOverloaded = problem.New(http.StatusServiceUnavailable, "overloaded", "Too many messages are waiting.").
			WithDetail("The message was not accepted. Wait a little, then send it again with the same hash.").
			WithRetryAfter(overloadPause)
)

const (
	// Timeout is how long a client waits for a promise.
	Timeout = 10 * time.Second
	// overloadPause is when to try again after ErrOverloaded: time enough for a worker to keep thousands of messages.
	overloadPause = 3 * time.Second
)

// Sender sends messages that are promised to be kept.
type Sender struct {
	bus     bus.Sender
	metrics *Metrics
	log     *slog.Logger
}

// New returns a sender over a bus. Both m and log are those of one kind of message.
func New(b bus.Sender, m *Metrics, log *slog.Logger) *Sender {
	return &Sender{bus: b, metrics: m, log: log}
}

// Send returns nil once the message cannot get lost any more, else the problem to answer. It takes Timeout at most.
func (s *Sender) Send(ctx context.Context, msg bus.Message) *problem.Problem {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	err := s.bus.Send(ctx, msg)
	if err == nil {
		s.metrics.kept(begun)
		return nil
	}
	p := refusal(err).WithCause(err)
	if p.Is(ErrNotAccepted) {
		s.log.Warn("a message was not accepted", "key", msg.Key, "type", msg.Type, "error", err)
	}
	s.metrics.refused(p)
	return p
}

// refusal is what a client is told of an error of the bus, which logs by itself what is given up or too much.
func refusal(err error) *problem.Problem {
	switch {
	case errors.Is(err, bus.ErrDeadLettered):
		return ErrNotKept
	case errors.Is(err, bus.ErrFull):
		return ErrOverloaded
	default: // not routed, not confirmed, or not in time
		return ErrNotAccepted
	}
}
