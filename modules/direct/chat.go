package direct

import (
	"parley/app/event"
	"parley/app/store"
)

// chat is a row of direct_chats.
type chat struct {
	pair
	id      int64
	last    int64 // seq
	message int64 // the id of the last one

	lowSide, highSide side
}

// side is what is kept for one of the two.
type side struct {
	read, readAt           int64
	delivered, deliveredAt int64
	unread                 int64
}

// side is what is kept for a user. In a chat with oneself there is one.
func (c *chat) side(user int64) *side {
	if user == c.low {
		return &c.lowSide
	}
	return &c.highSide
}

// scan reads chatColumns, and what follows them into more.
func (c *chat) scan(scan store.Scanner, more ...any) error {
	l, h := &c.lowSide, &c.highSide
	return scan(append([]any{
		&c.id, &c.low, &c.high, &c.last, &c.message,
		&l.read, &l.readAt, &l.delivered, &l.deliveredAt, &l.unread,
		&h.read, &h.readAt, &h.delivered, &h.deliveredAt, &h.unread,
	}, more...)...)
}

// chatJSON is a chat as the statement save takes it.
type chatJSON struct {
	ID              int64 `json:"id"`
	Last            int64 `json:"last"`
	Message         int64 `json:"message"`
	LowRead         int64 `json:"lr"`
	LowReadAt       int64 `json:"lra"`
	LowDelivered    int64 `json:"ld"`
	LowDeliveredAt  int64 `json:"lda"`
	LowUnread       int64 `json:"lu"`
	HighRead        int64 `json:"hr"`
	HighReadAt      int64 `json:"hra"`
	HighDelivered   int64 `json:"hd"`
	HighDeliveredAt int64 `json:"hda"`
	HighUnread      int64 `json:"hu"`
}

func (c *chat) json() chatJSON {
	l, h := c.lowSide, c.highSide
	return chatJSON{
		ID: c.id, Last: c.last, Message: c.message,
		LowRead: l.read, LowReadAt: l.readAt, LowDelivered: l.delivered, LowDeliveredAt: l.deliveredAt, LowUnread: l.unread,
		HighRead: h.read, HighReadAt: h.readAt, HighDelivered: h.delivered, HighDeliveredAt: h.deliveredAt, HighUnread: h.unread,
	}
}

// position is how far a side has got, for clients.
func (s side) position() Position {
	p := Position{DeliveredSeq: s.delivered, ReadSeq: s.read}
	if s.delivered > 0 {
		at := event.FromMillis(s.deliveredAt)
		p.DeliveredAt = &at
	}
	if s.read > 0 {
		at := event.FromMillis(s.readAt)
		p.ReadAt = &at
	}
	return p
}

// row is a row of direct_messages.
type row struct {
	id, chat, seq, sender int64
	hash, content         string
	at                    int64
}

// scan reads messageColumns, and what comes before them into first.
func (r *row) scan(scan store.Scanner, first ...any) error {
	return scan(append(first, &r.id, &r.chat, &r.seq, &r.sender, &r.hash, &r.content, &r.at)...)
}

// message is the row as clients see it.
func (r row) message(p pair) event.PersonalMessage {
	return event.PersonalMessage{
		MessageID: r.id, ChatID: r.chat, Seq: r.seq, SenderID: r.sender, ReceiverID: p.other(r.sender),
		Content: r.content, Hash: r.hash, CreatedAt: event.FromMillis(r.at),
	}
}
