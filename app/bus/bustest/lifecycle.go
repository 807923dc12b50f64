package bustest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

// lifecycleTests are about starting and stopping.
var lifecycleTests = map[string]func(*testing.T, opener){
	"stopping twice, and before Start":      testStopTwice,
	"nothing works before Start":            testBeforeStart,
	"nothing works after Stop":              testAfterStop,
	"consuming waits for Start":             testConsumeBeforeStart,
	"Stop ends consumers and inboxes":       testStopEnds,
	"Stop waits for what is being sent":     testStopWaits,
	"Stop gives up with its context":        testStopGivesUp,
	"the bus is named and checked":          testCheck,
	"starting twice is starting once":       testStartTwice,
	"nonsense is refused before it is sent": testNonsense,
}

func testStopTwice(t *testing.T, open opener) {
	b := open(t)
	stop(t, b)
	stop(t, b)
	require.ErrorIs(t, b.Start(timeout(t)), bus.ErrUnavailable, "stopped is stopped")

	b = open.start(t)
	stop(t, b)
	stop(t, b)
	parallel(4, func(int) {
		if err := b.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// requireRefused checks that nothing can be done with the bus, and that trying does not wait.
func requireRefused(t *testing.T, b bus.Bus) {
	t.Helper()
	q := queue("refused", 1)
	require.ErrorIs(t, b.Send(timeout(t), work(q, "x")), bus.ErrUnavailable)
	require.ErrorIs(t, b.Publish(timeout(t), event("channel:1", "x")), bus.ErrUnavailable)
	_, err := b.Call(timeout(t), event("server:1", "x"))
	require.ErrorIs(t, err, bus.ErrUnavailable)
	_, err = b.Probe(timeout(t), event("user:1", "x"))
	require.ErrorIs(t, err, bus.ErrUnavailable)
	require.ErrorIs(t, b.Reply(timeout(t), bus.Message{ReplyTo: "1 x"}, nil), bus.ErrUnavailable)
	require.ErrorIs(t, b.Declare(timeout(t), q), bus.ErrUnavailable)
	_, err = b.Open(timeout(t), "1", &receiver{})
	require.ErrorIs(t, err, bus.ErrUnavailable)
	require.ErrorIs(t, b.Check(timeout(t)), bus.ErrUnavailable)
}

func testBeforeStart(t *testing.T, open opener) {
	b := open(t)
	requireRefused(t, b)
	ctx, cancel := context.WithCancel(timeout(t))
	cancel()
	require.NoError(t, b.Consume(ctx, queue("early", 1), &worker{}))
	stop(t, b)
}

func testAfterStop(t *testing.T, open opener) {
	b := open.start(t)
	q := queue("late", 1)
	require.NoError(t, b.Declare(timeout(t), q))
	in := inbox(t, b, "one", &receiver{}, "channel:1")
	stop(t, b)
	requireRefused(t, b)
	require.ErrorIs(t, b.Consume(timeout(t), q, &worker{}), bus.ErrUnavailable)
	require.ErrorIs(t, in.Bind(timeout(t), "channel:2"), bus.ErrUnavailable)
	require.NoError(t, in.Close(timeout(t)))
}

func testConsumeBeforeStart(t *testing.T, open opener) {
	b, q, w := open(t), queue("early", 1), &worker{}
	consume(t, b, q, w)
	require.NoError(t, b.Start(timeout(t)))
	t.Cleanup(func() { stop(t, b) })
	require.NoError(t, b.Declare(timeout(t), q))
	require.NoError(t, b.Send(timeout(t), work(q, "x")))
	eventually(t, "it is handled", func() bool { return len(w.seen()) == 1 })
}

func testStopEnds(t *testing.T, open opener) {
	b, q, r := open.start(t), queue("ended", 1), &receiver{}
	require.NoError(t, b.Declare(timeout(t), q))
	active, waiting := consume(t, b, q, &worker{}), consume(t, b, q, &worker{})
	inbox(t, b, "one", r, "channel:1")
	require.NoError(t, b.Send(timeout(t), work(q, "x")))
	stop(t, b)
	for _, c := range []*consumption{active, waiting} {
		err := wait(t, "Consume returns", c.result)
		require.ErrorIs(t, err, bus.ErrUnavailable)
		c.result <- err // for the clean-up
	}
	require.Zero(t, r.resets)
}

func testStopWaits(t *testing.T, open opener) {
	b, q := open.start(t), queue("sending", 1)
	require.NoError(t, b.Declare(timeout(t), q))
	entered, release := make(chan struct{}), make(chan struct{})
	consume(t, b, q, &worker{hook: func(ctx context.Context, _ []bus.Message) error {
		close(entered)
		<-release
		// Nor can what the consumer needs for it be taken away.
		return b.Publish(ctx, event("channel:1", "x"))
	}})
	sent := sendPoison(t, b, work(q, "under way"))
	wait(t, "the worker is at work", entered)
	stopped := make(chan error, 1)
	go func() { stopped <- b.Stop(timeout(t)) }()
	eventually(t, "new work is refused", func() bool { return b.Check(t.Context()) != nil })
	close(release)
	require.NoError(t, wait(t, "Send returns", sent))
	require.NoError(t, wait(t, "Stop returns", stopped))
}

func testStopGivesUp(t *testing.T, open opener) {
	b, q := open(t), queue("hanging", 1)
	require.NoError(t, b.Start(timeout(t)))
	require.NoError(t, b.Declare(timeout(t), q))
	release, entered := make(chan struct{}), make(chan struct{}, 2)
	hang := func() {
		entered <- struct{}{}
		<-release
	}
	c := consume(t, b, q, &worker{hook: func(context.Context, []bus.Message) error { hang(); return nil }})
	inbox(t, b, "one", &receiver{hook: func(bus.Message) { hang() }}, "channel:1")
	sent := sendPoison(t, b, work(q, "x"))
	require.NoError(t, b.Publish(timeout(t), event("channel:1", "x")))
	wait(t, "the first is at work", entered)
	wait(t, "the second is at work", entered)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.Error(t, b.Stop(ctx), "it says that something was left")
	close(release)
	require.ErrorIs(t, wait(t, "Consume returns", c.result), bus.ErrUnavailable)
	c.result <- nil                       // for the clean-up
	t.Log("the message at hand:", <-sent) // nil or ErrUnavailable, both are true
	stop(t, b)
}

func testCheck(t *testing.T, open opener) {
	b := open.start(t)
	require.NoError(t, b.Check(timeout(t)))
	require.NotEmpty(t, b.Name())
}

func testStartTwice(t *testing.T, open opener) {
	b := open.start(t)
	require.NoError(t, b.Start(timeout(t)))
	require.NoError(t, b.Check(timeout(t)))
}

func testNonsense(t *testing.T, open opener) {
	b := open.start(t)
	require.Error(t, b.Declare(timeout(t), bus.Queue{Key: "nameless", Batch: 1}))
	require.Error(t, b.Consume(timeout(t), bus.Queue{Name: "no batch", Key: "x"}, &worker{}))
	require.NoError(t, b.Check(timeout(t)), "nothing is the worse for it")
}
