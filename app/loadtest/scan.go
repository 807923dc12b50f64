package loadtest

import (
	"bytes"
	"encoding/json"
)

// The packets that a client gets: an Engine.IO digit, and for messages a Socket.IO digit after it.
const (
	packetOpen       = "0"
	packetPing       = "2"
	packetPong       = "3"
	packetConnect    = "40"
	packetDisconnect = "41"
	packetEvent      = "42"
	packetAck        = "43"
	packetRefusal    = "44"
)

// delivery is what a load test reads of a message.
type delivery struct {
	channelID, seq, senderID int64
	hash                     []byte // a part of the packet
}

// scanEvent finds an event's name and first argument, which is as long as everything after it: events have one argument. It
// does not look into the argument.
func scanEvent(packet []byte) (name, payload []byte, ok bool) {
	b, ok := bytes.CutPrefix(packet, []byte(packetEvent+`["`))
	if !ok {
		return nil, nil, false
	}
	end := bytes.IndexByte(b, '"')
	if end < 0 || b[len(b)-1] != ']' {
		return nil, nil, false
	}
	name, rest := b[:end], b[end+1:len(b)-1]
	if len(rest) == 0 {
		return name, nil, true
	}
	if rest[0] != ',' {
		return nil, nil, false
	}
	return name, rest[1:], true
}

// The keys that are looked for, as bits of what was found.
const (
	foundChannel = 1 << iota
	foundSeq
	foundSender
	foundHash

	foundAll = 1<<iota - 1
)

// readDelivery reads a message. Almost always the scanner does; what it does not understand is left to encoding/json.
func readDelivery(object []byte) (delivery, bool) {
	if d, ok := scanDelivery(object); ok {
		return d, true
	}
	var m struct {
		ChannelID *int64  `json:"channelId"`
		Seq       *int64  `json:"seq"`
		SenderID  *int64  `json:"senderId"`
		Hash      *string `json:"hash"`
	}
	if json.Unmarshal(object, &m) != nil || m.ChannelID == nil || m.Seq == nil || m.SenderID == nil || m.Hash == nil {
		return delivery{}, false
	}
	return delivery{*m.ChannelID, *m.Seq, *m.SenderID, []byte(*m.Hash)}, true
}

// scanDelivery reads the top-level keys of a JSON object without decoding the rest, and without allocating. It fails on
// what servers hardly ever write, such as escapes in keys.
func scanDelivery(b []byte) (d delivery, ok bool) {
	found := 0
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return d, false
	}
	for i++; ; i++ {
		i = skipSpace(b, i)
		if i >= len(b) || b[i] != '"' {
			return d, false
		}
		end, escaped := stringEnd(b, i+1)
		if end < 0 || escaped {
			return d, false
		}
		key := b[i+1 : end]
		i = skipSpace(b, end+1)
		if i >= len(b) || b[i] != ':' {
			return d, false
		}
		i = skipSpace(b, i+1)
		var bit int
		if bit, i = d.field(key, b, i); i < 0 {
			return d, false
		}
		found |= bit
		i = skipSpace(b, i)
		if i >= len(b) {
			return d, false
		}
		if b[i] == '}' {
			return d, found == foundAll && skipSpace(b, i+1) == len(b)
		}
		if b[i] != ',' {
			return d, false
		}
	}
}

// field reads the value at i of a key that is wanted, and skips that of another. It returns where the value ends, -1 if it
// cannot read it.
func (d *delivery) field(key, b []byte, i int) (bit, end int) {
	switch string(key) {
	case "channelId":
		d.channelID, end = scanInt(b, i)
		return foundChannel, end
	case "seq":
		d.seq, end = scanInt(b, i)
		return foundSeq, end
	case "senderId":
		d.senderID, end = scanInt(b, i)
		return foundSender, end
	case "hash":
		if i >= len(b) || b[i] != '"' {
			return 0, -1
		}
		last, escaped := stringEnd(b, i+1)
		if last < 0 || escaped {
			return 0, -1
		}
		d.hash = b[i+1 : last]
		return foundHash, last + 1
	}
	return 0, skipValue(b, i)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// stringEnd finds the quote that ends the string whose text begins at i, -1 if there is none.
func stringEnd(b []byte, i int) (end int, escaped bool) {
	quote := bytes.IndexByte(b[i:], '"')
	if quote < 0 {
		return -1, false
	}
	slash := bytes.IndexByte(b[i:i+quote], '\\')
	if slash < 0 {
		return i + quote, false
	}
	for i += slash; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i, true
		}
	}
	return -1, true
}

// scanInt reads a number of up to 18 digits without sign, fraction or exponent.
func scanInt(b []byte, i int) (n int64, end int) {
	first := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		n = n*10 + int64(b[i]-'0')
		i++
	}
	if i == first || i-first > 18 || i == len(b) {
		return 0, -1
	}
	switch b[i] {
	case ',', '}', ' ', '\n', '\t', '\r':
		return n, i
	}
	return 0, -1
}

// skipValue returns where the value at i ends, -1 if it does not.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i, _ = stringEnd(b, i+1); i < 0 {
				return -1
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // of the object around a number or word
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return -1
}
