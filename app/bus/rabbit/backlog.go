package rabbit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/app/bus"
)

const (
	// lookShare is the part of a queue's MaxLength that may be sent before the queue is looked at again.
	lookShare = 10
	// slowAbove is how many messages may wait before senders are slowed down, and slowPause the longest time that one of
	// them waits for its turn then. Load beyond what the workers can do so makes senders wait for their promise, and not
	// everybody for messages that were promised long ago. Workers hold orderedPrefetch messages besides.
	slowAbove = 64
	slowPause = 250 * time.Millisecond
	// lookPause is the least time between two looks at a queue whose senders are slowed down.
	lookPause = 25 * time.Millisecond
	// fullPause is how long a queue that was full is not looked at again.
	fullPause = 250 * time.Millisecond
	// depthInterval is how often the depths of all work queues are measured for the metrics.
	depthInterval = 5 * time.Second
)

// backlog keeps a queue from growing beyond its MaxLength: it asks the broker from time to time how many messages
// wait, and admits as many as there is room for.
//
// The broker has a limit of its own, x-max-length, but it is an argument that is fixed when the queue is made. A process
// with another value could not declare the queue any more (PRECONDITION_FAILED), and neither could any process after an
// upgrade from a version without. Nor is it exact: RabbitMQ 3.10 accepted 340 messages written in one go
// into a queue of 20. Both count only messages that no consumer holds.
type backlog struct {
	queue string // as the broker knows it
	depth prometheus.Gauge
	log   *slog.Logger

	mu      sync.Mutex
	limit   int
	left    int           // messages admitted before the queue has to be looked at
	room    int           // of these, how many are admitted without waiting
	closed  time.Time     // until then the queue counts as full
	looking chan struct{} // closed at the end of the look that is under way; nil if none is
	slow    bool          // or about to be, as of the last look
	warned  bool          // that it is full
}

// setLimit changes the limit.
func (l *backlog) setLimit(limit int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limit != limit {
		l.limit, l.left, l.closed = limit, 0, time.Time{}
	}
}

// share is how many messages may be sent after a look. The caller holds mu.
func (l *backlog) share() int { return max(1, l.limit/lookShare) }

// admit returns nil if one more message may be sent, and bus.ErrFull at once if not. It waits for a look only,
// unless senders are slowed down.
func (l *backlog) admit(ctx context.Context, s *spell) error {
	began := time.Now()
	for {
		admitted, looking, err := l.try(s, time.Since(began) >= slowPause)
		if admitted || err != nil {
			return err
		}
		select {
		case <-looking:
		case <-s.over:
			return s.cause
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// try admits a message if that is known to be possible, and senders are not slowed down or this one has waited for long enough;
// else it returns the look to wait for.
func (l *backlog) try(s *spell, waited bool) (admitted bool, looking <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == 0 && time.Now().Before(l.closed) {
		return false, nil, fmt.Errorf("%w: %s", bus.ErrFull, l.queue)
	}
	if l.left > 0 && (l.room > 0 || waited) {
		l.left--
		l.room--
		admitted = true
	}
	// The next look begins before it is waited for.
	if l.left < l.share()/2 || l.room < slowAbove/2 || !admitted {
		if l.looking == nil {
			l.looking = make(chan struct{})
			pause := time.Duration(0)
			if l.slow {
				pause = lookPause
			}
			s.background.Go(func() { l.look(s, pause) })
		}
	}
	return admitted, l.looking, nil
}

// look asks the broker, after a pause. It ends with the connection at the latest.
func (l *backlog) look(s *spell, pause time.Duration) {
	if pause > 0 {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-s.over:
			timer.Stop()
		}
	}
	waiting, err := s.waiting(l.queue)
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.looking)
	l.looking = nil
	if err != nil { // sending to a queue that cannot be seen fails by itself, with a better explanation
		l.left, l.room, l.slow = l.share(), l.share(), false
		return
	}
	l.depth.Set(float64(waiting))
	l.left = max(0, min(l.limit-waiting, l.share()))
	l.room = min(l.left, slowAbove-waiting)
	l.slow = waiting >= slowAbove/2
	switch {
	case l.left == 0:
		l.closed = time.Now().Add(fullPause)
		if !l.warned {
			l.warned = true
			l.log.Warn("a queue is full: sends to it are refused until its consumers catch up", "waiting", waiting, "limit", l.limit)
		}
	case l.warned && waiting <= l.limit/2:
		l.warned = false
		l.log.Info("a queue that was full is half empty again", "waiting", waiting)
	}
}

// waiting asks how many messages wait in a queue.
func (c *conn) waiting(queue string) (int, error) {
	ch, err := c.Channel()
	if err != nil {
		return 0, fmt.Errorf("open a channel: %w", err)
	}
	q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	if err != nil {
		return 0, fmt.Errorf("look at queue %s: %w", queue, err) // the broker has closed the channel
	}
	_ = ch.Close() // it has served its purpose
	return q.Messages, nil
}

// measure reports the depths of the work queues until ctx ends.
func (b *Bus) measure(ctx context.Context) {
	for sleep(ctx, depthInterval) {
		s, err := b.consuming.use()
		if err != nil {
			continue
		}
		for _, q := range b.topology.all() {
			// What cannot be measured now will be the next time.
			_ = s.offload(ctx, func() error {
				n, err := s.waiting(b.topology.name(q.Name))
				if err == nil {
					b.metrics.Queue(q.Name).Depth.Set(float64(n))
				}
				return err
			})
		}
	}
}
