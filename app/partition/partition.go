// Package partition shares the partitions of messages out among the workers
// that are there, evenly, and anew whenever one comes or goes.
//
// Workers know of one another by heartbeats on the bus. Each computes on its own who has which partition, and consumes its
// own: that two views differ for a moment does no harm, since the bus lets one consumer
// of an ordered queue be active at a time, and the others wait for its end.
package partition

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/registry"
)

const (
	// beat is the time between two heartbeats.
	beat = time.Second
	// timeout is for how long a worker may be silent: a busy machine may delay a heartbeat or two, and a
	// needless handover costs more than a short wait.
	timeout = 4 * time.Second
)

// Bus is what the sharer needs of the bus.
type Bus interface {
	Open(ctx context.Context, name string, r bus.Receiver) (bus.Inbox, error)
	Publish(ctx context.Context, msgs ...bus.Message) error
}

// Options configure a Sharer.
type Options struct {
	// ID is the worker's own: no other process has it, nor had it before. It becomes part of a queue's name.
	ID string
	// Metrics count what happens. Defaults to metrics that nobody sees.
	Metrics *Metrics
	// Log takes every change of the shares. Defaults to discarding it.
	Log *slog.Logger
}

// Sharer is the component "partition": one worker's part in sharing the partitions out.
type Sharer struct {
	id      string
	bus     Bus
	metrics *Metrics
	log     *slog.Logger
	view    *view
	inbox   bus.Inbox // made by Start
	bound   int       // which of the view's inboxes is bound; -1: none
	failing bool      // the last announcement has failed
}

// New makes the component.
func New(b Bus, o Options) *Sharer {
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	log := o.Log.With("component", "partition")
	return &Sharer{id: o.ID, bus: b, metrics: o.Metrics, log: log, view: newView(o.ID, log), bound: -1}
}

// Name implements registry.Module.
func (s *Sharer) Name() string { return "partition" }

// Roles implements registry.Module: it is there where partitions are consumed.
func (s *Sharer) Roles() []registry.Role { return nil }

// Needs implements registry.Module.
func (s *Sharer) Needs() []string { return []string{"bus"} }

// Init implements registry.Module.
func (s *Sharer) Init(registry.Host) error { return nil }

// Start opens the worker's inbox.
func (s *Sharer) Start(ctx context.Context) error {
	inbox, err := s.bus.Open(ctx, "worker."+s.id, s.view)
	if err != nil {
		return fmt.Errorf("open the inbox of worker %s: %w", s.id, err)
	}
	s.inbox = inbox
	return nil
}

// Stop removes the inbox.
func (s *Sharer) Stop(ctx context.Context) error {
	if s.inbox == nil {
		return nil
	}
	if err := s.inbox.Close(ctx); err != nil {
		return fmt.Errorf("close the inbox of worker %s: %w", s.id, err)
	}
	return nil
}

// Share calls consume for each of n partitions while it is this worker's, which is until consume's context ends. It
// begins with all of them, and gives up what others should have as soon as it hears of these. When ctx ends
// it tells the others, waits for consume to return and returns nil. An error of consume ends it, too, and is returned.
// It is called once, after Start.
func (s *Sharer) Share(ctx context.Context, n int, consume func(ctx context.Context, partition int) error) error {
	claims := newClaims(ctx, consume)
	defer s.metrics.owned.Set(0)
	defer claims.wait()
	defer s.leave(ctx)
	defer claims.end()

	beats := time.NewTicker(beat)
	defer beats.Stop()
	var live []string
	due := true
	for {
		if now := s.view.live(); !slices.Equal(now, live) {
			s.apply(claims, assign(n, now), len(now), live == nil)
			live = now
		}
		if s.view.questioned() || due {
			s.announce(ctx)
		}
		select {
		case <-beats.C:
			due = true
		case <-s.view.news:
			due = s.bound != s.view.inboxes()
		case err := <-claims.failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// apply changes the claims to what the worker has now.
func (s *Sharer) apply(c *claims, owners []string, workers int, first bool) {
	taken, left := c.change(func(p int) bool { return owners[p] == s.id }, len(owners))
	owned := c.count()
	s.metrics.workers.Set(float64(workers))
	s.metrics.owned.Set(float64(owned))
	if !first {
		s.metrics.handovers.Add(float64(len(taken) + len(left)))
	}
	s.log.Info("partitions are shared out", "workers", workers, "owned", owned, "taken", taken, "handed_over", left)
}

// announce tells the others that this worker is there. An inbox that is new is bound first, and everybody asked to answer: so
// views agree at once. It waits for the bus no longer than until the next heartbeat is due.
func (s *Sharer) announce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, beat)
	defer cancel()
	state, err := event.WorkerHere, error(nil)
	if inbox := s.view.inboxes(); s.bound != inbox {
		if err = s.inbox.Bind(ctx, event.WorkersKey); err == nil {
			state, s.bound = event.WorkerHello, inbox
		}
	}
	err = errors.Join(err, s.tell(ctx, state)) // who cannot hear can still be heard
	if err != nil && !s.failing && !errors.Is(ctx.Err(), context.Canceled) {
		s.log.Warn("workers cannot hear of one another; trying again every second", "error", err)
	}
	s.failing = err != nil
}

// leave tells the others that this worker ends: what is sent from now on is theirs.
func (s *Sharer) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beat)
	defer cancel()
	if err := s.tell(ctx, event.WorkerBye); err != nil {
		s.log.Warn("other workers could not be told that this one ends; they find out by themselves", "error", err)
	}
}

func (s *Sharer) tell(ctx context.Context, state event.PresenceState) error {
	msg, err := event.Encode(event.WorkersKey, event.TypePresence, event.Presence{WorkerID: s.id, State: state})
	if err != nil {
		return err
	}
	if err := s.bus.Publish(ctx, msg); err != nil {
		return fmt.Errorf("publish %s: %w", state, err)
	}
	return nil
}
