package socket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"sync"
	"syscall"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// readBufferBytes is how much is read from a client at once, except for larger messages.
const readBufferBytes = 2 << 10

// WebSocket opcodes, bits and lengths, RFC 6455 section 5.2.
const (
	opContinuation = 0x0
	opBinary       = 0x2
	opPing         = 0x9
	opMask         = 0x0f
	bitFinal       = 0x80
	bitsReserved   = 0x70
	bitControl     = 0x08
	bitMasked      = 0x80
	maxControl     = 125 // bytes in a control frame
)

// reader reads a client's messages from a WebSocket. Most clients have nothing
// to say most of the time, so a reader has a buffer only while there is
// something in it: what comes first goes to a place of a few bytes.
type reader struct {
	conn  net.Conn
	raw   syscall.RawConn // nil if reading without blocking is not possible
	pool  *sync.Pool      // of *readBuffer
	limit int             // bytes in a message

	buf   *readBuffer // nil while nothing is there
	r, w  int         // what is there to read in buf
	first [8]byte     // what came first: a pong takes 7 bytes
	n     int         // how many of them
	try   func(fd uintptr) bool
	err   error // of try
}

type readBuffer [readBufferBytes]byte

func newReader(conn net.Conn, raw syscall.RawConn, pool *sync.Pool, limit int) *reader {
	r := &reader{conn: conn, raw: raw, pool: pool, limit: limit}
	r.try = r.attempt // made once, not for every wait
	return r
}

// wait returns when there is something to read. It is where the goroutines of idle connections spend their lives, so
// it is careful to stay within the smallest stack.
func (r *reader) wait() error {
	if r.raw == nil || !r.idle() {
		return nil // next waits, if need be
	}
	if err := r.raw.Read(r.try); err != nil {
		return err
	}
	return r.err
}

// attempt reads without waiting. The poller calls it, and again when there is something, until it returns true.
func (r *reader) attempt(fd uintptr) bool {
	n, again, err := tryRead(fd, r.first[:])
	r.n, r.err = n, err
	return !again
}

// frame is what the header of a WebSocket frame says.
type frame struct {
	op     byte
	final  bool
	length uint64
	key    [4]byte
}

func (f frame) control() bool { return f.op&bitControl != 0 }

// next reads one message and hands it on, and tells pong the data of the pings before it. The slice is used again
// afterwards. An error is a *refusal, a *websocket.CloseError if the client has said that it closes the connection,
// or what reading has failed with.
func (r *reader) next(messages *sync.Pool, pong func(data string) error, handle func(packet []byte) error) error {
	first, err := r.nextData(pong)
	if err != nil {
		return err
	}
	if first.op == opContinuation {
		return violated("continuation of nothing")
	}
	if n := int(first.length); first.final && n <= readBufferBytes { // nearly always: it is used where it is
		data, err := r.take(n)
		if err != nil {
			return err
		}
		unmask(data, first.key, 0)
		return deliver(first.op, data, handle)
	}
	buf := messages.Get().(*bytes.Buffer) //nolint:forcetypeassert // the pool's New
	defer messages.Put(buf)
	buf.Reset()
	for f := first; ; {
		if err := r.copy(buf, f); err != nil {
			return err
		}
		if f.final {
			return deliver(first.op, buf.Bytes(), handle)
		}
		if f, err = r.nextData(pong); err != nil {
			return err
		}
		if f.op != opContinuation {
			return violated("a message within another")
		}
		if f.length > uint64(r.limit-buf.Len()) {
			return tooLarge()
		}
	}
}

// deliver hands a whole message on, if it is one of text.
func deliver(op byte, data []byte, handle func(packet []byte) error) error {
	if op == opBinary {
		return refuse(websocket.CloseUnsupportedData, errBinary)
	}
	if !utf8.Valid(data) {
		return refuse(websocket.CloseInvalidFramePayloadData, errUTF8)
	}
	return handle(data)
}

// nextData reads frames until one that belongs to a message, whose header it returns.
func (r *reader) nextData(pong func(data string) error) (frame, error) {
	for {
		f, err := r.header()
		switch {
		case err != nil:
			return f, err
		case f.control():
			if err := r.control(f, pong); err != nil {
				return f, err
			}
		case f.length > uint64(r.limit):
			return f, tooLarge()
		default:
			return f, nil
		}
	}
}

// header reads the header of a frame and checks what can be checked by itself.
func (r *reader) header() (f frame, err error) {
	b, err := r.take(2)
	if err != nil {
		return f, err
	}
	f = frame{op: b[0] & opMask, final: b[0]&bitFinal != 0, length: uint64(b[1] &^ bitMasked)}
	switch {
	case b[0]&bitsReserved != 0:
		return f, violated("reserved bits")
	case b[1]&bitMasked == 0:
		return f, violated("not masked")
	case f.control() && (!f.final || f.length > maxControl):
		return f, violated("control frame of more than one part")
	case f.op&^bitControl > opBinary:
		return f, violated("unknown opcode")
	}
	switch f.length {
	case 126:
		if b, err = r.take(2); err == nil {
			f.length = uint64(binary.BigEndian.Uint16(b))
		}
	case 127:
		if b, err = r.take(8); err == nil {
			f.length = binary.BigEndian.Uint64(b)
		}
	}
	switch {
	case err != nil:
		return f, err
	case f.length > math.MaxInt64: // no client of the protocol that would read an answer
		return f, &refusal{err: fmt.Errorf("%w: length", errWebSocket), lost: true}
	}
	if b, err = r.take(len(f.key)); err == nil {
		copy(f.key[:], b)
	}
	return f, err
}

// control handles a control frame.
func (r *reader) control(f frame, pong func(data string) error) error {
	data, err := r.take(int(f.length))
	if err != nil {
		return err
	}
	unmask(data, f.key, 0)
	switch f.op | bitFinal {
	case opClose:
		return closed(data)
	case opPing | bitFinal:
		return pong(string(data))
	}
	return nil
}

// closed is what a close frame says.
func closed(data []byte) error {
	if len(data) < 2 { // half a code is no code
		return &websocket.CloseError{Code: websocket.CloseNoStatusReceived}
	}
	if !utf8.Valid(data[2:]) {
		return violated("close frame that is not UTF-8")
	}
	code := int(binary.BigEndian.Uint16(data))
	switch {
	case code < 1000 || code >= 5000, 1004 <= code && code <= 1006, 1014 < code && code < 3000:
		return violated("invalid close code")
	}
	return &websocket.CloseError{Code: code, Text: string(data[2:])}
}

// copy adds what a frame holds to a message.
func (r *reader) copy(message *bytes.Buffer, f frame) error {
	for done := 0; done < int(f.length); {
		if err := r.await(1); err != nil {
			return err
		}
		n := min(r.w-r.r, int(f.length)-done)
		data := r.buf[r.r : r.r+n]
		unmask(data, f.key, done)
		message.Write(data)
		r.r += n
		done += n
	}
	return nil
}

// unmask decodes what a client has sent, from a position in a frame on.
func unmask(data []byte, key [4]byte, position int) {
	for i := range data {
		data[i] ^= key[(position+i)&3]
	}
}

// take returns the next n bytes, which stay valid until something is read again.
func (r *reader) take(n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if err := r.await(n); err != nil {
		return nil, err
	}
	r.r += n
	return r.buf[r.r-n : r.r], nil
}

// await waits until there are n bytes to read. A buffer holds as many.
func (r *reader) await(n int) error {
	for r.w-r.r < n {
		if r.r > 0 { // make room
			r.w = copy(r.buf[:], r.buf[r.r:r.w])
			r.r = 0
		}
		if err := r.fill(); err != nil {
			return err
		}
	}
	return nil
}

// fill reads what has come, at least a byte.
func (r *reader) fill() error {
	if r.buf == nil {
		r.buf = r.pool.Get().(*readBuffer) //nolint:forcetypeassert // the pool's New
	}
	if r.n > 0 {
		r.w = copy(r.buf[:], r.first[:r.n]) // the buffer was empty
		r.n = 0
		return nil
	}
	n, err := r.conn.Read(r.buf[r.w:])
	r.w += n
	if n > 0 {
		return nil
	}
	return err
}

// idle reports whether everything that has come has been handled, and lets the buffer go if so.
func (r *reader) idle() bool {
	if r.r < r.w {
		return false
	}
	r.r, r.w = 0, 0
	if r.buf != nil {
		r.pool.Put(r.buf)
		r.buf = nil
	}
	return true
}

// violated is the error for a client that does not keep to the WebSocket protocol: nothing that it sends can be understood any more.
func violated(how string) error {
	return &refusal{code: websocket.CloseProtocolError, err: fmt.Errorf("%w: %s", errWebSocket, how), lost: true}
}

// tooLarge is the error for a message that is larger than allowed, and not read.
func tooLarge() error {
	return &refusal{code: websocket.CloseMessageTooBig, err: errLarge, lost: true}
}
