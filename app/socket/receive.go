package socket

import (
	"encoding/json"
	"runtime/debug"

	"github.com/gorilla/websocket"
	"github.com/zishang520/engine.io/v2/types"
)

// receive handles one Engine.IO packet from the client. It waits while the
// connection has more events in hand than it should. An error is a *refusal:
// the caller closes the session.
func (s *session) receive(packet []byte) error {
	s.in.Lock()
	defer s.in.Unlock()
	if len(packet) == 0 {
		return refuse(websocket.ClosePolicyViolation, errPacket)
	}
	if !s.open() && packet[0] != engineClose {
		return nil
	}
	switch packet[0] {
	case engineMessage:
		if err := s.message(packet[1:]); err != nil {
			return refuse(websocket.ClosePolicyViolation, err)
		}
	case enginePong:
		s.pong()
	case engineClose:
		s.kill(ReasonTransportClose, websocket.CloseNormalClosure)
	case engineNoop:
	case engineOpen, enginePing, engineUpgrade:
		return refuse(websocket.ClosePolicyViolation, errDirection)
	case 'b': // binary data in base64, over long-polling
		return refuse(websocket.CloseUnsupportedData, errBinary)
	default:
		return refuse(websocket.ClosePolicyViolation, errPacket)
	}
	return nil
}

// open reports whether the session still takes packets.
func (s *session) open() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == stateOpen
}

// message handles a Socket.IO packet.
func (s *session) message(b []byte) error {
	p, err := parsePacket(b)
	if err != nil {
		return err
	}
	if p.namespace != "/" {
		if p.kind != ioConnect {
			return errState
		}
		s.send(newConnectError(p.namespace, "Invalid namespace", "unknown_namespace"))
		return nil
	}
	s.mu.Lock()
	c, answered := s.conn, s.answered
	s.mu.Unlock()
	if p.kind == ioConnect {
		if c != nil {
			return errState // connected already, or about to be
		}
		return s.handOver(append([]byte(nil), b...))
	}
	if c == nil || !answered {
		return errState
	}
	switch p.kind {
	case ioEvent:
		return c.event(p)
	case ioDisconnect:
		c.do(func() { s.shutdown(c, ReasonClientDisconnect) })
	case ioAck: // Parley never asks for one
	}
	return nil
}

// handOver gives the library a CONNECT packet. It decodes it and runs the
// middleware, which is ours again: Server.admit. That happens in a goroutine
// of its own because it takes a deep stack, which the session's reader would
// keep for good: it is a quarter of what an idle connection costs.
func (s *session) handOver(packet []byte) error {
	s.mu.Lock()
	lib := s.lib
	s.mu.Unlock()
	if lib == nil { // the session is ending: its connection has just gone
		return nil
	}
	result := make(chan error)
	go func() {
		defer func() {
			if p := recover(); p != nil { // no packet is known that does this; one client's must not end the process
				s.server.log.Error("the library panicked", "panic", p, "stack", string(debug.Stack()))
				result <- errPacket
				return
			}
			result <- nil
		}()
		lib.Emit("data", types.NewStringBuffer(packet))
	}()
	return <-result
}

// event queues an event from the client for its handler.
func (c *Conn) event(p ioPacket) error {
	name, payload, err := parseEvent(p.data)
	if err != nil {
		return err
	}
	c.do(func() { c.handle(name, payload, p.id) })
	return nil
}

// do has something done that the client asked for, after what it asked for
// before. If too much is waiting, do waits, and with it the reading from the client.
func (c *Conn) do(task func()) {
	c.work.addBounded(c.server.opts.MaxEvents, c.ctx.Done(), func() {
		if c.ctx.Err() == nil {
			c.guard(task)
		}
	})
}

// handle runs an event's handler.
func (c *Conn) handle(name string, payload json.RawMessage, id string) {
	ack := func(any) {}
	if id != "" {
		ack = c.acknowledger(id)
	}
	if fn := c.server.handlers[name]; fn != nil {
		fn(c, payload, ack)
		return
	}
	ack(ackError{ackProblem{Code: "unknown_event"}})
}

// ackError is what an acknowledgement says when there is nothing else to say.
type ackError struct {
	Error ackProblem `json:"error"`
}

type ackProblem struct {
	Code string `json:"code"`
}

// acknowledger returns the function that answers the packet with the given id, once.
func (c *Conn) acknowledger(id string) func(any) {
	sent := false // handlers of a connection run one after the other, but may keep ack for later
	return func(answer any) {
		c.mu.Lock()
		first := !sent
		sent = true
		c.mu.Unlock()
		if !first {
			return
		}
		w, err := newAck(id, answer)
		if err != nil {
			c.server.log.Error("acknowledgement cannot be encoded", "error", err)
			if w, err = newAck(id, ackError{ackProblem{Code: "internal_error"}}); err != nil {
				return
			}
		}
		c.emit(w)
	}
}
