package socket

import "time"

// Writing costs about the same whether it takes one small event to a client or
// ten: some 5 µs in the kernel here, and as much at the client's end to read
// it. So where events follow one another closely, what is queued for a
// connection gathers for a short while, and goes out in one write.
//
// Time is divided into rounds, which last for Options.GatherTime and of which
// there are only as many as there is something to write. A connection that has
// not been written to in the current round is written to at once: at low rates,
// nothing ever waits. One that has been waits for the end of the round, which
// comes early when no events have come for a quarter of the time. This takes
// one timer for all connections, and no look at the clock for an event.
//
// Not everything waits: see hurry. Nor does a connection for which waiting has
// turned out to be useless, because no second event came along: see
// sessionPace.learn.

// pace is when the writers write.
type pace struct {
	gather  time.Duration // how long a round lasts
	round   uint64        // number of the current one
	steps   int           // how many quarters of it are over
	frames  uint64        // events ever queued, at the end of the last quarter
	timer   *time.Timer   // ends a quarter; nil before the first
	running bool          // the timer
	waiting sessionList   // for the end of the round
}

// stepsPerRound is how many times in a round to see whether events still come.
const stepsPerRound = 4

// sessionPace is what a session keeps for this. Except where it says otherwise, writers.mu guards it.
type sessionPace struct {
	round   uint64 // that in which it was last written to; 0 is before all
	waiting bool   // it is in pace.waiting
	hurried bool   // it must not wait when it is handed over next

	// These belong to whoever has the session scheduled.
	waited bool   // it was in pace.waiting before it was taken to be written
	exempt uint16 // how many times more it does not wait
	grant  uint16 // the last number of such times
}

// maxExempt is how many times in a row a connection does not wait, at most.
const maxExempt = 1023

// learn looks at what waiting has brought: how many frames are written. If
// there is only one, the connection will not wait the next few times, and more
// each time it happens again. So a sender that goes on only when an event has
// been received, or two events a second, is not held up in vain for long; and
// when the rate rises, the connection waits again a few dozen events later.
func (p *sessionPace) learn(frames int) {
	switch {
	case !p.waited:
		return
	case frames > 1:
		p.grant = 0
	default:
		p.grant = min(2*p.grant+1, maxExempt)
	}
	p.exempt = p.grant
}

// writing notes that s is about to be written to.
func (p *pace) writing(s *session) {
	s.pace.round = p.round
	s.pace.hurried = false
}

// waits decides whether s, handed over now, waits for the end of the round.
func (p *pace) waits(s *session) bool {
	switch {
	case p.gather == 0 || s.pace.hurried || s.pace.round != p.round:
		return false
	case s.pace.exempt > 0:
		s.pace.exempt--
		return false
	}
	return true
}

// wakeup is what is to be done for a session to which something has been queued.
type wakeup uint8

const (
	handOver wakeup = 1 << iota // it is to be given to the writers
	hurry                       // it must not wait
)

// wake has what is queued for s written, as far as that is to be done.
func (p *writers) wake(s *session, what wakeup) {
	if what&hurry != 0 {
		p.hurry(s)
	}
	if what&handOver != 0 {
		var l sessionList
		l.push(s)
		p.add(&l)
	}
}

// add has what is queued for the sessions written, and empties the list.
func (p *writers) add(l *sessionList) {
	if l.n == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := l.pop(); s != nil; s = l.pop() {
		if s.pace.waited = p.pace.waits(s); s.pace.waited {
			s.pace.waiting = true
			p.pace.waiting.push(s)
		} else {
			p.ready.push(s)
		}
	}
	if !p.pace.running && p.pace.gather > 0 {
		p.beginRoundLocked()
	}
	p.startLocked()
}

// hurry has s written to without waiting for the end of the round, whether it
// has been handed over or is about to be: for what is not an event, for Flush,
// for the end of a connection, and for a queue that fills a write by itself.
func (p *writers) hurry(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.pace.hurried = true
	if s.pace.waiting {
		s.pace.waiting = false
		s.pace.waited = false
		p.pace.waiting.remove(s)
		p.ready.push(s)
		p.startLocked()
	}
}

func (p *writers) beginRoundLocked() {
	p.pace.round++
	p.pace.steps = 0
	p.beginStepLocked()
}

func (p *writers) beginStepLocked() {
	p.pace.running = true
	if step := p.pace.gather / stepsPerRound; p.pace.timer == nil {
		p.pace.timer = time.AfterFunc(step, p.endStep)
	} else {
		p.pace.timer.Reset(step)
	}
}

// endStep is called by the timer. If nobody has waited at the end of a round,
// there has been so little to write that the next one begins only when there is
// something again.
func (p *writers) endStep() {
	frames := p.stats.frames.Load()
	p.mu.Lock()
	defer p.mu.Unlock()
	quiet := frames == p.pace.frames
	p.pace.frames = frames
	p.pace.steps++
	if p.pace.steps < stepsPerRound && (!quiet || p.pace.waiting.n == 0) {
		p.beginStepLocked()
		return
	}
	p.pace.running = false
	if p.pace.waiting.n == 0 {
		p.pace.round++
		return
	}
	for s := p.pace.waiting.head; s != nil; s = s.next {
		s.pace.waiting = false
	}
	p.ready.takeAll(&p.pace.waiting)
	p.beginRoundLocked()
	p.startLocked()
}
