package rabbit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

// The processes of a new deployment start at the same time on a broker that knows nothing of them yet.
func TestProcessesStartTogether(t *testing.T) {
	t.Parallel()
	first := newBus(t, testURL(t))
	const processes = 4
	queues := make([]bus.Queue, 8)
	for i := range queues {
		queues[i] = bus.Queue{Name: fmt.Sprint("work.", i), Key: fmt.Sprint("work.", i), Batch: 10, Ordered: true}
	}
	var all sync.WaitGroup
	workers := make([]*ledger, processes)
	for i := range processes {
		b := newBus(t, testURL(t))
		b.topology.prefix = first.topology.prefix
		workers[i] = &ledger{}
		all.Go(func() {
			if err := b.Start(t.Context()); err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { require.NoError(t, b.Stop(context.Background())) })
			for _, q := range queues {
				consuming(t, b, q, workers[i])
			}
			if err := b.Declare(t.Context(), queues...); err != nil {
				t.Error(err)
			}
			for _, q := range queues {
				for {
					err := b.Send(t.Context(), bus.Message{Key: q.Key, Body: []byte("x")})
					if err == nil {
						break
					}
					if !errors.Is(err, bus.ErrUnavailable) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	eventually(t, "all is handled", func() bool {
		n := 0
		for _, w := range workers {
			n += len(w.seen())
		}
		return n >= processes*len(queues)
	})
}
