package direct

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/problem"
	"parley/app/promise"
)

// Keeper keeps messages.
type Keeper interface {
	Persist(ctx context.Context, sends []event.DirectSend) ([]Outcome, error)
}

// Sends handles the personal messages among what travels through a partition. What comes again finds its rows, writes nothing and is
// told again.
type Sends struct{ keeper Keeper }

// NewSends returns what handles messages of event.TypeDirectSend.
func NewSends(k Keeper) *Sends { return &Sends{k} }

// Handle keeps messages and returns what their senders and receivers are told, in the order of their chats' numbers.
func (h *Sends) Handle(ctx context.Context, msgs []bus.Message) ([]bus.Message, error) {
	sends, err := decode[event.DirectSend](msgs, event.TypeDirectSend)
	if err != nil {
		return nil, err
	}
	outcomes, err := h.keeper.Persist(ctx, sends)
	if err != nil {
		return nil, fmt.Errorf("keep personal messages: %w", err)
	}
	var out events
	for i, o := range outcomes {
		if o.Refused != nil {
			out.failure(sends[i], o.Refused)
			continue
		}
		m := o.Message
		p := pairOf(m.SenderID, m.ReceiverID)
		out.tell(p, m.SenderID, event.PersonalSent, m)
		if m.ReceiverID != m.SenderID {
			out.tell(p, m.ReceiverID, event.PersonalReceive, m)
		}
	}
	return out.messages()
}

// GaveUp tells the sender that its message is not kept. What cannot be read names nobody who could be told.
func (h *Sends) GaveUp(_ context.Context, msg bus.Message) ([]bus.Message, error) {
	s, err := event.Decode[event.DirectSend](msg, event.TypeDirectSend)
	if err != nil {
		return nil, nil //nolint:nilerr // see above
	}
	var out events
	out.failure(s, promise.ErrNotKept)
	return out.messages()
}

// Receiver takes receipts.
type Receiver interface {
	Receive(ctx context.Context, receipts []event.DirectReceipt) ([]Progress, error)
}

// Receipts handles the receipts of personal chats among what travels through a partition.
type Receipts struct {
	receiver Receiver
	metrics  *WorkerMetrics
}

// NewReceipts returns what handles messages of event.TypeDirectReceipt.
func NewReceipts(r Receiver, m *WorkerMetrics) *Receipts { return &Receipts{r, m} }

// status is the payload of PERSONAL_MESSAGE_STATUS: all messages up to one have got so far with a user.
type status struct {
	UserID  int64       `json:"userId"`
	Status  string      `json:"status"`
	UpToSeq int64       `json:"upToSeq"`
	At      *event.Time `json:"at"`
}

// cursor is the payload of READ_CURSOR for a personal chat.
type cursor struct {
	UserID  int64 `json:"userId"`
	ReadSeq int64 `json:"readSeq"`
	Unread  int64 `json:"unread"`
}

// Handle keeps how far readers have got, and returns what those who wrote and the readers' own devices are told.
func (h *Receipts) Handle(ctx context.Context, msgs []bus.Message) ([]bus.Message, error) {
	receipts, err := decode[event.DirectReceipt](msgs, event.TypeDirectReceipt)
	if err != nil {
		return nil, err
	}
	progress, err := h.receiver.Receive(ctx, receipts)
	if err != nil {
		return nil, fmt.Errorf("keep receipts of personal chats: %w", err)
	}
	h.metrics.receipts.Add(float64(len(receipts)))
	var out events
	for _, p := range progress {
		chat := pairOf(p.ReaderID, p.OtherID)
		read := p.ReadTold && p.OtherID != p.ReaderID
		// What is read has been delivered, and need not be told twice.
		if p.DeliveredTold && p.OtherID != p.ReaderID && (!read || p.DeliveredSeq != p.ReadSeq) {
			out.tell(chat, p.OtherID, event.PersonalStatus, status{p.ReaderID, Delivered, p.DeliveredSeq, p.DeliveredAt})
		}
		if read {
			out.tell(chat, p.OtherID, event.PersonalStatus, status{p.ReaderID, Read, p.ReadSeq, p.ReadAt})
		}
		if p.ReadTold {
			out.tell(chat, p.ReaderID, event.ReadCursor, cursor{p.OtherID, p.ReadSeq, p.Unread})
		}
	}
	return out.messages()
}

// GaveUp tells nobody: a later receipt says the same.
func (h *Receipts) GaveUp(context.Context, bus.Message) ([]bus.Message, error) { return nil, nil }

func decode[T any](msgs []bus.Message, typ string) ([]T, error) {
	all := make([]T, 0, len(msgs))
	for _, msg := range msgs {
		body, err := event.Decode[T](msg, typ)
		if err != nil {
			return nil, err
		}
		all = append(all, body)
	}
	return all, nil
}

// Bounds of one bus message, so that it is written and routed in a moment.
const (
	maxBundle      = 64
	maxBundleBytes = 256 << 10
)

// events collects what is published, up to the first error. What the two of a chat are told travels together, to the servers where
// one of them is connected, in its order.
type events struct {
	parts []*part
	open  map[pair]*part
	err   error
}

// part is a bus message in the making.
type part struct {
	bundle event.Bundle
	bytes  int
	single bus.Message // instead of a bundle
}

// tell adds an event of a chat.
func (e *events) tell(p pair, userID int64, name string, payload any) {
	data, err := json.Marshal(payload)
	if err != nil {
		e.err = errors.Join(e.err, fmt.Errorf("encode %s: %w", name, err))
		return
	}
	if e.open == nil {
		e.open = make(map[pair]*part, 8)
	}
	b := e.open[p]
	if b == nil || len(b.bundle.Events) >= maxBundle || b.bytes >= maxBundleBytes {
		b = &part{}
		e.open[p] = b
		e.parts = append(e.parts, b)
	}
	b.bundle.Events = append(b.bundle.Events, event.BundledEvent{Users: []int64{userID}, Event: name, Payload: data})
	b.bytes += len(data)
}

// failed is the payload of PERSONAL_MESSAGE_FAILED.
type failed struct {
	Hash   string `json:"hash"`
	UserID int64  `json:"userId"` // to whom it was to go
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// failure tells a sender alone.
func (e *events) failure(s event.DirectSend, p *problem.Problem) {
	msg, err := event.NewEmit(event.UserKey(s.SenderID), event.Emit{Event: event.PersonalFailed},
		failed{s.Hash, s.ReceiverID, p.Code, p.Explain()})
	e.err = errors.Join(e.err, err)
	e.parts = append(e.parts, &part{single: msg})
}

// messages is what is to be published.
func (e *events) messages() ([]bus.Message, error) {
	msgs := make([]bus.Message, 0, len(e.parts))
	for _, p := range e.parts {
		if len(p.bundle.Events) == 0 {
			msgs = append(msgs, p.single)
			continue
		}
		msg, err := event.NewBundle(p.bundle)
		e.err = errors.Join(e.err, err)
		msgs = append(msgs, msg)
	}
	return msgs, e.err
}
