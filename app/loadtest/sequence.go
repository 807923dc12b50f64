package loadtest

import (
	"hash/maphash"
	"time"
)

// resyncGrace is how long after a jump of seq a RESYNC explains it: a socket server that has lost its broker may pass on
// the first new events before it has told everybody.
const resyncGrace = 10 * time.Second

// span is a run of sequence numbers, both ends included.
type span struct{ from, to int64 }

// sequence is what one member knows of one channel, and what its current connection was sent of it. These are two things: what
// was missed while there was no connection is known from the history, and what came may have been known.
type sequence struct {
	channel *channel

	top   int64  // the highest number that is known
	holes []span // lower ones that are not, ascending
	known int64  // how many are known, of those that came in this run
	sum   uint64 // of the fingerprints of what is known

	first, last int64  // what the connection was sent first, and highest; 0: nothing yet
	skipped     []span // what the connection was not sent between them
	due, done   int    // how often the history was to be read, and was; while there is a difference, a jump is no surprise
	excused     int64  // up to here a jump is no surprise, since the history was read in place of it

	jumps []jump // of the connection, without an explanation so far
}

// jump is a jump of seq.
type jump struct {
	at   time.Duration
	over span
	open int64 // how many of them have not come late
	past bool  // of an earlier connection, over which nothing comes any more
}

// verdict on one arrival.
type arrival int

const (
	arrivedInOrder arrival = iota
	arrivedLate            // after a higher number
	arrivedTwice
)

// arrive takes a number that the connection was sent. isNew says whether the member did not know it.
func (s *sequence) arrive(seq int64, mark uint64, now time.Duration) (verdict arrival, isNew bool) {
	if s.last == s.top && seq == s.top+1 { // as it should be
		s.last, s.top = seq, seq
		s.known++
		s.sum += mark
		return arrivedInOrder, true
	}
	switch {
	case s.last == 0:
		s.first, s.last = seq, seq
	case seq > s.last:
		if seq > s.last+1 {
			s.jump(span{s.last + 1, seq - 1}, now)
		}
		s.last = seq
	case seq < s.first:
		if seq+1 < s.first {
			s.skipped = append(s.skipped, span{seq + 1, s.first - 1})
		}
		s.first = seq
		verdict = arrivedLate
	case take(&s.skipped, seq):
		s.late(seq)
		verdict = arrivedLate
	default:
		return arrivedTwice, false
	}
	return verdict, s.learn(seq, mark)
}

func (s *sequence) jump(over span, now time.Duration) {
	s.skipped = append(s.skipped, over)
	over.from = max(over.from, s.excused+1)
	if s.due == s.done && over.from <= over.to {
		s.jumps = append(s.jumps, jump{now, over, over.to - over.from + 1, false})
	}
}

// late takes a number back from the jump over it: that one was not missed, but reordered.
func (s *sequence) late(seq int64) {
	for i, j := range s.jumps {
		if j.past || seq < j.over.from || seq > j.over.to {
			continue
		}
		if s.jumps[i].open--; s.jumps[i].open == 0 {
			s.jumps = append(s.jumps[:i], s.jumps[i+1:]...)
		}
		return
	}
}

// learn takes a number from wherever it comes, and reports whether it was not known before.
func (s *sequence) learn(seq int64, mark uint64) bool {
	switch {
	case seq > s.top:
		if seq > s.top+1 {
			s.holes = append(s.holes, span{s.top + 1, seq - 1})
		}
		s.top = seq
	case !take(&s.holes, seq):
		return false
	}
	s.known++
	s.sum += mark
	return true
}

// missing is the number after which the history has to be read to know everything.
func (s *sequence) missing() (after int64) {
	if len(s.holes) > 0 {
		return s.holes[0].from - 1
	}
	return s.top
}

// reconnected begins a connection, which may be sent anything first.
func (s *sequence) reconnected() {
	s.first, s.last, s.skipped = 0, 0, nil
	s.due++
	for i := range s.jumps {
		s.jumps[i].past = true
	}
}

// caughtUp means that the history was read for the given reason, counted by due, and for all before.
func (s *sequence) caughtUp(due int) { s.done, s.excused = due, s.top }

// resync means that the server has said that something may be missing: jumps are explained, those of a moment ago too.
func (s *sequence) resync(now time.Duration) {
	s.due++
	kept := s.jumps[:0]
	for _, j := range s.jumps {
		if now-j.at > resyncGrace {
			kept = append(kept, j)
		}
	}
	s.jumps = kept
}

// take removes a number from spans, and reports whether it was in one.
func take(spans *[]span, seq int64) bool {
	for i, s := range *spans {
		if seq < s.from || seq > s.to {
			continue
		}
		var rest []span
		if s.from < seq {
			rest = append(rest, span{s.from, seq - 1})
		}
		if seq < s.to {
			rest = append(rest, span{seq + 1, s.to})
		}
		*spans = append((*spans)[:i:i], append(rest, (*spans)[i+1:]...)...)
		return true
	}
	return false
}

// fingerprint is a number for a message, whose sum over a sequence says whether two sequences have the same messages.
func (l *ledger) fingerprint(d delivery) (mark uint64, n int64, r *record) {
	n, r, ok := l.find(d.hash)
	key := uint64(n)
	if !ok {
		key = maphash.Bytes(l.seed, d.hash)
	}
	return mix(uint64(d.seq)<<1 ^ mix(key^mix(uint64(d.senderID)))), n, r
}

// mix is the finalizer of splitmix64: every bit of the input changes half of the output's.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
