package subscription

import (
	"cmp"
	"context"
	"log/slog"
	"slices"

	"parley/app/bus"
	"parley/app/event"
)

// WorkerBus is what the worker needs of the bus.
type WorkerBus interface {
	bus.Consumes
	Publish(ctx context.Context, msgs ...bus.Message) error
}

// Worker answers the socket servers' requests for snapshots.
type Worker struct {
	*bus.Consumer

	store      *Store
	bus        WorkerBus
	partitions int
	metrics    *WorkerMetrics
	log        *slog.Logger
}

// NewWorker makes the component "subscription.worker". Socket servers learn from it how many partitions there are.
func NewWorker(s *Store, b WorkerBus, partitions int, m *WorkerMetrics, log *slog.Logger) *Worker {
	w := &Worker{store: s, bus: b, partitions: partitions, metrics: m, log: log.With("component", "subscription.worker")}
	w.Consumer = bus.NewConsumer("subscription.worker", b, queue, w)
	return w
}

// Work implements bus.Worker: it answers all requests of the batch with one look at the database.
func (w *Worker) Work(ctx context.Context, batch []bus.Message) error {
	requests := make([]event.SubscriptionRequest, 0, len(batch))
	var users []int64
	var servers []string
	for _, msg := range batch {
		r, err := event.Decode[event.SubscriptionRequest](msg, event.TypeRequest)
		if err != nil {
			return err
		}
		requests = append(requests, r)
		users, servers = append(users, r.Users()...), append(servers, r.ServerID)
	}
	if err := w.store.Register(ctx, unique(servers)); err != nil {
		return err
	}
	found, groups, err := w.store.Snapshots(ctx, unique(users))
	if err != nil {
		return err
	}
	answers := make([]bus.Message, 0, len(requests))
	for _, r := range requests {
		a := answer(r, found, groups)
		a.Partitions = w.partitions
		msg, err := event.Encode(event.ServerKey(r.ServerID), event.TypeSnapshot, a)
		if err != nil {
			return err
		}
		answers = append(answers, msg)
		w.metrics.snapshots.Add(float64(len(r.Also) + 1))
	}
	return w.bus.Publish(ctx, answers...)
}

// answer picks what was asked for, with each group once.
func answer(r event.SubscriptionRequest, users map[int64]*event.Snapshot, groups map[int64]*event.SnapshotGroup) event.Snapshots {
	a := event.Snapshots{RequestID: r.RequestID, Users: []event.Snapshot{}, Groups: []event.SnapshotGroup{}}
	listed := make(map[int64]struct{})
	for _, id := range r.Users() {
		a.Users = append(a.Users, *users[id])
		for _, g := range users[id].Groups {
			if _, ok := listed[g]; !ok {
				listed[g] = struct{}{}
				a.Groups = append(a.Groups, *groups[g])
			}
		}
	}
	return a
}

func unique[T cmp.Ordered](all []T) []T {
	slices.Sort(all)
	return slices.Compact(all)
}

// GaveUp implements bus.Worker. The server that asked asks again by itself.
func (w *Worker) GaveUp(_ context.Context, msg bus.Message, cause error) error {
	w.log.Error("a subscription request could not be answered", "body", string(msg.Body), "error", cause)
	return nil
}
