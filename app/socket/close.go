package socket

// shutdown ends the session for the given reason after what is queued, and the
// final packets, have been written. If c is not nil, it must be the session's
// connection still.
func (s *session) shutdown(c *Conn, reason string, final ...*wire) {
	s.mu.Lock()
	if s.state != stateOpen || c != nil && s.conn != c {
		s.mu.Unlock()
		return
	}
	s.state, s.reason = stateClosing, reason
	for _, w := range final {
		s.appendLocked(w)
	}
	s.graceLocked()
	what := s.hurryLocked()
	s.mu.Unlock()
	s.server.out.wake(s, what)
	s.ended(reason)
}

// graceLocked limits how long a closing session waits for its client to take
// what is left: over WebSocket, to read it; when polling, to come for it.
func (s *session) graceLocked() {
	switch {
	case s.timer == nil:
	case s.ws != nil:
		s.timer.Reset(s.server.opts.WriteTimeout)
	default:
		s.timer.Reset(lingerTimeout)
	}
}

// kill ends the session at once. A WebSocket client is told the code, unless it is 0.
func (s *session) kill(reason string, code int) {
	s.mu.Lock()
	if s.state == stateClosed {
		s.mu.Unlock()
		return
	}
	first := s.state == stateOpen
	s.state, s.reason = stateClosed, reason
	s.releaseLocked()
	ws, probe, what := s.ws, s.probe, wakeup(0)
	switch {
	case ws == nil:
	case code == 0:
		ws.close()
	case s.scheduled:
		s.farewell, what = code, hurry
		ws.linger() // which also ends the writer's work, if the client does not read
	default:
		ws.finish(code, reason)
	}
	s.mu.Unlock()
	s.server.out.wake(s, what)
	if probe != nil {
		probe.close()
	}
	if first {
		s.ended(reason)
	}
	if ws == nil {
		s.server.remove(s)
	}
}

// releaseLocked lets go of everything that waits for or belongs to an open session.
func (s *session) releaseLocked() {
	if s.timer != nil {
		s.timer.Stop()
	}
	for _, w := range s.waiters {
		close(w.done)
	}
	s.waiters, s.held, s.queue, s.bytes = nil, nil, nil, 0
	if s.poll != nil {
		wake(s.poll)
	}
}

// ended tells the connection and the library that nothing further goes either
// way. It is called once, by whoever took the session out of stateOpen.
func (s *session) ended(reason string) {
	s.server.opts.Metrics.disconnected(reason)
	s.mu.Lock()
	c, lib, announced := s.conn, s.lib, s.announced
	s.mu.Unlock()
	if c != nil {
		c.end(reason)
	}
	if announced && lib != nil {
		lib.Emit("close", reason, nil)
	}
}

// cut closes a WebSocket that waits for its client to close its end.
func (s *session) cut() {
	s.mu.Lock()
	ws := s.ws
	s.mu.Unlock()
	if ws != nil {
		ws.close()
	}
}
