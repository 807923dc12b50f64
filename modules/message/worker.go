package message

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/promise"
	"parley/app/registry"
)

// WorkerBus is what the worker needs of the bus.
type WorkerBus interface {
	Declare(ctx context.Context, queues ...bus.Queue) error
	Consume(ctx context.Context, q bus.Queue, w bus.Worker) error
	Publish(ctx context.Context, msgs ...bus.Message) error
}

// Keeper keeps messages.
type Keeper interface {
	Persist(ctx context.Context, sends []event.Send) ([]Outcome, error)
}

// Sharer shares the partitions out among the workers that are there.
type Sharer interface {
	// Share calls consume for each of n partitions while it is this worker's, until ctx ends or consume fails.
	Share(ctx context.Context, n int, consume func(ctx context.Context, partition int) error) error
}

// Handler handles what else travels through the channels' partitions, to be in order with their messages.
type Handler interface {
	// Handle handles messages of one type, in their order, and returns the events to publish. The same messages may come
	// again, in the same order, before any later one. Errors are those of bus.Worker; those of a store or a bus that is away
	// need no mark.
	Handle(ctx context.Context, msgs []bus.Message) (events []bus.Message, err error)
	// GaveUp returns what to publish when a message could not be handled, although it was tried again and again.
	GaveUp(ctx context.Context, msg bus.Message) (events []bus.Message, err error)
}

// Worker keeps accepted messages and tells of them, and then has the handlers do what else is in a batch. A batch is acknowledged
// only after its events have been confirmed: a batch that comes again finds its rows, writes nothing and publishes again.
type Worker struct {
	keeper     Keeper
	bus        WorkerBus
	sharer     Sharer
	partitions int
	handlers   []typeHandler
	metrics    *WorkerMetrics
	log        *slog.Logger
	host       registry.Host
}

// typeHandler is a handler with the type of what it handles.
type typeHandler struct {
	typ string
	Handler
}

// NewWorker makes the component "message.worker".
func NewWorker(k Keeper, b WorkerBus, s Sharer, partitions int, m *WorkerMetrics, log *slog.Logger) *Worker {
	return &Worker{keeper: k, bus: b, sharer: s, partitions: partitions, metrics: m, log: log.With("component", "message.worker")}
}

// Handle has messages of a type handled by h. Of one batch, those that send come first, and then one type after the
// other, in the order of these calls. Call it before Start.
func (w *Worker) Handle(typ string, h Handler) { w.handlers = append(w.handlers, typeHandler{typ, h}) }

// Name implements registry.Module.
func (w *Worker) Name() string { return "message.worker" }

// Roles implements registry.Module.
func (w *Worker) Roles() []registry.Role { return []registry.Role{registry.Worker} }

// Needs implements registry.Module.
func (w *Worker) Needs() []string { return []string{"store", "bus", "message.partitions", "partition"} }

// Init implements registry.Module.
func (w *Worker) Init(h registry.Host) error {
	w.host = h
	return nil
}

// Start begins to consume the worker's share of the partitions.
func (w *Worker) Start(ctx context.Context) error {
	all := queues(w.partitions)
	if err := w.bus.Declare(ctx, all...); err != nil {
		return fmt.Errorf("declare the queues of messages: %w", err)
	}
	w.host.Go("partitions", func(ctx context.Context) error {
		return w.sharer.Share(ctx, len(all), func(ctx context.Context, p int) error { return w.bus.Consume(ctx, all[p], w) })
	})
	return nil
}

// Stop implements registry.Module; consuming ends with the host's context.
func (w *Worker) Stop(context.Context) error { return nil }

// Work implements bus.Worker.
func (w *Worker) Work(ctx context.Context, batch []bus.Message) error {
	sends, others, err := w.sort(batch)
	if err != nil {
		return err
	}
	if len(sends) > 0 {
		outcomes, err := w.keeper.Persist(ctx, sends)
		if err != nil {
			return err
		}
		events, err := tell(sends, outcomes)
		if err != nil {
			return err
		}
		if err := w.bus.Publish(ctx, events...); err != nil {
			return err
		}
	}
	for i, msgs := range others {
		if len(msgs) == 0 {
			continue
		}
		events, err := w.handlers[i].Handle(ctx, msgs)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			continue
		}
		if err := w.bus.Publish(ctx, events...); err != nil {
			return err
		}
	}
	return nil
}

// sort takes a batch apart: what sends, and by handler what does not.
func (w *Worker) sort(batch []bus.Message) (sends []event.Send, others [][]bus.Message, err error) {
	sends = make([]event.Send, 0, len(batch))
	for _, msg := range batch {
		if msg.Type == event.TypeSend {
			s, err := event.Decode[event.Send](msg, event.TypeSend)
			if err != nil {
				return nil, nil, err
			}
			sends = append(sends, s)
			continue
		}
		i := w.handler(msg.Type)
		if i < 0 {
			return nil, nil, fmt.Errorf("a message of the unknown type %q with key %s", msg.Type, msg.Key)
		}
		if others == nil {
			others = make([][]bus.Message, len(w.handlers))
		}
		others[i] = append(others[i], msg)
	}
	return sends, others, nil
}

// handler is the index of a type's handler, -1 if there is none.
func (w *Worker) handler(typ string) int {
	return slices.IndexFunc(w.handlers, func(h typeHandler) bool { return h.typ == typ })
}

// GaveUp implements bus.Worker: the sender hears that its message is not kept.
func (w *Worker) GaveUp(ctx context.Context, msg bus.Message, cause error) error {
	w.log.Error("a message could not be handled and goes to the dead-letter queue", "key", msg.Key, "type", msg.Type, "error", cause)
	events, err := w.lament(ctx, msg)
	if err != nil {
		return err
	}
	if len(events) > 0 {
		if err := w.bus.Publish(ctx, events...); err != nil {
			return err
		}
	}
	w.metrics.givenUp.Inc()
	return nil
}

// lament is what is told of a message that was given up. What cannot be read names nobody who could be told.
func (w *Worker) lament(ctx context.Context, msg bus.Message) ([]bus.Message, error) {
	if i := w.handler(msg.Type); i >= 0 {
		return w.handlers[i].GaveUp(ctx, msg)
	}
	s, err := event.Decode[event.Send](msg, event.TypeSend)
	if err != nil {
		return nil, nil //nolint:nilerr // see above
	}
	failed, err := failure(s, promise.ErrNotKept)
	return []bus.Message{failed}, err
}
