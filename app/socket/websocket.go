package socket

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// tellTimeout bounds the writing of a pong or a close frame outside of the queue.
	tellTimeout = time.Second
	// lingerTimeout is how long a client has to answer a close frame. Closing the socket with something
	// unread in it would make the kernel reset the connection, and the client could lose what it has not read yet.
	lingerTimeout = 2 * time.Second
)

// wsConn is a WebSocket: the socket itself, for what goes out, and a reader for what comes in.
type wsConn struct {
	net net.Conn
	raw syscall.RawConn // nil if reading and writing without blocking is not possible
	in  *reader
}

// upgrade answers the handshake of a WebSocket. Of gorilla's connection, only the socket is kept.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) (*wsConn, error) {
	conn, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return nil, err // answered by the upgrader
	}
	ws := &wsConn{net: conn.NetConn(), raw: rawConn(conn.NetConn())}
	ws.in = newReader(ws.net, ws.raw, &s.reads, s.opts.MaxPayload)
	return ws, nil
}

// writeBlocking writes data, waiting for the client up to the timeout.
func (c *wsConn) writeBlocking(data net.Buffers, timeout time.Duration) error {
	if err := c.net.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if _, err := data.WriteTo(c.net); err != nil {
		return err
	}
	return c.net.SetWriteDeadline(time.Time{}) // it would fail writing without blocking, too
}

// finish says that nothing more comes, if the client takes that right away, and leaves the rest to the reader,
// which closes the socket when the client has answered, or soon after. Nothing else may be writing.
func (c *wsConn) finish(code int, reason string) {
	if code == websocket.CloseMessageTooBig {
		reason = "" // the code says it all
	}
	frame := newClose(code, reason).bytes
	if c.raw != nil {
		_, _ = newAttempt().write(c.raw, frame)
	} else {
		go func() { _ = c.writeBlocking(net.Buffers{frame}, tellTimeout) }()
	}
	c.linger()
}

// linger gives the client a little time to close its end, before the reader closes the socket.
func (c *wsConn) linger() { _ = c.net.SetReadDeadline(time.Now().Add(lingerTimeout)) }

// discard takes what the client still sends, until it notices that nobody listens.
func (c *wsConn) discard() {
	c.linger()
	_, _ = io.Copy(io.Discard, c.net)
}

func (c *wsConn) close() { _ = c.net.Close() }

// dismiss closes a WebSocket that is of no use.
func (c *wsConn) dismiss(code int, reason string) {
	_ = c.writeBlocking(net.Buffers{newClose(code, reason).bytes}, tellTimeout)
	c.discard()
	c.close()
}

// handshake makes a session of a new WebSocket.
func (s *Server) handshakeWebSocket(w http.ResponseWriter, r *http.Request) {
	ws, err := s.upgrade(w, r)
	if err != nil {
		return
	}
	sess, err := s.open(r, ws)
	if err != nil {
		ws.dismiss(websocket.CloseTryAgainLater, err.Error())
		return
	}
	go sess.read()
}

// read receives what comes over the session's WebSocket until that ends. It is
// the one goroutine that a connection costs, and it closes the socket.
//
// When it has handled something and would wait for more, it leaves that to a
// new goroutine: its stack has grown meanwhile, and would be kept for good.
func (s *session) read() {
	ws := s.ws
	err := ws.in.wait()
	for err == nil || s.readFailed(ws, err) {
		if err = ws.in.next(&s.server.buffers, s.answerPing, s.receive); err == nil && ws.in.idle() {
			go s.read()
			return
		}
	}
	ws.close()
	s.server.remove(s)
}

// answerPing answers a ping of the WebSocket protocol.
func (s *session) answerPing(data string) error {
	s.send(newPong(data))
	return nil
}

// readFailed ends the session because of an error in reading. It reports whether reading goes on: the client is told
// why, and what it sends until it has closed its end is thrown away.
func (s *session) readFailed(ws *wsConn, err error) (goOn bool) {
	s.kill(closing(err))
	var refused *refusal
	if !errors.As(err, &refused) {
		return false
	}
	if refused.lost {
		ws.discard()
	}
	return !refused.lost
}

// refusal is an error in what a client has sent.
type refusal struct {
	code int // of the WebSocket close frame
	err  error
	lost bool // it is not known where the next message begins
}

func refuse(code int, err error) error { return &refusal{code: code, err: err} }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// closing says for what reason, and with which code, a WebSocket is closed after an error; 0 is for a connection that
// is broken, or that the client has closed without a word.
func closing(err error) (reason string, code int) {
	var refused *refusal
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &refused):
		return ReasonProtocol, refused.code
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
		return ReasonTransportClose, websocket.CloseNormalClosure
	case errors.As(err, &closed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return ReasonTransportClose, 0
	}
	return ReasonTransportError, 0
}

// probeWebSocket is the second half of an upgrade: a WebSocket for a session
// that is polling. The client sends a probe, has its poll answered, stops
// polling and says so; from then on the queue goes out over the WebSocket.
// Nothing is lost or overtaken on the way, as there is one queue and the client
// has received everything that was taken from it before it says that.
func (s *Server) probeWebSocket(w http.ResponseWriter, r *http.Request, sess *session) {
	ws, err := s.upgrade(w, r)
	if err != nil {
		return
	}
	if !sess.beginProbe(ws) {
		ws.dismiss(websocket.ClosePolicyViolation, "no upgrade is possible")
		return
	}
	go sess.runProbe(ws)
}

// beginProbe makes ws the session's probe, unless there is one or no need of it.
func (s *session) beginProbe(ws *wsConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen || s.ws != nil || s.probe != nil {
		return false
	}
	s.probe = ws
	return true
}

// runProbe reads a probing WebSocket and, if the client decides so, goes on as its reader.
func (s *session) runProbe(ws *wsConn) {
	_ = ws.net.SetReadDeadline(time.Now().Add(s.server.opts.UpgradeTimeout))
	pong := func(data string) error { return ws.writeBlocking(net.Buffers{newPong(data).bytes}, tellTimeout) }
	err := ws.in.next(&s.server.buffers, pong, func(packet []byte) error { return s.probing(ws, packet) })
	if err == nil {
		err = ws.in.next(&s.server.buffers, pong, func(packet []byte) error { return s.upgraded(ws, packet) })
	}
	if err != nil {
		s.endProbe(ws)
		if _, code := closing(err); code > 0 {
			ws.dismiss(code, err.Error())
		}
		ws.close()
		return
	}
	go s.read()
}

// probing answers the probe, and has a waiting poll answered, so that the client can stop polling.
func (s *session) probing(ws *wsConn, packet []byte) error {
	if string(packet) != string(enginePing)+"probe" {
		return refuse(websocket.ClosePolicyViolation, fmt.Errorf("%w: expected a probe", errPacket))
	}
	answer := newWire(string(enginePong), "probe").bytes
	if err := ws.writeBlocking(net.Buffers{answer}, s.server.opts.WriteTimeout); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probed = true
	if s.poll != nil {
		wake(s.poll)
	}
	return nil
}

// upgraded makes ws the session's transport: the client has stopped polling.
func (s *session) upgraded(ws *wsConn, packet []byte) error {
	if string(packet) != string(engineUpgrade) {
		return refuse(websocket.ClosePolicyViolation, fmt.Errorf("%w: expected an upgrade", errPacket))
	}
	if err := ws.net.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	s.mu.Lock()
	if s.state == stateClosed {
		s.mu.Unlock()
		return refuse(websocket.CloseNormalClosure, errState)
	}
	s.ws, s.probe, s.probed = ws, nil, false
	if s.poll != nil {
		wake(s.poll) // left over: it is answered with nothing
	}
	var what wakeup
	if s.queue != nil || s.state == stateClosing {
		what = s.hurryLocked()
	}
	s.mu.Unlock()
	s.server.out.wake(s, what)
	return nil
}

// endProbe gives up an upgrade; the session goes on polling.
func (s *session) endProbe(ws *wsConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe == ws {
		s.probe, s.probed = nil, false
	}
}
