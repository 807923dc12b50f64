// Package receipt keeps how far people have got in channels. Their devices tell
// by seq, cumulatively: everything up to here was delivered, or read. What they tell travels through
// the partition of its channel, like the messages themselves; what many tell at the same time travels together.
//
// A worker moves the users' cursors, tells the senders of the messages that were passed
// and the users' other devices, and notes the ranges that were passed. The
// messages' recipients, a row for each message and reader, follow in the background: one receipt may mark thousands of
// messages, and must not hold up those that are being sent.
//
// Everything only goes forwards and may be told twice.
package receipt

import (
	"net/http"
	"time"

	"parley/app/event"
	"parley/app/problem"
)

// Status is how far a message has got with one of its recipients. The numbers are those of the database.
type Status int

// The statuses, in their order.
const (
	Sent Status = iota
	Delivered
	Read
)

// String is what clients see.
func (s Status) String() string {
	switch s {
	case Delivered:
		return "DELIVERED"
	case Read:
		return "READ"
	default:
		return "SENT"
	}
}

// MarshalText implements encoding.TextMarshaler.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Recipient is one of those whom a message was for.
type Recipient struct {
	UserID int64      `json:"userId"`
	Status Status     `json:"status"`
	At     event.Time `json:"at"` // since when
}

// Problems of receipts.
var (
	// ErrNotSubscribed is a channel that the connection does not hear.
	ErrNotSubscribed = problem.New(http.StatusNotFound, "channel_not_found", "There is no such channel, or you are not subscribed to it.")
	// ErrMessageNotFound is a message that is not in the channel.
	ErrMessageNotFound = problem.New(http.StatusNotFound, "message_not_found", "There is no such message in this channel.")
	// ErrNotTaken means that nobody has promised to remember the receipt. Receipts are cumulative, so a later one makes up for it.
	ErrNotTaken = problem.Unavailable.WithDetail("The receipt was not taken. Tell it again.")
)

// maxSeq is the largest seq that clients can hold.
const maxSeq = 1<<53 - 1

// claim is what a user's devices say of a channel.
type claim struct {
	delivered, read int64
	at              time.Time // of the latest report
}

// join takes in another report of the same user.
func (c claim) join(other claim) claim {
	c.delivered, c.read = max(c.delivered, other.delivered), max(c.read, other.read)
	if other.at.After(c.at) {
		c.at = other.at
	}
	return c
}

// cursor is how far a user has got in a channel.
type cursor struct{ delivered, read int64 }

// advance is the cursor after a claim in a channel whose latest message is last. It never goes back, nor beyond that
// message, and what is read is delivered.
func (c cursor) advance(cl claim, last int64) cursor {
	next := cursor{read: max(c.read, min(cl.read, last))}
	next.delivered = max(c.delivered, next.read, min(cl.delivered, last))
	return next
}

// span is a part of a channel whose messages get a status: those after from, up to to.
type span struct {
	status   Status
	from, to int64
}

// passed lists what the cursor passes on its way to next, each message with its highest status.
func (c cursor) passed(next cursor) []span {
	var all []span
	if from := max(c.delivered, next.read); next.delivered > from {
		all = append(all, span{Delivered, from, next.delivered})
	}
	if next.read > c.read {
		all = append(all, span{Read, c.read, next.read})
	}
	return all
}

// retold is how many messages, at most, are behind a cursor that is told of again, because the first time may have failed.
const retold = maxSenders

// again lists what is told of a claim that the cursor has reached already.
func (c cursor) again(cl claim) []span {
	var all []span
	if cl.delivered > 0 && c.delivered > c.read {
		all = append(all, span{Delivered, max(c.read, c.delivered-retold), c.delivered})
	}
	if cl.read > 0 {
		all = append(all, span{Read, max(0, c.read-retold), c.read})
	}
	return all
}

// standing is what is known of a message and one of its readers.
type standing struct {
	row                   Status // of the reader's row; Sent if there is none
	rowAt                 int64  // 0 if there is none
	deliveredSeq, readSeq int64  // the reader's cursor
	deliveredAt, readAt   int64  // of the waiting ranges that the message is in; 0 if there is none
}

// recipient is the message's status, which the cursor knows before the row does, and since when, which the row or
// the range knows.
func (s standing) recipient(userID, seq, sentAt int64) Recipient {
	status, at := s.row, s.rowAt
	switch {
	case seq <= s.readSeq && status < Read:
		status, at = Read, s.readAt
	case seq <= s.deliveredSeq && status < Delivered:
		status, at = Delivered, s.deliveredAt
	}
	for _, other := range []int64{s.rowAt, sentAt} {
		if at == 0 {
			at = other
		}
	}
	return Recipient{UserID: userID, Status: status, At: event.FromMillis(at)}
}
