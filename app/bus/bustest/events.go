package bustest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

// eventTests are about the way of events to the inboxes.
var eventTests = map[string]func(*testing.T, opener){
	"every bound inbox gets one copy":                  testCopies,
	"one copy, also for several keys":                  testAlso,
	"events without a taker are dropped":               testNoTaker,
	"one publisher's events arrive in order":           testEventOrder,
	"many publishers' events arrive, each in order":    testManyPublishers,
	"events arrive as they were published":             testEventFidelity,
	"work and events do not meet":                      testSeparate,
	"a worker may publish what it was handed":          testPublishFromWorker,
	"publishing nothing is fine":                       testPublishNothing,
	"a slow receiver gets everything, nothing is lost": testSlowReceiver,
}

func testCopies(t *testing.T, open opener) {
	b := open.start(t)
	one, two, both := &receiver{}, &receiver{}, &receiver{}
	inbox(t, b, "one", one, "channel:1")
	inbox(t, b, "two", two, "channel:2")
	inbox(t, b, "both", both, "channel:1", "channel:2")
	require.NoError(t, b.Publish(timeout(t),
		event("channel:1", "a"), event("channel:2", "b"), event("channel:3", "c"), event("channel:1", "d")))
	one.requireReceived(t, "a", "d")
	two.requireReceived(t, "b")
	both.requireReceived(t, "a", "b", "d")
}

func testAlso(t *testing.T, open opener) {
	b := open.start(t)
	main, other, both, none := &receiver{}, &receiver{}, &receiver{}, &receiver{}
	inbox(t, b, "main", main, "channel:1")
	inbox(t, b, "other", other, "user:2")
	inbox(t, b, "both", both, "channel:1", "user:1", "user:2")
	inbox(t, b, "none", none, "user:3")
	event := func(body string, also ...string) bus.Message {
		m := event("channel:1", body)
		m.Also = also
		return m
	}
	require.NoError(t, b.Publish(timeout(t), event("a"), event("b", "user:1", "user:2", "user:2"), event("c"), event("d", "user:9")))
	require.NoError(t, b.Publish(timeout(t), bus.Message{Key: "user:3", Body: []byte("e"), Also: []string{"user:2"}}))
	main.requireReceived(t, "a", "b", "c", "d")
	other.requireReceived(t, "b", "e")
	both.requireReceived(t, "a", "b", "c", "d", "e")
	none.requireReceived(t, "e")
	got := both.messages()[1]
	require.Equal(t, "channel:1", got.Key)
	require.Empty(t, got.Also, "nobody learns who else gets it")
}

func testNoTaker(t *testing.T, open opener) {
	b := open.start(t)
	require.NoError(t, b.Publish(timeout(t), event("channel:1", "no inbox at all")))
	r := &receiver{}
	inbox(t, b, "one", r, "channel:1")
	require.NoError(t, b.Publish(timeout(t), event("channel:2", "no binding"), event("channel:1", "bound")))
	r.requireReceived(t, "bound")
}

func testEventOrder(t *testing.T, open opener) {
	b, r := open.start(t), &receiver{}
	const keys, n = 4, 1000
	var bound []string
	for k := range keys {
		bound = append(bound, fmt.Sprint("channel:", k))
	}
	inbox(t, b, "one", r, bound...)
	var want []string
	for i := 0; i < n; {
		var call []bus.Message
		for range i%7 + 1 { // calls of different sizes
			call = append(call, event(bound[i%keys], numbered(0, i)))
			want = append(want, numbered(0, i))
			i++
		}
		require.NoError(t, b.Publish(timeout(t), call...))
	}
	r.requireReceived(t, want...)
}

func testManyPublishers(t *testing.T, open opener) {
	b, r := open.start(t), &receiver{}
	inbox(t, b, "one", r, "channel:1")
	ctx := timeout(t)
	const publishers, n = 32, 50
	parallel(publishers, func(p int) {
		for i := 0; i < n; i += 2 {
			err := b.Publish(ctx, event("channel:1", numbered(p, i)), event("channel:1", numbered(p, i+1)))
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	eventually(t, "all arrive", func() bool { return len(r.received()) >= publishers*n })
	requireOrdered(t, r.received(), publishers, n)
}

func testEventFidelity(t *testing.T, open opener) {
	b, one, two := open.start(t), &receiver{}, &receiver{}
	vandal := func(m bus.Message) { clear(m.Body) }
	one.hook = vandal // what one receiver does to its bytes, no other sees
	inbox(t, b, "one", one, "channel:1")
	inbox(t, b, "two", two, "channel:1")
	body := []byte{0, 'x', 255}
	large := bytes.Repeat([]byte("large "), 50_000)
	msg := bus.Message{Key: "channel:1", Type: "emit", Body: bytes.Clone(body), ReplyTo: "x", Redelivered: true}
	require.NoError(t, b.Publish(timeout(t), msg, bus.Message{Key: "channel:1", Type: "large", Body: large}))
	clear(msg.Body) // the bus took a copy
	eventually(t, "both arrive", func() bool { return len(two.messages()) == 2 && len(one.messages()) == 2 })
	got := two.messages()
	require.Equal(t, bus.Message{Key: "channel:1", Type: "emit", Body: body}, got[0])
	require.Equal(t, "large", got[1].Type)
	require.True(t, bytes.Equal(large, got[1].Body))
}

func testSeparate(t *testing.T, open opener) {
	b, q, w, r := open.start(t), queue("separate", 1), &worker{}, &receiver{}
	require.NoError(t, b.Declare(timeout(t), q))
	consume(t, b, q, w)
	inbox(t, b, "one", r, q.Key, "channel:1")
	require.NoError(t, b.Send(timeout(t), work(q, "work")))
	require.NoError(t, b.Publish(timeout(t), event(q.Key, "event")))
	r.requireReceived(t, "event")
	eventually(t, "the work is handled", func() bool { return len(w.seen()) > 0 })
	require.Equal(t, []string{"work"}, w.seen())
	require.ErrorIs(t, b.Send(timeout(t), event("channel:1", "x")), bus.ErrUnroutable, "inboxes take no work")
}

func testPublishFromWorker(t *testing.T, open opener) {
	b, q, r := open.start(t), queue("publishing", 20), &receiver{}
	require.NoError(t, b.Declare(timeout(t), q))
	ctx := timeout(t)
	// The message worker publishes each batch before it acknowledges it, too.
	consume(t, b, q, &worker{hook: func(ctx context.Context, batch []bus.Message) error {
		events := make([]bus.Message, len(batch))
		for i, m := range batch {
			events[i] = event("channel:1", string(m.Body))
		}
		return b.Publish(ctx, events...)
	}})
	inbox(t, b, "one", r, "channel:1")
	const senders, n = 16, 20
	parallel(senders, func(s int) {
		for i := range n {
			if err := b.Send(ctx, work(q, numbered(s, i))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	eventually(t, "all arrive", func() bool { return len(r.received()) >= senders*n })
	requireOrdered(t, r.received(), senders, n)
}

func testPublishNothing(t *testing.T, open opener) {
	require.NoError(t, open.start(t).Publish(timeout(t)))
}

func testSlowReceiver(t *testing.T, open opener) {
	b, release := open.start(t), make(chan struct{})
	slow, quick := &receiver{hook: func(bus.Message) { <-release }}, &receiver{}
	inbox(t, b, "slow", slow, "channel:1")
	inbox(t, b, "quick", quick, "channel:1")
	const n = 2000 // more than is ever in flight to a receiver
	var want []string
	for i := range n {
		want = append(want, numbered(0, i))
	}
	for chunk := range slices.Chunk(want, 100) {
		var call []bus.Message
		for _, body := range chunk {
			call = append(call, event("channel:1", body))
		}
		require.NoError(t, b.Publish(timeout(t), call...))
	}
	quick.requireReceived(t, want...)
	close(release)
	slow.requireReceived(t, want...)
}
