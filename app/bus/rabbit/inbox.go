package rabbit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"parley/app/bus"
)

// inbox is one process's own queue of events. It lives through a number of stays:
// each is the queue on one connection, begins without bindings and ends with
// the connection.
type inbox struct {
	bus      *Bus
	name     string
	queue    string
	receiver bus.Receiver

	ctx    context.Context // ends when the inbox is closed: the receiver is not called any more
	cancel context.CancelFunc
	done   chan struct{} // closed when run has returned

	closing sync.Once
	gone    chan struct{} // closed when the inbox has been torn down

	// binding is held by whoever changes bindings, or the stay. A channel, as it is waited for with a context.
	binding chan struct{}
	stay    *stay               // nil while the inbox is lost; guarded by binding
	keys    map[string]struct{} // what is bound, or may be; guarded by binding
	closed  bool                // guarded by binding
}

// Open makes the inbox of that name.
func (b *Bus) Open(ctx context.Context, name string, r bus.Receiver) (bus.Inbox, error) {
	if err := b.begin(ctx); err != nil {
		return nil, err
	}
	defer b.inFlight.Done()
	in := &inbox{
		bus: b, name: name, queue: b.topology.name(name), receiver: r,
		done: make(chan struct{}), gone: make(chan struct{}), binding: make(chan struct{}, 1), keys: make(map[string]struct{}),
	}
	in.ctx, in.cancel = context.WithCancel(context.Background())
	if err := b.register(in); err != nil {
		return nil, err
	}
	s, err := b.consuming.use()
	if err == nil {
		in.stay, err = in.settle(ctx, s)
	}
	if err != nil {
		b.unregister(in)
		in.cancel()
		return nil, err
	}
	go in.run(in.stay)
	return in, nil
}

func (b *Bus) register(in *inbox) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inboxes[in.name] != nil {
		return fmt.Errorf("inbox %q is open already", in.name)
	}
	b.inboxes[in.name] = in
	return nil
}

func (b *Bus) unregister(in *inbox) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.inboxes, in.name)
}

// settle makes the queue on the connection. While another connection has a queue of that name, which may be an
// earlier one of this process that the broker still believes in, it tries again.
func (in *inbox) settle(ctx context.Context, s *spell) (*stay, error) {
	pace := newWait()
	for {
		st, err := newStay(ctx, s, in.queue, in.bus.topology.outgoing())
		if err == nil {
			return st, nil
		}
		var refused *amqp.Error
		if !errors.As(err, &refused) || refused.Code != amqp.ResourceLocked {
			return nil, fmt.Errorf("make the inbox %q: %w", in.name, err)
		}
		in.bus.log.Warn("inbox is still held by another connection, will be tried again", "inbox", in.name)
		if !sleep(ctx, pace.NextBackOff()) {
			return nil, fmt.Errorf("inbox %q is held by another connection: %w", in.name, err)
		}
	}
}

// run receives during one stay after the other, until the inbox is closed.
func (in *inbox) run(st *stay) {
	defer close(in.done)
	for {
		err := st.receive(in.ctx, in.receiver, in.bus.metrics)
		if in.ctx.Err() != nil {
			return
		}
		in.bus.log.Warn("inbox lost, will be made again", "inbox", in.name, "error", err)
		in.move(nil)
		st.end(in.ctx, err)
		if st = in.resettle(); st == nil {
			return
		}
		in.move(st)
		if in.ctx.Err() == nil {
			in.receiver.Reset(in.ctx)
		}
	}
}

// resettle makes the queue anew as soon as possible; nil if the inbox is closed before.
func (in *inbox) resettle() *stay {
	pace := newWait()
	for {
		s, err := in.bus.consuming.await(in.ctx)
		if err != nil {
			return nil
		}
		st, err := in.settle(in.ctx, s)
		if err == nil {
			return st
		}
		in.bus.log.Warn("making the inbox again failed, will be tried again", "inbox", in.name, "error", err)
		if !sleep(in.ctx, pace.NextBackOff()) {
			return nil
		}
	}
}

// move ends the current stay, or begins one. It waits for a change of bindings that is under way.
func (in *inbox) move(st *stay) {
	in.binding <- struct{}{}
	defer func() { <-in.binding }()
	in.stay = st
	clear(in.keys)
}

// Bind routes the keys to the inbox.
func (in *inbox) Bind(ctx context.Context, keys ...string) error {
	keys = slices.Clone(keys) // the work may outlast the call
	return in.change(ctx, keys, func(st *stay) error {
		for _, key := range keys {
			in.keys[key] = struct{}{} // whatever comes of it
		}
		return st.bind(ctx, keys)
	})
}

// Unbind ends the routing of the keys to the inbox.
func (in *inbox) Unbind(ctx context.Context, keys ...string) error {
	keys = slices.Clone(keys)
	return in.change(ctx, keys, func(st *stay) error {
		if err := st.unbind(ctx, keys); err != nil {
			return err
		}
		for _, key := range keys {
			delete(in.keys, key)
		}
		return nil
	})
}

// change changes bindings when it is its turn. The end of ctx stops it between two batches of keys; a broker that does
// not answer is not waited for.
func (in *inbox) change(ctx context.Context, keys []string, work func(*stay) error) error {
	if err := in.bus.begin(ctx); err != nil {
		return err
	}
	defer in.bus.inFlight.Done()
	for _, key := range keys {
		if len(key) > maxName {
			return fmt.Errorf("routing key %.40q is longer than %d bytes", key, maxName)
		}
	}
	select {
	case in.binding <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if in.stay == nil || in.closed {
		<-in.binding
		return fmt.Errorf("%w: inbox %q is lost or closed", bus.ErrUnavailable, in.name)
	}
	result := make(chan error, 1)
	in.bus.background.Go(func() {
		defer func() { <-in.binding }()
		result <- work(in.stay)
	})
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close removes the inbox. It goes on in the background if ctx ends before.
func (in *inbox) Close(ctx context.Context) error {
	in.closing.Do(func() { in.bus.background.Go(in.tearDown) })
	select {
	case <-in.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tearDown unbinds in batches first: deleting a queue with all its bindings at once holds up the whole exchange.
func (in *inbox) tearDown() {
	defer close(in.gone)
	in.binding <- struct{}{}
	in.closed = true
	if in.stay != nil {
		_ = in.stay.unbind(context.Background(), slices.Collect(maps.Keys(in.keys))) // or the queue takes them along
	}
	<-in.binding
	in.cancel()
	<-in.done
	if in.stay != nil { // nobody else touches it any more
		in.stay.remove()
	}
	in.bus.unregister(in)
}
