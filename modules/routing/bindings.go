package routing

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"parley/app/event"
)

// Binder is the part of an inbox that Bindings drive.
type Binder interface {
	Bind(ctx context.Context, keys ...string) error
	Unbind(ctx context.Context, keys ...string) error
}

// bindBatch bounds the keys of one Bind or Unbind. The broker takes 4,500–6,000
// bindings a second in pipelined batches, so that a batch is done well within a
// second and a key wanted meanwhile does not wait long.
const bindBatch = 1000

// brokerState is what is known of a key's binding.
type brokerState int

const (
	absent  brokerState = iota // not bound
	bound                      // bound; the broker has confirmed it
	unknown                    // an operation is under way or has failed
)

// binding is one routing key's record.
type binding struct {
	count   int         // connections' need of it; the goal is bound if and only if count > 0
	state   brokerState // where the broker is
	since   uint64      // clock value at which it was last bound
	expires time.Time   // while count is 0: when it may be unbound
	waiters []*ticket
}

// ticket is one caller's wait for a set of keys.
type ticket struct {
	keys    []string
	missing int         // keys not bound yet
	done    chan uint64 // gets the clock value since which all keys have been bound
}

// Bindings count what is wanted and bring the broker in line: 0→1 binds, 1→0
// unbinds after a delay if it is still 0 then; keys of users are not kept that long. One goroutine, Run, talks to the
// broker, so that a bind and an unbind of the same key never overtake each
// other; everybody else changes counts under the lock and waits on tickets.
type Bindings struct {
	delay   time.Duration
	metrics *Metrics
	log     *slog.Logger
	wake    chan struct{}

	mu       sync.Mutex
	keys     map[string]*binding
	bind     map[string]struct{}  // wanted and not known to be bound
	linger   []lingering          // keys whose count has fallen to 0, by expiry
	unused   []lingering          // those that do not linger
	tickets  map[*ticket]struct{} // not done
	clock    uint64               // counts bindings made; orders them against Clock readings
	lifetime uint64               // counts resets: what was learnt in an earlier one is void

	wanted, confirmed int // keys with a count above 0, and in the state bound
}

// lingering notes when a key may be looked at for unbinding. The delay is the
// same for all keys, so that appending keeps the list in order.
type lingering struct {
	key     string
	expires time.Time
}

// NewBindings makes an empty set. An unused key stays bound for delay.
func NewBindings(delay time.Duration, m *Metrics, log *slog.Logger) *Bindings {
	return &Bindings{
		delay:   delay,
		metrics: m,
		log:     log,
		wake:    make(chan struct{}, 1),
		keys:    make(map[string]*binding),
		bind:    make(map[string]struct{}),
		tickets: make(map[*ticket]struct{}),
	}
}

// Acquire counts one need of each key. Once the broker has confirmed all of them, the channel
// gets one value: the Clock from which on they have been bound without interruption. A Clock
// read at that value or later was read while all of them were bound.
// Each Acquire is undone by one Release of the same keys; after that the channel means nothing.
func (b *Bindings) Acquire(keys ...string) <-chan uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range keys {
		k := b.keys[key]
		if k == nil {
			k = &binding{}
			b.keys[key] = k
		}
		if k.count++; k.count > 1 {
			continue
		}
		b.wanted++
		if k.state != bound {
			b.bind[key] = struct{}{}
		}
	}
	t := &ticket{keys: keys, done: make(chan uint64, 1)}
	b.tickets[t] = struct{}{}
	b.enlist(t)
	b.report()
	if t.missing > 0 {
		b.nudge()
	}
	return t.done
}

// enlist counts what t misses and has it told; a ticket that misses nothing is done.
func (b *Bindings) enlist(t *ticket) {
	t.missing = 0
	for _, key := range t.keys {
		k := b.keys[key]
		if k == nil || k.state == bound { // nil: released by the holder, who has stopped caring
			continue
		}
		t.missing++
		k.waiters = append(k.waiters, t)
	}
	b.finishIfBound(t)
}

func (b *Bindings) finishIfBound(t *ticket) {
	if t.missing > 0 {
		return
	}
	var since uint64
	for _, key := range t.keys {
		if k := b.keys[key]; k != nil {
			since = max(since, k.since)
		}
	}
	delete(b.tickets, t)
	t.done <- since
}

// Release undoes one Acquire of each key.
func (b *Bindings) Release(keys ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range keys {
		k := b.keys[key]
		if k == nil || k.count == 0 {
			b.log.Error("a routing key was released more often than acquired", "key", key)
			continue
		}
		k.count--
		if k.count > 0 {
			continue
		}
		b.wanted--
		delete(b.bind, key)
		b.letLinger(key, k)
	}
	b.report()
	b.nudge()
}

// set changes where the broker is with a key.
func (b *Bindings) set(k *binding, s brokerState) {
	if k.state == bound {
		b.confirmed--
	}
	if s == bound {
		b.confirmed++
	}
	k.state = s
}

// report shows how many keys there are.
func (b *Bindings) report() {
	b.metrics.wanted.Set(float64(b.wanted))
	b.metrics.bound.Set(float64(b.confirmed))
}

// Clock reads the count of binding operations that have succeeded so far; see Acquire.
func (b *Bindings) Clock() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clock
}

// Reset says that the broker has forgotten every binding. What is wanted is
// bound again, from the counts as they are when Run gets to it.
func (b *Bindings) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lifetime++
	b.linger, b.unused = nil, nil
	for key, k := range b.keys {
		b.set(k, absent)
		k.waiters = nil
		if k.count == 0 {
			delete(b.keys, key)
			continue
		}
		b.bind[key] = struct{}{}
	}
	for t := range b.tickets {
		b.enlist(t)
	}
	b.report()
	b.nudge()
}

// Counts returns how many keys are wanted and how many the broker has confirmed.
func (b *Bindings) Counts() (wanted, confirmed int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wanted, b.confirmed
}

func (b *Bindings) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Run brings binder in line with what is wanted until ctx ends. Errors of the binder are
// retried with backoff for as long as the key is wanted.
func (b *Bindings) Run(ctx context.Context, binder Binder) error {
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval, retry.MaxInterval = 50*time.Millisecond, 5*time.Second
	for ctx.Err() == nil {
		due, err := b.step(ctx, binder)
		if err == nil {
			retry.Reset()
			b.sleep(ctx, due, time.Until(due), false)
			continue
		}
		pause := retry.NextBackOff()
		if ctx.Err() == nil {
			b.log.Warn("bindings could not be changed; trying again", "error", err, "in", pause)
		}
		b.sleep(ctx, due, pause, true)
	}
	return nil
}

// sleep waits for pause, or for news unless the broker is being given a rest. A zero due means that there is nothing to wait for but news.
func (b *Bindings) sleep(ctx context.Context, due time.Time, pause time.Duration, resting bool) {
	var timeout <-chan time.Time
	if resting || !due.IsZero() {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		timeout = timer.C
	}
	news := b.wake
	if resting {
		news = nil
	}
	select {
	case <-ctx.Done():
	case <-timeout:
	case <-news:
	}
}

// step binds and unbinds one batch each and returns when it wants to run again; zero: when there is news.
func (b *Bindings) step(ctx context.Context, binder Binder) (time.Time, error) {
	if keys, lifetime := b.takeWanted(); len(keys) > 0 {
		begun := time.Now()
		err := binder.Bind(ctx, keys...)
		b.metrics.bindSeconds.Observe(time.Since(begun).Seconds())
		b.settle(keys, lifetime, bound, err)
		return time.Now(), err
	}
	keys, lifetime, due := b.takeUnused()
	if len(keys) == 0 {
		return due, nil
	}
	err := binder.Unbind(ctx, keys...)
	b.settle(keys, lifetime, absent, err)
	return time.Now(), err
}

// takeWanted picks keys to bind. They are in an unknown state from here on.
func (b *Bindings) takeWanted() (keys []string, lifetime uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key := range b.bind {
		delete(b.bind, key)
		b.set(b.keys[key], unknown)
		if keys = append(keys, key); len(keys) == bindBatch {
			break
		}
	}
	return keys, b.lifetime
}

// takeUnused picks keys to unbind, or says when the next may be due.
func (b *Bindings) takeUnused() (keys []string, lifetime uint64, due time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for len(keys) < bindBatch {
		list := &b.unused
		if len(*list) == 0 {
			list = &b.linger
		}
		if len(*list) == 0 {
			break
		}
		next := (*list)[0]
		if next.expires.After(now) {
			return keys, b.lifetime, next.expires
		}
		*list = (*list)[1:]
		k := b.keys[next.key]
		if k == nil || k.count > 0 || !k.expires.Equal(next.expires) {
			continue // wanted again, or again unused since later
		}
		if k.state == absent {
			b.forget(next.key, k)
			continue
		}
		b.set(k, unknown)
		k.expires = time.Time{} // a second entry with the same expiry must not match
		keys = append(keys, next.key)
	}
	return keys, b.lifetime, due
}

// settle records the outcome of an operation on keys, whose counts may have changed meanwhile.
func (b *Bindings) settle(keys []string, lifetime uint64, outcome brokerState, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if lifetime != b.lifetime {
		b.doubt(keys)
		return
	}
	if err != nil {
		outcome = unknown
	}
	if outcome == bound {
		b.clock++
	}
	defer b.report()
	for _, key := range keys {
		k := b.keys[key]
		b.set(k, outcome)
		switch {
		case outcome == bound:
			k.since = b.clock
			delete(b.bind, key) // released and acquired again while it was being bound
			b.tell(k)
		case k.count > 0:
			b.bind[key] = struct{}{}
		case outcome == absent:
			b.forget(key, k)
		default: // it may or may not be bound, and nobody wants it
			b.letLinger(key, k)
		}
	}
}

// doubt deals with an operation that was under way during a Reset, which has noted what is wanted and
// taken the keys for absent: they may have been bound after it all the same.
func (b *Bindings) doubt(keys []string) {
	for _, key := range keys {
		k := b.keys[key]
		if k == nil {
			k = &binding{}
			b.keys[key] = k
			b.letLinger(key, k)
		}
		b.set(k, unknown)
	}
}

// lingers says whether a key stays bound for a while when nobody needs it any more. That of a user does not: others see from
// its bindings whether a user is connected.
func lingers(key string) bool { return !event.IsUserKey(key) }

// letLinger has a key that nobody wants looked at after the delay, or at once.
func (b *Bindings) letLinger(key string, k *binding) {
	k.expires = time.Now()
	if !lingers(key) {
		b.unused = append(b.unused, lingering{key, k.expires})
		return
	}
	k.expires = k.expires.Add(b.delay)
	b.linger = append(b.linger, lingering{key, k.expires})
}

// forget drops a key that is neither wanted nor bound. Tickets that still wait for it belong to holders that have released it.
func (b *Bindings) forget(key string, k *binding) {
	delete(b.keys, key)
	b.tell(k)
}

// tell counts a bound key off the tickets that wait for it.
func (b *Bindings) tell(k *binding) {
	for _, t := range k.waiters {
		t.missing--
		b.finishIfBound(t)
	}
	k.waiters = nil
}
