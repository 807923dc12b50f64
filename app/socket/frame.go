package socket

import (
	"encoding/binary"
	"encoding/json"
	"strconv"
)

// Types of Engine.IO packets, the first byte of each.
const (
	engineOpen    = '0'
	engineClose   = '1'
	enginePing    = '2'
	enginePong    = '3'
	engineMessage = '4'
	engineUpgrade = '5'
	engineNoop    = '6'
)

// Types of Socket.IO packets, the first byte of an Engine.IO message.
const (
	ioConnect      = '0'
	ioDisconnect   = '1'
	ioEvent        = '2'
	ioAck          = '3'
	ioConnectError = '4'
	ioBinaryEvent  = '5'
	ioBinaryAck    = '6'
)

// recordSeparator stands between the packets of one long-polling payload.
const recordSeparator = 0x1e

// Frame is an event in the form in which it goes out. It is encoded once,
// whatever the number of receivers, and never changes. The zero Frame is sent
// to nobody.
type Frame struct{ w *wire }

// NewFrame encodes an event. The payload must be valid JSON; nil leaves it out.
func NewFrame(event string, payload json.RawMessage) Frame {
	const begin = "42["
	var space [64]byte
	name := appendString(space[:0], event)
	n := len(begin) + len(name) + len("]")
	if payload != nil {
		n += len(",") + len(payload)
	}
	w := frameHeader(opText, n)
	w.bytes = append(append(w.bytes, begin...), name...)
	if payload != nil {
		w.bytes = append(append(w.bytes, ','), payload...)
	}
	w.bytes = append(w.bytes, ']')
	return Frame{w}
}

// appendString appends s as JSON. Names of events are plain, and then take no memory of their own.
func appendString(to []byte, s string) []byte {
	for _, c := range []byte(s) {
		if c != '_' && (c < '0' || c > 'Z' || c > '9' && c < 'A') {
			encoded, err := json.Marshal(s)
			if err != nil { // a string always encodes
				encoded = []byte(`""`)
			}
			return append(to, encoded...)
		}
	}
	return append(append(append(to, '"'), s...), '"')
}

// Size is the number of bytes that the frame takes on a WebSocket.
func (f Frame) Size() int {
	if f.w == nil {
		return 0
	}
	return len(f.w.bytes)
}

// wire is an Engine.IO packet with the WebSocket header before it: the whole
// goes out over WebSocket, the packet alone over long-polling.
type wire struct {
	bytes  []byte
	header int
}

// packet is the Engine.IO packet.
func (w *wire) packet() []byte { return w.bytes[w.header:] }

// newWire frames the Engine.IO packet that the parts make up as an unmasked
// WebSocket text message, RFC 6455 section 5.2.
func newWire(parts ...string) *wire {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	w := frameHeader(opText, n)
	for _, p := range parts {
		w.bytes = append(w.bytes, p...)
	}
	return w
}

// WebSocket opcodes, with the bit that marks a whole message.
const (
	opText  = 0x80 | 0x1
	opClose = 0x80 | 0x8
	opPong  = 0x80 | 0xA
)

// frameHeader returns a wire with the header for n bytes and room for them.
func frameHeader(op byte, n int) *wire {
	b := make([]byte, 0, 10+n)
	switch {
	case n < 126:
		b = append(b, op, byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, op, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, op, 127), uint64(n))
	}
	return &wire{bytes: b, header: len(b)}
}

// newPong answers a WebSocket ping, whose data is at most 125 bytes.
func newPong(data string) *wire {
	w := frameHeader(opPong, len(data))
	w.bytes = append(w.bytes, data...)
	return w
}

// newClose is a WebSocket close frame.
func newClose(code int, reason string) *wire {
	w := frameHeader(opClose, 2+len(reason))
	w.bytes = binary.BigEndian.AppendUint16(w.bytes, uint16(code))
	w.bytes = append(w.bytes, reason...)
	return w
}

// newAck answers the event with the given packet id.
func newAck(id string, answer any) (*wire, error) {
	data, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	return newWire("43", id, "[", string(data), "]"), nil
}

// newConnectError refuses a CONNECT to a namespace.
func newConnectError(namespace, message, code string) *wire {
	return newWire("44", namespace, `,{"message":`, strconv.Quote(message), `,"data":{"code":`, strconv.Quote(code), "}}")
}
