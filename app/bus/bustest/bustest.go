// Package bustest is the contract of bus.Bus as a test suite. Every
// implementation passes all of it; there are no feature flags.
package bustest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

// patience is how long a test waits for what must happen. It is never waited for in a run that passes.
const patience = 30 * time.Second

// Run tests the contract. open returns a new bus that has not been started, apart from every other bus; what it
// leaves behind open removes by t.Cleanup. The suite stops it.
func Run(t *testing.T, open func(t *testing.T) bus.Bus) {
	for _, group := range []map[string]func(*testing.T, opener){
		workTests, backlogTests, redeliveryTests, handoverTests, eventTests, inboxTests, callTests, probeTests, lifecycleTests,
	} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, open)
			})
		}
	}
}

type opener func(t *testing.T) bus.Bus

// start returns a running bus.
func (open opener) start(t *testing.T) bus.Bus {
	t.Helper()
	b := open(t)
	require.NoError(t, b.Start(timeout(t)))
	t.Cleanup(func() { stop(t, b) })
	return b
}

func stop(t *testing.T, b bus.Bus) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // t.Context has ended when this is a clean-up
	defer cancel()
	require.NoError(t, b.Stop(ctx))
}

// timeout returns a context that ends with the test, or when patience does.
func timeout(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// wait waits for the channel to deliver or be closed.
func wait[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.FailNow(t, "waited in vain", what)
		panic("not reached")
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, 2*time.Millisecond, what)
}

// parallel runs n functions at once and waits for them.
func parallel(n int, run func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { run(i) })
	}
	all.Wait()
}

func queue(name string, batch int) bus.Queue {
	return bus.Queue{Name: name, Key: "group." + name, Batch: batch, Ordered: true}
}

// work is a message for the queue.
func work(q bus.Queue, body string) bus.Message {
	return bus.Message{Key: q.Key, Type: "test", Body: []byte(body)}
}

func event(key, body string) bus.Message {
	return bus.Message{Key: key, Type: "test", Body: []byte(body)}
}

// consumption is a call of Consume that is under way.
type consumption struct {
	end    context.CancelFunc
	result chan error
}

// consume consumes in the background. The test's clean-up ends it if the test does not.
func consume(t *testing.T, b bus.Bus, q bus.Queue, w bus.Worker) *consumption {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	c := &consumption{end: end, result: make(chan error, 1)}
	go func() { c.result <- b.Consume(ctx, q, w) }()
	t.Cleanup(func() {
		end()
		select {
		case err := <-c.result:
			c.result <- err
		case <-time.After(patience):
			t.Error("Consume did not return when its context ended")
		}
	})
	return c
}

// stop ends the consumption and waits for Consume to return nil.
func (c *consumption) stop(t *testing.T) {
	t.Helper()
	c.end()
	err := wait(t, "Consume returns", c.result)
	c.result <- err // for the clean-up
	require.NoError(t, err)
}

// worker notes what it was handed, and fails where its hook says so.
type worker struct {
	// hook is called for each batch, before it is noted as handled. Nil: all is well.
	hook func(ctx context.Context, batch []bus.Message) error

	mu      sync.Mutex
	tried   [][]string    // the bodies of every batch handed over
	handled []string      // the bodies of those that went well
	msgs    []bus.Message // as handled
	gaveUp  []string
}

func (w *worker) Work(ctx context.Context, batch []bus.Message) error {
	bodies := bodiesOf(batch)
	w.mu.Lock()
	w.tried = append(w.tried, bodies)
	w.mu.Unlock()
	if w.hook != nil {
		if err := w.hook(ctx, batch); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handled = append(w.handled, bodies...)
	w.msgs = append(w.msgs, batch...)
	return nil
}

func (w *worker) GaveUp(_ context.Context, msg bus.Message, cause error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gaveUp = append(w.gaveUp, fmt.Sprintf("%s: %v", msg.Body, cause))
	return nil
}

// seen returns the bodies handled so far.
func (w *worker) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.handled)
}

func (w *worker) batches() [][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.tried)
}

func (w *worker) messages() []bus.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.msgs)
}

func (w *worker) losses() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.gaveUp)
}

func bodiesOf(msgs []bus.Message) []string {
	bodies := make([]string, len(msgs))
	for i, m := range msgs {
		bodies[i] = string(m.Body)
	}
	return bodies
}

// numbered is the body of the n-th message of a sender.
func numbered(sender, n int) string { return fmt.Sprintf("%d/%d", sender, n) }

// requireOrdered checks that the bodies hold 0…n-1 of each sender once, each sender's in order.
func requireOrdered(t *testing.T, bodies []string, senders, n int) {
	t.Helper()
	require.Len(t, bodies, senders*n)
	next := make([]int, senders)
	for _, body := range bodies {
		s, seq, ok := strings.Cut(body, "/")
		require.True(t, ok, body)
		sender, err := strconv.Atoi(s)
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(next[sender]), seq, "sender %d", sender)
		next[sender]++
	}
}

// receiver notes what an inbox gets. Its methods are checked never to run at the same time.
type receiver struct {
	// hook is called for each event, after it was noted. Nil: nothing more happens.
	hook func(msg bus.Message)

	mu       sync.Mutex
	busy     bool
	overlaps int
	got      []bus.Message
	resets   int
}

func (r *receiver) enter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy {
		r.overlaps++
	}
	r.busy = true
}

func (r *receiver) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = false
}

func (r *receiver) Receive(_ context.Context, msg bus.Message) {
	r.enter()
	defer r.leave()
	r.mu.Lock()
	r.got = append(r.got, msg)
	r.mu.Unlock()
	if r.hook != nil {
		r.hook(msg)
	}
}

func (r *receiver) Reset(context.Context) {
	r.enter()
	defer r.leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resets++
}

// received returns the bodies received so far.
func (r *receiver) received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bodiesOf(r.got)
}

func (r *receiver) messages() []bus.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// requireReceived waits until the receiver has got exactly these bodies, in this order.
func (r *receiver) requireReceived(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d events arrive", len(want)), func() bool { return len(r.received()) >= len(want) })
	require.Equal(t, want, r.received())
}

// inbox opens an inbox; the bus closes it when it is stopped.
func inbox(t *testing.T, b bus.Bus, name string, r *receiver, keys ...string) bus.Inbox {
	t.Helper()
	in, err := b.Open(timeout(t), name, r)
	require.NoError(t, err)
	t.Cleanup(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		require.Zero(t, r.overlaps, "calls of a receiver overlapped")
	})
	if len(keys) > 0 {
		require.NoError(t, in.Bind(timeout(t), keys...))
	}
	return in
}
