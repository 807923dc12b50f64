package loadtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// load sends, waits until everything has arrived, and compares.
func (r *run) load(ctx context.Context, report *Report) error {
	var before, after usage
	started := make(chan struct{}) // closed when the warm-up is over
	var measuring sync.WaitGroup
	sending, stop := context.WithCancel(ctx)
	defer measuring.Wait()
	defer stop()
	measuring.Go(func() {
		select {
		case <-started:
			before = readUsage()
		case <-sending.Done():
		}
	})
	measuring.Go(func() { r.tellReceipts(sending) })
	var result outcome
	r.watch(ctx, func() {
		if r.options.Rate > 0 {
			r.sendPaced(ctx, started)
		} else {
			r.sendClosed(ctx, started)
		}
		end := time.Now().Add(r.options.Patience)
		r.awaitKnown(ctx, end)
		after = readUsage()
		result = r.settle(ctx, end)
	})
	stop()
	measuring.Wait()
	if result.err != nil {
		return result.err
	}
	report.Faults = result.faults
	report.Load = r.loadReport(result)
	report.Sending.ConfirmedAgain = result.confirmedAgain
	report.Client = after.since(before, report.Load.Deliveries)
	return nil
}

// sendClosed keeps a number of messages on their way to being accepted.
func (r *run) sendClosed(ctx context.Context, started chan<- struct{}) {
	var limit atomic.Int64 // the number at which to stop
	limit.Store(maxMessages)
	var senders sync.WaitGroup
	for range r.options.Senders {
		senders.Go(func() {
			for ctx.Err() == nil {
				n := r.ledger.addBelow(limit.Load())
				if n < 0 {
					return
				}
				r.send(ctx, n, r.clock.now())
			}
		})
	}
	sleep(ctx, r.options.Warmup)
	from := r.ledger.count()
	r.measure(from, started)
	if r.options.Messages > 0 {
		limit.Store(min(from+int64(r.options.Messages), maxMessages))
	} else {
		sleep(ctx, r.options.Duration)
		limit.Store(0)
	}
	senders.Wait()
}

// sendPaced sends messages at a pace, whatever becomes of those before.
func (r *run) sendPaced(ctx context.Context, started chan<- struct{}) {
	o := r.options
	warm := int64(math.Ceil(o.Rate * o.Warmup.Seconds()))
	total := warm + int64(o.Messages)
	if o.Messages == 0 {
		total = warm + int64(math.Ceil(o.Rate*o.Duration.Seconds()))
	}
	began := r.clock.now()
	var sends sync.WaitGroup
	defer sends.Wait()
	for n := range min(total, maxMessages) {
		planned := began + time.Duration(float64(n)/o.Rate*float64(time.Second))
		if wait := planned - r.clock.now(); wait > 0 && !sleep(ctx, wait) {
			return
		}
		if n == warm {
			r.measure(n, started)
		}
		r.ledger.addBelow(maxMessages)
		sends.Go(func() { r.send(ctx, n, planned) })
	}
}

// measure begins the measuring with message n.
func (r *run) measure(n int64, started chan<- struct{}) {
	r.measuringSince.Store(int64(r.clock.now()))
	r.measuredFrom.Store(n)
	close(started)
}

// target says who sends message n, and where: everybody in turn, each in one channel after the other.
func (r *run) target(n int64) (*client, *channel) {
	users := int64(len(r.clients))
	c := r.clients[n%users]
	return c, c.channels[(n/users+n%users)%int64(len(c.channels))]
}

// body is the request that sends message n, with a text of the wanted length.
func (r *run) body(n int64) []byte {
	const text = "The quick brown fox jumps over the lazy dog. "
	b := make([]byte, 0, r.options.Size+64)
	b = append(b, `{"content":"`...)
	for left := r.options.Size; left > 0; {
		part := text[:min(left, len(text))]
		b = append(b, part...)
		left -= len(part)
	}
	b = append(b, `","hash":"`...)
	b = append(b, r.ledger.hash(n)...)
	return append(b, `"}`...)
}

// send sends a message until it is accepted or patience runs out, always with the same hash.
func (r *run) send(ctx context.Context, n int64, planned time.Duration) {
	c, ch := r.target(n)
	rec := r.ledger.at(n)
	rec.sentAt.Store(int64(planned))
	r.markBeside(rec, planned)
	raise(&r.inFlightMax, r.inFlight.Add(1))
	defer r.inFlight.Add(-1)
	body := r.body(n)
	for pause := newBackoff(c.patience); ; {
		used := c.tokens.Load()
		err := r.poster.post(ctx, ch.path, used.bearer, body)
		if err == nil {
			r.wasAccepted(n, rec, c, ch, planned)
			return
		}
		if ctx.Err() != nil {
			return
		}
		wait, again := r.notAccepted(ctx, err, c, used)
		rec.set(flagRepeated)
		if !again || !pause.wait(ctx, wait) {
			if ctx.Err() == nil {
				rec.set(flagGivenUp)
				r.givenUp.Add(1)
			}
			return
		}
		r.retries.Add(1)
	}
}

func (r *run) wasAccepted(n int64, rec *record, c *client, ch *channel, planned time.Duration) {
	now := r.clock.now()
	rec.set(flagAccepted)
	r.accepted.Add(1)
	r.expected.Add(int64(ch.listeners))
	ch.accepted.Add(1)
	if n >= r.measuredFrom.Load() {
		r.acceptTimes.shard(c.index).record(now - planned)
		raise(&r.lastAccepted, int64(now))
	}
}

// notAccepted counts a failure, and says whether and when to try again.
func (r *run) notAccepted(ctx context.Context, err error, c *client, used *tokens) (wait time.Duration, again bool) {
	wait, again = passing(err)
	refusal := (*refusal)(nil)
	if !errors.As(err, &refusal) {
		r.noteError("send: " + cause(err))
		return wait, true
	}
	switch refusal.status {
	case http.StatusServiceUnavailable:
		r.refused.Add(1)
	case http.StatusTooManyRequests:
		r.limited.Add(1)
	case http.StatusUnauthorized:
		r.noteError("send: " + cause(err))
		c.renewOrNote(ctx, used)
		return 0, true
	default:
		r.noteError("send: " + cause(err))
	}
	return wait, again
}

// known is how many deliveries there were, live or caught up.
func (r *run) known() (n int64) {
	for _, c := range r.clients {
		n += c.known.Load()
	}
	return n
}

const (
	// lookEvery is how often it is looked whether everything has arrived.
	lookEvery = 20 * time.Millisecond
	// lookAgain is how long it takes until what is missing is looked for again.
	lookAgain = 250 * time.Millisecond
)

// awaitKnown waits until as much has arrived as was accepted, or patience runs out.
func (r *run) awaitKnown(ctx context.Context, end time.Time) {
	for r.known() < r.expected.Load() && time.Now().Before(end) {
		if !sleep(ctx, lookEvery) {
			return
		}
	}
}

// settle compares what was sent, kept and received, until nothing is missing any more or patience runs out.
func (r *run) settle(ctx context.Context, end time.Time) outcome {
	for {
		if err := r.readHistories(ctx); err != nil {
			return outcome{err: fmt.Errorf("read the history: %w", err)}
		}
		result := r.compare()
		if !result.mayHeal || time.Now().After(end) {
			return result
		}
		if !sleep(ctx, lookAgain) {
			return outcome{err: ctx.Err()}
		}
	}
}
