package partition

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"parley/app/bus"
	"parley/app/event"
)

// view is what a worker knows of the workers that are there, itself among them. It receives what they tell.
//
// Silence is counted against the worker's own heartbeats, as they come back to it over the bus: a worker is gone
// if it was not heard of for longer than timeout before the last of these. So a bus that stalls, or a process that was
// stopped for a while, makes nobody believe that the others are gone.
type view struct {
	self string
	log  *slog.Logger
	news chan struct{} // capacity 1: something was heard

	mu    sync.Mutex
	heard map[string]time.Time // when, by worker
	asked bool                 // somebody said hello, and waits for an answer
	inbox int                  // which inbox it is: Reset counts
}

func newView(self string, log *slog.Logger) *view {
	return &view{
		self: self, log: log, news: make(chan struct{}, 1),
		heard: map[string]time.Time{self: time.Now()},
	}
}

// Receive implements bus.Receiver.
func (v *view) Receive(_ context.Context, msg bus.Message) {
	p, err := event.Decode[event.Presence](msg, event.TypePresence)
	if err != nil {
		v.log.Error("what another worker told could not be read and is skipped", "type", msg.Type, "error", err)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case p.State != event.WorkerBye:
		v.heard[p.WorkerID] = time.Now()
		v.asked = v.asked || p.State == event.WorkerHello && p.WorkerID != v.self
	case p.WorkerID != v.self:
		delete(v.heard, p.WorkerID)
	}
	v.wake()
}

// Reset implements bus.Receiver: nobody could be heard meanwhile, so that everybody has the benefit of the doubt.
func (v *view) Reset(context.Context) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id := range v.heard {
		v.heard[id] = time.Now()
	}
	v.inbox++
	v.wake()
}

// wake says that there is news.
func (v *view) wake() {
	select {
	case v.news <- struct{}{}:
	default:
	}
}

// live is who is there, sorted. Who was not heard of for too long is forgotten.
func (v *view) live() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	last := v.heard[v.self]
	maps.DeleteFunc(v.heard, func(_ string, at time.Time) bool { return last.Sub(at) >= timeout })
	return slices.Sorted(maps.Keys(v.heard))
}

// questioned says whether somebody said hello since it was last called.
func (v *view) questioned() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	asked := v.asked
	v.asked = false
	return asked
}

// inboxes is how often the inbox has been made again.
func (v *view) inboxes() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.inbox
}
