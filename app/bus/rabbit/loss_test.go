package rabbit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

func TestConnectionsCutUnderLoad(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	b := started(t, newBus(t, p.url()))
	q := bus.Queue{Name: "work", Key: "work", Batch: 20, Ordered: true}
	require.NoError(t, b.Declare(t.Context(), q))
	w := &ledger{}
	consuming(t, b, q, w)
	r := &rebinder{keys: []string{"channel:1"}}
	in, err := b.Open(t.Context(), "one", r)
	require.NoError(t, err)
	r.inbox = in

	const n = 800
	var sending sync.WaitGroup
	sending.Go(func() { sendAll(t, b, q.Key, n) })
	for i := range 5 {
		goal := (i + 1) * n / 8
		eventually(t, "messages are handled", func() bool { return len(w.seen()) >= goal })
		before, _ := r.count()
		p.cut()
		eventually(t, "the inbox is reset", func() bool { now, _ := r.count(); return now > before })
		event := fmt.Sprint("event ", i)
		eventually(t, "events arrive again", func() bool {
			_ = b.Publish(t.Context(), bus.Message{Key: "channel:1", Body: []byte(event)})
			_, got := r.count()
			return slices.Contains(got, event)
		})
	}
	sending.Wait()
	eventually(t, "the last message is handled", func() bool { return slices.Contains(w.seen(), strconv.Itoa(n-1)) })
	requireInOrder(t, w.seen(), n)
	require.Zero(t, r.early, "events were received before Reset returned")
	require.NoError(t, b.Check(t.Context()))
}

func TestBrokerAwayAndWithoutMemory(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	b := started(t, newBus(t, p.url()))
	q := bus.Queue{Name: "work", Key: "work", Batch: 20, Ordered: true}
	require.NoError(t, b.Declare(t.Context(), q))
	r := &rebinder{keys: []string{"channel:1"}}
	in, err := b.Open(t.Context(), "one", r)
	require.NoError(t, err)
	r.inbox = in

	p.setRefuse(true)
	p.cut()
	eventually(t, "the loss is noticed", func() bool { return b.Check(t.Context()) != nil })
	require.ErrorIs(t, b.Check(t.Context()), bus.ErrUnavailable)
	msg := bus.Message{Key: q.Key, Body: []byte("0")}
	require.ErrorIs(t, b.Send(t.Context(), msg), bus.ErrUnavailable)
	require.ErrorIs(t, b.Publish(t.Context(), msg), bus.ErrUnavailable)
	_, err = b.Call(t.Context(), msg)
	require.ErrorIs(t, err, bus.ErrUnavailable)
	require.ErrorIs(t, b.Declare(t.Context(), q), bus.ErrUnavailable)
	eventually(t, "the inbox is lost", func() bool { return errors.Is(in.Bind(t.Context(), "x"), bus.ErrUnavailable) })

	removeAll(t, b.topology) // the broker's disk is gone, too
	p.setRefuse(false)
	eventually(t, "the bus is back", func() bool { return b.Check(t.Context()) == nil })
	require.NoError(t, b.Send(t.Context(), msg), "the queue exists before its consumer does")
	eventually(t, "the inbox is back", func() bool { resets, _ := r.count(); return resets == 1 })
	require.NoError(t, b.Publish(t.Context(), bus.Message{Key: "channel:1", Body: []byte("hello")}))
	eventually(t, "events arrive", func() bool { _, got := r.count(); return len(got) == 1 })
	w := &ledger{}
	consuming(t, b, q, w)
	eventually(t, "work arrives", func() bool { return len(w.seen()) == 1 })
}

// The worker's batch is void once its channel is lost: it is told so, nothing of it is acknowledged, and it comes again
// in order.
func TestConnectionLostDuringWork(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	b := started(t, newBus(t, p.url()))
	q := bus.Queue{Name: "work", Key: "work", Batch: 20, Ordered: true}
	require.NoError(t, b.Declare(t.Context(), q))
	const n = 100
	sendAll(t, b, q.Key, n)
	entered, first := make(chan struct{}), true
	w := &ledger{}
	w.hook = func(ctx context.Context, _ []bus.Message) error {
		if first {
			first = false
			close(entered)
			<-ctx.Done()
			return errors.New("this must not be held against the messages")
		}
		return nil
	}
	consuming(t, b, q, w)
	<-entered
	p.cut()
	eventually(t, "all are handled", func() bool { return len(w.seen()) >= n })
	requireInOrder(t, w.seen(), n)
	require.Len(t, w.seen(), n)
}

func TestHungBroker(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	b := newBus(t, p.url())
	b.endpoint.heartbeat = time.Second
	started(t, b)
	q := bus.Queue{Name: "work", Key: "work", Batch: 20, Ordered: true}
	require.NoError(t, b.Declare(t.Context(), q))
	p.hold()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.ErrorIs(t, b.Send(ctx, bus.Message{Key: q.Key}), bus.ErrUnavailable, "without the help of a deadline")
	short, cancelShort := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancelShort()
	require.Error(t, b.Send(short, bus.Message{Key: q.Key}))
	p.releaseAll()
	eventually(t, "the bus is back", func() bool { return b.Send(t.Context(), bus.Message{Key: q.Key}) == nil })
}

func TestBlockedByBroker(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	b := started(t, newBus(t, p.url()))
	q := bus.Queue{Name: "work", Key: "work", Batch: 20, Ordered: true}
	require.NoError(t, b.Declare(t.Context(), q))
	msg := bus.Message{Key: q.Key, Body: []byte("0")}
	require.NoError(t, b.Send(t.Context(), msg))

	// A message is under way when the alarm is raised: its sender is not kept waiting.
	p.each(func(pp *pipe) {
		if pp.isPublishing() {
			pp.hold()
		}
	})
	sent := make(chan error, 1)
	go func() { sent <- b.Send(t.Context(), msg) }()
	eventually(t, "the message is under way", func() bool {
		s, err := b.publishing.use()
		return err == nil && len(s.lanes.work.slots) == 1
	})
	p.block("low on memory")
	require.ErrorContains(t, <-sent, "low on memory")
	err := b.Send(t.Context(), msg)
	require.ErrorIs(t, err, bus.ErrUnavailable)
	require.ErrorContains(t, err, "low on memory")
	require.ErrorIs(t, b.Publish(t.Context(), msg), bus.ErrUnavailable)
	require.ErrorIs(t, b.Check(t.Context()), bus.ErrUnavailable)

	w := &ledger{} // consuming goes on
	consuming(t, b, q, w)
	eventually(t, "work is handled", func() bool { return len(w.seen()) > 0 })

	p.releaseAll()
	p.unblock()
	eventually(t, "sending works again", func() bool { return b.Send(t.Context(), msg) == nil })
	require.NoError(t, b.Check(t.Context()))
}

// The broker learns late that a connection is dead: until then it keeps the inbox of that name locked.
func TestInboxHeldByDeadConnection(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	b := started(t, newBus(t, p.url()))
	r := &rebinder{keys: []string{"channel:1"}}
	in, err := b.Open(t.Context(), "one", r)
	require.NoError(t, err)
	r.inbox = in
	var dead []*pipe
	p.each(func(pp *pipe) {
		pp.hold()
		dead = append(dead, pp)
	})
	s, err := b.consuming.use()
	require.NoError(t, err)
	s.kill(errors.New("cut by the test")) // seen by the bus; the broker's end stays open
	eventually(t, "the bus has connected again", func() bool {
		now, err := b.consuming.use()
		return err == nil && now != s
	})
	require.ErrorIs(t, in.Bind(t.Context(), "channel:1"), bus.ErrUnavailable)
	for _, pp := range dead {
		pp.release()
		pp.close()
	}
	eventually(t, "the inbox is back", func() bool { resets, _ := r.count(); return resets == 1 })
}

func TestInboxHeldByAnotherProcess(t *testing.T) {
	t.Parallel()
	b := started(t, newBus(t, testURL(t)))
	other, err := amqp.Dial(testURL(t))
	require.NoError(t, err)
	ch, err := other.Channel()
	require.NoError(t, err)
	_, err = ch.QueueDeclare(b.topology.name("one"), false, true, true, false, nil)
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = b.Open(ctx, "one", &rebinder{})
	require.Error(t, err)

	opened := make(chan error, 1)
	go func() {
		_, err := b.Open(t.Context(), "one", &rebinder{})
		opened <- err
	}()
	require.NoError(t, other.Close())
	require.NoError(t, <-opened)
}

// Someone deletes an exchange while everything runs: that breaks a channel, and with the connection everything is
// made anew.
func TestExchangesDeletedByHand(t *testing.T) {
	t.Parallel()
	b := started(t, newBus(t, testURL(t)))
	q := bus.Queue{Name: "work", Key: "work", Batch: 20, Ordered: true}
	require.NoError(t, b.Declare(t.Context(), q))
	r := &rebinder{keys: []string{"channel:1"}}
	in, err := b.Open(t.Context(), "one", r)
	require.NoError(t, err)
	r.inbox = in
	removeAll(t, b.topology)

	require.Error(t, b.Send(t.Context(), bus.Message{Key: q.Key}))
	require.Error(t, in.Bind(t.Context(), "channel:1"))
	eventually(t, "work can be sent", func() bool { return b.Send(t.Context(), bus.Message{Key: q.Key}) == nil })
	eventually(t, "events arrive", func() bool {
		_ = b.Publish(t.Context(), bus.Message{Key: "channel:1"})
		resets, got := r.count()
		return resets > 0 && len(got) > 0
	})
}
