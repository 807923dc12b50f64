package message

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/registry"
	"parley/app/store"
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

// Worker keeps accepted messages and tells of them. A batch is acknowledged only after its events have
// been confirmed: a batch that comes again finds its rows, writes nothing and publishes again.
type Worker struct {
	keeper     Keeper
	bus        WorkerBus
	sharer     Sharer
	partitions int
	metrics    *WorkerMetrics
	log        *slog.Logger
	host       registry.Host
}

// NewWorker makes the component "message.worker".
func NewWorker(k Keeper, b WorkerBus, s Sharer, partitions int, m *WorkerMetrics, log *slog.Logger) *Worker {
	return &Worker{keeper: k, bus: b, sharer: s, partitions: partitions, metrics: m, log: log.With("component", "message.worker")}
}

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
	sends := make([]event.Send, 0, len(batch))
	for _, msg := range batch {
		s, err := event.Decode[event.Send](msg, event.TypeSend)
		if err != nil {
			return err
		}
		sends = append(sends, s)
	}
	outcomes, err := w.keeper.Persist(ctx, sends)
	if err != nil {
		return transient(err)
	}
	events, err := tell(sends, outcomes)
	if err != nil {
		return err
	}
	return transient(w.bus.Publish(ctx, events...))
}

// GaveUp implements bus.Worker: the sender hears that its message is not kept.
func (w *Worker) GaveUp(ctx context.Context, msg bus.Message, cause error) error {
	w.log.Error("a message could not be kept and goes to the dead-letter queue", "key", msg.Key, "error", cause)
	s, err := event.Decode[event.Send](msg, event.TypeSend)
	if err != nil {
		w.metrics.givenUp.Inc()
		return nil //nolint:nilerr // nobody can be told: what cannot be read names no sender
	}
	failed, err := failure(s, ErrNotKept)
	if err != nil {
		return err
	}
	if err := w.bus.Publish(ctx, failed); err != nil {
		return err
	}
	w.metrics.givenUp.Inc()
	return nil
}

// transient marks errors that are no fault of the messages: the worker waits and goes on by itself.
func transient(err error) error {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, bus.ErrUnavailable) {
		return fmt.Errorf("%w: %w", bus.ErrTransient, err)
	}
	return err
}
