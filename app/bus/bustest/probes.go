package bustest

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

// probeTests are about finding out who listens.
var probeTests = map[string]func(*testing.T, opener){
	"a probe tells who is bound":               testProbe,
	"a probe follows the bindings":             testProbeFollows,
	"many probes keep their order":             testManyProbes,
	"probes at the same time do not mix":       testConcurrentProbes,
	"a probe comes after what was published":   testProbeAfterPublish,
	"a probe ends with its context":            testProbeContext,
	"probes that end early leave others alone": testProbesGivenUp,
}

func probe(t *testing.T, b bus.Bus, keys ...string) []bool {
	t.Helper()
	msgs := make([]bus.Message, len(keys))
	for i, key := range keys {
		msgs[i] = event(key, "probe of "+key)
	}
	reached, err := b.Probe(timeout(t), msgs...)
	require.NoError(t, err)
	return reached
}

func testProbe(t *testing.T, open opener) {
	b, one, two := open.start(t), &receiver{}, &receiver{}
	require.Empty(t, probe(t, b))
	require.Equal(t, []bool{false}, probe(t, b, "user:1"), "there is no inbox at all")
	inbox(t, b, "one", one, "user:1", "user:2")
	inbox(t, b, "two", two, "user:2")
	require.Equal(t, []bool{true, false, true, false, true}, probe(t, b, "user:1", "user:3", "user:2", "channel:1", "user:1"))
	one.requireReceived(t, "probe of user:1", "probe of user:2", "probe of user:1")
	two.requireReceived(t, "probe of user:2")
	got := one.messages()[0]
	require.Equal(t, bus.Message{Key: "user:1", Type: "test", Body: got.Body}, got, "no question that could be answered")

	msg := event("user:3", "x")
	msg.Also = []string{"user:1"}
	reached, err := b.Probe(timeout(t), msg)
	require.NoError(t, err)
	require.Equal(t, []bool{false}, reached, "of further keys it takes no notice")
}

func testProbeFollows(t *testing.T, open opener) {
	b := open.start(t)
	in := inbox(t, b, "one", &receiver{})
	for range 20 {
		require.NoError(t, in.Bind(timeout(t), "user:1"))
		require.Equal(t, []bool{true}, probe(t, b, "user:1"))
		require.NoError(t, in.Unbind(timeout(t), "user:1"))
		require.Equal(t, []bool{false}, probe(t, b, "user:1"))
	}
	require.NoError(t, in.Bind(timeout(t), "user:1"))
	require.NoError(t, in.Close(timeout(t)))
	require.Equal(t, []bool{false}, probe(t, b, "user:1"))
}

// probed is the keys of many users, of whom every third is bound, and what a probe of them says.
func probed(n int) (keys, bound []string, want []bool) {
	for i := range n {
		key := fmt.Sprint("user:", i)
		if i%3 == 0 {
			bound = append(bound, key)
		}
		keys, want = append(keys, key), append(want, i%3 == 0)
	}
	return keys, bound, want
}

func testManyProbes(t *testing.T, open opener) {
	b, r := open.start(t), &receiver{}
	keys, bound, want := probed(3000) // more than can be under way at once
	inbox(t, b, "one", r, bound...)
	require.Equal(t, want, probe(t, b, keys...))
	bodies := make([]string, len(bound))
	for i, key := range bound {
		bodies[i] = "probe of " + key
	}
	r.requireReceived(t, bodies...)
}

func testConcurrentProbes(t *testing.T, open opener) {
	b, ctx := open.start(t), timeout(t)
	keys, bound, want := probed(200)
	inbox(t, b, "one", answering(t, b, "!"), bound...)
	parallel(16, func(i int) {
		if i%4 == 0 {
			if _, err := b.Call(ctx, event(bound[i], "question")); err != nil {
				t.Errorf("call: %v", err)
			}
		}
		msgs := make([]bus.Message, 0, len(keys))
		for _, key := range keys[i:] {
			msgs = append(msgs, event(key, "x"))
		}
		reached, err := b.Probe(ctx, msgs...)
		if err != nil || fmt.Sprint(reached) != fmt.Sprint(want[i:]) {
			t.Errorf("probe %d: %v, %v", i, reached, err)
		}
	})
}

func testProbeAfterPublish(t *testing.T, open opener) {
	b, r := open.start(t), &receiver{}
	inbox(t, b, "one", r, "user:1")
	var want []string
	for i := range 20 {
		require.NoError(t, b.Publish(timeout(t), event("user:1", fmt.Sprint(i))))
		require.Equal(t, []bool{true}, probe(t, b, "user:1"))
		want = append(want, fmt.Sprint(i), "probe of user:1")
	}
	require.NoError(t, b.Publish(timeout(t), event("user:1", "last")))
	r.requireReceived(t, append(want, "last")...)
}

func testProbeContext(t *testing.T, open opener) {
	b := open.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Probe(ctx, event("user:1", "x"))
	require.ErrorIs(t, err, context.Canceled)
}

func testProbesGivenUp(t *testing.T, open opener) {
	b := open.start(t)
	keys, bound, want := probed(300)
	inbox(t, b, "one", &receiver{}, bound...)
	msgs := make([]bus.Message, len(keys))
	for i, key := range keys {
		msgs[i] = event(key, "x")
	}
	parallel(8, func(int) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if reached, err := b.Probe(ctx, msgs...); err == nil && fmt.Sprint(reached) != fmt.Sprint(want) {
				t.Errorf("probe: %v", reached)
			}
		}()
		cancel()
		<-done
	})
	require.Equal(t, want, probe(t, b, keys...))
}
