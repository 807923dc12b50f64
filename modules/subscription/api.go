package subscription

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"parley/app/bus"
	"parley/app/event"
)

// fenceTimeout bounds how long a removal's answer waits for a socket server
// that neither answers nor goes away.
const fenceTimeout = 5 * time.Second

// Caller asks a socket server.
type Caller interface {
	Call(ctx context.Context, msg bus.Message) (bus.Message, error)
}

// ServerList knows the socket servers.
type ServerList interface {
	Servers(ctx context.Context) ([]string, error)
	Forget(ctx context.Context, id string) error
}

// Fence lets the API wait until socket servers have handled everything that was
// published before, so that nothing is heard after a removal has been answered.
//
// A fence is a message to each server's own key. An inbox is a queue and is
// handled in order: once the fence is answered, so is all that came before it.
type Fence struct {
	servers ServerList
	bus     Caller
	log     *slog.Logger
}

// NewFence returns a Fence over the servers of the list.
func NewFence(servers ServerList, b Caller, log *slog.Logger) *Fence {
	return &Fence{servers: servers, bus: b, log: log.With("component", "subscription.api")}
}

// Wait returns when every live socket server has handled what was published
// before the call and has written it out to userID's connections; 0 stands for everybody's.
// It fails if a server does not answer within a few seconds, or the bus or the database is away.
func (f *Fence) Wait(ctx context.Context, userID int64) error {
	ctx, cancel := context.WithTimeout(ctx, fenceTimeout)
	defer cancel()
	ids, err := f.servers.Servers(ctx)
	if err != nil {
		return fmt.Errorf("list socket servers: %w", err)
	}
	failed := make([]error, len(ids))
	var calls sync.WaitGroup
	for i, id := range ids {
		calls.Go(func() {
			if err := f.ask(ctx, id, userID); err != nil {
				failed[i] = fmt.Errorf("server %s: %w", id, err)
			}
		})
	}
	calls.Wait()
	return errors.Join(failed...)
}

// ask waits for one server. A server without an inbox has no connections bound to anything; it
// asks for its snapshots again, and is listed again, before it emits anything more.
func (f *Fence) ask(ctx context.Context, id string, userID int64) error {
	msg, err := event.Encode(event.ServerKey(id), event.TypeFence, event.Fence{UserID: userID})
	if err != nil {
		return err
	}
	_, err = f.bus.Call(ctx, msg)
	if errors.Is(err, bus.ErrUnroutable) {
		f.log.Info("a socket server is gone", "server", id)
		return f.servers.Forget(ctx, id)
	}
	return err
}
