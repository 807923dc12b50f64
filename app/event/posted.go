package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"parley/app/bus"
)

// Posted is one message of a TypePosted body: kept by a worker, to be told to
// its sender's devices (GROUP_MESSAGE_SENT) and to everyone else who is
// subscribed to its channel (GROUP_MESSAGE_RECEIVE). Both get the same payload,
// which the worker has encoded as it goes out to clients.
//
// Such a body has one line a message, each ended by a newline, which JSON never
// contains unescaped:
//
//	{seq} {sender} {accepted, ms} {payload}
//
// It is split without being parsed, and can be read by people.
type Posted struct {
	Seq        int64
	SenderID   int64
	AcceptedAt time.Time       // by the API, in milliseconds
	Payload    json.RawMessage // the Message; valid as long as the body is
}

// Bounds of one bus message, so that it is written and routed in a moment, and never near what brokers refuse.
const (
	maxPosted      = 64
	maxPostedBytes = 256 << 10
)

// Post gathers kept messages of one channel, in the order of their seq, for one bus message.
type Post struct {
	channel int64
	senders []int64
	body    bytes.Buffer
	lines   *json.Encoder // into body; ends each line, too
	n       int
}

// NewPost begins with nothing.
func NewPost(channelID int64) *Post {
	p := &Post{channel: channelID}
	p.lines = json.NewEncoder(&p.body)
	p.lines.SetEscapeHTML(false)
	return p
}

// Full says that no more should be added.
func (p *Post) Full() bool { return p.n >= maxPosted || p.body.Len() >= maxPostedBytes }

// Add appends a message of the channel.
func (p *Post) Add(m Message, accepted time.Time) error {
	line := p.body.AvailableBuffer()
	for _, n := range [...]int64{m.Seq, m.SenderID, accepted.UnixMilli()} {
		line = append(strconv.AppendInt(line, max(n, 0), 10), ' ')
	}
	p.body.Write(line)
	if err := p.lines.Encode(&m); err != nil {
		return fmt.Errorf("encode message %d: %w", m.MessageID, err)
	}
	p.n++
	for _, id := range p.senders {
		if id == m.SenderID {
			return nil
		}
	}
	p.senders = append(p.senders, m.SenderID)
	return nil
}

// Message is the bus message, for the servers where someone is subscribed to the channel or one of the senders has a device.
func (p *Post) Message() bus.Message {
	also := make([]string, 0, len(p.senders))
	for _, id := range p.senders {
		also = append(also, UserKey(id))
	}
	return bus.Message{Key: ChannelKey(p.channel), Also: also, Type: TypePosted, Body: p.body.Bytes()}
}

var errPosted = errors.New("a line must be {seq} {sender} {accepted} {payload}")

// NextPosted reads the first message of a TypePosted body, and returns what follows it.
func NextPosted(body []byte) (m Posted, rest []byte, err error) {
	line, rest, ok := bytes.Cut(body, []byte{'\n'})
	if !ok {
		return Posted{}, nil, errPosted
	}
	var numbers [3]int64
	for i := range numbers {
		digits, after, _ := bytes.Cut(line, []byte{' '})
		if numbers[i], ok = parseInt(digits); !ok {
			return Posted{}, nil, errPosted
		}
		line = after
	}
	if len(line) < 2 || line[0] != '{' || line[len(line)-1] != '}' {
		return Posted{}, nil, errPosted
	}
	return Posted{Seq: numbers[0], SenderID: numbers[1], AcceptedAt: time.UnixMilli(numbers[2]), Payload: line}, rest, nil
}

// parseInt reads a number as Add writes it: ids, seqs and times, which are not negative.
func parseInt(digits []byte) (n int64, ok bool) {
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = 10*n + int64(d-'0')
	}
	return n, true
}
