package memory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/bus"
	"parley/app/bus/bustest"
	"parley/app/bus/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(*testing.T) bus.Bus { return memory.New(memory.Options{}) })
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	bustest.RunMetrics(t, func(_ *testing.T, m *bus.Metrics) bus.Bus { return memory.New(memory.Options{Metrics: m}) })
}

// receiver hands on what it gets, and so can be made to wait.
type receiver chan string

func (r receiver) Receive(ctx context.Context, msg bus.Message) {
	select {
	case r <- string(msg.Body):
	case <-ctx.Done():
	}
}

func (receiver) Reset(context.Context) {}

// worker hands on its results, one per batch.
type worker chan error

func (w worker) Work(context.Context, []bus.Message) error      { return <-w }
func (worker) GaveUp(context.Context, bus.Message, error) error { return nil }
func queue(name string) bus.Queue                               { return bus.Queue{Name: name, Key: name, Batch: 1} }
func message(key, body string) bus.Message                      { return bus.Message{Key: key, Body: []byte(body)} }

func started(t *testing.T, o memory.Options) *memory.Bus {
	t.Helper()
	b := memory.New(o)
	require.NoError(t, b.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, b.Stop(context.Background())) })
	return b
}

func TestPublishWaitsForRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, r := started(t, memory.Options{InboxLimit: 2}), make(receiver)
		in, err := b.Open(t.Context(), "one", r)
		require.NoError(t, err)
		require.NoError(t, in.Bind(t.Context(), "k"))
		const n = 200
		published := 0
		go func() {
			for i := range n {
				if err := b.Publish(t.Context(), message("k", fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
				published++
			}
		}()
		synctest.Wait()
		require.Less(t, published, n, "the receiver is slow, so the publisher has to wait")

		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, b.Publish(short, message("k", "impatient")), context.DeadlineExceeded)
		require.NoError(t, b.Publish(t.Context(), message("other", "nobody waits without need")))

		for i := range n {
			require.Equal(t, fmt.Sprint(i), <-r)
		}
		synctest.Wait()
		require.Equal(t, n, published)
	})
}

func TestClosingAFullInboxFreesItsPublishers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, r := started(t, memory.Options{InboxLimit: 1}), make(receiver)
		in, err := b.Open(t.Context(), "one", r)
		require.NoError(t, err)
		require.NoError(t, in.Bind(t.Context(), "k"))
		done := make(chan error)
		go func() {
			var err error
			for range 100 {
				err = errors.Join(err, b.Publish(t.Context(), message("k", "x")))
			}
			done <- err
		}()
		synctest.Wait()
		require.NoError(t, in.Close(t.Context()))
		require.NoError(t, <-done)
	})
}

func TestSendWaitsForRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, q := started(t, memory.Options{QueueLimit: 2}), queue("q")
		require.NoError(t, b.Declare(t.Context(), q))
		results := make(chan error, 10)
		for range cap(results) {
			go func() { results <- b.Send(t.Context(), message(q.Key, "x")) }()
		}
		synctest.Wait()
		require.Empty(t, results, "there is no consumer, so there is no promise")
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, b.Send(short, message(q.Key, "impatient")), context.DeadlineExceeded)

		ctx, end := context.WithCancel(t.Context())
		w, ended := make(worker), make(chan error)
		go func() { ended <- b.Consume(ctx, q, w) }()
		for range cap(results) {
			w <- nil
			require.NoError(t, <-results)
		}
		end()
		require.NoError(t, <-ended)
	})
}

func TestSenderHearsOfDeadLetters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, q, w := started(t, memory.Options{}), queue("q"), make(worker, bus.Attempts)
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- b.Consume(ctx, q, w) }()
		synctest.Wait()
		for range bus.Attempts {
			w <- errors.New("poison")
		}
		require.ErrorIs(t, b.Send(t.Context(), message(q.Key, "x")), bus.ErrDeadLettered)
		end()
		require.NoError(t, <-ended)
	})
}

// Nobody will ever acknowledge what has no consumer, so Stop does not wait for it.
func TestStopWithoutConsumer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, q := started(t, memory.Options{QueueLimit: 1}), queue("q")
		require.NoError(t, b.Declare(t.Context(), q))
		results := make(chan error, 3)
		for range cap(results) {
			go func() { results <- b.Send(t.Context(), message(q.Key, "x")) }()
		}
		synctest.Wait()
		require.NoError(t, b.Stop(t.Context()))
		for range cap(results) {
			require.ErrorIs(t, <-results, bus.ErrUnavailable)
		}
	})
}

// A consumer that hangs delays Stop until its context ends, but no longer.
func TestStopGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, q, w := memory.New(memory.Options{}), queue("q"), make(worker)
		require.NoError(t, b.Start(t.Context()))
		require.NoError(t, b.Declare(t.Context(), q))
		ended, sent := make(chan error), make(chan error)
		go func() { ended <- b.Consume(t.Context(), q, w) }()
		go func() { sent <- b.Send(t.Context(), message(q.Key, "x")) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		stopped := make(chan error)
		go func() { stopped <- b.Stop(ctx) }()
		require.ErrorIs(t, <-stopped, context.DeadlineExceeded)
		w <- errors.New("whatever it comes to")
		require.ErrorIs(t, <-ended, bus.ErrUnavailable)
		require.ErrorIs(t, <-sent, bus.ErrUnavailable)
		require.NoError(t, b.Stop(t.Context()))
	})
}

func BenchmarkBus(b *testing.B) {
	bustest.Benchmark(b, func(*testing.B) bus.Bus { return memory.New(memory.Options{}) })
}
