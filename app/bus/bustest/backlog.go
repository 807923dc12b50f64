package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

// backlogTests are about queues that are as long as they may be.
var backlogTests = map[string]func(*testing.T, opener){
	"a full queue refuses messages until its consumer has caught up": testFull,
	"the limit of a queue can be changed":                            testLimitChanged,
	"what is urgent is taken although the queue is full":             testUrgent,
}

// stuck makes a queue whose worker has a first message in hand and does nothing more before release is called.
func stuck(t *testing.T, b bus.Bus, q bus.Queue) (w *worker, release func()) {
	t.Helper()
	entered, released := make(chan struct{}, 1), make(chan struct{})
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	w = &worker{hook: func(context.Context, []bus.Message) error {
		select {
		case entered <- struct{}{}:
		default:
		}
		<-released
		return nil
	}}
	require.NoError(t, b.Declare(timeout(t), q))
	consume(t, b, q, w)
	ctx := timeout(t)
	var first sync.WaitGroup
	first.Go(func() {
		if err := b.Send(ctx, work(q, "first")); err != nil {
			t.Errorf("send the first message: %v", err)
		}
	})
	t.Cleanup(first.Wait)
	wait(t, "the worker is at work", entered)
	return w, release
}

// crowd is a number of senders at one queue. Each sends one message after the other until it is refused, or there are enough.
type crowd struct {
	accepted [64]int
	refused  atomic.Int32
	enough   atomic.Bool
	all      sync.WaitGroup
}

func (c *crowd) send(t *testing.T, b bus.Bus, q bus.Queue) {
	t.Helper()
	ctx := timeout(t)
	for s := range c.accepted {
		c.all.Go(func() {
			for !c.enough.Load() {
				err := b.Send(ctx, work(q, numbered(s, c.accepted[s])))
				switch {
				case errors.Is(err, bus.ErrFull):
					c.refused.Add(1)
					return
				case err != nil:
					t.Errorf("sending to a queue that may be full: %v", err)
					return
				}
				c.accepted[s]++
			}
		})
	}
	eventually(t, "the queue is full", func() bool { return c.refused.Load() > 0 })
	eventually(t, "it stays full", func() bool { return errors.Is(b.Send(ctx, work(q, "refused")), bus.ErrFull) })
	c.enough.Store(true)
}

// sum is how many messages were accepted, with the first one of all.
func (c *crowd) sum() int {
	sum := 1
	for _, n := range &c.accepted {
		sum += n
	}
	return sum
}

func testFull(t *testing.T, open opener) {
	b, q := open.start(t), queue("full", 10)
	q.MaxLength = 20
	w, release := stuck(t, b, q)
	var c crowd
	c.send(t, b, q)
	require.ErrorIs(t, b.Send(timeout(t), work(q, "refused")), bus.ErrUnavailable, "for those who do not care why")

	release()
	c.all.Wait() // in process, what was waiting is accepted only now
	sum := c.sum()
	require.Less(t, sum, 1000, "there is a limit, even with what the consumer holds")
	eventually(t, "all that was accepted is handled", func() bool { return len(w.seen()) >= sum })
	require.Len(t, w.seen(), sum, "what was refused is not")
	for s, n := range &c.accepted {
		var want []string
		for i := range n {
			want = append(want, numbered(s, i))
		}
		others := func(body string) bool { return !strings.HasPrefix(body, fmt.Sprintf("%d/", s)) }
		require.Equal(t, want, append([]string(nil), slices.DeleteFunc(w.seen(), others)...), "sender %d", s)
	}
	eventually(t, "sends are accepted again", func() bool { return b.Send(timeout(t), work(q, "again")) == nil })
}

func testLimitChanged(t *testing.T, open opener) {
	b, q := open.start(t), queue("limit", 1)
	q.MaxLength = 1
	_, release := stuck(t, b, q)
	var c crowd
	c.send(t, b, q)

	wider := q
	wider.MaxLength = 1000
	require.NoError(t, b.Declare(timeout(t), wider))
	ctx, more := timeout(t), make(chan error, 1)
	go func() { more <- b.Send(ctx, work(q, "more")) }()
	release()
	require.NoError(t, wait(t, "Send returns", more))
	c.all.Wait()
}

func testUrgent(t *testing.T, open opener) {
	b, q := open.start(t), queue("urgent", 1)
	q.MaxLength = 1
	w, release := stuck(t, b, q)
	var c crowd
	c.send(t, b, q)

	urgent := work(q, "urgent")
	urgent.Urgent = true
	ctx, taken := timeout(t), make(chan error, 1)
	go func() { taken <- b.Send(ctx, urgent) }()
	release()
	require.NoError(t, wait(t, "Send returns", taken))
	c.all.Wait()
	eventually(t, "it is handled", func() bool { return slices.Contains(w.seen(), "urgent") })
}
