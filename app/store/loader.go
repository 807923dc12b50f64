package store

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"
)

const (
	// loaderKeys is the most keys in one query of a Loader.
	loaderKeys = 256
	// loaderTimeout ends a query of a Loader, since everybody waits for it.
	loaderTimeout = 10 * time.Second
)

// Loader answers many calls for single values with few queries, and never with anything old. While a query is under way,
// calls that come in wait, and the next query answers all of them together; so queries
// grow with the load, and nobody waits for company.
//
// The query that answers a call begins after the call. What was committed before a call is therefore seen
// by it, whichever process has committed it: nothing is kept from one query to the next.
type Loader[K comparable, V any] struct {
	query func(ctx context.Context, keys []K) (map[K]V, error)

	mu      sync.Mutex
	running bool // a goroutine is working through waiting
	waiting []*load[K, V]
}

// load is one query and the calls that it answers.
type load[K comparable, V any] struct {
	// Guarded by the Loader's lock.
	keys  []K                // one a call; complete when the query begins
	calls int                // that still wait
	end   context.CancelFunc // ends the query; nil before it begins

	done    chan struct{} // closed once the answers are there
	answers map[K]V
	err     error
}

// NewLoader returns a Loader that asks query for the values of up to 256 keys, in which the same key may be more than
// once. The value of a key that query leaves out is V's zero value. There is never more than one query at a time.
func NewLoader[K comparable, V any](query func(ctx context.Context, keys []K) (map[K]V, error)) *Loader[K, V] {
	return &Loader[K, V]{query: query}
}

// Load returns the value of key as it is now. An error is that of the query, or of the caller's context, whose
// end does not disturb others.
func (l *Loader[K, V]) Load(ctx context.Context, key K) (V, error) {
	var none V
	if err := ctx.Err(); err != nil {
		return none, Map(err)
	}
	q := l.join(key)
	select {
	case <-q.done:
		if q.err != nil {
			return none, q.err
		}
		return q.answers[key], nil
	case <-ctx.Done():
		l.leave(q)
		return none, Map(ctx.Err())
	}
}

// join adds a call to the next query, and sees to it that somebody makes it.
func (l *Loader[K, V]) join(key K) *load[K, V] {
	l.mu.Lock()
	defer l.mu.Unlock()
	var q *load[K, V]
	if n := len(l.waiting); n > 0 && len(l.waiting[n-1].keys) < loaderKeys {
		q = l.waiting[n-1]
	} else {
		q = &load[K, V]{done: make(chan struct{})}
		l.waiting = append(l.waiting, q)
	}
	q.keys = append(q.keys, key)
	q.calls++
	if !l.running {
		l.running = true
		go l.run() // until nothing waits; everything that it does ends with the calls that it is done for
	}
	return q
}

// leave takes back a call whose caller does not wait any longer. A query that nobody waits for is ended.
func (l *Loader[K, V]) leave(q *load[K, V]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q.calls--
	if q.calls == 0 && q.end != nil {
		q.end()
	}
}

// run makes one query after the other while there are calls.
func (l *Loader[K, V]) run() {
	for more := true; more; {
		runtime.Gosched() // those who are on their way to call may come along
		more = l.once()
	}
}

// once makes the next query, if there is one.
func (l *Loader[K, V]) once() bool {
	ctx, cancel := context.WithTimeout(context.Background(), loaderTimeout)
	defer cancel()
	q := l.next(cancel)
	if q == nil {
		return false
	}
	q.answers, q.err = l.ask(ctx, q.keys)
	close(q.done)
	return true
}

// next closes the oldest query that somebody waits for to more calls; end is called if they all leave. Nil means that there is
// none, and that run ends.
func (l *Loader[K, V]) next(end context.CancelFunc) *load[K, V] {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) > 0 {
		q := l.waiting[0]
		l.waiting = l.waiting[1:]
		if q.calls > 0 {
			q.end = end
			return q
		}
	}
	l.running, l.waiting = false, nil
	return nil
}

// ask makes a query. That it panics is an error of its calls: nobody else would be there to notice.
func (l *Loader[K, V]) ask(ctx context.Context, keys []K) (answers map[K]V, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("a query panicked: %v\n%s", cause, debug.Stack())
		}
	}()
	return l.query(ctx, keys)
}

// List writes ids as one parameter, so that a statement's text, and with it its prepared plan, does not depend on how many there are:
// as an array for PostgreSQL, ?::bigint[], and as JSON for SQLite's json_each(?).
func (d Dialect) List(ids []int64) string {
	begin, end := byte('['), byte(']')
	if d == Postgres {
		begin, end = '{', '}'
	}
	b := make([]byte, 0, 2+8*len(ids))
	b = append(b, begin)
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, id, 10)
	}
	return string(append(b, end))
}
