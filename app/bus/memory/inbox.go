package memory

import (
	"context"
	"fmt"

	"parley/app/bus"
)

// inbox is one process's own queue of events, and the goroutine that hands them over.
type inbox struct {
	bus      *Bus
	name     string
	receiver bus.Receiver
	events   *fifo[bus.Message]
	keys     map[string]struct{} // what is bound; guarded by Bus.mu
	closed   bool                // guarded by Bus.mu

	ctx    context.Context // ends when the inbox is closed
	cancel context.CancelFunc
	done   chan struct{} // closed when the receiver is not called any more
}

// handOver is how many events are taken out of an inbox at once.
const handOver = 64

// Open makes the inbox of that name.
func (b *Bus) Open(_ context.Context, name string, r bus.Receiver) (bus.Inbox, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != running {
		return nil, b.state.refusal()
	}
	if b.inboxes[name] != nil {
		return nil, fmt.Errorf("inbox %q is open already", name)
	}
	in := &inbox{
		bus: b, name: name, receiver: r,
		events: newFIFO[bus.Message](b.inboxLimit),
		keys:   make(map[string]struct{}),
		done:   make(chan struct{}),
	}
	in.ctx, in.cancel = context.WithCancel(context.Background())
	b.inboxes[name] = in
	go in.run()
	return in, nil
}

func (in *inbox) run() {
	defer close(in.done)
	for {
		events, err := in.events.pop(in.ctx, handOver)
		if err != nil {
			return
		}
		for _, e := range events {
			if in.ctx.Err() != nil {
				return
			}
			in.bus.metrics.Received(1)
			in.receiver.Receive(in.ctx, e)
		}
	}
}

// Bind routes the keys to the inbox.
func (in *inbox) Bind(_ context.Context, keys ...string) error {
	b := in.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if in.closed {
		return fmt.Errorf("%w: inbox %q is closed", bus.ErrUnavailable, in.name)
	}
	for _, key := range keys {
		if b.bindings[key] == nil {
			b.bindings[key] = make(map[*inbox]struct{}, 1)
		}
		b.bindings[key][in] = struct{}{}
		in.keys[key] = struct{}{}
	}
	return nil
}

// Unbind ends the routing of the keys to the inbox.
func (in *inbox) Unbind(_ context.Context, keys ...string) error {
	b := in.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if in.closed {
		return fmt.Errorf("%w: inbox %q is closed", bus.ErrUnavailable, in.name)
	}
	for _, key := range keys {
		in.unbind(key)
	}
	return nil
}

// unbind removes one binding. The caller holds Bus.mu.
func (in *inbox) unbind(key string) {
	bound := in.bus.bindings[key]
	delete(bound, in)
	if len(bound) == 0 {
		delete(in.bus.bindings, key)
	}
	delete(in.keys, key)
}

// Close removes the inbox and waits for its receiver.
func (in *inbox) Close(ctx context.Context) error {
	in.remove()
	return await(ctx, in.done)
}

func (in *inbox) remove() {
	b := in.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if in.closed {
		return
	}
	in.closed = true
	for key := range in.keys {
		in.unbind(key)
	}
	delete(b.inboxes, in.name)
	in.events.close()
	in.cancel()
}
