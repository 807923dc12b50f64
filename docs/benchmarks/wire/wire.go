// Package wire is a WebSocket client that does as little as a client can, so that a load generator costs little beside the server
// that it measures. It trusts the server: extensions are refused, and what does not fit ends the connection.
package wire

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// Opcodes of RFC 6455.
const (
	opContinuation = 0
	opText         = 1
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// Conn is a connection whose handshake is done. One goroutine reads; writes must not overlap.
type Conn struct {
	net.Conn
	Reader
}

// Dial connects to a URL of the form ws://host:port/path.
func Dial(ctx context.Context, rawURL string) (*Conn, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = raw.SetDeadline(deadline) // a connection that has just been made takes it
	}
	c := &Conn{Conn: raw}
	if err := c.handshake(u); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("websocket handshake with %s: %w", u.Host, err)
	}
	return c, nil
}

func (c *Conn) handshake(u *url.URL) error {
	const key = "AAAAAAAAAAAAAAAAAAAAAA=="
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", u.RequestURI(), u.Host, key)
	if err != nil {
		return err
	}
	br := bufio.NewReaderSize(c, 1024)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(resp.Body) // for the error message only
		_ = resp.Body.Close()
		return fmt.Errorf("status %s: %s", resp.Status, body)
	}
	early, err := br.Peek(br.Buffered())
	c.rest = append(c.rest, early...)
	return err
}

// WriteText sends a text message. Its masking key is zero, which spares the masking.
func (c *Conn) WriteText(payload []byte) error { return c.write(opText, payload) }

func (c *Conn) write(op byte, payload []byte) error {
	frame := make([]byte, 0, len(payload)+14)
	frame = append(frame, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		frame = append(frame, 0x80|byte(n))
	case n <= 0xffff:
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 0x80|127), uint64(n))
	}
	frame = append(frame, 0, 0, 0, 0)
	_, err := c.Write(append(frame, payload...))
	return err
}

// ErrStop ends Read without an error.
var ErrStop = errors.New("stop")

// ReadMessages passes each text message to each, until that returns an error; ErrStop counts as none. The payload is valid during the call only.
func (c *Conn) ReadMessages(each func(payload []byte) error) error {
	buf := make([]byte, 4<<10)
	for {
		err := c.Feed(nil, each)
		for err == nil {
			var n int
			if n, err = c.Read(buf); err == nil {
				err = c.Feed(buf[:n], each)
			}
		}
		switch {
		case errors.Is(err, errPing):
			if err := c.write(opPong, c.ping); err != nil {
				return err
			}
		case errors.Is(err, ErrStop):
			return nil
		default:
			return err
		}
	}
}

// Expect reads one text message.
func (c *Conn) Expect() (payload []byte, err error) {
	err = c.ReadMessages(func(p []byte) error {
		payload = append(payload, p...)
		return ErrStop
	})
	return payload, err
}

// Reader splits a stream of bytes into messages.
type Reader struct {
	rest     []byte // an incomplete frame, or what has not been looked at
	fragment []byte // of a message of several frames
	ping     []byte
}

var errPing = errors.New("ping")

// Feed takes more of the stream, and passes each message that is complete to each. When that returns an error, the messages after it wait for
// the next call.
func (r *Reader) Feed(data []byte, each func(payload []byte) error) error {
	all := data
	if len(r.rest) > 0 {
		r.rest = append(r.rest, data...)
		all = r.rest
	}
	for {
		first, payload, size := frame(all)
		if size == 0 {
			break
		}
		all = all[size:]
		if err := r.take(first, payload, each); err != nil {
			r.rest = append([]byte(nil), all...)
			return err
		}
	}
	r.rest = append(r.rest[:0], all...)
	return nil
}

// take handles one frame; first is its first byte.
func (r *Reader) take(first byte, payload []byte, each func([]byte) error) error {
	switch op := first & 0x0f; op {
	case opClose:
		return io.EOF
	case opPing:
		r.ping = append([]byte(nil), payload...)
		return errPing
	case opPong:
		return nil
	default:
		if first&0x80 == 0 || op == opContinuation {
			r.fragment = append(r.fragment, payload...)
			if first&0x80 == 0 {
				return nil
			}
			payload = r.fragment
			r.fragment = r.fragment[:0]
		}
		return each(payload)
	}
}

// frame takes the first frame apart; size is 0 as long as it is incomplete.
func frame(b []byte) (first byte, payload []byte, size int) {
	if len(b) < 2 {
		return 0, nil, 0
	}
	n, at := int(b[1]&0x7f), 2
	switch {
	case n == 126 && len(b) >= 4:
		n, at = int(binary.BigEndian.Uint16(b[2:])), 4
	case n == 127 && len(b) >= 10:
		n, at = int(binary.BigEndian.Uint64(b[2:])), 10
	case n >= 126:
		return 0, nil, 0
	}
	if len(b) < at+n {
		return 0, nil, 0
	}
	return b[0], b[at : at+n], at + n
}
