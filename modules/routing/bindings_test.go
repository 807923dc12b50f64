package routing

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// broker is a Binder that takes its time, fails as told, and is forgetful when reset.
type broker struct {
	mu      sync.Mutex
	rng     *rand.Rand
	failing float64 // probability
	bound   map[string]bool
	calls   int
}

var errBroker = errors.New("broker error")

func newBroker(seed uint64) *broker {
	return &broker{rng: rand.New(rand.NewPCG(seed, 0)), bound: make(map[string]bool)}
}

func (b *broker) change(ctx context.Context, keys []string, to bool) error {
	b.mu.Lock()
	delay := time.Duration(b.rng.IntN(20)) * time.Millisecond
	fail := b.rng.Float64() < b.failing
	reach := len(keys)
	if fail {
		reach = b.rng.IntN(len(keys) + 1)
	}
	b.calls++
	b.mu.Unlock()

	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range keys[:reach] {
		if to {
			b.bound[key] = true
		} else {
			delete(b.bound, key)
		}
	}
	if fail {
		return errBroker
	}
	return nil
}

func (b *broker) Bind(ctx context.Context, keys ...string) error   { return b.change(ctx, keys, true) }
func (b *broker) Unbind(ctx context.Context, keys ...string) error { return b.change(ctx, keys, false) }

func (b *broker) has(key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bound[key]
}

func (b *broker) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.bound)
}

func (b *broker) set(failing float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failing = failing
}

const delay = 30 * time.Second

// start runs Bindings against a broker inside a synctest bubble.
func start(t *testing.T, b *broker) *Bindings {
	t.Helper()
	bindings := NewBindings(delay, NewMetrics(nil), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = bindings.Run(ctx, b)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return bindings
}

func TestBindsOnceForManyNeeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		bindings := start(t, b)
		<-bindings.Acquire("channel:1", "channel:2")
		calls := b.calls
		since := <-bindings.Acquire("channel:1")
		require.LessOrEqual(t, since, bindings.Clock())
		require.True(t, b.has("channel:1"))
		synctest.Wait()
		require.Equal(t, calls, b.calls, "a bound key needs no call")

		bindings.Release("channel:1")
		<-time.After(2 * delay)
		require.True(t, b.has("channel:1"), "still needed once")
	})
}

func TestUnbindsLateAndOnlyWhatIsStillUnused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		bindings := start(t, b)
		<-bindings.Acquire("channel:1", "channel:2")
		bindings.Release("channel:1", "channel:2")
		<-time.After(delay - time.Second)
		require.True(t, b.has("channel:1"))
		require.True(t, b.has("channel:2"))
		bindings.Acquire("channel:2")
		<-time.After(2 * time.Second)
		synctest.Wait()
		require.False(t, b.has("channel:1"), "unused for longer than the delay")
		require.True(t, b.has("channel:2"), "wanted again meanwhile")
		wanted, confirmed := bindings.Counts()
		require.Equal(t, 1, wanted)
		require.Equal(t, 1, confirmed)
	})
}

func TestClockTellsWhetherKeysWereBoundBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bindings := start(t, newBroker(3))
		before := bindings.Clock()
		first := <-bindings.Acquire("group:1")
		require.Greater(t, first, before, "bound after the reading")
		later := bindings.Clock()
		again := <-bindings.Acquire("group:1")
		require.LessOrEqual(t, again, later, "bound all along")
		mixed := <-bindings.Acquire("group:1", "group:2")
		require.Greater(t, mixed, later, "as new as its newest key")
	})
}

func TestResetBindsWhatIsWantedNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(4)
		bindings := start(t, b)
		<-bindings.Acquire("user:1", "user:2")
		bindings.Release("user:2")
		b.set(1)
		waiting := bindings.Acquire("user:3")
		b.forget()
		bindings.Reset()
		b.set(0)
		<-waiting
		<-bindings.Acquire("user:1")
		synctest.Wait()
		require.True(t, b.has("user:1"))
		require.True(t, b.has("user:3"))
		require.False(t, b.has("user:2"), "nobody needed it at the time of the reset")
	})
}

func TestUnbindsUsersAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(6)
		bindings := start(t, b)
		<-bindings.Acquire("user:1", "user:2", "channel:1")
		bindings.Acquire("user:2")
		bindings.Release("channel:1", "user:1", "user:2")
		<-time.After(time.Second)
		require.False(t, b.has("user:1"))
		require.True(t, b.has("user:2"), "needed once more")
		require.True(t, b.has("channel:1"), "lingers")

		<-bindings.Acquire("user:1")
		bindings.Release("user:1")
		<-bindings.Acquire("user:1")
		<-time.After(time.Second)
		require.True(t, b.has("user:1"), "gone and back at the same moment")

		b.set(1)
		bindings.Release("user:1")
		<-time.After(time.Minute)
		b.set(0)
		<-time.After(10 * time.Second)
		require.False(t, b.has("user:1"), "tried again")
	})
}

func TestReleasingTooOftenIsHarmless(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(5)
		bindings := start(t, b)
		bindings.Release("user:1")
		<-bindings.Acquire("user:1")
		require.True(t, b.has("user:1"))
	})
}

// op is one step of the model: a connection that needs a set of keys for a while, or a mishap.
type op struct {
	kind string // connect, disconnect, wait, reset, fail, heal
	keys []string
	wait time.Duration
}

func drawOps(rt *rapid.T) []op {
	key := rapid.Custom(func(rt *rapid.T) string {
		return rapid.SampledFrom([]string{"channel:", "user:"}).Draw(rt, "of") + strconv.Itoa(rapid.IntRange(0, 2).Draw(rt, "key"))
	})
	return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) op {
		return op{
			kind: rapid.SampledFrom([]string{"connect", "connect", "connect", "disconnect", "disconnect", "wait", "wait", "reset", "fail", "heal"}).Draw(rt, "kind"),
			keys: rapid.SliceOfNDistinct(key, 1, 4, rapid.ID[string]).Draw(rt, "keys"),
			wait: time.Duration(rapid.IntRange(0, 40_000).Draw(rt, "ms")) * time.Millisecond,
		}
	}), 1, 60).Draw(rt, "ops")
}

// TestNoWantedKeyIsEverLeftUnbound drives racing connects, disconnects, broker errors and
// resets, and compares with the model: a key is needed by exactly the connections that hold it.
func TestNoWantedKeyIsEverLeftUnbound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ops, seed := drawOps(rt), rapid.Uint64().Draw(rt, "seed")
		synctest.Test(t, func(t *testing.T) {
			b := newBroker(seed)
			bindings := start(t, b)
			m := &model{t: t, broker: b, bindings: bindings, gone: make(map[string]bool)}
			for _, o := range ops {
				m.apply(o)
			}
			m.finish()
		})
	})
}

// model remembers who holds what.
type model struct {
	t        *testing.T
	broker   *broker
	bindings *Bindings
	open     []*holder
	resets   int
	gone     map[string]bool // keys of users that nobody needs
	failing  bool
}

type holder struct {
	keys   []string
	bound  <-chan uint64
	resets int // of the model when it was told that its keys are bound
	told   bool
}

func (m *model) apply(o op) {
	switch o.kind {
	case "connect":
		m.open = append(m.open, &holder{keys: o.keys, bound: m.bindings.Acquire(o.keys...)})
		for _, key := range o.keys {
			delete(m.gone, key)
		}
	case "disconnect":
		if len(m.open) > 0 {
			m.release(m.open[0].keys)
		}
	case "wait":
		<-time.After(o.wait)
		synctest.Wait()
		m.check()
		if !m.failing && o.wait > 10*time.Second { // longer than the broker is given a rest
			for key, gone := range m.gone {
				require.False(m.t, gone && m.broker.has(key), "%s must not linger", key)
			}
		}
	case "reset":
		synctest.Wait() // promises made before the reset are void after it: take note of them first
		m.check()
		m.broker.forget()
		m.bindings.Reset()
		m.resets++
	case "fail":
		m.failing = true
		m.broker.set(0.7)
	case "heal":
		m.failing = false
		m.broker.set(0)
	}
}

// release has the oldest holder go.
func (m *model) release(keys []string) {
	m.bindings.Release(keys...)
	m.open = m.open[1:]
	for _, key := range keys {
		needed := slices.ContainsFunc(m.open, func(h *holder) bool { return slices.Contains(h.keys, key) })
		m.gone[key] = strings.HasPrefix(key, "user:") && !needed
	}
}

// check holds at any moment: who was told that its keys are bound finds them bound, unless the broker has been reset since.
func (m *model) check() {
	for _, h := range m.open {
		select {
		case <-h.bound:
			h.told, h.resets = true, m.resets
		default:
		}
		if !h.told || h.resets != m.resets {
			continue
		}
		for _, key := range h.keys {
			require.True(m.t, m.broker.has(key), "%s was promised to be bound", key)
		}
	}
}

// finish holds in the end: with a healthy broker and enough time, exactly the needed keys are bound.
func (m *model) finish() {
	m.broker.set(0)
	<-time.After(3 * delay)
	synctest.Wait()
	m.check()
	needed := make(map[string]bool)
	for _, h := range m.open {
		for _, key := range h.keys {
			needed[key] = true
		}
		require.True(m.t, h.told, "a holder waits for ever")
	}
	m.broker.mu.Lock()
	defer m.broker.mu.Unlock()
	require.Equal(m.t, needed, m.broker.bound)
	wanted, confirmed := m.bindings.Counts()
	require.Len(m.t, needed, wanted)
	require.Len(m.t, needed, confirmed)
	require.Empty(m.t, m.bindings.tickets)
	require.Len(m.t, m.bindings.keys, len(needed))
}
