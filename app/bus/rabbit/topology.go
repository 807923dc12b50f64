package rabbit

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"parley/app/bus"
)

// deliveryLimit is how often the broker itself hands out a message before it
// moves it to the dead-letter queue. It is the last resort against a message
// that takes its worker's process down with it: everything else is decided by
// bus.Redelivery, which dead-letters a message only for its own failures.
//
// The broker counts every return, for whatever reason, for each message that
// the consumer held (see orderedPrefetch), not only for the culprit: so every
// restart of a worker, however orderly, counts for messages that have done
// nothing wrong. They are only at risk if they cannot be acknowledged between a
// thousand restarts, say while the database is away all the time; at one
// restart every half an hour that is three weeks. A message that kills its
// worker, on the other hand, goes alone once it is suspicious, and its
// partition waits for a thousand restarts or for an operator, whom the log
// tells which message it is.
const deliveryLimit = 1000

// topology is what must exist on the broker: the exchanges, and the work queues that were ever declared.
type topology struct {
	prefix string

	// declaring is held while something is declared: see declareTries.
	declaring sync.Mutex

	mu     sync.Mutex
	queues map[string]bus.Queue // by name
	// backlogs of the queues whose length is limited, by key.
	backlogs map[string]*backlog
	log      *slog.Logger
	metrics  *bus.Metrics
}

// declareTries is how often declaring is tried. A quorum queue that is being made by one client is not yet ready
// when others can see it: a broker may close the connection of whoever declares or consumes it just then (RabbitMQ 3.10
// does, with INTERNAL_ERROR). That happens when the processes of a new deployment start at the same time; within
// a process, declaring prevents it.
const declareTries = 6

func newTopology(prefix string, log *slog.Logger, metrics *bus.Metrics) *topology {
	return &topology{
		prefix: prefix, log: log, metrics: metrics,
		queues: make(map[string]bus.Queue), backlogs: make(map[string]*backlog),
	}
}

func (t *topology) name(of string) string { return t.prefix + "." + of }
func (t *topology) incoming() string      { return t.name("incoming") }
func (t *topology) outgoing() string      { return t.name("outgoing") }
func (t *topology) dead() string          { return t.name("dead") }

// add remembers a queue, to be declared on every new connection. It reports false if it was known.
func (t *topology) add(q bus.Queue) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, known := t.queues[q.Name]
	if !known {
		t.queues[q.Name] = q
	}
	if q.MaxLength == 0 {
		return !known
	}
	if l := t.backlogs[q.Key]; l != nil {
		l.setLimit(q.MaxLength)
	} else {
		t.backlogs[q.Key] = &backlog{
			queue: t.name(q.Name), limit: q.MaxLength,
			depth: t.metrics.Queue(q.Name).Depth, log: t.log.With("queue", q.Name),
		}
	}
	return !known
}

// backlog returns that of the queue with the key; nil if its length is not limited.
func (t *topology) backlog(key string) *backlog {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.backlogs[key]
}

func (t *topology) forget(q bus.Queue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.queues, q.Name)
	delete(t.backlogs, q.Key)
}

func (t *topology) all() []bus.Queue {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.queues))
}

// declareAll makes everything exist.
func (t *topology) declareAll(ch *amqp.Channel) error {
	if err := t.declareFixed(ch); err != nil {
		return err
	}
	return t.declareEach(ch, t.all())
}

func (t *topology) declareEach(ch *amqp.Channel, queues []bus.Queue) error {
	for _, q := range queues {
		if err := t.declare(ch, q); err != nil {
			return err
		}
	}
	return nil
}

// declareFixed makes the exchanges and the dead-letter queue exist.
func (t *topology) declareFixed(ch *amqp.Channel) error {
	t.declaring.Lock()
	defer t.declaring.Unlock()
	for _, exchange := range []struct{ name, kind string }{
		{t.incoming(), amqp.ExchangeDirect},
		{t.outgoing(), amqp.ExchangeDirect},
		{t.dead(), amqp.ExchangeFanout}, // whatever a message's key was
	} {
		if err := ch.ExchangeDeclare(exchange.name, exchange.kind, true, false, false, false, nil); err != nil {
			return fmt.Errorf("declare exchange %s: %w", exchange.name, err)
		}
	}
	if _, err := ch.QueueDeclare(t.dead(), true, false, false, false, amqp.Table{"x-queue-type": "quorum"}); err != nil {
		return fmt.Errorf("declare queue %s: %w", t.dead(), err)
	}
	if err := ch.QueueBind(t.dead(), "", t.dead(), false, nil); err != nil {
		return fmt.Errorf("bind queue %s: %w", t.dead(), err)
	}
	return nil
}

// declare makes one work queue exist.
func (t *topology) declare(ch *amqp.Channel, q bus.Queue) error {
	t.declaring.Lock()
	defer t.declaring.Unlock()
	name := t.name(q.Name)
	args := amqp.Table{
		"x-queue-type":           "quorum",
		"x-delivery-limit":       deliveryLimit,
		"x-dead-letter-exchange": t.dead(),
		// Dead-lettering is not to lose messages either; the broker can promise that only of queues that do
		// not drop messages on overflow.
		"x-dead-letter-strategy": "at-least-once",
		"x-overflow":             "reject-publish",
	}
	if q.Ordered {
		args["x-single-active-consumer"] = true
	}
	if _, err := ch.QueueDeclare(name, true, false, false, false, args); err != nil {
		return fmt.Errorf("declare queue %s: %w", name, err)
	}
	if err := ch.QueueBind(name, q.Key, t.incoming(), false, nil); err != nil {
		return fmt.Errorf("bind queue %s: %w", name, err)
	}
	return nil
}

// setUp is declareAll on a channel of its own.
func (t *topology) setUp(c *conn) error {
	ch, err := c.Channel()
	if err != nil {
		return err
	}
	if err := t.declareAll(ch); err != nil {
		return err
	}
	return ch.Close()
}
