// Package rabbit is the bus over RabbitMQ, 3.10 or later.
//
//	{prefix}.incoming ──key──► {prefix}.{queue}             durable quorum queues
//	                               └─ dead-lettered ──► {prefix}.dead (exchange and queue)
//	{prefix}.outgoing ──key──► {prefix}.{inbox}             exclusive queues: server.{id}, worker.{id}
//
// There is one connection for publishing and one for consuming, since a broker
// that is short of memory stops reading from connections that publish, and
// acknowledgements must go on. Each is made anew when it is lost, see link.
package rabbit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"parley/app/bus"
)

// Options configures a Bus.
type Options struct {
	// URL is amqp://user:password@host:port/vhost, or amqps://….
	URL string
	// Prefix begins the names of all exchanges and queues. Defaults to "parley".
	Prefix string
	// Name tells processes apart in the broker's list of connections. Defaults to the prefix.
	Name string
	// Log takes what goes wrong, and reconnects. Defaults to discarding it.
	Log *slog.Logger
	// Metrics counts what passes. Defaults to metrics that nobody sees.
	Metrics *bus.Metrics
}

// Bus is the bus over RabbitMQ.
type Bus struct {
	endpoint endpoint
	name     string
	log      *slog.Logger
	metrics  *bus.Metrics
	topology *topology

	publishing, consuming *link
	// background are goroutines that have nobody to wait for them but Stop.
	background sync.WaitGroup

	lifecycle chan struct{} // holds a token while Start or Stop is at work
	started   chan struct{} // closed by Start
	// life ends when Stop has waited for what is being sent: consumers end.
	life context.Context
	end  context.CancelFunc
	// disconnect ends the links, which run.Wait waits for.
	disconnect context.CancelFunc
	run        sync.WaitGroup

	mu    sync.RWMutex
	state state
	// inFlight counts the calls, and consumers the calls of Consume, that Stop waits for. Both are only
	// added to while the state allows it.
	inFlight, consumers sync.WaitGroup
	inboxes             map[string]*inbox // by name

	mentioned sync.Once // an old broker was

	callMu   sync.Mutex
	calls    map[string]chan bus.Message // who waits for a reply, by correlation id
	lastCall uint64
}

var _ bus.Bus = (*Bus)(nil)

// state is where the bus is in its life; it only ever goes forward.
type state int

const (
	idle state = iota
	running
	draining // Stop waits for what is being sent, and for the consumers
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

// New checks the options. It does not connect.
func New(o Options) (*Bus, error) {
	e, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Prefix == "" {
		o.Prefix = "parley"
	}
	if o.Name == "" {
		o.Name = o.Prefix
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = bus.NewMetrics(nil)
	}
	b := &Bus{
		endpoint: e, name: o.Name, log: o.Log, metrics: o.Metrics, topology: newTopology(o.Prefix, o.Log, o.Metrics),
		lifecycle: make(chan struct{}, 1), started: make(chan struct{}),
		inboxes: make(map[string]*inbox), calls: make(map[string]chan bus.Message),
	}
	b.life, b.end = context.WithCancel(context.Background())
	b.publishing = newLink("publishing", o.Log, o.Metrics, b.connectPublishing)
	b.consuming = newLink("consuming", o.Log, o.Metrics, b.connectConsuming)
	return b, nil
}

// connectPublishing connects, declares everything and opens the lanes. The queues, too: on a broker that has lost them,
// messages must not be unroutable until the consuming connection is there.
func (b *Bus) connectPublishing(ctx context.Context) (*conn, error) {
	return b.connect(ctx, b.name+" publishing", func(c *conn) error {
		b.mention(brokerVersion(c.Connection))
		if err := b.topology.setUp(c); err != nil {
			return err
		}
		return b.openLanes(c)
	})
}

// mention tells operators, once, of a broker that will be slow with many users.
func (b *Bus) mention(version string) {
	if scansBindings(version) {
		b.mentioned.Do(func() {
			b.log.Warn("the broker gets slower the more users are connected, which matters from some thousands on: use RabbitMQ 3.11 or newer", "version", version)
		})
	}
}

func (b *Bus) connectConsuming(ctx context.Context) (*conn, error) {
	return b.connect(ctx, b.name+" consuming", b.topology.setUp)
}

func (b *Bus) connect(ctx context.Context, name string, setUp func(*conn) error) (*conn, error) {
	pace := newWait()
	for try := 1; ; try++ {
		c, err := b.endpoint.connect(ctx, name, &b.background, setUp)
		if err == nil || !errors.Is(err, errSetUp) || try == declareTries || !sleep(ctx, pace.NextBackOff()) {
			return c, err
		}
	}
}

// Name is "rabbitmq".
func (b *Bus) Name() string { return "rabbitmq" }

// Start connects to the broker, once: from then on lost connections are made anew.
func (b *Bus) Start(ctx context.Context) error {
	unlock, err := b.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	switch b.now() {
	case idle:
	case running:
		return nil
	default:
		return errStopped
	}
	publishing, err := b.connectPublishing(ctx)
	if err != nil {
		return err
	}
	consuming, err := b.connectConsuming(ctx)
	if err != nil {
		publishing.close()
		return err
	}
	links, disconnect := context.WithCancel(context.Background())
	b.disconnect = disconnect
	b.publishing.set(publishing, nil)
	b.consuming.set(consuming, nil)
	b.run.Go(func() { b.publishing.run(links, publishing) })
	b.run.Go(func() { b.consuming.run(links, consuming) })
	b.run.Go(func() { b.measure(links) })
	b.enter(running)
	close(b.started)
	return nil
}

// Check returns nil if messages can be sent and received now.
func (b *Bus) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s := b.now(); s != running {
		return s.refusal()
	}
	_, publishing := b.publishing.use()
	_, consuming := b.consuming.use()
	return errors.Join(publishing, consuming)
}

// Stop waits for what is being sent, then closes the inboxes, ends the consumers, which finish the batch at hand, and
// disconnects.
func (b *Bus) Stop(ctx context.Context) error {
	unlock, err := b.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	was := b.now()
	if was == stopped {
		return nil
	}
	b.enter(draining)
	err = wait(ctx, &b.inFlight)
	for _, in := range b.openInboxes() {
		err = errors.Join(err, in.Close(ctx))
	}
	b.end()
	err = errors.Join(err, wait(ctx, &b.consumers))
	b.enter(stopped)
	if was == running {
		b.disconnect()
		b.run.Wait()
		// Without a connection there is nothing to wait for, but a worker or receiver that hangs.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err = errors.Join(err, wait(last, &b.inFlight), wait(last, &b.background))
	}
	b.publishing.set(nil, errStopped)
	b.consuming.set(nil, errStopped)
	if err != nil {
		return fmt.Errorf("stop the bus: %w", err)
	}
	return nil
}

// lock keeps Start and Stop apart.
func (b *Bus) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case b.lifecycle <- struct{}{}:
		return func() { <-b.lifecycle }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// wait waits for the group. If ctx ends before, the rest is waited for in the background.
func wait(ctx context.Context, group *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *Bus) now() state {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.state
}

func (b *Bus) enter(s state) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = s
}

func (b *Bus) openInboxes() []*inbox {
	b.mu.RLock()
	defer b.mu.RUnlock()
	open := make([]*inbox, 0, len(b.inboxes))
	for _, in := range b.inboxes {
		open = append(open, in)
	}
	return open
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

// alive returns nil from Start until Stop has waited for everything.
func (b *Bus) alive(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s := b.now(); s == idle || s == stopped {
		return s.refusal()
	}
	return nil
}

// Declare makes the queues exist now and on every later connection.
func (b *Bus) Declare(ctx context.Context, queues ...bus.Queue) error {
	if err := b.begin(ctx); err != nil {
		return err
	}
	defer b.inFlight.Done()
	for _, q := range queues {
		if err := q.Validate(); err != nil {
			return err
		}
	}
	if _, err := b.consuming.use(); err != nil {
		return err
	}
	var added []bus.Queue
	for _, q := range queues {
		if b.topology.add(q) {
			added = append(added, q)
		}
	}
	err := b.declare(ctx, queues)
	if err != nil {
		for _, q := range added { // one that cannot be declared must not be in the way of reconnecting
			b.topology.forget(q)
		}
	}
	return err
}

// declare makes the queues exist now.
func (b *Bus) declare(ctx context.Context, queues []bus.Queue) error {
	pace := newWait()
	for try := 1; ; try++ {
		s, err := b.consuming.use()
		if err == nil {
			err = s.do(ctx, func(ch *amqp.Channel) error { return b.topology.declareEach(ch, queues) })
		}
		if !errors.Is(err, bus.ErrUnavailable) || try == declareTries || !sleep(ctx, pace.NextBackOff()) {
			return err
		}
	}
}
