package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

// redeliveryTests are about work that fails.
var redeliveryTests = map[string]func(*testing.T, opener){
	"a failed batch comes again, the same and before all others": testFailedBatch,
	"a transient failure is never held against a message":        testTransient,
	"poison is dead-lettered alone and the queue goes on":        testPoison,
	"a panic is a failure":                   testPanic,
	"giving up is repeated until it works":   testGaveUp,
	"what is not acknowledged comes again":   testReturned,
	"the batch at hand is finished":          testFinished,
	"consuming can be ended and begun again": testConsumeAgain,
}

var errBroken = errors.New("broken")

func testFailedBatch(t *testing.T, open opener) {
	b, q := open.start(t), queue("failed", 10)
	require.NoError(t, b.Declare(timeout(t), q))
	var calls atomic.Int64
	w := &worker{hook: func(context.Context, []bus.Message) error {
		if calls.Add(1)%2 == 1 {
			return errBroken
		}
		return nil
	}}
	consume(t, b, q, w)
	const senders, n = 8, 5
	ctx := timeout(t)
	parallel(senders, func(s int) {
		for i := range n {
			if err := b.Send(ctx, work(q, numbered(s, i))); err != nil {
				t.Error(err)
			}
		}
	})
	eventually(t, "all are handled", func() bool { return len(w.seen()) >= senders*n })
	requireOrdered(t, w.seen(), senders, n)
	tries := w.batches()
	require.Zero(t, len(tries)%2)
	for i := 0; i < len(tries); i += 2 {
		require.Equal(t, tries[i], tries[i+1])
	}
	require.Empty(t, w.losses())
}

func testTransient(t *testing.T, open opener) {
	b, q := open.start(t), queue("transient", 10)
	require.NoError(t, b.Declare(timeout(t), q))
	const failures = bus.Attempts + 2
	var calls atomic.Int64
	w := &worker{hook: func(context.Context, []bus.Message) error {
		if calls.Add(1) <= failures {
			return fmt.Errorf("database is away: %w", bus.ErrTransient)
		}
		return nil
	}}
	consume(t, b, q, w)
	require.NoError(t, b.Send(timeout(t), work(q, "innocent")))
	eventually(t, "it is handled", func() bool { return len(w.seen()) == 1 })
	require.Len(t, w.batches(), failures+1)
	require.Empty(t, w.losses())
}

// send sends in the background a message that the consumer may give up on; see requireGivenUp.
func sendPoison(t *testing.T, b bus.Bus, msg bus.Message) <-chan error {
	t.Helper()
	sent, ctx := make(chan error, 1), timeout(t)
	go func() { sent <- b.Send(ctx, msg) }()
	return sent
}

// requireGivenUp checks the result of sending a message that was given up on: only a Send that waits for the consumer
// can know.
func requireGivenUp(t *testing.T, sent <-chan error) {
	t.Helper()
	if err := wait(t, "Send returns", sent); err != nil {
		require.ErrorIs(t, err, bus.ErrDeadLettered)
	}
}

func testPoison(t *testing.T, open opener) {
	b, q := open.start(t), queue("poison", 10)
	require.NoError(t, b.Declare(timeout(t), q))
	w := &worker{hook: func(_ context.Context, batch []bus.Message) error {
		if slices.ContainsFunc(batch, func(m bus.Message) bool { return strings.HasPrefix(string(m.Body), "poison") }) {
			return errBroken
		}
		return nil
	}}
	c := consume(t, b, q, w)
	require.NoError(t, b.Send(timeout(t), work(q, "before")))
	poison := []<-chan error{sendPoison(t, b, work(q, "poison")), sendPoison(t, b, work(q, "poison too"))}
	ctx := timeout(t)
	parallel(10, func(int) {
		if err := b.Send(ctx, work(q, "after")); err != nil {
			t.Error(err)
		}
	})
	for _, sent := range poison {
		requireGivenUp(t, sent)
	}
	eventually(t, "the innocent are handled", func() bool { return len(w.seen()) == 11 })
	eventually(t, "poison is given up on", func() bool { return len(w.losses()) == 2 })
	require.ElementsMatch(t, []string{"poison: broken", "poison too: broken"}, w.losses())
	alone := 0
	for _, try := range w.batches() {
		if slices.Equal(try, []string{"poison"}) {
			alone++
		}
	}
	require.Equal(t, bus.Attempts, alone)

	// It is gone from the queue for good.
	c.stop(t)
	next := &worker{}
	consume(t, b, q, next)
	require.NoError(t, b.Send(timeout(t), work(q, "later")))
	eventually(t, "later ones are handled", func() bool { return len(next.seen()) >= 1 })
	require.Equal(t, []string{"later"}, next.seen())
}

func testPanic(t *testing.T, open opener) {
	b, q := open.start(t), queue("panic", 10)
	require.NoError(t, b.Declare(timeout(t), q))
	w := &worker{hook: func(_ context.Context, batch []bus.Message) error {
		if slices.Contains(bodiesOf(batch), "poison") {
			panic("bug")
		}
		return nil
	}}
	consume(t, b, q, w)
	poison := sendPoison(t, b, work(q, "poison"))
	require.NoError(t, b.Send(timeout(t), work(q, "innocent")))
	requireGivenUp(t, poison)
	eventually(t, "the queue goes on", func() bool { return len(w.seen()) == 1 && len(w.losses()) == 1 })
}

// reluctantWorker's GaveUp fails at first.
type reluctantWorker struct {
	worker
	calls atomic.Int64
}

func (w *reluctantWorker) GaveUp(ctx context.Context, msg bus.Message, cause error) error {
	if w.calls.Add(1) <= 2 {
		return bus.ErrUnavailable
	}
	return w.worker.GaveUp(ctx, msg, cause)
}

func testGaveUp(t *testing.T, open opener) {
	b, q := open.start(t), queue("reluctant", 10)
	require.NoError(t, b.Declare(timeout(t), q))
	w := &reluctantWorker{worker: worker{hook: func(context.Context, []bus.Message) error { return errBroken }}}
	consume(t, b, q, w)
	requireGivenUp(t, sendPoison(t, b, work(q, "poison")))
	eventually(t, "it is given up on", func() bool { return len(w.losses()) == 1 })
	require.Len(t, w.batches(), bus.Attempts, "GaveUp is repeated, not the work")
}

func testReturned(t *testing.T, open opener) {
	b, q := open.start(t), queue("returned", 10)
	require.NoError(t, b.Declare(timeout(t), q))
	failing := &worker{hook: func(context.Context, []bus.Message) error { return bus.ErrTransient }}
	c := consume(t, b, q, failing)
	ctx := timeout(t)
	sent := make(chan error, 100)
	for range cap(sent) {
		go func() { sent <- b.Send(ctx, work(q, "x")) }()
	}
	eventually(t, "a batch is handed over", func() bool { return len(failing.batches()) >= 2 })
	c.stop(t)

	w := &worker{}
	consume(t, b, q, w)
	eventually(t, "all are handled", func() bool { return len(w.seen()) >= cap(sent) })
	for range cap(sent) {
		require.NoError(t, wait(t, "Send returns", sent))
	}
	require.Len(t, w.seen(), cap(sent))
	returned := failing.batches()[0]
	for i, m := range w.messages()[:len(returned)] {
		require.True(t, m.Redelivered, "message %d was handed over before", i)
	}
	require.Empty(t, failing.seen())
	require.Empty(t, failing.losses())
}

func testFinished(t *testing.T, open opener) {
	b, q := open.start(t), queue("finished", 10)
	require.NoError(t, b.Declare(timeout(t), q))
	entered, release := make(chan struct{}), make(chan struct{})
	w := &worker{hook: func(ctx context.Context, _ []bus.Message) error {
		close(entered)
		<-release
		return ctx.Err()
	}}
	c := consume(t, b, q, w)
	sent := sendPoison(t, b, work(q, "at hand"))
	wait(t, "the worker is at work", entered)
	c.end()
	select {
	case err := <-c.result:
		require.FailNow(t, "Consume did not wait for the batch at hand", err)
	default:
	}
	close(release)
	c.stop(t)
	require.Equal(t, []string{"at hand"}, w.seen())
	require.NoError(t, wait(t, "Send returns", sent))

	next := &worker{}
	consume(t, b, q, next)
	require.NoError(t, b.Send(timeout(t), work(q, "next")))
	eventually(t, "the next is handled", func() bool { return len(next.seen()) >= 1 })
	require.Equal(t, []string{"next"}, next.seen(), "what was finished is acknowledged")
}

func testConsumeAgain(t *testing.T, open opener) {
	b, q := open.start(t), queue("restarted", 10)
	require.NoError(t, b.Declare(timeout(t), q))
	for i := range 5 {
		w := &worker{}
		c := consume(t, b, q, w)
		require.NoError(t, b.Send(timeout(t), work(q, fmt.Sprint(i))))
		eventually(t, "it is handled", func() bool { return len(w.seen()) >= 1 })
		c.stop(t)
		require.Equal(t, []string{fmt.Sprint(i)}, w.seen())
	}
}
