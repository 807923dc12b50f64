// Package memory is the bus of a deployment that runs in one process. It is
// not a short cut: messages travel as bytes and are handled by other
// goroutines, queues are bounded, what was not acknowledged is handed over
// again, and events that no inbox is bound to are dropped.
//
// Nothing survives the process. That is safe since Send returns only when the
// message's consumer has acknowledged it: what a client was promised is in the
// database by then.
package memory

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"parley/app/bus"
)

// Options configures a Bus.
type Options struct {
	// Log takes what goes wrong. Defaults to discarding it.
	Log *slog.Logger
	// Metrics counts what passes. Defaults to metrics that nobody sees.
	Metrics *bus.Metrics
	// QueueLimit is how many messages may wait in a work queue without a MaxLength before Send waits for room.
	// Defaults to 1024.
	QueueLimit int
	// InboxLimit is how many events may wait in an inbox before Publish waits for room. Defaults to 4096.
	InboxLimit int
}

// Bus is the in-process bus.
type Bus struct {
	log                    *slog.Logger
	metrics                *bus.Metrics
	queueLimit, inboxLimit int

	started chan struct{} // closed by Start
	// life ends when Stop has waited long enough: nothing goes on after it.
	life context.Context
	end  context.CancelFunc
	// inFlight counts the calls that Stop waits for.
	inFlight sync.WaitGroup

	mu       sync.RWMutex
	state    state
	queues   map[string]*queue              // by name
	routes   map[string]*queue              // the incoming exchange: by key
	inboxes  map[string]*inbox              // by name
	bindings map[string]map[*inbox]struct{} // the outgoing exchange: by key

	callMu   sync.Mutex
	calls    map[string]chan bus.Message // who waits for a reply, by ReplyTo
	lastCall uint64
}

var _ bus.Bus = (*Bus)(nil)

// state is where the bus is in its life; it only ever goes forward.
type state int

const (
	idle state = iota
	running
	draining // Stop waits for what is being sent
	stopped
)

var (
	errNotStarted = fmt.Errorf("%w: it has not been started", bus.ErrUnavailable)
	errStopped    = fmt.Errorf("%w: it has been stopped", bus.ErrUnavailable)
)

// refusal is the error of a call that the state forbids.
func (s state) refusal() error {
	if s == idle {
		return errNotStarted
	}
	return errStopped
}

// New returns a bus that Start sets going.
func New(o Options) *Bus {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = bus.NewMetrics(nil)
	}
	if o.QueueLimit <= 0 {
		o.QueueLimit = 1024
	}
	if o.InboxLimit <= 0 {
		o.InboxLimit = 4096
	}
	b := &Bus{
		log: o.Log, metrics: o.Metrics, queueLimit: o.QueueLimit, inboxLimit: o.InboxLimit,
		started:  make(chan struct{}),
		queues:   make(map[string]*queue),
		routes:   make(map[string]*queue),
		inboxes:  make(map[string]*inbox),
		bindings: make(map[string]map[*inbox]struct{}),
		calls:    make(map[string]chan bus.Message),
	}
	b.life, b.end = context.WithCancel(context.Background())
	return b
}

// Name is "memory".
func (b *Bus) Name() string { return "memory" }

// Start opens the bus for use.
func (b *Bus) Start(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.state {
	case idle:
		b.state = running
		close(b.started)
		return nil
	case running:
		return nil
	default:
		return errStopped
	}
}

// Check returns nil while the bus is running.
func (b *Bus) Check(context.Context) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.state != running {
		return b.state.refusal()
	}
	return nil
}

// Stop refuses new work and waits for what is being sent, which needs its consumers and what they publish to go on;
// then it ends the consumers and closes the inboxes.
func (b *Bus) Stop(ctx context.Context) error {
	b.drain()
	sent := make(chan struct{})
	go func() {
		b.inFlight.Wait()
		close(sent)
	}()
	err := await(ctx, sent)

	b.mu.Lock()
	b.state = stopped
	b.end()
	for _, q := range b.queues {
		fail(q.items.close())
	}
	open := make([]*inbox, 0, len(b.inboxes))
	for _, in := range b.inboxes {
		open = append(open, in)
	}
	b.mu.Unlock()

	for _, in := range open {
		if closeErr := in.Close(ctx); err == nil {
			err = closeErr
		}
	}
	if err != nil {
		return fmt.Errorf("stop the in-process bus: %w", err)
	}
	return nil
}

// drain refuses new work and fails what no consumer is left to handle.
func (b *Bus) drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state < draining {
		b.state = draining
	}
	for _, q := range b.queues {
		if q.consumers == 0 {
			fail(q.items.close())
		}
	}
}

// begin admits a call that Stop must wait for, which ends it with inFlight.Done.
func (b *Bus) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.state != running {
		return b.state.refusal()
	}
	b.inFlight.Add(1)
	return nil
}
