package partition

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/bus/memory"
	"parley/app/event"
)

// partitions is their number in these tests.
const partitions = 8

// world is a bus, the workers on it, and what must be true of them. It lives in a bubble.
type world struct {
	t     *testing.T
	bus   *memory.Bus
	nodes []*node // that live
	made  int

	mu     sync.Mutex
	sent   [partitions]int
	acked  [partitions]int
	active [partitions]*node // who handles a batch of it now
	faults []string
	sides  map[string]int // workers on different sides do not hear each other
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, bus: memory.New(memory.Options{}), sides: make(map[string]int)}
	require.NoError(t, w.bus.Start(t.Context()))
	for p := range partitions {
		require.NoError(t, w.bus.Declare(t.Context(), queue(p)))
	}
	return w
}

func queue(p int) bus.Queue {
	return bus.Queue{Name: "message." + strconv.Itoa(p), Key: event.PartitionKey(p), Batch: 3, Ordered: true}
}

// fault notes a broken promise. It does not end the test: the property test wants to find the shortest way to it.
func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// send sends messages to a partition; they are numbered from 1.
func (w *world) send(p, count int) {
	for range count {
		w.sent[p]++
		body := strconv.Itoa(w.sent[p])
		go func() {
			if err := w.bus.Send(context.Background(), bus.Message{Key: event.PartitionKey(p), Body: []byte(body)}); err != nil {
				w.fault("message %s of partition %d: %v", body, p, err)
			}
		}()
		synctest.Wait() // it is in the queue, so the next one is behind it
	}
}

// handled is how many messages of each partition have been handled.
func (w *world) handled() [partitions]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.acked
}

// pass lets time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// node is one worker.
type node struct {
	world  *world
	id     string
	sharer *Sharer
	link   *link
	end    context.CancelFunc
	ended  chan error
	dead   chan struct{} // closed by a crash
	pace   time.Duration // how long it works on a batch

	mu        sync.Mutex
	consuming [partitions]int // calls of consume
}

// join adds a worker.
func (w *world) join(pace time.Duration) *node {
	w.made++
	n := &node{
		world: w, id: fmt.Sprintf("w%d", w.made), ended: make(chan error, 1), dead: make(chan struct{}), pace: pace,
	}
	n.link = &link{Bus: w.bus, of: n}
	n.sharer = New(n.link, Options{ID: n.id})
	require.NoError(w.t, n.sharer.Start(w.t.Context()))
	ctx, end := context.WithCancel(context.Background())
	n.end = end
	go func() { n.ended <- n.sharer.Share(ctx, partitions, n.consume) }()
	w.nodes = append(w.nodes, n)
	return n
}

// leave ends a worker in good order.
func (w *world) leave(i int) {
	n := w.nodes[i]
	w.nodes = append(w.nodes[:i:i], w.nodes[i+1:]...)
	n.end()
	require.NoError(w.t, <-n.ended)
	require.NoError(w.t, n.sharer.Stop(w.t.Context()))
}

// crash ends a worker without a word; the batches at hand go back.
func (w *world) crash(i int) {
	w.nodes[i].link.set(func(l *link) { l.cut = true })
	close(w.nodes[i].dead)
	w.leave(i)
}

// close ends everything.
func (w *world) close() {
	for len(w.nodes) > 0 {
		w.leave(0)
	}
	require.NoError(w.t, w.bus.Stop(w.t.Context()))
}

// settled says what keeps the partitions from being shared out: nothing if each is one worker's and the shares are even.
func (w *world) settled() string {
	var counts []int
	var all [partitions]int
	for _, n := range w.nodes {
		n.mu.Lock()
		mine := 0
		for p, calls := range n.consuming {
			all[p] += calls
			mine += calls
		}
		n.mu.Unlock()
		counts = append(counts, mine)
		if max(mine-partitions/len(w.nodes), 0) > 1 || mine < partitions/len(w.nodes) {
			return fmt.Sprintf("%d of %d workers have %v partitions", len(counts), len(w.nodes), counts)
		}
	}
	for p, calls := range all {
		if calls != 1 {
			return fmt.Sprintf("partition %d is consumed by %d workers", p, calls)
		}
	}
	return ""
}

func (n *node) consume(ctx context.Context, p int) error {
	n.mu.Lock()
	n.consuming[p]++
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.consuming[p]--
	}()
	return n.world.bus.Consume(ctx, queue(p), &worker{n, p})
}

// worker handles the messages of one partition at one node.
type worker struct {
	*node
	partition int
}

// Work checks that nobody else works on the partition, and that the batch goes on where the last acknowledged one ended.
func (k *worker) Work(ctx context.Context, batch []bus.Message) error {
	w, p := k.world, k.partition
	w.mu.Lock()
	other, next := w.active[p], w.acked[p]
	w.active[p] = k.node
	w.mu.Unlock()
	if other != nil {
		w.fault("partition %d: %s works on it while %s does", p, k.id, other.id)
	}
	for _, msg := range batch {
		next++
		if string(msg.Body) != strconv.Itoa(next) {
			w.fault("partition %d: %s got %s, not %d", p, k.id, msg.Body, next)
		}
	}
	var err error
	select {
	case <-time.After(k.pace):
	case <-ctx.Done():
		err = ctx.Err()
	case <-k.dead: // perhaps it has been handled, but nobody knows
		err = context.Canceled
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active[p] = nil
	if err == nil {
		w.acked[p] = next
	}
	return err
}

func (k *worker) GaveUp(_ context.Context, msg bus.Message, cause error) error {
	k.world.fault("partition %d: gave up on %s: %v", k.partition, msg.Body, cause)
	return nil
}

// link is a worker's way to the bus, with its faults.
type link struct {
	Bus
	of *node

	mu      sync.Mutex
	cut     bool          // nothing goes out or comes in any more
	refused bool          // the bus takes nothing
	lost    bool          // what goes out is lost
	late    time.Duration // what goes out does so later
	inbox   bus.Inbox
	view    bus.Receiver
}

func (l *link) set(change func(l *link)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *link) Open(ctx context.Context, name string, r bus.Receiver) (in bus.Inbox, err error) {
	l.view = r
	l.inbox, err = l.Bus.Open(ctx, name, l)
	return l.inbox, err
}

func (l *link) Publish(ctx context.Context, msgs ...bus.Message) error {
	l.mu.Lock()
	cut, refused, late := l.cut || l.lost, l.refused, l.late
	l.mu.Unlock()
	switch {
	case cut:
		return nil
	case refused:
		return bus.ErrUnavailable
	case late > 0:
		go func() {
			<-time.After(late)
			_ = l.Bus.Publish(context.Background(), msgs...)
		}()
		return nil
	}
	return l.Bus.Publish(ctx, msgs...)
}

func (l *link) Receive(ctx context.Context, msg bus.Message) {
	sender, err := event.Decode[event.Presence](msg, event.TypePresence)
	if err != nil {
		l.of.world.fault("%v", err)
		return
	}
	l.mu.Lock()
	cut := l.cut
	l.mu.Unlock()
	if cut || l.of.world.sideOf(l.of.id) != l.of.world.sideOf(sender.WorkerID) {
		return
	}
	l.view.Receive(ctx, msg)
}

func (l *link) Reset(ctx context.Context) { l.view.Reset(ctx) }

// lose loses the inbox with its bindings, and makes it anew.
func (l *link) lose() {
	if err := l.inbox.Unbind(context.Background(), event.WorkersKey); err != nil {
		l.of.world.fault("%v", err)
	}
	l.Reset(context.Background())
}

// sideOf is the side on which a worker is.
func (w *world) sideOf(id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sides[id]
}
