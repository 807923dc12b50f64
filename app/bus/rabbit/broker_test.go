package rabbit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

// direct is a channel past the bus.
func direct(t *testing.T) *amqp.Channel {
	t.Helper()
	c, err := amqp.Dial(testURL(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	ch, err := c.Channel()
	require.NoError(t, err)
	return ch
}

// get waits for a message in a queue.
func get(t *testing.T, ch *amqp.Channel, queue string) amqp.Delivery {
	t.Helper()
	var got amqp.Delivery
	eventually(t, "a message is in "+queue, func() bool {
		d, ok, err := ch.Get(queue, true)
		got = d
		return err == nil && ok
	})
	return got
}

func TestMessagesOnTheWire(t *testing.T) {
	t.Parallel()
	b := started(t, newBus(t, testURL(t)))
	q := bus.Queue{Name: "work", Key: "work", Batch: 20} // single messages cannot be got from an ordered one
	require.NoError(t, b.Declare(t.Context(), q))
	require.NoError(t, b.Send(t.Context(), bus.Message{Key: q.Key, Type: "message.send", Body: []byte("{}")}))
	d := get(t, direct(t), b.topology.name(q.Name))
	require.Equal(t, amqp.Persistent, d.DeliveryMode)
	require.Equal(t, "message.send", d.Type)
	require.Equal(t, b.topology.prefix+".incoming", d.Exchange)
	require.Equal(t, "{}", string(d.Body))
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	b := started(t, newBus(t, testURL(t)))
	q := bus.Queue{Name: "work", Key: "work", Batch: 20, Ordered: true}
	require.NoError(t, b.Declare(t.Context(), q))
	consuming(t, b, q, &ledger{hook: func(context.Context, []bus.Message) error { return errors.New("poison") }})
	require.NoError(t, b.Send(t.Context(), bus.Message{Key: q.Key, Type: "message.send", Body: []byte("poison")}))
	d := get(t, direct(t), b.topology.prefix+".dead")
	require.Equal(t, "poison", string(d.Body))
	require.Equal(t, "message.send", d.Type)
	require.Equal(t, q.Key, d.RoutingKey, "it can be sent again as it was")
	require.Equal(t, amqp.Persistent, d.DeliveryMode)
}

// Messages that were handed out several times may have taken their worker down each time: they go one by one.
func TestSuspiciousMessagesGoAlone(t *testing.T) {
	t.Parallel()
	b := started(t, newBus(t, testURL(t)))
	q := bus.Queue{Name: "work", Key: "work", Batch: 100, Ordered: true}
	require.NoError(t, b.Declare(t.Context(), q))
	const held, n = 3, 10
	sendAll(t, b, q.Key, held)
	for range suspicious { // consumers that die
		c, err := amqp.Dial(testURL(t))
		require.NoError(t, err)
		ch, err := c.Channel()
		require.NoError(t, err)
		require.NoError(t, ch.Qos(orderedPrefetch, 0, false))
		deliveries, err := ch.Consume(b.topology.name(q.Name), "victim", false, false, false, false, nil)
		require.NoError(t, err)
		for range held {
			<-deliveries
		}
		require.NoError(t, c.Close())
	}
	for i := held; i < n; i++ {
		require.NoError(t, b.Send(t.Context(), bus.Message{Key: q.Key, Body: fmt.Append(nil, i)}))
	}
	w := &ledger{}
	consuming(t, b, q, w)
	eventually(t, "all are handled", func() bool { return len(w.seen()) >= n })
	requireInOrder(t, w.seen(), n)
	require.Equal(t, [][]string{{"0"}, {"1"}, {"2"}}, w.batches[:held])
}

// A worker's process is killed while it holds more than its successor's first batch: what goes back comes in order,
// however often that happens.
func TestConsumersKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	sender := started(t, newBus(t, testURL(t)))
	q := bus.Queue{Name: "work", Key: "work", Batch: 7, Ordered: true}
	require.NoError(t, sender.Declare(t.Context(), q))
	const n = 600 // more than two consumers hold
	sendAll(t, sender, q.Key, n)

	b := newBus(t, p.url())
	b.topology = sender.topology
	started(t, b)
	w, kills := &ledger{}, 0
	w.hook = func(ctx context.Context, _ []bus.Message) error {
		if kills < 8 {
			kills++
			p.cut()
			<-ctx.Done() // a killed worker does nothing more
			return ctx.Err()
		}
		return nil
	}
	consuming(t, b, q, w)
	eventually(t, "the last is handled", func() bool { return slices.Contains(w.seen(), fmt.Sprint(n-1)) })
	requireInOrder(t, w.seen(), n)
}

// A queue that refuses a message says so with a nack.
func TestRefusedMessage(t *testing.T) {
	t.Parallel()
	b := started(t, newBus(t, testURL(t)))
	ch, name := direct(t), b.topology.name("full")
	_, err := ch.QueueDeclare(name, false, false, true, false, amqp.Table{"x-max-length": 1, "x-overflow": "reject-publish"})
	require.NoError(t, err)
	require.NoError(t, ch.QueueBind(name, "full", b.topology.incoming(), false, nil))
	msg := bus.Message{Key: "full", Body: []byte("x")}
	require.NoError(t, b.Send(t.Context(), msg))
	eventually(t, "the queue is full", func() bool { return b.Send(t.Context(), msg) != nil })
	require.ErrorIs(t, b.Send(t.Context(), msg), bus.ErrUnavailable)
}

// Where many messages wait, a sender is admitted when some have gone, or when it has waited for long enough.
func TestSendersAreSlowedDown(t *testing.T) {
	t.Parallel()
	b := started(t, newBus(t, testURL(t)))
	q := bus.Queue{Name: "crowded", Key: "crowded", Batch: 20, Ordered: true, MaxLength: 10 * slowAbove}
	require.NoError(t, b.Declare(t.Context(), q))
	l := b.topology.backlog(q.Key)
	s, err := b.publishing.use()
	require.NoError(t, err)
	slow := func() bool {
		admitted, _, err := l.try(s, false)
		require.NoError(t, err)
		return !admitted
	}
	for range slowAbove + 2 {
		require.NoError(t, b.Send(t.Context(), bus.Message{Key: q.Key, Body: []byte("x")}))
	}
	eventually(t, "senders are slowed down", slow)
	admitted, _, err := l.try(s, true)
	require.NoError(t, err)
	require.True(t, admitted, "this one has waited")

	purged, err := direct(t).QueuePurge(b.topology.name(q.Name), false)
	require.NoError(t, err)
	require.Equal(t, slowAbove+2, purged, "slow, but not refused")
	eventually(t, "nobody is slowed down any more", func() bool { return !slow() })
}

// More senders than may be in flight take turns, and those that stop waiting leave no slot taken.
func TestSlots(t *testing.T) {
	t.Parallel()
	b := started(t, newBus(t, testURL(t)))
	q := bus.Queue{Name: "work", Key: "work", Batch: 20, Ordered: true}
	require.NoError(t, b.Declare(t.Context(), q))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	for range 2 * maxInFlight {
		all.Go(func() { _ = b.Send(ctx, bus.Message{Key: q.Key}) })
		all.Go(func() {
			if err := b.Send(t.Context(), bus.Message{Key: "nowhere"}); !errors.Is(err, bus.ErrUnroutable) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s, err := b.publishing.use()
	require.NoError(t, err)
	lane := s.lanes.work
	eventually(t, "all slots are free", func() bool { return len(lane.slots) == 0 })
	require.Empty(t, lane.returns)
	lane.mu.Lock()
	defer lane.mu.Unlock()
	require.Empty(t, lane.returned)
}

func TestStartFailsAndMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	p.setRefuse(true)
	b := newBus(t, p.url())
	require.ErrorIs(t, b.Start(t.Context()), bus.ErrUnavailable)
	require.ErrorIs(t, b.Check(t.Context()), bus.ErrUnavailable)
	p.setRefuse(false)
	started(t, b)
	require.NoError(t, b.Check(t.Context()))
}

func TestLongNames(t *testing.T) {
	t.Parallel()
	b := started(t, newBus(t, testURL(t)))
	long := string(slices.Repeat([]byte("x"), 256))
	for _, msg := range []bus.Message{{Key: long}, {Type: long}} {
		require.ErrorContains(t, b.Send(t.Context(), msg), "longer than")
		require.ErrorContains(t, b.Publish(t.Context(), msg), "longer than")
		_, err := b.Call(t.Context(), msg)
		require.ErrorContains(t, err, "longer than")
	}
	in, err := b.Open(t.Context(), "one", &rebinder{})
	require.NoError(t, err)
	require.ErrorContains(t, in.Bind(t.Context(), long), "longer than")
	require.NoError(t, in.Bind(t.Context(), "short"), "the connection is none the worse for it")
}
