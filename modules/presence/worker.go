package presence

import (
	"context"
	"log/slog"

	"parley/app/bus"
	"parley/app/event"
)

// WorkerBus is what the worker needs of the bus.
type WorkerBus interface {
	bus.Consumes
	Publish(ctx context.Context, msgs ...bus.Message) error
}

// Worker says whose presence may be seen, and notes who was last seen when.
type Worker struct {
	*bus.Consumer

	store   *Store
	bus     WorkerBus
	metrics *WorkerMetrics
	log     *slog.Logger
}

// NewWorker makes the component "presence.worker".
func NewWorker(s *Store, b WorkerBus, m *WorkerMetrics, log *slog.Logger) *Worker {
	w := &Worker{store: s, bus: b, metrics: m, log: log.With("component", "presence.worker")}
	w.Consumer = bus.NewConsumer("presence.worker", b, queue, w)
	return w
}

// Work implements bus.Worker: it answers all questions of the batch with one look at the database, and notes in one
// transaction who was seen.
func (w *Worker) Work(ctx context.Context, batch []bus.Message) error {
	var asks []event.PresenceAsk
	var wishes []event.PresenceWish
	seen := make(map[int64]int64)
	for _, msg := range batch {
		switch msg.Type {
		case event.TypePresenceAsk:
			ask, err := event.Decode[event.PresenceAsk](msg, event.TypePresenceAsk)
			if err != nil {
				return err
			}
			asks, wishes = append(asks, ask), append(wishes, ask.Asks...)
		default:
			s, err := event.Decode[event.PresenceSeen](msg, event.TypePresenceSeen)
			if err != nil {
				return err
			}
			for _, u := range s.Users {
				seen[u.UserID] = max(seen[u.UserID], u.SeenAt)
			}
		}
	}
	if err := w.answer(ctx, asks, wishes); err != nil {
		return err
	}
	return w.note(ctx, seen)
}

// note notes when users were last seen.
func (w *Worker) note(ctx context.Context, seen map[int64]int64) error {
	if len(seen) == 0 {
		return nil
	}
	users := make([]event.LastSeen, 0, len(seen))
	for id, at := range seen {
		users = append(users, event.LastSeen{UserID: id, SeenAt: at})
	}
	if err := w.store.Seen(ctx, users); err != nil {
		return err
	}
	w.metrics.seen.Add(float64(len(seen)))
	return nil
}

// answer answers all questions; the wishes are theirs, in that order.
func (w *Worker) answer(ctx context.Context, asks []event.PresenceAsk, wishes []event.PresenceWish) error {
	if len(asks) == 0 {
		return nil
	}
	visible, err := w.store.Visible(ctx, wishes)
	if err != nil {
		return err
	}
	msgs := make([]bus.Message, 0, len(asks))
	for _, ask := range asks {
		n := len(ask.Asks)
		msg, err := event.Encode(event.ServerKey(ask.ServerID), event.TypePresenceKnown,
			event.PresenceKnown{RequestID: ask.RequestID, Answers: visible[:n]})
		if err != nil {
			return err
		}
		visible = visible[n:]
		msgs = append(msgs, msg)
	}
	if err := w.bus.Publish(ctx, msgs...); err != nil {
		return err
	}
	w.metrics.answers.Add(float64(len(wishes)))
	return nil
}

// GaveUp implements bus.Worker. Servers ask again by themselves.
func (w *Worker) GaveUp(_ context.Context, msg bus.Message, cause error) error {
	w.log.Error("a request about presence could not be handled", "type", msg.Type, "error", cause)
	return nil
}
