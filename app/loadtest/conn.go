package loadtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// readBuffer holds what one read of a socket takes: some dozens of coalesced messages.
	readBuffer = 16 << 10
	// dialTimeout bounds the time until a server has let the client in.
	dialTimeout = 30 * time.Second
	// writeTimeout bounds the writing of the few things that a client sends.
	writeTimeout = 10 * time.Second
)

// conn is one Socket.IO connection over WebSocket.
type conn struct {
	ws      *websocket.Conn
	raw     *stamped
	silence time.Duration // how long the server may send nothing at all

	writing sync.Mutex
	buf     []byte // of the packet that is being read
}

// stamped notes when something was read, once for all packets that came with it.
type stamped struct {
	net.Conn
	clock clock
	at    time.Duration
}

func (s *stamped) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.at = s.clock.now()
	return n, err
}

// connectError is the server's refusal to let a client in.
type connectError struct{ code string }

func (e *connectError) Error() string { return "connect error: " + e.code }

// writeBuffers are shared, as clients hardly ever send anything.
type writeBuffers = sync.Pool

// dialConn opens a connection and joins the namespace.
func dialConn(ctx context.Context, base, token string, clock clock, buffers *writeBuffers) (_ *conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c := &conn{buf: make([]byte, 4<<10)}
	dialer := websocket.Dialer{
		NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			tcp, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			c.raw = &stamped{Conn: tcp, clock: clock}
			return c.raw, nil
		},
		ReadBufferSize:  readBuffer,
		WriteBufferPool: buffers,
	}
	address := "ws" + strings.TrimPrefix(base, "http") + "/socket.io/?EIO=4&transport=websocket"
	ws, answer, err := dialer.DialContext(ctx, address, nil)
	if answer != nil {
		defer answer.Body.Close()
	}
	if err != nil {
		if answer != nil && answer.StatusCode != http.StatusSwitchingProtocols {
			return nil, &refusal{status: answer.StatusCode}
		}
		return nil, err
	}
	c.ws = ws
	stop := context.AfterFunc(ctx, func() { _ = ws.Close() }) // ends a read that is under way
	defer func() {
		if !stop() && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			_ = ws.Close()
		}
	}()
	err = c.join(token)
	return c, err
}

// join is the handshake of Engine.IO and of Socket.IO.
func (c *conn) join(token string) error {
	packet, err := c.next()
	if err != nil {
		return err
	}
	var hello struct {
		PingInterval int `json:"pingInterval"` // ms
		PingTimeout  int `json:"pingTimeout"`
	}
	if data, ok := strings.CutPrefix(string(packet), packetOpen); !ok || json.Unmarshal([]byte(data), &hello) != nil {
		return fmt.Errorf("the server began with %q", packet)
	}
	c.silence = time.Duration(hello.PingInterval+hello.PingTimeout) * time.Millisecond
	if err := c.write(packetConnect, mustJSON(map[string]string{"token": token})); err != nil {
		return err
	}
	for {
		packet, err := c.next()
		if err != nil {
			return err
		}
		switch text := string(packet); {
		case strings.HasPrefix(text, packetConnect):
			return c.heard()
		case strings.HasPrefix(text, packetRefusal):
			var refused struct {
				Data struct {
					Code string `json:"code"`
				} `json:"data"`
			}
			if json.Unmarshal(packet[len(packetRefusal):], &refused) != nil {
				return fmt.Errorf("the server answered %q", text)
			}
			return &connectError{refused.Data.Code}
		case text == packetPing:
			if err := c.write(packetPong, nil); err != nil {
				return err
			}
		default:
			return fmt.Errorf("the server answered %q", text)
		}
	}
}

// heard allows the server another time of silence. It is called for each ping, not for each packet.
func (c *conn) heard() error { return c.ws.SetReadDeadline(time.Now().Add(c.silence)) }

var errNotText = errors.New("a binary message")

// next reads a packet, which is valid until the next one is read.
func (c *conn) next() ([]byte, error) {
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return nil, err
	}
	if kind != websocket.TextMessage {
		return nil, errNotText
	}
	for n := 0; ; {
		if n == len(c.buf) {
			c.buf = append(c.buf, make([]byte, len(c.buf))...)
		}
		m, err := r.Read(c.buf[n:])
		n += m
		if errors.Is(err, io.EOF) {
			return c.buf[:n], nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// write sends a packet. Any goroutine may.
func (c *conn) write(kind string, data []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.ws.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	return c.ws.WriteMessage(websocket.TextMessage, append([]byte(kind), data...))
}

func (c *conn) close() { _ = c.ws.Close() }
