// Package bus is what the roles talk over. Two implementations, memory and
// rabbit, pass the one contract suite in bustest; nothing outside may tell
// them apart.
//
// There are two exchanges. On incoming travels work: each message goes to the
// one queue that its key names, stays there until a consumer has acknowledged
// it, and survives the crash of any process. On outgoing travel events: each
// message is copied to every inbox that holds a binding for its key at that
// moment, and is dropped where none does.
//
// Delivery is at least once, and in order: what a queue's only active consumer
// or an inbox receives twice, it receives again before anything later.
package bus

import (
	"context"
	"errors"
	"fmt"
)

var (
	// ErrUnavailable means that the bus cannot promise anything now: the broker is away, blocks
	// publishers or refused the message, or the bus has not started or has been stopped. The message may or
	// may not have been taken; sending it again is the caller's business.
	ErrUnavailable = fmt.Errorf("message bus unavailable: %w", ErrTransient)
	// ErrFull means that as many messages wait as the queue's MaxLength allows. The message was not taken; there will
	// be room once the consumers have caught up. It is an ErrUnavailable, too.
	ErrFull = fmt.Errorf("%w: too many messages wait in the queue", ErrUnavailable)
	// ErrUnroutable means that nothing is bound to the message's key.
	ErrUnroutable = errors.New("no queue is bound to this routing key")
	// ErrDeadLettered means that a consumer gave up on the message (in-process bus only, whose Send
	// waits for the consumer).
	ErrDeadLettered = errors.New("message was dead-lettered")
	// ErrTransient is wrapped by errors that are no fault of the messages, and that end by themselves: ErrUnavailable, and those
	// of other services that a Worker depends on.
	ErrTransient = errors.New("temporary failure")
)

// Message is what travels. The bus never looks into Body.
type Message struct {
	Key  string // routing key
	Type string // what Body holds; one of the event package's types
	Body []byte

	// Also are further routing keys of an event that is published: an inbox that is bound to any of the keys, however
	// many, gets the event once. It is not there on delivery. Send and Call take no notice of it.
	Also []string
	// Urgent has Send take no notice of how many messages wait: it neither fails with ErrFull nor is slowed down. For what
	// was promised before. It is not there on delivery.
	Urgent bool
	// ReplyTo is set by Call and understood by Reply alone.
	ReplyTo string
	// Redelivered is set on delivery: the message may have been handed to a consumer before.
	Redelivered bool
}

// Queue names a durable work queue and the key of the incoming exchange that feeds it.
type Queue struct {
	Name  string // without the deployment's prefix: "message.3"
	Key   string // "group.message.3"
	Batch int    // most messages handed to Worker.Work at once; at least 1
	// Ordered queues have one active consumer at a time across all processes, so that their messages
	// are handled strictly in the order they were sent. Others share their messages out among their
	// consumers.
	Ordered bool
	// MaxLength is how many messages may wait before Send fails with ErrFull. Those that a consumer holds
	// do not count. It belongs to the process that sends, not to the queue: it may be another one in another
	// process, and at the next declaration. 0 says nothing about it: without any other value there is no limit.
	// Processes that send at the same time may exceed it, each by a tenth.
	MaxLength int
}

// Validate says what is wrong with a queue's description.
func (q Queue) Validate() error {
	if q.Name == "" || q.Key == "" || q.Batch < 1 || q.MaxLength < 0 {
		return fmt.Errorf("queue %q with key %q, batches of %d and %d waiting at most: "+
			"a queue needs a name, a key and a batch of at least 1, and its length cannot be negative",
			q.Name, q.Key, q.Batch, q.MaxLength)
	}
	return nil
}

// Worker handles the messages of a work queue.
type Worker interface {
	// Work handles a batch, in order, without changing it. Nil acknowledges all of it. An error
	// acknowledges none: the same messages are handed over again, in the same order, before any later
	// one. An error that wraps ErrTransient, as ErrUnavailable does, says that the messages are not to blame
	// (the database is away): the batch is retried with backoff for as long as it takes. Any other
	// error, and a panic, counts as a failed try: the messages then go one by one, see Attempts.
	//
	// ctx ends early if the messages are being handed to another consumer, and FinishTimeout after
	// the queue's consumption was asked to end.
	Work(ctx context.Context, batch []Message) error
	// GaveUp is called once a message has failed alone Attempts times, before it is moved to the
	// dead-letter queue. An error is logged and GaveUp tried again, as the sender must hear of it. It
	// may be called more than once for a message.
	GaveUp(ctx context.Context, msg Message, cause error) error
}

// Publisher puts events on the outgoing exchange.
type Publisher interface {
	// Publish sends events in order and returns when the bus has taken all of them: inboxes bound to a
	// key have its message queued. Events with no taker are dropped without an error. Two calls, one
	// after the other has returned, keep their order in every inbox; so do the messages of one call.
	// Fails with ErrUnavailable or the context's error; then any part of msgs may have been published.
	Publish(ctx context.Context, msgs ...Message) error
}

// Sender puts work on the incoming exchange.
type Sender interface {
	// Send returns nil once the message is safe: with RabbitMQ it is on the disk of the queue
	// (persistent, mandatory, confirmed), in process its consumer has acknowledged it. Fails at once with
	// ErrFull if too many messages wait; with ErrUnavailable, ErrUnroutable, ErrDeadLettered or the context's error
	// the message may still be handled. Messages that one goroutine sends one after the other to one queue are handled in
	// that order.
	Send(ctx context.Context, msg Message) error
}

// Caller asks one inbox a question.
type Caller interface {
	// Call publishes msg on the outgoing exchange and waits for the first Reply. It fails with
	// ErrUnroutable if no inbox is bound to the key, with ErrUnavailable, or with the context's error.
	Call(ctx context.Context, msg Message) (Message, error)
}

// Prober finds out whether anybody listens.
type Prober interface {
	// Probe publishes events, in order, as Publish does, and reports of each whether an inbox was bound to its key, and so
	// got it, at the moment when the bus took it. They are under way together: many take hardly longer than one. It takes no
	// notice of Also. With an error nothing is known, and any part of msgs may have been published.
	Probe(ctx context.Context, msgs ...Message) (reached []bool, err error)
}

// Receiver takes what arrives in an inbox. Its methods are called one at a time, never concurrently.
type Receiver interface {
	// Receive handles one event. While it runs, nothing else is received, and a publisher may be waiting
	// for room in the inbox: so it must never wait for the bus (Bind, Close, Publish, Probe, Send, Call).
	// Reply is fine.
	Receive(ctx context.Context, msg Message)
	// Reset says that the inbox was lost and has been made again, without any binding: events may have
	// been missed. What a Bind or Unbind returns that began before says nothing about the new inbox. No
	// event of it is received before Reset returns. Reset may call Bind.
	Reset(ctx context.Context)
}

// Inbox is one process's own queue of events. It lives as long as the process's connection to the bus.
// Calls of Bind and Unbind take effect one after the other.
type Inbox interface {
	// Bind routes the keys to the inbox, and returns when every event published from then on will
	// arrive. Binding a bound key changes nothing. An error leaves each key in an unknown state until
	// the next successful Bind or Unbind of it, or Reset. While the inbox is lost it fails with
	// ErrUnavailable at once: there is no use in trying again before Reset.
	Bind(ctx context.Context, keys ...string) error
	// Unbind is the reverse; events already queued may still arrive.
	Unbind(ctx context.Context, keys ...string) error
	// Close removes the inbox with its bindings, in batches, and returns when Receiver is not called
	// any more. Idempotent.
	Close(ctx context.Context) error
}

// Bus is everything together; consumers ask for the part that they need.
type Bus interface {
	Sender
	Publisher
	Caller
	Prober

	// Reply answers a message received from Call. It does not wait for the caller, and does nothing
	// if the caller has stopped waiting.
	Reply(ctx context.Context, to Message, body []byte) error
	// Consume hands the messages of a work queue to w until ctx ends, then waits for the batch at hand
	// and returns nil; messages not acknowledged go back to the queue, in their places. It waits for
	// Start, survives the loss of the broker, and fails with ErrUnavailable only when the bus is
	// stopped. Calls for different queues are independent of each other; of several calls for one
	// Ordered queue one is active and the others wait for its end.
	Consume(ctx context.Context, q Queue, w Worker) error
	// Open makes the inbox of that name: "server." or "worker.", and an id that no other process has. A name
	// that has an open inbox is refused; if that is another process's, or that of a lost connection, Open waits
	// for its end as long as ctx allows.
	Open(ctx context.Context, name string, r Receiver) (Inbox, error)
	// Declare makes the work queues exist, so that Send finds them before any consumer has started. The
	// queues are declared again after the broker was lost.
	Declare(ctx context.Context, queues ...Queue) error

	// Name is for summaries and health checks: "memory", "rabbitmq".
	Name() string
	// Start connects; ctx bounds the attempt. It fails when the broker cannot be reached or refuses.
	Start(ctx context.Context) error
	// Check returns nil when the bus can take messages now.
	Check(ctx context.Context) error
	// Stop waits for what is being sent, closes the inboxes and disconnects. Idempotent, legal before
	// Start; the bus cannot be started again.
	Stop(ctx context.Context) error
}
