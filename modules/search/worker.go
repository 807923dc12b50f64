package search

import (
	"context"
	"log/slog"
	"time"

	"parley/app/registry"
)

const (
	// idle is how often an index that is complete is looked after: how soon a message can be found, about.
	idle = 500 * time.Millisecond
	// idleRest is how many times as long as the question whether there is anything to do the pause after it is, at least: the question takes
	// the longer the more channels there are.
	idleRest = 20
	// firstPause and longestPause bound the wait after a failure; it doubles each time.
	firstPause   = 500 * time.Millisecond
	longestPause = 30 * time.Second
)

// Index is what the worker keeps up to date.
type Index interface {
	Step(ctx context.Context) (Progress, error)
	// Rest is how many times as long as a step was busy the pause after it is.
	Rest() int
}

// Worker is the component "search.worker", which takes messages into the index.
type Worker struct {
	index   Index
	metrics *WorkerMetrics
	log     *slog.Logger
	host    registry.Host
}

// NewWorker makes the component.
func NewWorker(i Index, m *WorkerMetrics, log *slog.Logger) *Worker {
	return &Worker{index: i, metrics: m, log: log.With("component", "search.worker")}
}

// Name implements registry.Module.
func (w *Worker) Name() string { return "search.worker" }

// Roles implements registry.Module.
func (w *Worker) Roles() []registry.Role { return []registry.Role{registry.Worker} }

// Needs implements registry.Module.
func (w *Worker) Needs() []string { return []string{"store"} }

// Init implements registry.Module.
func (w *Worker) Init(h registry.Host) error {
	w.host = h
	return nil
}

// Start begins to index.
func (w *Worker) Start(context.Context) error {
	w.host.Go("index", func(ctx context.Context) error {
		w.run(ctx)
		return nil
	})
	return nil
}

// Stop implements registry.Module; indexing ends with the host's context, and goes on where it was.
func (w *Worker) Stop(context.Context) error { return nil }

// run takes one step after the other until ctx ends.
func (w *Worker) run(ctx context.Context) {
	pause, failing, old := firstPause, false, false
	for {
		begun := time.Now()
		p, err := w.index.Step(ctx)
		wait := time.Duration(w.index.Rest()) * p.Busy
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !failing {
				w.log.WarnContext(ctx, "messages cannot be indexed, trying again until they can", "error", err)
			}
			failing = true
			wait, pause = pause, min(2*pause, longestPause)
		default:
			if failing {
				w.log.InfoContext(ctx, "messages are indexed again")
			}
			failing, pause = false, firstPause
			w.metrics.stepped(p, time.Since(begun))
			if begins := p.Older > 0; begins != old {
				old = begins
				w.tellOlder(ctx, p.Older)
			}
			if p.Indexed == 0 {
				wait = max(idle, idleRest*p.Busy)
			}
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

// tellOlder says that old messages are being made up for, or that they have been.
func (w *Worker) tellOlder(ctx context.Context, n int64) {
	if n > 0 {
		w.log.InfoContext(ctx, "old messages go into the search index; until then they are not found", "messages", n)
	} else {
		w.log.InfoContext(ctx, "all old messages are in the search index")
	}
}

// sleep waits for a while; false means that ctx has ended.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
