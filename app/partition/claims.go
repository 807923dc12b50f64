package partition

import (
	"context"
	"sync"
)

// claims are the partitions that this worker consumes, or whose consumer's end it waits for.
type claims struct {
	//nolint:containedctx // ends every claim
	ctx     context.Context
	end     context.CancelFunc
	consume func(ctx context.Context, partition int) error
	running sync.WaitGroup
	failed  chan error // capacity 1: the first failure
	held    map[int]context.CancelFunc
}

func newClaims(ctx context.Context, consume func(context.Context, int) error) *claims {
	c := &claims{consume: consume, failed: make(chan error, 1), held: make(map[int]context.CancelFunc)}
	c.ctx, c.end = context.WithCancel(ctx)
	return c
}

// change claims of n partitions those that are wanted, and gives up the others. What is given up finishes its batch
// in its own time: if it is claimed again before that, the new claim waits for it as it would for another worker's.
func (c *claims) change(wanted func(partition int) bool, n int) (taken, left []int) {
	for p := range n {
		end, held := c.held[p]
		switch {
		case held && !wanted(p):
			end()
			delete(c.held, p)
			left = append(left, p)
		case !held && wanted(p):
			c.claim(p)
			taken = append(taken, p)
		}
	}
	return taken, left
}

func (c *claims) claim(p int) {
	ctx, end := context.WithCancel(c.ctx)
	c.held[p] = end
	c.running.Go(func() {
		defer end()
		if err := c.consume(ctx, p); err != nil {
			select {
			case c.failed <- err:
			default:
			}
		}
	})
}

// count is how many are claimed.
func (c *claims) count() int { return len(c.held) }

// wait waits until all have ended, which end has been called for.
func (c *claims) wait() { c.running.Wait() }
