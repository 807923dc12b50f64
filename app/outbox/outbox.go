// Package outbox carries the events of committed changes from the database to
// the bus. A change and its events are committed together (store.Append), so that neither is ever
// without the other; the relay publishes them afterwards, at least once, in order.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/registry"
)

const (
	// pollInterval is how soon events are found that another process has left, such as a command.
	pollInterval = 500 * time.Millisecond
	// batch is the most events published at once.
	batch = 256
	// passTimeout bounds one batch, which holds a database transaction while it waits for the bus.
	passTimeout = 10 * time.Second
	// firstPause and longestPause bound the wait after a failure; it doubles each time.
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second
	// maxAnnounced is how many bytes of events make a message for a partition full.
	maxAnnounced = 256 << 10
	// lastPass bounds the attempt to publish what is left when the process stops.
	lastPass = 2 * time.Second
)

// errStopped is for those who wait when the process ends.
var errStopped = fmt.Errorf("the outbox relay has stopped: %w", bus.ErrUnavailable)

// Drain is the store's side: it hands the oldest events, at most limit, to
// publish, deletes them if that succeeds, and returns how many. Fewer than limit means that
// everything committed before the call has been published.
type Drain interface {
	Outbox(ctx context.Context, limit int, publish func(context.Context, []bus.Message) error) (int, error)
	// OutboxLength is how many events wait.
	OutboxLength(ctx context.Context) (int64, error)
}

// Bus is what the relay needs of the bus.
type Bus interface {
	bus.Publisher
	bus.Sender
}

// Relay is the component "outbox".
type Relay struct {
	drain   Drain
	bus     Bus
	metrics *Metrics
	log     *slog.Logger
	host    registry.Host

	kicked chan struct{} // capacity 1: one wish to run stands for all

	mu      sync.Mutex
	running *run // nil unless started
	stopped bool
	waiters []chan error // each is sent one answer: nil once what was committed before has been published
}

// run is one life of the relay's task.
type run struct {
	end  context.CancelFunc
	done chan struct{}
}

// New returns a relay from the outbox of s to b.
func New(s Drain, b Bus, m *Metrics) *Relay {
	return &Relay{drain: s, bus: b, metrics: m, log: slog.New(slog.DiscardHandler), kicked: make(chan struct{}, 1)}
}

// Name implements registry.Module.
func (r *Relay) Name() string { return "outbox" }

// Roles implements registry.Module: both of them change what others must hear of.
func (r *Relay) Roles() []registry.Role { return []registry.Role{registry.API, registry.Worker} }

// Needs implements registry.Module.
func (r *Relay) Needs() []string { return []string{"store", "bus"} }

// Init implements registry.Module.
func (r *Relay) Init(h registry.Host) error {
	r.host, r.log = h, h.Logger()
	return nil
}

// Start implements registry.Module.
func (r *Relay) Start(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil {
		return errors.New("outbox: Start before Init")
	}
	if r.running != nil {
		return nil
	}
	life, end := context.WithCancel(context.Background())
	current := &run{end: end, done: make(chan struct{})}
	r.running, r.stopped = current, false
	r.host.Go("relay", func(ctx context.Context) error {
		defer close(current.done)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(life, cancel)()
		r.relay(ctx)
		return nil
	})
	return nil
}

// Stop ends the task and tries once more to publish what is left; what cannot be is published by
// another process, or after the next start.
func (r *Relay) Stop(ctx context.Context) error {
	r.mu.Lock()
	current := r.running
	r.running, r.stopped = nil, true
	r.mu.Unlock()
	if current == nil {
		return nil
	}
	current.end()
	select {
	case <-current.done:
	case <-ctx.Done():
		return fmt.Errorf("the outbox relay did not end: %w", ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, lastPass)
	defer cancel()
	if err := r.pass(ctx); err != nil {
		r.log.WarnContext(ctx, "some events are left in the outbox", "error", err)
	}
	r.answer(r.waiting(), errStopped)
	return nil
}

// Kick wakes the relay: something was committed.
func (r *Relay) Kick() {
	select {
	case r.kicked <- struct{}{}:
	default:
	}
}

// Flush returns once everything that was committed before the call has been published, by this process or another. While the
// bus or the database is away it waits for as long as ctx lets it.
func (r *Relay) Flush(ctx context.Context) error {
	answer := make(chan error, 1)
	r.mu.Lock()
	if r.stopped {
		r.mu.Unlock()
		return errStopped
	}
	r.waiters = append(r.waiters, answer)
	r.mu.Unlock()
	r.Kick()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		r.forget(answer)
		return fmt.Errorf("waiting for events to be published: %w", ctx.Err())
	}
}

// waiting is who waits now.
func (r *Relay) waiting() []chan error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.waiters)
}

// answer tells those that err is what they waited for.
func (r *Relay) answer(waiters []chan error, err error) {
	for _, w := range waiters {
		w <- err
	}
	r.forget(waiters...)
}

// forget removes waiters that have their answer or have given up.
func (r *Relay) forget(waiters ...chan error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiters = slices.DeleteFunc(r.waiters, func(w chan error) bool { return slices.Contains(waiters, w) })
}

// relay makes one pass after the other until ctx ends.
func (r *Relay) relay(ctx context.Context) {
	pause, failing := firstPause, false
	for {
		wait, kicked := pollInterval, r.kicked
		switch err := r.pass(ctx); {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !failing {
				r.log.WarnContext(ctx, "events cannot be published, trying again until they can", "error", err)
			}
			failing = true
			r.count(ctx)
			wait, kicked = pause/2+rand.N(pause/2), nil
			pause = min(2*pause, longestPause)
		case failing:
			r.log.InfoContext(ctx, "events are published again")
			pause, failing = firstPause, false
		}
		if !sleep(ctx, wait, kicked) {
			return
		}
	}
}

// sleep waits for a while or until it is woken; false means that ctx has ended.
func sleep(ctx context.Context, wait time.Duration, woken <-chan struct{}) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-woken:
	}
	return true
}

// pass publishes until nothing is left, and tells those who were waiting when it began.
func (r *Relay) pass(ctx context.Context) error {
	waiting := r.waiting()
	for {
		n, err := r.publishBatch(ctx)
		if err != nil {
			return err
		}
		if n < batch {
			break
		}
	}
	r.metrics.pending.Set(0)
	r.answer(waiting, nil)
	return nil
}

// count measures what waits while it cannot be published; most likely the database is away, too, if that fails.
func (r *Relay) count(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	if n, err := r.drain.OutboxLength(ctx); err == nil {
		r.metrics.pending.Set(float64(n))
	}
}

func (r *Relay) publishBatch(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	n, err := r.drain.Outbox(ctx, batch, r.publish)
	if err != nil {
		return 0, fmt.Errorf("relay the outbox: %w", err)
	}
	r.metrics.published.Add(float64(n))
	return n, nil
}

// publish publishes events, and sends those that are to be announced in a partition's order to their partitions, a message for
// each. The order among these two kinds, and among partitions, is nobody's concern.
func (r *Relay) publish(ctx context.Context, msgs []bus.Message) error {
	var (
		events     []bus.Message
		partitions []bus.Message
		at         = make(map[string]int)
	)
	for _, msg := range msgs {
		if msg.Type != event.TypeAnnounce {
			events = append(events, msg)
			continue
		}
		i, known := at[msg.Key]
		if !known || len(partitions[i].Body) > maxAnnounced {
			i = len(partitions)
			at[msg.Key] = i
			partitions = append(partitions, bus.Message{Key: msg.Key, Type: msg.Type, Urgent: true})
		}
		partitions[i].Body = append(partitions[i].Body, msg.Body...)
	}
	if len(events) > 0 {
		if err := r.bus.Publish(ctx, events...); err != nil {
			return err //nolint:wrapcheck // the caller does
		}
	}
	for _, msg := range partitions {
		if err := r.bus.Send(ctx, msg); err != nil && !errors.Is(err, bus.ErrDeadLettered) {
			return err //nolint:wrapcheck // the caller does
		}
	}
	return nil
}
