package bustest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

// inboxTests are about bindings and the life of an inbox.
var inboxTests = map[string]func(*testing.T, opener){
	"what is published after Bind returned arrives":         testBindVisible,
	"what is published after Unbind returned does not":      testUnbindVisible,
	"binding twice and unbinding what is not bound is fine": testBindAgain,
	"many keys are bound and unbound at once":               testManyKeys,
	"bindings may be changed by many goroutines":            testConcurrentBinds,
	"binding while events pour in loses none":               testBindUnderLoad,
	"a closed inbox is gone with its bindings":              testInboxClose,
	"an inbox name is taken once":                           testInboxTaken,
	"closing waits for the receiver":                        testCloseWaits,
	"inboxes come and go while events pour in":              testInboxesUnderLoad,
}

func testBindVisible(t *testing.T, open opener) {
	b, r := open.start(t), &receiver{}
	in := inbox(t, b, "one", r)
	var want []string
	for i := range 50 {
		key := fmt.Sprint("channel:", i)
		require.NoError(t, in.Bind(timeout(t), key))
		require.NoError(t, b.Publish(timeout(t), event(key, key)))
		want = append(want, key)
	}
	r.requireReceived(t, want...)
}

func testUnbindVisible(t *testing.T, open opener) {
	b, r := open.start(t), &receiver{}
	in := inbox(t, b, "one", r, "marker")
	var want []string
	for i := range 30 {
		key, body := "channel:1", fmt.Sprint(i)
		require.NoError(t, in.Bind(timeout(t), key))
		require.NoError(t, b.Publish(timeout(t), event(key, body)))
		require.NoError(t, in.Unbind(timeout(t), key))
		require.NoError(t, b.Publish(timeout(t), event(key, "unwanted"), event("marker", "m")))
		want = append(want, body, "m")
	}
	r.requireReceived(t, want...)
}

func testBindAgain(t *testing.T, open opener) {
	b, r := open.start(t), &receiver{}
	in := inbox(t, b, "one", r, "channel:1", "channel:1")
	require.NoError(t, in.Bind(timeout(t), "channel:1"))
	require.NoError(t, in.Bind(timeout(t)))
	require.NoError(t, in.Unbind(timeout(t), "never bound"))
	require.NoError(t, in.Unbind(timeout(t)))
	require.NoError(t, b.Publish(timeout(t), event("channel:1", "a"), event("channel:1", "b")))
	r.requireReceived(t, "a", "b")
	require.NoError(t, in.Unbind(timeout(t), "channel:1", "channel:1"))
	require.NoError(t, in.Bind(timeout(t), "marker"))
	require.NoError(t, b.Publish(timeout(t), event("channel:1", "unwanted"), event("marker", "m")))
	r.requireReceived(t, "a", "b", "m")
}

func testManyKeys(t *testing.T, open opener) {
	b, r := open.start(t), &receiver{}
	in := inbox(t, b, "one", r, "marker")
	keys := make([]string, 1500)
	all := make([]bus.Message, len(keys))
	for i := range keys {
		keys[i] = fmt.Sprint("channel:", i)
		all[i] = event(keys[i], keys[i])
	}
	require.NoError(t, in.Bind(timeout(t), keys...))
	require.NoError(t, b.Publish(timeout(t), all...))
	r.requireReceived(t, keys...)
	require.NoError(t, in.Unbind(timeout(t), keys[1:]...))
	require.NoError(t, b.Publish(timeout(t), slices.Concat(all, []bus.Message{event("marker", "m")})...))
	r.requireReceived(t, slices.Concat(keys, []string{keys[0], "m"})...)
}

func testConcurrentBinds(t *testing.T, open opener) {
	b, r := open.start(t), &receiver{}
	in, ctx := inbox(t, b, "one", r), timeout(t)
	const n = 32
	var events []bus.Message
	for i := range n {
		events = append(events, event(fmt.Sprint("even:", i), "x"), event(fmt.Sprint("odd:", i), "x"))
	}
	parallel(n, func(i int) {
		for range 3 {
			if err := in.Bind(ctx, fmt.Sprint("even:", i), fmt.Sprint("odd:", i)); err != nil {
				t.Error(err)
			}
			if err := in.Unbind(ctx, fmt.Sprint("odd:", i)); err != nil {
				t.Error(err)
			}
		}
	})
	require.NoError(t, in.Bind(ctx, "marker"))
	require.NoError(t, b.Publish(ctx, append(events, event("marker", "m"))...))
	eventually(t, "the marker arrives", func() bool {
		got := r.received()
		return len(got) > 0 && got[len(got)-1] == "m"
	})
	require.Len(t, r.received(), n+1)
}

// pour publishes numbered events with the key until the returned function is called, which returns their number.
func pour(t *testing.T, b bus.Bus, key string) (end func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(timeout(t))
	result := make(chan int, 1)
	go func() {
		n := 0
		for ctx.Err() == nil {
			// Not with ctx: the last one must have been published, or not.
			if err := b.Publish(context.WithoutCancel(ctx), event(key, numbered(0, n))); err != nil {
				t.Errorf("publish: %v", err)
				break
			}
			n++
		}
		result <- n
	}()
	return func() int {
		cancel()
		return wait(t, "publishing ends", result)
	}
}

func testBindUnderLoad(t *testing.T, open opener) {
	b, r := open.start(t), &receiver{}
	in := inbox(t, b, "one", r, "channel:1")
	end := pour(t, b, "channel:1")
	for i := range 40 {
		keys := []string{fmt.Sprint("a:", i), fmt.Sprint("b:", i), fmt.Sprint("c:", i)}
		require.NoError(t, in.Bind(timeout(t), keys...))
		require.NoError(t, in.Unbind(timeout(t), keys...))
	}
	n := end()
	eventually(t, "all arrive", func() bool { return len(r.received()) >= n })
	requireOrdered(t, r.received(), 1, n)
}

func testInboxClose(t *testing.T, open opener) {
	b, r := open.start(t), &receiver{}
	in := inbox(t, b, "one", r, "channel:1", "channel:2")
	require.NoError(t, b.Publish(timeout(t), event("channel:1", "a")))
	r.requireReceived(t, "a")
	require.NoError(t, in.Close(timeout(t)))
	require.NoError(t, in.Close(timeout(t)), "again")
	require.ErrorIs(t, in.Bind(timeout(t), "channel:3"), bus.ErrUnavailable)
	require.ErrorIs(t, in.Unbind(timeout(t), "channel:1"), bus.ErrUnavailable)
	require.NoError(t, b.Publish(timeout(t), event("channel:1", "b")))
	_, err := b.Call(timeout(t), event("channel:1", "c"))
	require.ErrorIs(t, err, bus.ErrUnroutable)

	again := &receiver{}
	inbox(t, b, "one", again, "channel:2")
	require.NoError(t, b.Publish(timeout(t), event("channel:1", "old binding"), event("channel:2", "d")))
	again.requireReceived(t, "d")
	require.Equal(t, []string{"a"}, r.received())
}

func testInboxTaken(t *testing.T, open opener) {
	b := open.start(t)
	in := inbox(t, b, "one", &receiver{})
	_, err := b.Open(timeout(t), "one", &receiver{})
	require.ErrorContains(t, err, "one")
	require.NoError(t, in.Close(timeout(t)))
	inbox(t, b, "one", &receiver{})
}

func testCloseWaits(t *testing.T, open opener) {
	b, entered, release := open.start(t), make(chan struct{}), make(chan struct{})
	r := &receiver{hook: func(bus.Message) {
		close(entered)
		<-release
	}}
	in := inbox(t, b, "one", r, "channel:1")
	require.NoError(t, b.Publish(timeout(t), event("channel:1", "a")))
	wait(t, "the receiver is at work", entered)

	impatient, cancel := context.WithCancel(timeout(t))
	cancel()
	require.ErrorIs(t, in.Close(impatient), context.Canceled)
	closed := make(chan error, 1)
	go func() { closed <- in.Close(timeout(t)) }()
	select {
	case err := <-closed:
		require.FailNow(t, "Close did not wait for the receiver", err)
	default:
	}
	close(release)
	require.NoError(t, wait(t, "Close returns", closed))
}

func testInboxesUnderLoad(t *testing.T, open opener) {
	b, constant := open.start(t), &receiver{}
	inbox(t, b, "constant", constant, "channel:1")
	end := pour(t, b, "channel:1")
	for i := range 10 {
		r := &receiver{}
		in := inbox(t, b, fmt.Sprint("visitor ", i), r, "channel:1")
		eventually(t, "it gets events", func() bool { return len(r.received()) > 0 })
		require.NoError(t, in.Close(timeout(t)))
	}
	n := end()
	eventually(t, "all arrive", func() bool { return len(constant.received()) >= n })
	requireOrdered(t, constant.received(), 1, n)
}
