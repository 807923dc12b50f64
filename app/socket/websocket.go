package socket

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

const (
	// readBufferBytes is small, as there is one for each connection, most of which are idle; larger
	// messages are read past it.
	readBufferBytes = 512
	// tellTimeout bounds the writing of a pong or a close frame outside of the queue.
	tellTimeout = time.Second
	// lingerTimeout is how long a client has to answer a close frame. Closing the socket with something
	// unread in it would make the kernel reset the connection, and the client could lose what it has not read yet.
	lingerTimeout = 2 * time.Second
)

// wsConn is a WebSocket: gorilla's for what comes in, the socket itself for what goes out.
type wsConn struct {
	conn *websocket.Conn
	net  net.Conn
	raw  syscall.RawConn // nil if writing without blocking is not possible
}

// upgrade answers the handshake of a WebSocket.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) (*wsConn, error) {
	conn, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return nil, err // answered by the upgrader
	}
	conn.SetReadLimit(int64(s.opts.MaxPayload))
	conn.SetCloseHandler(func(int, string) error { return nil }) // kill answers it
	ws := &wsConn{conn: conn, net: conn.NetConn(), raw: rawConn(conn.NetConn())}
	// Gorilla's own handler leaves a write deadline behind.
	conn.SetPingHandler(func(data string) error { return ws.writeBlocking(net.Buffers{newPong(data).bytes}, tellTimeout) })
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
func (s *session) read() {
	ws := s.ws
	defer s.server.remove(s)
	defer ws.close()
	ws.conn.SetPingHandler(func(data string) error {
		s.send(newPong(data))
		return nil
	})
	for {
		err := ws.next(s.server, s.receive)
		if err == nil {
			continue
		}
		reason, code := closing(err)
		s.kill(reason, code)
		var refused *refusal
		if !errors.As(err, &refused) { // gorilla reads no further
			if code == codeTold {
				ws.discard()
			}
			return
		}
		// The client is told why, and what it sends until it has closed its end is thrown away.
	}
}

// next reads one message and hands it on. The slice is used again afterwards.
func (c *wsConn) next(server *Server, handle func(packet []byte) error) error {
	kind, r, err := c.conn.NextReader()
	if err != nil {
		return err
	}
	buf := server.buffers.Get().(*bytes.Buffer) //nolint:forcetypeassert // the pool's New
	defer server.buffers.Put(buf)
	buf.Reset()
	if _, err := io.Copy(buf, r); err != nil {
		return err
	}
	if kind != websocket.TextMessage {
		return refuse(websocket.CloseUnsupportedData, errBinary)
	}
	if !utf8.Valid(buf.Bytes()) {
		return refuse(websocket.CloseInvalidFramePayloadData, errUTF8)
	}
	return handle(buf.Bytes())
}

// refusal is an error in what a client has sent.
type refusal struct {
	code int // of the WebSocket close frame
	err  error
}

func refuse(code int, err error) error { return &refusal{code, err} }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// codeTold stands for the code of a close frame that gorilla has sent, having found the client to break the WebSocket
// protocol, or its limit.
const codeTold = -1

// closing says for what reason, and with which code, a WebSocket is closed after an error; 0 is for a connection that
// is broken, or that the client has closed without a word.
func closing(err error) (reason string, code int) {
	var refused *refusal
	var closed *websocket.CloseError
	var network net.Error
	switch {
	case errors.As(err, &refused):
		return ReasonProtocol, refused.code
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
		return ReasonTransportClose, websocket.CloseNormalClosure
	case errors.As(err, &closed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return ReasonTransportClose, 0
	case errors.As(err, &network):
		return ReasonTransportError, 0
	}
	return ReasonProtocol, codeTold
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
	_ = ws.conn.SetReadDeadline(time.Now().Add(s.server.opts.UpgradeTimeout))
	err := ws.next(s.server, func(packet []byte) error { return s.probing(ws, packet) })
	if err == nil {
		err = ws.next(s.server, func(packet []byte) error { return s.upgraded(ws, packet) })
	}
	if err != nil {
		s.endProbe(ws)
		if _, code := closing(err); code > 0 {
			ws.dismiss(code, err.Error())
		}
		ws.close()
		return
	}
	s.read()
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
	if err := ws.conn.SetReadDeadline(time.Time{}); err != nil {
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
