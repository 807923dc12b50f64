package message

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/registry"
)

// queueBus records what is declared and consumed.
type queueBus struct {
	WorkerBus

	declared, consumed []string
}

func (b *queueBus) Declare(_ context.Context, queues ...bus.Queue) error {
	for _, q := range queues {
		b.declared = append(b.declared, q.Name)
	}
	return nil
}

func (b *queueBus) Consume(_ context.Context, q bus.Queue, _ bus.Worker) error {
	b.consumed = append(b.consumed, q.Name)
	return nil
}

// share is a sharer that gives a worker these partitions.
type share []int

func (s share) Share(ctx context.Context, _ int, consume func(context.Context, int) error) error {
	for _, p := range s {
		if err := consume(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// here runs tasks at once.
type here struct{ registry.Host }

func (here) Logger() *slog.Logger { return discard }

func (here) Go(_ string, run func(context.Context) error) { _ = run(context.Background()) }

// TestStartConsumesItsShare: all queues exist, so that nothing is unroutable, and the worker's own are consumed.
func TestStartConsumesItsShare(t *testing.T) {
	t.Parallel()
	b := &queueBus{}
	w := NewWorker(nil, b, share{0, 3}, 4, NewWorkerMetrics(nil), discard)
	require.NoError(t, w.Init(here{}))
	require.NoError(t, w.Start(t.Context()))
	require.Equal(t, []string{"message.0", "message.1", "message.2", "message.3"}, b.declared)
	require.Equal(t, []string{"message.0", "message.3"}, b.consumed)
	require.NoError(t, w.Stop(t.Context()))
}
