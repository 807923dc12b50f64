package message

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"parley/app/event"
	"parley/app/store"
)

const (
	// maxTransaction is the most messages of several batches that go into one transaction, so that nobody waits for very long.
	maxTransaction = 256
	// patience is after how long a transaction is taken to wait for a lock, and another one may begin beside it.
	patience = time.Second
	// maxMerged is how long a transaction of several batches may take before each is tried alone.
	maxMerged = 5 * time.Second
)

// Committer keeps batches of several partitions in one transaction: what waits while another one is under way is kept together
// next, so that the more there is to do, the fewer transactions, statements and waits for the disk a message
// costs. Nobody waits for company, and a batch that is alone goes alone.
//
// It changes neither what becomes of a batch nor when it is known to be kept: Persist returns after the commit. If a
// transaction of several batches fails, or hangs, each of them is tried alone, so that none suffers for another.
type Committer struct {
	keeper Keeper

	mu      sync.Mutex
	busy    bool          // a transaction is under way that has not used up the others' patience
	waiting []*submission // in the order of their arrival
	alone   int           // how many of those that come next are not to be merged
}

// submission is a batch on its way.
type submission struct {
	sends []event.Send
	part  *transaction  // what it is part of; nil while it waits
	left  bool          // its caller does not wait any longer
	done  chan struct{} // closed when what follows is set

	outcomes []Outcome
	err      error
}

// transaction is under way. It goes on for as long as anybody waits for it.
type transaction struct {
	ctx      context.Context // made for it, and ended with it
	cancel   context.CancelFunc
	members  []*submission
	callers  int  // of the members, that have not left
	overtook bool // another one has taken its place
	ended    bool
}

// NewCommitter returns a Committer that keeps batches with k.
func NewCommitter(k Keeper) *Committer { return &Committer{keeper: k} }

// Persist implements Keeper. Batches of one caller, one after the other has returned, are kept in that order. If ctx ends before the
// outcome is known, the batch may be kept or not.
func (c *Committer) Persist(ctx context.Context, sends []event.Send) ([]Outcome, error) {
	if err := ctx.Err(); err != nil {
		return nil, store.Map(err)
	}
	s := &submission{sends: sends, done: make(chan struct{})}
	c.mu.Lock()
	c.waiting = append(c.waiting, s)
	c.begin()
	c.mu.Unlock()
	select {
	case <-s.done:
		return s.outcomes, s.err
	case <-ctx.Done():
	}
	if !c.leave(s) {
		<-s.done
		if s.err == nil {
			return s.outcomes, nil // it was committed just before
		}
	}
	return nil, store.Map(ctx.Err())
}

// leave withdraws a batch whose caller does not wait any longer. False means that it was the last one to leave
// its transaction, which is being rolled back: that takes but a moment, and its end is to be waited for.
func (c *Committer) leave(s *submission) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.left = true
	if s.part == nil {
		c.waiting = slices.DeleteFunc(c.waiting, func(w *submission) bool { return w == s })
		return true
	}
	if s.part.callers--; s.part.callers > 0 {
		return true
	}
	s.part.cancel()
	return false
}

// begin starts to keep what waits, unless that is being done.
func (c *Committer) begin() {
	if !c.busy && len(c.waiting) > 0 {
		c.busy = true
		go c.run() // for as long as there is a caller who waits
	}
}

// run keeps what waits, one transaction after the other, until nothing does.
func (c *Committer) run() {
	for t := c.next(); t != nil; t = c.next() {
		impatient := time.AfterFunc(patience, func() { c.overtake(t) })
		outcomes, err := c.persist(t)
		impatient.Stop()
		if !c.finish(t, outcomes, err) {
			return
		}
	}
}

// persist turns a panic into an error, as the bus does for what runs in its own goroutines.
func (c *Committer) persist(t *transaction) (outcomes []Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	sends := t.members[0].sends
	if len(t.members) > 1 {
		sends = slices.Clone(sends)
		for _, s := range t.members[1:] {
			sends = append(sends, s.sends...)
		}
	}
	return c.keeper.Persist(t.ctx, sends)
}

// overtake lets another transaction begin beside one that takes long: a channel that is locked, because its group is being
// deleted, say, must not hold up all others.
func (c *Committer) overtake(t *transaction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.ended {
		return
	}
	t.overtook, c.busy = true, false
	c.begin()
}

// next takes what waits. Nil says that there is nothing.
func (c *Committer) next() *transaction {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.busy = false
		return nil
	}
	n, messages := 1, len(c.waiting[0].sends)
	if c.alone > 0 {
		c.alone--
	} else {
		for n < len(c.waiting) && messages+len(c.waiting[n].sends) <= maxTransaction {
			messages += len(c.waiting[n].sends)
			n++
		}
	}
	t := &transaction{members: slices.Clone(c.waiting[:n]), callers: n}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	if n > 1 {
		t.ctx, t.cancel = context.WithTimeout(context.Background(), maxMerged)
	}
	for _, s := range t.members {
		s.part = t
	}
	c.waiting = slices.Delete(c.waiting, 0, n)
	return t
}

// finish hands out what came of a transaction. It returns whether the next one may follow.
func (c *Committer) finish(t *transaction, outcomes []Outcome, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer t.cancel()
	t.ended = true
	if err != nil && len(t.members) > 1 {
		// If the database is away, the callers try again when they see fit; else it is one of the batches.
		c.alone += len(t.members)
		if t.callers > 0 && (!errors.Is(err, store.ErrUnavailable) || t.ctx.Err() != nil) {
			c.separate(t)
			return !t.overtook
		}
	}
	for _, s := range t.members {
		s.err = err
		if err == nil {
			n := len(s.sends)
			s.outcomes, outcomes = outcomes[:n:n], outcomes[n:]
		}
		close(s.done)
	}
	return !t.overtook
}

// separate puts the batches of a transaction in front of what waits.
func (c *Committer) separate(t *transaction) {
	again := make([]*submission, 0, len(t.members)+len(c.waiting))
	for _, s := range t.members {
		if !s.left {
			s.part = nil
			again = append(again, s)
		}
	}
	c.waiting = append(again, c.waiting...)
	c.begin()
}
