package socket

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// chunkBytes is how much is written to a connection at once. What is queued is
// gathered into a buffer of this size; a frame that is larger goes out by itself.
const chunkBytes = 64 << 10

// writers write what is queued. There are at most max of them, they live only
// while there is something to write, and none of them ever waits for a client:
// a connection whose socket buffer is full gets a goroutine of its own. When to
// write is decided in pace.go.
type writers struct {
	max     int
	timeout time.Duration // for one chunk to a client that does not keep up
	stats   *counters
	pool    sync.Pool // of *chunk

	mu      sync.Mutex
	ready   sessionList
	pace    pace
	running int           // writers
	slow    int           // goroutines that wait for one client
	idle    chan struct{} // closed when nothing is left to do; nil if nobody waits for that
}

// chunk is a writer's buffer, and its attempt at writing without blocking.
type chunk struct {
	buf []byte
	attempt
}

func newWriters(limit int, timeout, gather time.Duration, stats *counters) *writers {
	p := &writers{
		max:     limit,
		timeout: timeout,
		stats:   stats,
		pool:    sync.Pool{New: func() any { return &chunk{buf: make([]byte, 0, chunkBytes), attempt: newAttempt()} }},
	}
	p.pace.gather = gather
	p.pace.round = 1
	return p
}

// sessionList is a list of sessions linked by their next and prev fields. A
// session is in one list at most: its scheduled field sees to that.
type sessionList struct {
	head, tail *session
	n          int
}

func (l *sessionList) push(s *session) {
	if l.head == nil {
		l.head = s
	} else {
		l.tail.next, s.prev = s, l.tail
	}
	l.tail = s
	l.n++
}

func (l *sessionList) pop() *session {
	s := l.head
	if s != nil {
		l.remove(s)
	}
	return s
}

// remove takes s, which is in the list, out of it.
func (l *sessionList) remove(s *session) {
	if s.prev == nil {
		l.head = s.next
	} else {
		s.prev.next = s.next
	}
	if s.next == nil {
		l.tail = s.prev
	} else {
		s.next.prev = s.prev
	}
	s.next, s.prev = nil, nil
	l.n--
}

// takeAll moves everything that is in the other list to the end of this one.
func (l *sessionList) takeAll(other *sessionList) {
	switch {
	case other.head == nil:
		return
	case l.head == nil:
		*l = *other
	default:
		l.tail.next, other.head.prev = other.head, l.tail
		l.tail = other.tail
		l.n += other.n
	}
	*other = sessionList{}
}

// startLocked has as many writers run as there is work for.
func (p *writers) startLocked() {
	for p.running < p.max && p.running < p.ready.n {
		p.running++
		go p.run()
	}
}

// run serves sessions until none is ready.
func (p *writers) run() {
	c := p.pool.Get().(*chunk) //nolint:forcetypeassert // the pool's New
	for {
		p.mu.Lock()
		s := p.ready.pop()
		if s == nil {
			p.running--
			p.signalLocked()
			p.mu.Unlock()
			p.pool.Put(c)
			return
		}
		p.pace.writing(s)
		p.mu.Unlock()
		p.serve(s, c)
	}
}

// serve writes what is queued for s now. If the client does not take it all,
// the rest goes to a goroutine of its own.
func (p *writers) serve(s *session, c *chunk) {
	batch, ws := s.take()
	if batch == nil {
		return
	}
	s.pace.learn(len(batch.frames))
	for rest := batch.frames; len(rest) > 0; {
		data, n := c.gather(rest)
		p.stats.writes.Add(1)
		written, err := c.write(ws.raw, data)
		if err != nil {
			s.fail(err)
			break
		}
		if written < len(data) {
			whole, part := wholeFrames(rest, written)
			s.wrote(rest[:whole])
			p.mu.Lock()
			p.slow++
			p.mu.Unlock()
			go p.serveSlow(s, ws, batch, rest[whole:], part)
			return
		}
		s.wrote(rest[:n])
		rest = rest[n:]
	}
	s.server.recycle(batch)
	if s.more() {
		p.wake(s, handOver)
	}
}

// gather puts as many frames as fit into the buffer, and returns what to write
// and how many frames that is.
func (c *chunk) gather(frames []*wire) (data []byte, n int) {
	c.buf = c.buf[:0]
	for n < len(frames) && len(c.buf)+len(frames[n].bytes) <= cap(c.buf) {
		c.buf = append(c.buf, frames[n].bytes...)
		n++
	}
	if n == 0 {
		return frames[0].bytes, 1
	}
	return c.buf, n
}

// wholeFrames says how many frames a number of bytes is, and how much of the next one.
func wholeFrames(frames []*wire, bytes int) (whole, part int) {
	for bytes >= len(frames[whole].bytes) {
		bytes -= len(frames[whole].bytes)
		whole++
	}
	return whole, bytes
}

// serveSlow writes the rest of a batch and whatever has gathered meanwhile,
// waiting for the client where need be. Of the first frame, part has been
// written. Nothing is copied here: many clients may be slow at a time.
func (p *writers) serveSlow(s *session, ws *wsConn, batch *batch, rest []*wire, part int) {
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.slow--
		p.signalLocked()
	}()
	space := make(net.Buffers, 0, slowFrames)
	for {
		for len(rest) > 0 {
			data := slowChunk(space, rest)
			n := len(data)
			p.stats.writes.Add(1)
			data[0] = data[0][part:]
			part = 0
			if err := ws.writeBlocking(data, p.timeout); err != nil {
				s.fail(err)
				s.server.recycle(batch)
				return
			}
			s.wrote(rest[:n])
			rest = rest[n:]
		}
		s.server.recycle(batch)
		if !s.more() {
			return
		}
		if batch, ws = s.take(); batch == nil {
			return
		}
		rest = batch.frames
	}
}

// slowFrames is how many frames go to a slow client at once, at most.
const slowFrames = 64

// slowChunk is the first frames of rest, as many as go out at once.
func slowChunk(space net.Buffers, rest []*wire) net.Buffers {
	space = space[:0]
	size := 0
	for _, w := range rest {
		if len(space) == slowFrames || len(space) > 0 && size+len(w.bytes) > chunkBytes {
			break
		}
		space = append(space, w.bytes)
		size += len(w.bytes)
	}
	return space
}

// signalLocked tells who waits for it that nothing is being written.
func (p *writers) signalLocked() {
	if p.idle != nil && p.idleLocked() {
		close(p.idle)
		p.idle = nil
	}
}

func (p *writers) idleLocked() bool { return p.running+p.slow+p.pace.waiting.n == 0 }

// wait returns when nothing is being written any more.
func (p *writers) wait(ctx context.Context) error {
	p.mu.Lock()
	if p.idleLocked() {
		p.mu.Unlock()
		return nil
	}
	if p.idle == nil {
		p.idle = make(chan struct{})
	}
	idle := p.idle
	p.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fail ends a session to which writing has failed.
func (s *session) fail(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.server.stats.writeTimeouts.Add(1)
		s.kill(ReasonSlowClient, 0)
		return
	}
	s.kill(ReasonTransportError, 0)
}
