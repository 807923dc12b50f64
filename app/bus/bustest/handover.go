package bustest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

// handoverTests are about several consumers of one ordered queue.
var handoverTests = map[string]func(*testing.T, opener){
	"an ordered queue has one active consumer":            testOneActive,
	"what is not acknowledged passes on in order":         testPassedOn,
	"order survives consumers that come and go":           testComeAndGo,
	"a consumer that waits for its turn can be ended":     testWaitingEnds,
	"a batch is finished before the next consumer begins": testNoOverlap,
}

func testOneActive(t *testing.T, open opener) {
	b, q := open.start(t), queue("one", 10)
	require.NoError(t, b.Declare(timeout(t), q))
	workers := []*worker{{}, {}, {}}
	var consumers []*consumption
	for _, w := range workers {
		consumers = append(consumers, consume(t, b, q, w))
	}
	// All three may want to be the first; whoever it is, it takes everything until it ends.
	active := func() (int, int) {
		who, total := -1, 0
		for i, w := range workers {
			if n := len(w.seen()); n > 0 {
				who, total = i, total+n
			}
		}
		return who, total
	}
	const n = 50
	for i := range n {
		require.NoError(t, b.Send(timeout(t), work(q, numbered(0, i))))
	}
	eventually(t, "all are handled", func() bool { _, total := active(); return total == n })
	who, _ := active()
	requireOrdered(t, workers[who].seen(), 1, n)

	consumers[who].stop(t)
	require.NoError(t, b.Send(timeout(t), work(q, "next")))
	eventually(t, "another takes over", func() bool { _, total := active(); return total == n+1 })
	require.Len(t, workers[who].seen(), n, "the one that ended gets nothing more")
}

func testPassedOn(t *testing.T, open opener) {
	b, q := open.start(t), queue("passed", 100)
	require.NoError(t, b.Declare(timeout(t), q))
	failing := &worker{hook: func(context.Context, []bus.Message) error { return bus.ErrTransient }}
	first := consume(t, b, q, failing)
	const senders, n = 16, 10
	ctx := timeout(t)
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for i := range n {
				if err := b.Send(ctx, work(q, numbered(s, i))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	eventually(t, "a batch is handed over", func() bool { return len(failing.batches()) > 0 })
	// The next consumers wait in line while the messages are handed from one to the next.
	alsoFailing, w := &worker{hook: failing.hook}, &worker{}
	second := consume(t, b, q, alsoFailing)
	first.stop(t)
	eventually(t, "the second consumer has its turn", func() bool { return len(alsoFailing.batches()) > 0 })
	consume(t, b, q, w)
	second.stop(t)

	all.Wait()
	eventually(t, "all are handled", func() bool { return len(w.seen()) >= senders*n })
	requireOrdered(t, w.seen(), senders, n)
	head := failing.batches()[0]
	require.Equal(t, head, w.seen()[:len(head)], "what was handed over first is handled first")
}

func testComeAndGo(t *testing.T, open opener) {
	b, q := open.start(t), queue("hustle", 7)
	require.NoError(t, b.Declare(timeout(t), q))
	var active, overlaps atomic.Int64
	w := &worker{hook: func(context.Context, []bus.Message) error {
		if active.Add(1) > 1 {
			overlaps.Add(1)
		}
		defer active.Add(-1)
		return nil
	}}
	const senders, n = 8, 40
	ctx := timeout(t)
	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			for i := range n {
				if err := b.Send(ctx, work(q, numbered(s, i))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	handled := func() int { return len(firsts(w.seen())) }
	current := consume(t, b, q, w)
	for handled() < senders*n && ctx.Err() == nil {
		before := handled()
		eventually(t, "messages are handled", func() bool { return handled() > before || handled() == senders*n })
		next := consume(t, b, q, w)
		current.stop(t)
		current = next
	}
	sending.Wait()
	current.stop(t)
	requireOrdered(t, firsts(w.seen()), senders, n)
	requireReplays(t, w.seen())
	require.Zero(t, overlaps.Load(), "two consumers were active at the same time")
}

// firsts leaves out what was handled before.
func firsts(bodies []string) []string {
	known := make(map[string]bool, len(bodies))
	var first []string
	for _, body := range bodies {
		if !known[body] {
			known[body] = true
			first = append(first, body)
		}
	}
	return first
}

// requireReplays checks that what was handled again was handled again in order, with everything that had come after it,
// before anything new: delivery is at least once, but in order.
func requireReplays(t *testing.T, bodies []string) {
	t.Helper()
	place := make(map[string]int, len(bodies))
	for i, body := range firsts(bodies) {
		place[body] = i
	}
	last := -1
	for _, body := range bodies {
		require.LessOrEqual(t, place[body], last+1, "%s came too early", body)
		last = place[body]
	}
}

func testWaitingEnds(t *testing.T, open opener) {
	b, q := open.start(t), queue("line", 10)
	require.NoError(t, b.Declare(timeout(t), q))
	w, waiting := &worker{}, &worker{}
	consume(t, b, q, w)
	require.NoError(t, b.Send(timeout(t), work(q, "first")))
	eventually(t, "the first consumer is active", func() bool { return len(w.seen()) == 1 })
	consume(t, b, q, waiting).stop(t)
	require.NoError(t, b.Send(timeout(t), work(q, "second")))
	eventually(t, "the first consumer goes on", func() bool { return len(w.seen()) == 2 })
	require.Empty(t, waiting.batches())
}

func testNoOverlap(t *testing.T, open opener) {
	b, q := open.start(t), queue("overlap", 1)
	require.NoError(t, b.Declare(timeout(t), q))
	entered, release := make(chan struct{}), make(chan struct{})
	slow := &worker{hook: func(context.Context, []bus.Message) error {
		close(entered)
		<-release
		return nil
	}}
	first := consume(t, b, q, slow)
	ctx := timeout(t)
	var sending sync.WaitGroup
	for i := range 5 {
		sending.Go(func() {
			if err := b.Send(ctx, work(q, numbered(i, 0))); err != nil {
				t.Error(err)
			}
		})
	}
	wait(t, "the first consumer is at work", entered)
	next := &worker{}
	consume(t, b, q, next)
	first.end()
	// The messages behind the one at hand have come as far as the first consumer; that they go to the next one
	// while the first still works is what must not happen. Another queue's messages show that time has passed.
	other, marker := queue("marker", 1), &worker{}
	require.NoError(t, b.Declare(timeout(t), other))
	consume(t, b, other, marker)
	for range 20 {
		require.NoError(t, b.Send(timeout(t), work(other, "tick")))
	}
	require.Empty(t, next.batches(), "the next consumer began while the first was at work")
	close(release)
	first.stop(t)
	sending.Wait()
	eventually(t, "all are handled", func() bool { return len(slow.seen())+len(next.seen()) >= 5 })
	require.Len(t, slow.seen(), 1)
	require.Len(t, next.seen(), 4)
}
