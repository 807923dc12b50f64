package rabbit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"parley/app/bus"
)

// link keeps one connection to the broker: it makes a new one when the old one
// is lost, and lets its users know when there is one to use.
//
//	        connect ok            blocked
//	down ───────────────► usable ◄───────► blocked
//	  ▲                     │ unblocked       │
//	  └──── backoff ◄───────┴──── lost ───────┘
type link struct {
	purpose string
	// connect makes a connection with everything on it that its users need.
	connect func(ctx context.Context) (*conn, error)
	log     *slog.Logger
	metrics *bus.Metrics

	mu      sync.Mutex
	current *spell        // nil while the link cannot be used
	cause   error         // why it cannot
	changed chan struct{} // closed at the next change of the above
}

// spell is a stretch of time in which the connection can be used.
type spell struct {
	*conn
	over  chan struct{} // closed at its end
	cause error         // why it ended; to be read after over is closed
}

func newLink(purpose string, log *slog.Logger, metrics *bus.Metrics, connect func(context.Context) (*conn, error)) *link {
	return &link{
		purpose: purpose, connect: connect, log: log.With("connection", purpose), metrics: metrics,
		cause: errNotStarted, changed: make(chan struct{}),
	}
}

// use returns the current spell, or ErrUnavailable with the reason why there is none.
func (l *link) use() (*spell, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil {
		return nil, l.cause
	}
	return l.current, nil
}

// await waits until the link can be used.
func (l *link) await(ctx context.Context) (*spell, error) {
	for {
		l.mu.Lock()
		current, changed := l.current, l.changed
		l.mu.Unlock()
		if current != nil {
			return current, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// set ends the current spell for the given cause, and begins one on c if it is not nil.
func (l *link) set(c *conn, cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil {
		l.current.cause = cause
		close(l.current.over)
		l.current = nil
	}
	l.cause = cause
	if c != nil {
		l.current = &spell{conn: c, over: make(chan struct{})}
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// run keeps the link up until ctx ends. The first connection, c, has been set.
func (l *link) run(ctx context.Context, c *conn) {
	for c != nil {
		l.watch(ctx, c)
		if ctx.Err() != nil {
			break
		}
		l.log.Warn("connection to the broker lost", "error", c.reason())
		l.set(nil, fmt.Errorf("%w: the connection to the broker was lost: %w", bus.ErrUnavailable, c.reason()))
		c.close()
		if c = l.reconnect(ctx); c != nil {
			l.set(c, nil)
		}
	}
	l.set(nil, errStopped)
	if c != nil {
		c.close()
	}
}

// watch follows the connection until it is lost or ctx ends.
func (l *link) watch(ctx context.Context, c *conn) {
	for {
		select {
		case b, ok := <-c.blocked:
			switch {
			case !ok:
				c.blocked = nil // the connection is being closed
			case b.Active:
				l.log.Warn("the broker blocks publishers", "reason", b.Reason)
				l.set(nil, fmt.Errorf("%w: the broker blocks publishers: %s", bus.ErrUnavailable, b.Reason))
			default:
				l.log.Info("the broker unblocked publishers")
				l.set(c, nil)
			}
		case <-c.lost:
			return
		case <-ctx.Done():
			return
		}
	}
}

// reconnect tries until it works; nil if ctx ends before.
func (l *link) reconnect(ctx context.Context) *conn {
	wait := newWait()
	for ctx.Err() == nil {
		if !sleep(ctx, wait.NextBackOff()) {
			break
		}
		c, err := l.connect(ctx)
		if err == nil {
			l.log.Info("connected to the broker again")
			l.metrics.Reconnected()
			return c
		}
		if ctx.Err() == nil {
			l.log.Warn("connecting to the broker failed, will be tried again", "error", err)
		}
	}
	return nil
}

// newWait paces attempts to get something from the broker: soon at first, as most losses are short, then seldom
// enough not to be a burden on a broker that is starting up with many clients at its door.
func newWait() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: 100 * time.Millisecond, MaxInterval: 5 * time.Second, Multiplier: 2, RandomizationFactor: 0.5,
	}
}

// sleep waits for d. It returns false if ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
