package partition

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/bus/memory"
	"parley/app/event"
)

// blink is enough for messages to go there and back, but for no heartbeat.
const blink = 10 * time.Millisecond

// inWorld runs a test on a bus with so many workers, among whom the partitions have been shared out.
func inWorld(t *testing.T, workers int, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for range workers {
			w.join(0)
		}
		pass(blink)
		require.Empty(t, w.settled())
		test(w)
		w.close()
		require.Empty(t, w.faults)
	})
}

func TestAloneAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.join(0)
		synctest.Wait()
		require.Empty(t, w.settled())
		w.close()
	})
}

func TestComingAndGoingInGoodOrderTakesNoTime(t *testing.T) {
	t.Parallel()
	inWorld(t, 1, func(w *world) {
		for range 2 * partitions {
			w.join(0)
			pass(blink)
			require.Empty(t, w.settled())
		}
		for len(w.nodes) > 1 {
			w.leave(0)
			pass(blink)
			require.Empty(t, w.settled())
		}
	})
}

func TestALostHelloIsMadeUpForByTheHeartbeat(t *testing.T) {
	t.Parallel()
	inWorld(t, 1, func(w *world) {
		n := w.join(0)
		n.link.set(func(l *link) { l.lost = true })
		pass(5 * beat)
		require.NotEmpty(t, w.settled(), "the first one has not heard of the second")
		n.link.set(func(l *link) { l.lost = false })
		pass(beat)
		require.Empty(t, w.settled())
	})
}

func TestACrashIsNoticed(t *testing.T) {
	t.Parallel()
	inWorld(t, 3, func(w *world) {
		w.crash(1)
		pass(5 * time.Second)
		require.Empty(t, w.settled())
	})
}

func TestAShortSilenceMeansNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, 3, func(w *world) {
		w.nodes[0].link.set(func(l *link) { l.lost = true })
		for range 29 {
			pass(100 * time.Millisecond)
			require.Empty(t, w.settled())
		}
		w.heal()
		pass(10 * time.Second)
		require.Empty(t, w.settled())
	})
}

// A bus that stalls, for all of them or for the one that listens, says nothing about the others.
func TestAStallMovesNothing(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(l *link){
		"refused": func(l *link) { l.refused = true },
		"lost":    func(l *link) { l.lost = true },
	} {
		inWorld(t, 3, func(w *world) {
			for _, n := range w.nodes {
				n.link.set(fault)
			}
			for range 30 {
				pass(beat)
				require.Empty(t, w.settled(), name)
			}
			w.heal()
			for range 10 {
				pass(beat)
				require.Empty(t, w.settled(), name)
			}
		})
	}
}

// Whoever has lost its inbox does not take others for gone whom it could not hear, and asks for them at once.
func TestALostInbox(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, func(w *world) {
		l := w.nodes[0].link
		require.NoError(t, l.inbox.Unbind(t.Context(), event.WorkersKey))
		pass(3 * timeout)
		require.Empty(t, w.settled())
		w.join(0)
		pass(blink)
		require.NotEmpty(t, w.settled(), "it has not heard of the third worker")
		l.Reset(t.Context())
		pass(blink)
		require.Empty(t, w.settled())
	})
}

// Of two that have lost their inboxes, the one that is back first waits for the other as if it had just heard of it.
func TestALostBroker(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, func(w *world) {
		first, second := w.nodes[0].link, w.nodes[1].link
		for _, l := range []*link{first, second} {
			l.set(func(l *link) { l.refused = true })
			require.NoError(t, l.inbox.Unbind(t.Context(), event.WorkersKey))
		}
		pass(time.Minute)
		first.set(func(l *link) { l.refused = false })
		first.Reset(t.Context())
		pass(2900 * time.Millisecond)
		require.Empty(t, w.settled())
		second.set(func(l *link) { l.refused = false })
		second.Reset(t.Context())
		for range 10 {
			pass(beat)
			require.Empty(t, w.settled())
		}
	})
}

// A worker that finishes its batch slowly is not in the way of the others, and nobody takes what it still works on.
func TestSlowHandover(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.join(5 * time.Second)
		for p := range partitions {
			w.send(p, 5)
		}
		pass(time.Second) // it is in the middle of the first batches
		w.join(0)
		w.join(0)
		pass(time.Second)
		require.Zero(t, w.handled(), "all of them are still at work")
		pass(4 * time.Second)
		require.Empty(t, w.settled())
		pass(time.Minute)
		require.Equal(t, w.sent, w.handled())
		w.close()
		require.Empty(t, w.faults)
	})
}

func TestAnErrorEndsSharing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(memory.Options{})
		require.NoError(t, b.Start(t.Context()))
		s := New(b, Options{ID: "a"})
		require.NoError(t, s.Start(t.Context()))
		cause := errors.New("cause")
		ended := 0
		err := s.Share(t.Context(), 4, func(ctx context.Context, p int) error {
			if p == 2 {
				<-time.After(time.Second)
				return cause
			}
			<-ctx.Done()
			if p == 3 {
				ended++
			}
			return nil
		})
		require.ErrorIs(t, err, cause)
		require.Equal(t, 1, ended, "Share waits for all")
		require.NoError(t, s.Stop(t.Context()))
		require.NoError(t, b.Stop(t.Context()))
	})
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	b := memory.New(memory.Options{})
	s := New(b, Options{ID: "a"})
	require.NoError(t, s.Stop(t.Context()), "before Start")
	require.ErrorIs(t, s.Start(t.Context()), bus.ErrUnavailable)
	require.NoError(t, s.Stop(t.Context()), "after a Start that failed")
	require.NoError(t, b.Start(t.Context()))
	require.NoError(t, s.Start(t.Context()))
	require.ErrorContains(t, New(b, Options{ID: "a"}).Start(t.Context()), "worker.a")
	require.NoError(t, s.Stop(t.Context()))
	require.NoError(t, s.Stop(t.Context()), "again")
	require.NoError(t, b.Stop(t.Context()))
}

func TestWhatIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, r, log := memory.New(memory.Options{}), prometheus.NewRegistry(), &bytes.Buffer{}
		require.NoError(t, b.Start(t.Context()))
		s := New(b, Options{ID: "a", Metrics: NewMetrics(r), Log: slog.New(slog.NewTextHandler(log, nil))})
		require.NoError(t, s.Start(t.Context()))
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- s.Share(ctx, 4, func(ctx context.Context, _ int) error {
				<-ctx.Done()
				return nil
			})
		}()
		synctest.Wait()
		require.Equal(t, map[string]float64{
			"parley_partitions_owned": 4, "parley_partition_workers": 1, "parley_partition_handovers_total": 0,
		}, gather(t, r))
		require.Contains(t, log.String(), "workers=1 owned=4 taken=\"[0 1 2 3]\" handed_over=[]")

		log.Reset()
		for _, m := range []bus.Message{
			{Key: event.WorkersKey, Type: event.TypePresence, Body: []byte("?")},
			{Key: event.WorkersKey, Type: event.TypePresence, Body: []byte(`{"workerId":"b","state":"hello"}`)},
		} {
			require.NoError(t, b.Publish(t.Context(), m))
		}
		synctest.Wait()
		require.Equal(t, map[string]float64{
			"parley_partitions_owned": 2, "parley_partition_workers": 2, "parley_partition_handovers_total": 2,
		}, gather(t, r))
		require.Contains(t, log.String(), "could not be read")
		require.Contains(t, log.String(), "workers=2 owned=2 taken=[] handed_over=")

		end()
		require.NoError(t, <-ended)
		require.Zero(t, gather(t, r)["parley_partitions_owned"])
		require.NoError(t, s.Stop(t.Context()))
		require.NoError(t, b.Stop(t.Context()))
	})
}

// gather is the value of each metric.
func gather(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	values := make(map[string]float64)
	for _, f := range families {
		m := f.GetMetric()[0]
		values[f.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	return values
}
