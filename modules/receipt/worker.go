package receipt

import (
	"context"
	"log/slog"
	"time"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/registry"
)

const (
	// maxPeople is the most cursors that are moved in one transaction.
	maxPeople = 1000
	// pollInterval is how soon ranges are found that another process has left.
	pollInterval = 2 * time.Second
	// share is how many times as long as a transaction of the background took, it rests: receipts may wait, messages may not.
	share = 11
	// firstPause and longestPause bound the wait after a failure; it doubles each time.
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// Keeper is the worker's side of the Store.
type Keeper interface {
	// move moves the cursors of a batch, and finds out what there is to be told.
	move(ctx context.Context, b *batch) error
	// settle writes the recipients of some of the waiting ranges.
	settle(ctx context.Context) (progress, error)
}

// Worker is the component "receipt.worker". It handles receipts in the partitions of their channels, and writes the
// recipients' rows in the background.
type Worker struct {
	keeper  Keeper
	metrics *WorkerMetrics
	log     *slog.Logger
	host    registry.Host
	kicked  chan struct{} // capacity 1: there are new ranges
}

// NewWorker makes the component. It is to be registered as the handler of event.TypeReceipts.
func NewWorker(k Keeper, m *WorkerMetrics, log *slog.Logger) *Worker {
	return &Worker{keeper: k, metrics: m, log: log.With("component", "receipt.worker"), kicked: make(chan struct{}, 1)}
}

// Name implements registry.Module.
func (w *Worker) Name() string { return "receipt.worker" }

// Roles implements registry.Module.
func (w *Worker) Roles() []registry.Role { return []registry.Role{registry.Worker} }

// Needs implements registry.Module.
func (w *Worker) Needs() []string { return []string{"store"} }

// Init implements registry.Module.
func (w *Worker) Init(h registry.Host) error {
	w.host = h
	return nil
}

// Start begins to write recipients.
func (w *Worker) Start(context.Context) error {
	w.host.Go("recipients", w.background)
	return nil
}

// Stop implements registry.Module; the background ends with the host's context, and another process goes on.
func (w *Worker) Stop(context.Context) error { return nil }

// Handle moves the cursors of those who have told, and returns the events of that. Receipts that come again move nothing,
// and are told again.
func (w *Worker) Handle(ctx context.Context, msgs []bus.Message) (events []bus.Message, err error) {
	all := make([]received, 0, len(msgs))
	for _, msg := range msgs {
		r, err := event.Decode[event.Receipts](msg, event.TypeReceipts)
		if err != nil {
			return nil, err
		}
		all = append(all, received{r, msg.Redelivered})
	}
	for _, b := range newBatch(all).split(maxPeople) {
		began := time.Now()
		if err := w.keeper.move(ctx, b); err != nil {
			return nil, err
		}
		w.metrics.done(b, began)
		told, err := b.tell()
		if err != nil {
			return nil, err
		}
		events = append(events, told...)
	}
	w.kick()
	return events, nil
}

// GaveUp tells nobody: receipts are cumulative, so a later one makes up for it.
func (w *Worker) GaveUp(_ context.Context, msg bus.Message) ([]bus.Message, error) {
	w.log.Error("receipts could not be handled", "key", msg.Key)
	w.metrics.givenUp.Inc()
	return nil, nil
}

func (w *Worker) kick() {
	select {
	case w.kicked <- struct{}{}:
	default:
	}
}

// background writes recipients whenever ranges wait, a part at a time, and rests in between.
func (w *Worker) background(ctx context.Context) error {
	pause, failing := firstPause, false
	for {
		began := time.Now()
		done, err := w.keeper.settle(ctx)
		wait, kicked := pollInterval, w.kicked
		switch {
		case err != nil && ctx.Err() == nil:
			if !failing {
				w.log.Warn("recipients cannot be written, trying again until they can", "error", err)
			}
			failing, wait, kicked = true, pause, nil
			pause = min(2*pause, longestPause)
		case failing:
			w.log.Info("recipients are written again")
			pause, failing, wait = firstPause, false, 0
		case done.messages > 0:
			wait, kicked = share*time.Since(began), nil
		}
		if err == nil {
			w.metrics.settled(done)
		}
		if !sleep(ctx, wait, kicked) {
			return nil
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
