package socket

import (
	"context"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// state is how far a session has come.
type state uint8

const (
	stateOpen    state = iota
	stateClosing       // nothing further is queued or received; what is queued still goes out
	stateClosed        // the transport is gone
)

// session is an Engine.IO connection: the queue of what goes to one client, and
// the transport that takes it there, which an upgrade replaces.
type session struct {
	server *Server
	id     string
	remote string

	in sync.Mutex // held while incoming packets are handled: a POST and a WebSocket may bring some at the same time

	mu        sync.Mutex
	state     state
	reason    string   // why it is closing, or closed
	farewell  int      // code of a close frame that the writer, who is still busy, is to send
	conn      *Conn    // of the main namespace, from its CONNECT packet on
	answered  bool     // conn's CONNECT was answered
	held      []*wire  // events for conn that wait for that answer
	queue     *batch   // what is to be written, nil if nothing is
	bytes     int      // held, queued or being written
	queued    uint64   // frames ever queued
	written   uint64   // frames ever written
	waiters   []waiter // for Flush
	scheduled bool     // a writer has the session, or will have it
	next      *session // in a sessionList, as is prev
	prev      *session
	pace      sessionPace
	ws        *wsConn // nil while the transport is polling
	probe     *wsConn // a WebSocket that may become the transport
	probed    bool    // the client has been told that the probe works, and will stop polling
	poll      chan struct{}
	posting   bool
	lib       *engineSocket // the session as the library knows it; nil when the library has done its part
	announced bool          // the library knows the session
	pinged    bool          // and the pong has not come yet
	timer     *time.Timer
}

// batch is a list of frames that are written together.
type batch struct{ frames []*wire }

// waiter is a Flush that waits until frame number target has been written.
type waiter struct {
	target uint64
	held   bool // the target is known only once the held frames are queued
	done   chan struct{}
}

// enqueue queues an event for c. It reports whether the event was taken, and
// what the caller must have the writers do.
func (s *session) enqueue(c *Conn, w *wire) (accepted bool, what wakeup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen || s.conn != c || !s.fitsLocked(w) {
		return false, 0
	}
	if !s.answered {
		s.held = append(s.held, w)
		s.bytes += len(w.bytes)
		return true, 0
	}
	before := s.bytes
	s.appendLocked(w)
	what = s.wakeLocked()
	if before < chunkBytes && s.bytes >= chunkBytes && s.ws != nil {
		what |= hurry // nothing is to be gained by waiting for more
	}
	return true, what
}

// fitsLocked makes sure that the queue stays within its bound. A client that
// has let it grow so far is given up: it catches up after connecting again. A
// single frame fits whatever its size.
func (s *session) fitsLocked(w *wire) bool {
	if s.bytes == 0 || s.bytes+len(w.bytes) <= s.server.opts.MaxQueueBytes {
		return true
	}
	s.server.stats.overflows.Add(1)
	// Nobody else gets here; kill, which must not run under the lock, does the rest.
	s.state, s.reason = stateClosing, ReasonSlowClient
	go func() {
		s.ended(ReasonSlowClient)
		s.kill(ReasonSlowClient, websocket.ClosePolicyViolation)
	}()
	return false
}

func (s *session) appendLocked(w *wire) {
	if s.queue == nil {
		s.queue = s.server.batch()
	}
	s.queue.frames = append(s.queue.frames, w)
	s.bytes += len(w.bytes)
	s.queued++
}

// wakeLocked has the queue taken to the client. For a WebSocket the caller must
// then have the writers do what is returned.
func (s *session) wakeLocked() wakeup {
	switch {
	case s.ws != nil && !s.scheduled:
		s.scheduled = true
		return handOver
	case s.ws == nil && s.poll != nil:
		wake(s.poll)
	}
	return 0
}

// hurryLocked is the same as wakeLocked for what must not wait for events to come.
func (s *session) hurryLocked() wakeup {
	what := s.wakeLocked()
	if s.ws != nil {
		what |= hurry
	}
	return what
}

// wake tells a poll that waits to look again.
func wake(poll chan struct{}) {
	select {
	case poll <- struct{}{}:
	default: // it is going to look anyway
	}
}

// send queues a packet that is not an event of the current connection: one of
// the engine, an acknowledgement's refusal, or one that the library has encoded.
func (s *session) send(w *wire) {
	s.mu.Lock()
	if s.state != stateOpen || !s.fitsLocked(w) {
		s.mu.Unlock()
		return
	}
	s.appendLocked(w)
	what := s.hurryLocked()
	s.mu.Unlock()
	s.server.out.wake(s, what)
}

// answer queues the answer to the connection's CONNECT, and behind it the
// events that were emitted before.
func (s *session) answer(w *wire) {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return
	}
	s.appendLocked(w)
	s.answered = true
	for _, h := range s.held {
		s.bytes -= len(h.bytes) // counted when it was held
		s.appendLocked(h)
	}
	s.held = nil
	for i := range s.waiters {
		if s.waiters[i].held {
			s.waiters[i].target, s.waiters[i].held = s.queued, false
		}
	}
	what := s.hurryLocked()
	s.mu.Unlock()
	s.server.out.wake(s, what)
}

// attach makes c the connection of the session, unless there is one.
func (s *session) attach(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen || s.conn != nil {
		return false
	}
	s.server.live.Add(1) // until OnDisconnect has returned; the session itself counts as long as it is open
	s.conn = c
	return true
}

// detach ends c's part in the session, which may then carry another
// connection: its client was refused and tries again.
func (s *session) detach(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return
	}
	s.conn, s.answered = nil, false
	for _, h := range s.held {
		s.bytes -= len(h.bytes)
	}
	s.held = nil
}

// take gives a writer what is queued. If there is nothing, the writer is done
// with the session: batch is nil.
func (s *session) take() (b *batch, ws *wsConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateClosed || s.queue == nil {
		s.idleLocked()
		return nil, nil
	}
	b, s.queue = s.queue, nil
	return b, s.ws
}

// more reports whether there is something to write still. If not, the writer
// is done with the session.
func (s *session) more() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateClosed && s.queue != nil {
		return true
	}
	s.idleLocked()
	return false
}

// idleLocked is where a writer leaves the session. A session that is closing
// has got everything out by then.
func (s *session) idleLocked() {
	s.scheduled = false
	if s.state == stateClosing {
		s.state, s.farewell = stateClosed, websocket.CloseNormalClosure
		s.releaseLocked()
	}
	if s.farewell != 0 {
		s.ws.finish(s.farewell, s.reason)
		s.farewell = 0
	}
}

// wrote notes that frames have been written.
func (s *session) wrote(frames []*wire) {
	n := 0
	for _, w := range frames {
		n += len(w.bytes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateClosed {
		return
	}
	s.bytes -= n
	s.written += uint64(len(frames))
	if len(s.waiters) == 0 {
		return
	}
	keep := s.waiters[:0]
	for _, w := range s.waiters {
		if w.held || w.target > s.written {
			keep = append(keep, w)
		} else {
			close(w.done)
		}
	}
	s.waiters = keep
}

// flush waits until everything that is held or queued for c has been written.
func (s *session) flush(ctx context.Context, c *Conn) error {
	s.mu.Lock()
	if s.state == stateClosed || s.conn != c || len(s.held) == 0 && s.written == s.queued {
		s.mu.Unlock()
		return nil
	}
	done := make(chan struct{})
	s.waiters = append(s.waiters, waiter{target: s.queued, held: len(s.held) > 0, done: done})
	var what wakeup
	if s.scheduled {
		what = hurry
	}
	s.mu.Unlock()
	s.server.out.wake(s, what)
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start begins the heartbeat.
func (s *session) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateClosed {
		return
	}
	s.timer = time.AfterFunc(s.server.opts.PingInterval, s.beat)
	if s.state == stateClosing {
		s.graceLocked()
	}
}

// beat is what the timer calls: it is time for a ping, or too late for a pong,
// or for a client to take what is left.
func (s *session) beat() {
	s.mu.Lock()
	switch {
	case s.state == stateOpen && !s.pinged:
		s.pinged = true
		s.timer.Reset(s.server.opts.PingTimeout)
		s.mu.Unlock()
		s.send(s.server.ping)
	case s.state == stateOpen:
		s.mu.Unlock()
		s.kill(ReasonPingTimeout, websocket.CloseNormalClosure)
	default:
		s.mu.Unlock()
		s.kill(ReasonSlowClient, 0)
	}
}

// pong is the client's answer to a ping.
func (s *session) pong() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateOpen && s.timer != nil {
		s.pinged = false
		s.timer.Reset(s.server.opts.PingInterval)
	}
}
