package bustest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

// workTests are about the way of a message through a work queue when nothing fails.
var workTests = map[string]func(*testing.T, opener){
	"one sender's messages are handled in order":        testOrder,
	"many senders' messages are handled, each in order": testManySenders,
	"batches hold what is queued, up to their limit":    testBatches,
	"messages arrive as they were sent":                 testFidelity,
	"a declared queue takes messages without consumer":  testDeclared,
	"declaring again changes nothing":                   testDeclareAgain,
	"queues are independent of each other":              testIndependent,
	"unordered queues share out their messages":         testShared,
	"a key without a queue is unroutable":               testUnroutable,
	"unroutable and routable sends do not mix":          testUnroutableAmongOthers,
	"sending ends with its context":                     testSendContext,
}

func testOrder(t *testing.T, open opener) {
	b, q, w := open.start(t), queue("order", 10), &worker{}
	require.NoError(t, b.Declare(timeout(t), q))
	consume(t, b, q, w)
	const n = 100
	for i := range n {
		require.NoError(t, b.Send(timeout(t), work(q, numbered(0, i))))
	}
	eventually(t, "all are handled", func() bool { return len(w.seen()) >= n })
	requireOrdered(t, w.seen(), 1, n)
	for _, m := range w.messages() {
		require.False(t, m.Redelivered)
	}
}

func testManySenders(t *testing.T, open opener) {
	b, q, w := open.start(t), queue("senders", 50), &worker{}
	require.NoError(t, b.Declare(timeout(t), q))
	consume(t, b, q, w)
	const senders, n = 64, 20
	ctx := timeout(t)
	parallel(senders, func(s int) {
		for i := range n {
			if err := b.Send(ctx, work(q, numbered(s, i))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	eventually(t, "all are handled", func() bool { return len(w.seen()) >= senders*n })
	requireOrdered(t, w.seen(), senders, n)
}

func testBatches(t *testing.T, open opener) {
	b, q := open.start(t), queue("batches", 5)
	require.NoError(t, b.Declare(timeout(t), q))
	ctx, w := timeout(t), &worker{}
	consume(t, b, q, w)
	// Whether anything is queued behind the first message is a matter of luck, so try until it is.
	longest, sent := 0, 0
	for longest < 2 {
		require.NoError(t, ctx.Err(), "no batch of more than one message was seen")
		parallel(20, func(int) {
			if err := b.Send(ctx, work(q, "x")); err != nil {
				t.Error(err)
			}
		})
		sent += 20
		eventually(t, "all are handled", func() bool { return len(w.seen()) >= sent })
		for _, batch := range w.batches() {
			longest = max(longest, len(batch))
		}
	}
	require.LessOrEqual(t, longest, q.Batch)
	require.Len(t, w.seen(), sent)
}

func testFidelity(t *testing.T, open opener) {
	b, q, w := open.start(t), queue("fidelity", 10), &worker{}
	require.NoError(t, b.Declare(timeout(t), q))
	consume(t, b, q, w)
	bodies := [][]byte{
		[]byte(`{"json":"ü"}`),
		{0, 1, 2, 255, 0},
		bytes.Repeat([]byte("large "), 50_000), // more than one AMQP frame
		{},
	}
	for i, body := range bodies {
		mine := bytes.Clone(body)
		msg := bus.Message{Key: q.Key, Type: fmt.Sprint("type.", i), Body: mine, Redelivered: true, ReplyTo: "x"}
		require.NoError(t, b.Send(timeout(t), msg))
		clear(mine) // the bus took a copy
	}
	eventually(t, "all are handled", func() bool { return len(w.seen()) >= len(bodies) })
	for i, m := range w.messages() {
		require.Equal(t, q.Key, m.Key)
		require.Equal(t, fmt.Sprint("type.", i), m.Type)
		require.True(t, bytes.Equal(bodies[i], m.Body), "body %d", i)
		require.Empty(t, m.ReplyTo, "only Call sets it")
		require.False(t, m.Redelivered, "only delivery sets it")
	}
}

func testDeclared(t *testing.T, open opener) {
	b, q, w := open.start(t), queue("declared", 10), &worker{}
	require.NoError(t, b.Declare(timeout(t), q))
	sent := make(chan error, 1)
	go func() { sent <- b.Send(timeout(t), work(q, "early")) }()
	consume(t, b, q, w)
	eventually(t, "it is handled", func() bool { return len(w.seen()) == 1 })
	require.NoError(t, wait(t, "Send returns", sent))
}

func testDeclareAgain(t *testing.T, open opener) {
	b, q, w := open.start(t), queue("again", 10), &worker{}
	for range 3 {
		require.NoError(t, b.Declare(timeout(t), q, queue("other", 10)))
	}
	consume(t, b, q, w)
	require.NoError(t, b.Send(timeout(t), work(q, "once")))
	eventually(t, "it is handled", func() bool { return len(w.seen()) == 1 })

	unordered := q
	unordered.Ordered = false
	require.Error(t, b.Declare(timeout(t), unordered), "the same queue, but not the same")
	require.Error(t, b.Declare(timeout(t), bus.Queue{Name: "nameless"}))
	require.NoError(t, b.Send(timeout(t), work(q, "still works")))
	eventually(t, "it is handled", func() bool { return len(w.seen()) == 2 })
}

func testIndependent(t *testing.T, open opener) {
	b, stuck, free := open.start(t), queue("stuck", 1), queue("free", 1)
	require.NoError(t, b.Declare(timeout(t), stuck, free))
	release, entered := make(chan struct{}), make(chan struct{}, 1)
	consume(t, b, stuck, &worker{hook: func(context.Context, []bus.Message) error {
		entered <- struct{}{}
		<-release
		return nil
	}})
	w := &worker{}
	consume(t, b, free, w)

	sent := make(chan error, 1)
	go func() { sent <- b.Send(timeout(t), work(stuck, "stuck")) }()
	wait(t, "the stuck queue's worker is at work", entered)
	require.NoError(t, b.Send(timeout(t), work(free, "free")))
	eventually(t, "the free queue goes on", func() bool { return len(w.seen()) == 1 })
	close(release)
	require.NoError(t, wait(t, "Send returns", sent))
}

func testShared(t *testing.T, open opener) {
	b, q := open.start(t), queue("shared", 1)
	q.Ordered = false
	require.NoError(t, b.Declare(timeout(t), q))
	// Each worker's first message waits until the other has one, too.
	var meeting atomic.Int32
	met := make(chan struct{})
	hook := func() func(context.Context, []bus.Message) error {
		first := true
		return func(context.Context, []bus.Message) error {
			if first {
				first = false
				if meeting.Add(1) == 2 {
					close(met)
				}
			}
			<-met
			return nil
		}
	}
	one, two := &worker{hook: hook()}, &worker{hook: hook()}
	consume(t, b, q, one)
	consume(t, b, q, two)
	ctx := timeout(t)
	const n = 20
	parallel(n, func(i int) {
		if err := b.Send(ctx, work(q, fmt.Sprint(i))); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "all are handled once", func() bool { return len(one.seen())+len(two.seen()) == n })
	require.NotEmpty(t, one.seen())
	require.NotEmpty(t, two.seen())
}

func testUnroutable(t *testing.T, open opener) {
	b, q, w := open.start(t), queue("known", 1), &worker{}
	require.ErrorIs(t, b.Send(timeout(t), work(q, "too early")), bus.ErrUnroutable)
	require.NoError(t, b.Declare(timeout(t), q))
	consume(t, b, q, w)
	require.NoError(t, b.Send(timeout(t), work(q, "routable")))
	err := b.Send(timeout(t), bus.Message{Key: "nowhere", Body: []byte("x")})
	require.ErrorIs(t, err, bus.ErrUnroutable)
	require.ErrorContains(t, err, "nowhere", "the error names the key")
	require.NoError(t, b.Send(timeout(t), work(q, "still routable")))
	eventually(t, "it is handled", func() bool { return len(w.seen()) == 2 })
}

func testUnroutableAmongOthers(t *testing.T, open opener) {
	b, q, w := open.start(t), queue("mixed", 50), &worker{}
	require.NoError(t, b.Declare(timeout(t), q))
	consume(t, b, q, w)
	ctx := timeout(t)
	const senders, n = 32, 20
	parallel(senders, func(s int) {
		for i := range n {
			if err := b.Send(ctx, bus.Message{Key: "nowhere", Body: []byte("x")}); !errors.Is(err, bus.ErrUnroutable) {
				t.Errorf("an unroutable message: %v", err)
				return
			}
			if err := b.Send(ctx, work(q, numbered(s, i))); err != nil {
				t.Errorf("a routable message: %v", err)
				return
			}
		}
	})
	eventually(t, "all are handled", func() bool { return len(w.seen()) >= senders*n })
	requireOrdered(t, w.seen(), senders, n)
}

func testSendContext(t *testing.T, open opener) {
	b, q := open.start(t), queue("context", 1)
	require.NoError(t, b.Declare(timeout(t), q))
	ctx, cancel := context.WithCancel(timeout(t))
	cancel()
	require.ErrorIs(t, b.Send(ctx, work(q, "late")), context.Canceled)
	_, err := b.Call(ctx, event("server:1", "late"))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, b.Publish(ctx, event("channel:1", "late")), context.Canceled)
}
