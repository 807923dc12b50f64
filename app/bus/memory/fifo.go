package memory

import (
	"context"
	"slices"
	"sync"

	"parley/app/bus"
)

// fifo is a bounded queue. Whoever finds it full or empty waits until it
// changes, their context ends, or the queue is closed.
type fifo[T any] struct {
	limit int

	mu      sync.Mutex
	items   []T
	closed  bool
	changed chan struct{} // closed at the next change; nil while nobody waits
}

func newFIFO[T any](limit int) *fifo[T] { return &fifo[T]{limit: limit} }

// push appends v as soon as there is room. It fails with the context's error, or bus.ErrUnavailable when the
// queue is closed.
func (f *fifo[T]) push(ctx context.Context, v T) error {
	for {
		f.mu.Lock()
		if f.closed {
			f.mu.Unlock()
			return bus.ErrUnavailable
		}
		if len(f.items) < f.limit {
			f.items = append(f.items, v)
			f.wake()
			f.mu.Unlock()
			return nil
		}
		changed := f.change()
		f.mu.Unlock()
		if err := await(ctx, changed); err != nil {
			return err
		}
	}
}

// offer appends v if fewer than limit wait. It fails with bus.ErrFull, or bus.ErrUnavailable when the queue is closed.
func (f *fifo[T]) offer(v T, limit int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return bus.ErrUnavailable
	case len(f.items) >= limit:
		return bus.ErrFull
	}
	f.items = append(f.items, v)
	f.wake()
	return nil
}

// pop takes everything that is there, but no more than limit, and waits only for the first. It fails like push.
func (f *fifo[T]) pop(ctx context.Context, limit int) ([]T, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f.mu.Lock()
		if f.closed {
			f.mu.Unlock()
			return nil, bus.ErrUnavailable
		}
		if n := min(limit, len(f.items)); n > 0 {
			batch := slices.Clone(f.items[:n])
			clear(f.items[:n]) // the rest of the array stays in use; do not keep what was taken alive
			f.items = f.items[n:]
			f.wake()
			f.mu.Unlock()
			return batch, nil
		}
		changed := f.change()
		f.mu.Unlock()
		if err := await(ctx, changed); err != nil {
			return nil, err
		}
	}
}

// putBack returns what pop took to the head, room or not. It reports false if the queue is closed.
func (f *fifo[T]) putBack(items []T) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.items = slices.Concat(items, f.items)
	f.wake()
	return true
}

// close refuses everything from now on and returns what was left.
func (f *fifo[T]) close() []T {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := f.items
	f.closed, f.items = true, nil
	f.wake()
	return left
}

// change returns a channel that is closed at the next change. The caller holds mu.
func (f *fifo[T]) change() <-chan struct{} {
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	return f.changed
}

// wake wakes everyone who waits for a change. The caller holds mu.
func (f *fifo[T]) wake() {
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

func await(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
