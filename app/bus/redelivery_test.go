package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/bus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

// scriptedWorker fails as its script says and notes what it was handed.
type scriptedWorker struct {
	work   func(try int, batch []string) error // try counts the calls of Work from 1
	gaveUp func(try int) error                 // nil: always succeeds

	tries  []string // the batch of each call of Work, joined
	losses []string // the message and cause of each call of GaveUp
}

func (w *scriptedWorker) Work(_ context.Context, batch []bus.Message) error {
	keys := make([]string, len(batch))
	joined := ""
	for i, m := range batch {
		keys[i] = m.Key
		joined += m.Key
	}
	w.tries = append(w.tries, joined)
	return w.work(len(w.tries), keys)
}

func (w *scriptedWorker) GaveUp(_ context.Context, msg bus.Message, cause error) error {
	w.losses = append(w.losses, fmt.Sprintf("%s: %v", msg.Key, cause))
	if w.gaveUp == nil {
		return nil
	}
	return w.gaveUp(len(w.losses))
}

func batchOf(keys string) []bus.Message {
	var batch []bus.Message
	for _, k := range keys {
		batch = append(batch, bus.Message{Key: string(k)})
	}
	return batch
}

func TestRedelivery(t *testing.T) {
	t.Parallel()
	transient := fmt.Errorf("database: %w", bus.ErrTransient)
	const a, d = bus.Ack, bus.Dead

	tests := []struct {
		name   string
		batch  string
		work   func(try int, batch []string) error
		gaveUp func(try int) error
		tries  []string
		losses []string
		want   []bus.Verdict
	}{
		{
			name: "all well", batch: "abc",
			work:  func(int, []string) error { return nil },
			tries: []string{"abc"}, want: []bus.Verdict{a, a, a},
		},
		{
			name: "a glitch costs one more try of the whole batch", batch: "abc",
			work: func(try int, _ []string) error {
				if try == 1 {
					return errBroken
				}
				return nil
			},
			tries: []string{"abc", "abc"}, want: []bus.Verdict{a, a, a},
		},
		{
			name: "transient failures are retried as a whole for as long as it takes", batch: "ab",
			work: func(try int, _ []string) error {
				if try < 10 {
					return transient
				}
				return nil
			},
			tries: []string{"ab", "ab", "ab", "ab", "ab", "ab", "ab", "ab", "ab", "ab"}, want: []bus.Verdict{a, a},
		},
		{
			name: "an unavailable bus is transient", batch: "a",
			work: func(try int, _ []string) error {
				if try <= bus.Attempts+1 {
					return fmt.Errorf("publish: %w", bus.ErrUnavailable)
				}
				return nil
			},
			tries: []string{"a", "a", "a", "a", "a"}, want: []bus.Verdict{a},
		},
		{
			name: "transient failures between others do not count", batch: "a",
			work: func(try int, _ []string) error {
				switch {
				case try%2 == 0:
					return transient
				case try < 5:
					return errBroken
				}
				return nil
			},
			tries: []string{"a", "a", "a", "a", "a"}, want: []bus.Verdict{a},
		},
		{
			name: "poison goes alone and dies, the others live, order is kept", batch: "abc",
			work: func(_ int, batch []string) error {
				if slices.Contains(batch, "b") {
					return errBroken
				}
				return nil
			},
			tries:  []string{"abc", "abc", "a", "b", "b", "b", "c"},
			losses: []string{"b: broken"}, want: []bus.Verdict{a, d, a},
		},
		{
			name: "a batch of one that fails is not tried as a batch first", batch: "a",
			work:  func(int, []string) error { return errBroken },
			tries: []string{"a", "a", "a"}, losses: []string{"a: broken"}, want: []bus.Verdict{d},
		},
		{
			name: "a panic is a failure", batch: "ab",
			work: func(_ int, batch []string) error {
				if slices.Contains(batch, "a") {
					panic("bug")
				}
				return nil
			},
			tries:  []string{"ab", "ab", "a", "a", "a", "b"},
			losses: []string{"a: panic in Work: bug"}, want: []bus.Verdict{d, a},
		},
		{
			name: "GaveUp is repeated until it works", batch: "a",
			work: func(int, []string) error { return errBroken },
			gaveUp: func(try int) error {
				switch try {
				case 1:
					return errBroken
				case 2:
					panic("bug")
				}
				return nil
			},
			tries: []string{"a", "a", "a"}, losses: []string{"a: broken", "a: broken", "a: broken"},
			want: []bus.Verdict{d},
		},
		{
			name: "every message poison", batch: "ab",
			work:  func(int, []string) error { return errBroken },
			tries: []string{"ab", "ab", "a", "a", "a", "b", "b", "b"}, losses: []string{"a: broken", "b: broken"},
			want: []bus.Verdict{d, d},
		},
		{
			name: "nothing to do", batch: "",
			work: func(int, []string) error { return nil },
			want: []bus.Verdict{},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &scriptedWorker{work: tt.work, gaveUp: tt.gaveUp}
				p := bus.Redelivery{Worker: w, Log: slog.New(slog.DiscardHandler)}
				got := p.Handle(t.Context(), nil, batchOf(tt.batch))
				require.Equal(t, tt.want, got)
				require.Equal(t, tt.tries, w.tries)
				require.Equal(t, tt.losses, w.losses)
			})
		})
	}
}

// Whatever moment the end comes at, what was decided stays decided, the rest is returned and nothing is handled after
// a message that goes back.
func TestRedeliveryStops(t *testing.T) {
	t.Parallel()
	const a, d, r = bus.Ack, bus.Dead, bus.Return
	fail := func(when func(try int, batch []string) bool) func(int, []string) error {
		return func(try int, batch []string) error {
			if when(try, batch) {
				return errBroken
			}
			return nil
		}
	}
	tests := []struct {
		name   string
		work   func(try int, batch []string) error
		gaveUp func(int) error
		stopAt int // the call of Work or GaveUp, counted together, during which stop is closed
		want   []bus.Verdict
		tries  []string
	}{
		{
			name: "in a batch that works", stopAt: 1,
			work: fail(func(int, []string) bool { return false }),
			want: []bus.Verdict{a, a, a}, tries: []string{"abc"},
		},
		{
			name: "in a batch that fails", stopAt: 1,
			work: fail(func(int, []string) bool { return true }),
			want: []bus.Verdict{r, r, r}, tries: []string{"abc"},
		},
		{
			name: "between messages that go alone", stopAt: 3,
			work: fail(func(_ int, batch []string) bool { return len(batch) > 1 }),
			want: []bus.Verdict{a, r, r}, tries: []string{"abc", "abc", "a"},
		},
		{
			name: "in a message that fails alone", stopAt: 4,
			work: fail(func(_ int, batch []string) bool { return slices.Contains(batch, "b") }),
			want: []bus.Verdict{a, r, r}, tries: []string{"abc", "abc", "a", "b"},
		},
		{
			name: "while giving up works", stopAt: 7,
			work: fail(func(_ int, batch []string) bool { return slices.Contains(batch, "b") }),
			want: []bus.Verdict{a, d, r}, tries: []string{"abc", "abc", "a", "b", "b", "b"},
		},
		{
			name: "while giving up fails", stopAt: 7,
			work:   fail(func(_ int, batch []string) bool { return slices.Contains(batch, "b") }),
			gaveUp: func(int) error { return errBroken },
			want:   []bus.Verdict{a, r, r}, tries: []string{"abc", "abc", "a", "b", "b", "b"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				stop, calls := make(chan struct{}), 0
				count := func() {
					if calls++; calls == tt.stopAt {
						close(stop)
					}
				}
				w := &scriptedWorker{
					work: func(try int, batch []string) error { count(); return tt.work(try, batch) },
					gaveUp: func(try int) error {
						count()
						if tt.gaveUp == nil {
							return nil
						}
						return tt.gaveUp(try)
					},
				}
				p := bus.Redelivery{Worker: w, Log: slog.New(slog.DiscardHandler)}
				require.Equal(t, tt.want, p.Handle(t.Context(), stop, batchOf("abc")))
				require.Equal(t, tt.tries, w.tries)
			})
		})
	}
}

// The consumer has lost the messages: not even an error that counts may be held against them.
func TestRedeliveryEndOfContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	w := &scriptedWorker{work: func(int, []string) error { cancel(); return ctx.Err() }}
	p := bus.Redelivery{Worker: w, Log: slog.New(slog.DiscardHandler)}
	require.Equal(t, []bus.Verdict{bus.Return, bus.Return}, p.Handle(ctx, nil, batchOf("ab")))
	require.Equal(t, []string{"ab"}, w.tries)
	require.Empty(t, w.losses)
}

func TestRedeliveryBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		w := &scriptedWorker{work: func(try int, _ []string) error {
			at = append(at, time.Since(start))
			if try < 20 {
				return bus.ErrTransient
			}
			return nil
		}}
		p := bus.Redelivery{Worker: w, Log: slog.New(slog.DiscardHandler)}
		p.Handle(t.Context(), nil, batchOf("a"))

		require.Less(t, at[1], 100*time.Millisecond, "the first retry comes soon")
		last := at[19] - at[18]
		require.Greater(t, last, time.Second, "later ones spare what is failing")
		require.Less(t, last, 10*time.Second, "but recovery is noticed soon")
	})
}

func TestRedeliveryLogsPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		w := &scriptedWorker{work: func(int, []string) error { panic("bug") }}
		p := bus.Redelivery{Worker: w, Log: slog.New(slog.NewTextHandler(&out, nil))}
		p.Handle(t.Context(), nil, batchOf("a"))
		require.Contains(t, out.String(), "panic=bug")
		require.Contains(t, out.String(), "redelivery_test.go", "the stack shows where")
	})
}

func TestFinishing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		parent, stop := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		work, cancel := bus.Finishing(parent)
		defer cancel()
		require.Equal(t, "value", work.Value(key{}))

		stop()
		<-time.After(bus.FinishTimeout - time.Second)
		require.NoError(t, work.Err(), "the batch at hand may be finished")
		<-time.After(2 * time.Second)
		require.Error(t, work.Err(), "but not for ever")

		work, cancel = bus.Finishing(t.Context())
		cancel()
		require.Error(t, work.Err())
	})
}

func TestQueueValidate(t *testing.T) {
	t.Parallel()
	good := bus.Queue{Name: "message.1", Key: "group.message.1", Batch: 1}
	require.NoError(t, good.Validate())
	for name, q := range map[string]bus.Queue{
		"no name": {Key: "k", Batch: 1}, "no key": {Name: "n", Batch: 1}, "no batch": {Name: "n", Key: "k"},
	} {
		require.ErrorContains(t, q.Validate(), "needs a name", name)
	}
}
