package socket

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Reasons why a client's packet is not accepted. Each closes its connection.
var (
	errBinary    = errors.New("binary data is not supported")
	errUTF8      = errors.New("text that is not UTF-8")
	errPacket    = errors.New("malformed packet")
	errDirection = errors.New("packet of a type that only servers send")
	errLarge     = errors.New("message that is too large")
	errWebSocket = errors.New("not the WebSocket protocol")
	errState     = errors.New("packet that does not fit the state of the connection")
)

// ioPacket is a Socket.IO packet as clients send it.
type ioPacket struct {
	kind      byte
	namespace string
	id        string // decimal; empty if no acknowledgement is wanted
	data      []byte // JSON; empty if absent
}

// maxPacketID is the most digits in a packet id: what a JavaScript number holds exactly.
const maxPacketID = 16

// parsePacket reads what follows the type of an Engine.IO message, and checks
// it so thoroughly that the library cannot stumble over it.
func parsePacket(b []byte) (ioPacket, error) {
	if len(b) == 0 {
		return ioPacket{}, fmt.Errorf("%w: empty", errPacket)
	}
	p := ioPacket{kind: b[0], namespace: "/"}
	switch b = b[1:]; p.kind {
	case ioBinaryEvent, ioBinaryAck:
		return p, errBinary
	case ioConnectError:
		return p, errDirection
	}
	if len(b) > 0 && b[0] == '/' {
		name, rest, _ := bytes.Cut(b, []byte{','})
		p.namespace, b = string(name), rest
	}
	n := 0
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	if n > maxPacketID {
		return p, fmt.Errorf("%w: id of %d digits", errPacket, n)
	}
	p.id, p.data = string(b[:n]), b[n:]
	return p, p.check()
}

// check verifies that the packet has the data that its type calls for.
func (p ioPacket) check() error {
	switch p.kind {
	case ioConnect:
		if len(p.data) > 0 && (p.data[0] != '{' || !json.Valid(p.data)) {
			return fmt.Errorf("%w: CONNECT takes an object", errPacket)
		}
	case ioDisconnect:
		if len(p.data) > 0 {
			return fmt.Errorf("%w: DISCONNECT takes nothing", errPacket)
		}
	case ioEvent:
		if len(p.data) == 0 || p.data[0] != '[' { // the rest is checked where it is read, in parseEvent
			return fmt.Errorf("%w: EVENT takes an array", errPacket)
		}
	case ioAck:
		if len(p.data) == 0 || p.data[0] != '[' || !json.Valid(p.data) {
			return fmt.Errorf("%w: ACK takes an array", errPacket)
		}
	default:
		return fmt.Errorf("%w: unknown type", errPacket)
	}
	return nil
}

// parseEvent reads the data of an EVENT packet: a name and any number of
// arguments, of which Parley's events have at most one. The payload does not
// share memory with data.
func parseEvent(data []byte) (name string, payload json.RawMessage, err error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return "", nil, fmt.Errorf("%w: EVENT takes an array", errPacket)
	}
	if len(parts) == 0 || !bytes.HasPrefix(parts[0], []byte{'"'}) || json.Unmarshal(parts[0], &name) != nil {
		return "", nil, fmt.Errorf("%w: an event's name is a string", errPacket)
	}
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return "", nil, fmt.Errorf("%w: reserved event name", errPacket)
	}
	if len(parts) > 1 {
		payload = parts[1]
	}
	return name, payload, nil
}
