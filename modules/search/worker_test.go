package search

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeIndex tells when it was asked, and answers in order.
type fakeIndex struct {
	steps []func() (Progress, error)
	at    []time.Time
}

func (i *fakeIndex) Step(context.Context) (Progress, error) {
	i.at = append(i.at, time.Now())
	if len(i.steps) == 0 {
		return Progress{}, nil
	}
	step := i.steps[0]
	i.steps = i.steps[1:]
	return step()
}

func (*fakeIndex) Rest() int { return 3 }

// host runs tasks until its context ends.
type host struct{ ctx context.Context }

func (host) Logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (h host) Go(_ string, run func(context.Context) error) { go func() { _ = run(h.ctx) }() }

func TestWorkerPaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		takes := func(d time.Duration, p Progress, err error) func() (Progress, error) {
			return func() (Progress, error) {
				time.Sleep(d) //nolint:forbidigo // the time of a bubble
				p.Busy = d
				return p, err
			}
		}
		away := errors.New("away")
		index := &fakeIndex{steps: []func() (Progress, error){
			takes(10*time.Millisecond, Progress{Indexed: 500, Older: 100}, nil), // rests three times as long
			takes(0, Progress{}, away), // the first pause
			takes(0, Progress{}, away), // twice
			takes(10*time.Millisecond, Progress{Indexed: 1}, nil),
			takes(10*time.Millisecond, Progress{}, nil),  // idle
			takes(100*time.Millisecond, Progress{}, nil), // idle, and there are many channels
			takes(0, Progress{}, away),                   // the first pause again
		}}
		ctx, stop := context.WithCancel(t.Context())
		w := NewWorker(index, NewWorkerMetrics(nil), slog.New(slog.DiscardHandler))
		require.NoError(t, w.Init(host{ctx}))
		require.NoError(t, w.Start(ctx))
		begun := time.Now()
		time.Sleep(time.Minute) //nolint:forbidigo // the time of a bubble
		stop()
		synctest.Wait()
		require.NoError(t, w.Stop(t.Context()))
		var at []time.Duration
		for _, when := range index.at[:8] {
			at = append(at, when.Sub(begun))
		}
		const ms = time.Millisecond
		require.Equal(t, []time.Duration{0, 40 * ms, 540 * ms, 1540 * ms, 1580 * ms, 2090 * ms, 4190 * ms, 4690 * ms}, at)
		require.Less(t, len(index.at), 8+2*57, "idle twice a second")
	})
}
