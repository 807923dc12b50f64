package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// Attempts is how often a message may fail on its own before it is dead-lettered.
	Attempts = 3
	// FinishTimeout is how long a batch at hand may go on after its consumption was asked to end.
	FinishTimeout = 10 * time.Second

	// batchAttempts is how often a batch may fail before its messages are tried one by one: more than
	// once, as a glitch that is not marked as transient should not cost the batch its speed.
	batchAttempts = 2
	// firstWait and longestWait bound the pause between two tries: short enough to go unnoticed for a
	// glitch, long enough to spare a database that is starting up.
	firstWait   = 50 * time.Millisecond
	longestWait = 5 * time.Second
)

// Verdict is what becomes of a message that was handed to a Worker.
type Verdict int

// The verdicts.
const (
	// Return puts the message back in its place in the queue: nothing was decided about it in time.
	Return Verdict = iota
	// Ack removes the message: it has been handled.
	Ack
	// Dead moves the message to the dead-letter queue: it cannot be handled.
	Dead
)

// Redelivery is the one policy of what to do when a Worker fails, used by every
// implementation of Bus, which only carries out the verdicts.
//
//	batch ──ok──────────────────────────────► Ack, all
//	  │ transient: again, with backoff, without end
//	  │ other error: again, batchAttempts times in all
//	  ▼
//	each message alone, in order ──ok───────► Ack
//	  │ transient: again, with backoff, without end
//	  │ other error: again, Attempts times in all
//	  ▼
//	GaveUp, until it returns nil ───────────► Dead
type Redelivery struct {
	Worker Worker
	// Log takes every failed try. It should name the queue.
	Log *slog.Logger
}

// errStopped ends the tries when there is no time for another.
var errStopped = errors.New("stopped before the next try")

// Handle hands batch to the worker until there is a verdict for each message, and returns the verdicts in
// the order of the batch. After stop is closed or ctx has ended nothing is tried again; messages without a
// verdict by then, which are always the last ones of the batch, get Return. ctx is the worker's, see Finishing.
func (r *Redelivery) Handle(ctx context.Context, stop <-chan struct{}, batch []Message) []Verdict {
	verdicts := make([]Verdict, len(batch))
	if len(batch) > 1 {
		err := r.try(ctx, stop, batch, batchAttempts)
		if errors.Is(err, errStopped) {
			return verdicts
		}
		if err == nil {
			for i := range verdicts {
				verdicts[i] = Ack
			}
			return verdicts
		}
		r.Log.Warn("batch keeps failing, its messages are tried one by one", "messages", len(batch), "error", err)
	}
	for i := range batch {
		if i > 0 && isStopped(ctx, stop) {
			break
		}
		verdicts[i] = r.alone(ctx, stop, batch[i:i+1])
		if verdicts[i] == Return {
			break // the later ones must not overtake it
		}
	}
	return verdicts
}

// alone gives the verdict on a batch of one.
func (r *Redelivery) alone(ctx context.Context, stop <-chan struct{}, one []Message) Verdict {
	cause := r.try(ctx, stop, one, Attempts)
	switch {
	case cause == nil:
		return Ack
	case errors.Is(cause, errStopped):
		return Return
	}
	wait := newWait()
	for {
		err := r.guard("GaveUp", func() error { return r.Worker.GaveUp(ctx, one[0], cause) })
		if err == nil {
			r.Log.Error("message is dead-lettered", "key", one[0].Key, "type", one[0].Type, "attempts", Attempts, "error", cause)
			return Dead
		}
		r.Log.Warn("giving up on a message failed, will be tried again", "key", one[0].Key, "type", one[0].Type, "error", err)
		if !pause(ctx, stop, wait.NextBackOff()) {
			return Return
		}
	}
}

// try hands the messages to the worker until it succeeds or they have failed attempts times; transient errors do
// not count. It returns nil, the last error, or errStopped.
func (r *Redelivery) try(ctx context.Context, stop <-chan struct{}, batch []Message, attempts int) error {
	wait := newWait()
	for failed := 0; ; {
		err := r.guard("Work", func() error { return r.Worker.Work(ctx, batch) })
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return errStopped // and whatever err is, the end of ctx may have caused it
		}
		transient := errors.Is(err, ErrTransient)
		if !transient {
			if failed++; failed == attempts {
				return err
			}
		}
		r.Log.Warn("handling messages failed, will be tried again",
			"messages", len(batch), "transient", transient, "error", err)
		if !pause(ctx, stop, wait.NextBackOff()) {
			return errStopped
		}
	}
}

// guard turns a panic of the worker into an error: one bad message must not take the process down.
func (r *Redelivery) guard(what string, call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.Log.Error("worker panicked", "in", what, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in %s: %v", what, p)
		}
	}()
	return call()
}

func isStopped(ctx context.Context, stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return ctx.Err() != nil
	}
}

func newWait() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: firstWait, MaxInterval: longestWait, Multiplier: 2, RandomizationFactor: 0.5,
	}
}

// pause waits for d. It returns false if ctx or stop ends it.
func pause(ctx context.Context, stop <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stop:
	case <-ctx.Done():
	}
	return false
}

// Finishing returns a context for the work at hand: it has ctx's values and ends FinishTimeout after ctx has, or
// when cancel is called, which must be called in the end.
func Finishing(ctx context.Context) (work context.Context, cancel context.CancelFunc) {
	work, cancelWork := context.WithCancel(context.WithoutCancel(ctx))
	unwatch := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(FinishTimeout, cancelWork)
		context.AfterFunc(work, func() { timer.Stop() })
	})
	return work, func() {
		unwatch()
		cancelWork()
	}
}
