package loadtest

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// history is what a channel's history has of the run.
type history struct {
	entries []entry // in the order of seq
	sum     uint64  // of the fingerprints
	top     int64   // the highest seq
	gaps    int     // numbers that are left out
}

// entry is a message of the history.
type entry struct {
	seq  int64
	n    int64 // the message's number, -1 if it is not one of this run
	mark uint64
}

// readHistories reads on in every channel, as the first member of each.
func (r *run) readHistories(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(changing)
	for _, ch := range r.channels {
		all.Go(func() error { return r.readHistory(ctx, ch) })
	}
	return all.Wait()
}

func (r *run) readHistory(ctx context.Context, ch *channel) error {
	h := &ch.history
	h.top = max(h.top, ch.base)
	for more := true; more; {
		p, err := ch.members[0].page(ctx, ch, h.top)
		if err != nil {
			return err
		}
		for _, m := range p.Messages {
			mark, n, rec := r.ledger.fingerprint(m.delivery())
			if rec == nil {
				n = -1
			}
			h.entries = append(h.entries, entry{m.Seq, n, mark})
			h.sum += mark
			if m.Seq != h.top+1 {
				h.gaps++
			}
			h.top = m.Seq
		}
		more = p.HasMore && len(p.Messages) > 0
	}
	return nil
}

// outcome is what the comparison of what was sent, kept and received has come to.
type outcome struct {
	faults               Faults
	mayHeal              bool // something is missing that may still come
	delivered            int  // measured messages that have arrived everywhere
	sent, accepted       int  // measured ones
	deliveries, caughtUp int  // measured ones
	confirmedAgain       int
	windowEnd            int64
	err                  error
}

// compare compares what was sent, kept and received.
func (r *run) compare() outcome {
	var o outcome
	count := r.ledger.count()
	kept := make([]uint8, count)      // how often each message is in the history
	incomplete := make([]bool, count) // did not arrive everywhere
	for _, ch := range r.channels {
		o.faults.HistoryGaps += ch.history.gaps
		for _, e := range ch.history.entries {
			if e.n >= 0 && kept[e.n] < 2 {
				kept[e.n]++
			}
		}
	}
	for _, c := range r.clients {
		c.compare(&o, incomplete)
	}
	o.mayHeal = o.faults.LostDeliveries > 0 || o.faults.Differing > 0
	from := r.measuredFrom.Load()
	for n := range count {
		r.compareMessage(&o, n, kept[n], incomplete[n], n >= from)
	}
	return o
}

// compareMessage looks at one message that was sent.
func (r *run) compareMessage(o *outcome, n int64, kept uint8, incomplete, measured bool) {
	rec := r.ledger.at(n)
	accepted := rec.is(flagAccepted)
	switch {
	case kept > 1:
		o.faults.StoredTwice++
	case rec.is(flagFailed):
		o.faults.Failed++
	case accepted && kept == 0:
		o.faults.LostMessages++
		o.mayHeal = true
	}
	if c, _ := r.target(n); accepted && kept > 0 && !rec.is(flagConfirmed) && c.isOnline() {
		o.faults.Unconfirmed++
		o.mayHeal = true
	}
	if !measured {
		return
	}
	o.sent++
	if accepted {
		o.accepted++
	}
	if accepted && kept > 0 && !incomplete {
		o.delivered++
	}
}

func (c *client) isOnline() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.online
}

// compare adds up what one client has found, and compares what it knows with the history.
func (c *client) compare(o *outcome, incomplete []bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.faults.add(c.faults)
	o.deliveries += int(c.delivered.Load())
	o.caughtUp += c.caughtUp
	o.confirmedAgain += c.confirmedAgain
	o.windowEnd = max(o.windowEnd, c.lastAt.Load())
	for i := range c.sequences {
		s := &c.sequences[i]
		o.faults.Gaps += len(s.jumps)
		h := &s.channel.history
		if s.known == int64(len(h.entries)) && s.sum == h.sum {
			continue
		}
		lost, sum := s.unknown(h, incomplete)
		if c.online { // else that is the fault, and this its consequence
			o.faults.LostDeliveries += lost
		}
		if s.sum+sum != h.sum {
			o.faults.Differing++
		}
	}
}

// unknown counts what the history has and the sequence has not, marks it as incomplete, and sums up its fingerprints.
func (s *sequence) unknown(h *history, incomplete []bool) (lost int, sum uint64) {
	holes := s.holes
	for _, e := range h.entries {
		for len(holes) > 0 && holes[0].to < e.seq {
			holes = holes[1:]
		}
		if e.seq <= s.top && (len(holes) == 0 || e.seq < holes[0].from) {
			continue // known
		}
		lost++
		sum += e.mark
		if e.n >= 0 {
			incomplete[e.n] = true
		}
	}
	return lost, sum
}

// add adds the faults that a client finds by itself.
func (f *Faults) add(c Faults) {
	f.Duplicates += c.Duplicates
	f.Reordered += c.Reordered
	f.Misaddressed += c.Misaddressed
	f.Unreadable += c.Unreadable
}
