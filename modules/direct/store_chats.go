package direct

import (
	"context"
	"math"
	"slices"

	"parley/app/event"
	"parley/app/store"
)

// fromEnd is a Range.After that asks for the latest messages.
const fromEnd = -1

// Range is a part of a chat's history, by seq.
type Range struct {
	After  int64 // only later ones, and the earliest of them; fromEnd: the latest of all
	Before int64 // only earlier ones; 0: no such bound
	Limit  int   // most messages
}

// Page reads a part of the history of two people, ascending, and whether there is more of it beyond the page. It fails with
// ErrUserNotFound if they have no chat and there is nobody to have one with.
func (s *Store) Page(ctx context.Context, userID, otherID int64, r Range) ([]event.PersonalMessage, bool, error) {
	p := pairOf(userID, otherID)
	c, err := s.chat(ctx, p)
	if err != nil {
		return nil, false, err
	}
	if c == nil {
		d := direction{userID, otherID}
		found, err := s.standings(ctx, []direction{d})
		if err == nil && !found[d].there {
			err = ErrUserNotFound
		}
		return []event.PersonalMessage{}, false, err
	}
	before, order := r.Before, "m.seq"
	if before == 0 {
		before = math.MaxInt64
	}
	if r.After == fromEnd {
		order = "m.seq DESC"
	}
	messages := make([]event.PersonalMessage, 0, r.Limit+1)
	err = store.Each(s.db.Read(ctx), "SELECT "+messageColumns+" FROM direct_messages m WHERE m.chat_id = ? AND m.seq > ? AND m.seq < ? ORDER BY "+order+" LIMIT ?",
		[]any{c.id, r.After, before, r.Limit + 1}, func(scan store.Scanner) error {
			var m row
			if err := m.scan(scan); err != nil {
				return err
			}
			messages = append(messages, m.message(p))
			return nil
		})
	more := len(messages) > r.Limit
	messages = messages[:min(len(messages), r.Limit)]
	if r.After == fromEnd {
		slices.Reverse(messages)
	}
	return messages, more, store.Map(err)
}

// A side of the chats of a user, the latest first; both of them together are the user's chats.
const (
	lowChats  = `SELECT * FROM direct_chats WHERE low_id = ? AND last_message_id < ? ORDER BY last_message_id DESC LIMIT ?`
	highChats = `SELECT * FROM direct_chats WHERE high_id = ? AND low_id <> high_id AND last_message_id < ? ORDER BY last_message_id DESC LIMIT ?`
)

// Chats, each with the other one and its last message: what lists them stands between the two parts. Both ask for the user.
const (
	chatsOf = `
	SELECT ` + chatColumns + `, ` + messageColumns + `, u.id, u.username, u.display_name, u.created_at, b.user_id IS NOT NULL
	FROM (`
	withOthers = `) AS c
	JOIN users u ON u.id = CASE WHEN c.low_id = ? THEN c.high_id ELSE c.low_id END
	JOIN direct_messages m ON m.id = c.last_message_id
	LEFT JOIN user_blocks b ON b.user_id = ? AND b.blocked_id = u.id
	ORDER BY c.last_message_id DESC`
	listChats = chatsOf + `
		SELECT * FROM (` + lowChats + `) AS l UNION ALL SELECT * FROM (` + highChats + `) AS h
		ORDER BY last_message_id DESC LIMIT ?` + withOthers
)

// Chats lists a user's chats, the one with the latest message first, and whether there are more. Before is the id of a message, those
// of later ones are left out; 0: none are.
func (s *Store) Chats(ctx context.Context, userID, before int64, limit int) ([]Chat, bool, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	n := limit + 1
	chats, err := s.list(ctx, userID, listChats, userID, before, n, userID, before, n, n, userID, userID)
	if err != nil {
		return nil, false, err
	}
	return chats[:min(len(chats), limit)], len(chats) > limit, nil
}

// With lists those of a user's chats that are with others, the one with the latest message first.
func (s *Store) With(ctx context.Context, userID int64, others []int64) ([]Chat, error) {
	pairs := make([]pair, 0, len(others))
	for _, other := range others {
		pairs = append(pairs, pairOf(userID, other))
	}
	d := s.db.Dialect()
	these := table(d, ints("low", "high")...) + `
		SELECT c.* FROM q CROSS JOIN ` + byIndex(d, "c", "direct_chats", "c.low_id = q.low AND c.high_id = q.high", "LIMIT 1")
	return s.list(ctx, userID, chatsOf+these+withOthers, pairList(pairs), userID, userID)
}

// list reads what a statement that lists chats finds.
func (s *Store) list(ctx context.Context, userID int64, sql string, args ...any) ([]Chat, error) {
	chats := []Chat{}
	err := store.Each(s.db.Read(ctx), sql, args, func(scan store.Scanner) error {
		var (
			c       chat
			m       row
			u       User
			since   int64
			blocked bool
		)
		fields := []any{&m.id, &m.chat, &m.seq, &m.sender, &m.hash, &m.content, &m.at, &u.ID, &u.Username, &u.DisplayName, &since, &blocked}
		if err := c.scan(scan, fields...); err != nil {
			return err
		}
		u.CreatedAt = event.FromMillis(since)
		mine := c.side(userID)
		chats = append(chats, Chat{
			ChatID: c.id, User: u, LastSeq: c.last, ReadSeq: mine.read, Unread: mine.unread,
			Other: c.side(u.ID).position(), Blocked: blocked, LastMessage: m.message(c.pair),
		})
		return nil
	})
	return chats, store.Map(err)
}

// Missed is what somebody has missed in the chat with OtherID.
type Missed struct {
	OtherID  int64
	Messages []event.PersonalMessage // ascending
	More     bool                    // there are later ones
}

// MaxMissed is the most messages of one chat that Missed reads.
const MaxMissed = 200

// Missed reads at most limit messages, and no more than MaxMissed, after a seq of each chat, which is known by the other one. Chats in which
// nothing was missed, or that do not exist, are left out. It is one statement, whatever the number of chats.
func (s *Store) Missed(ctx context.Context, userID int64, after map[int64]int64, limit int) ([]Missed, error) {
	type entry struct {
		Low   int64 `json:"low"`
		High  int64 `json:"high"`
		After int64 `json:"after"`
		Upto  int64 `json:"upto"`
	}
	limit = min(limit, MaxMissed)
	entries := make(list[entry], 0, len(after))
	for other, seq := range after {
		p := pairOf(userID, other)
		entries = append(entries, entry{p.low, p.high, seq, seq + int64(limit)})
	}
	var missed []Missed
	err := store.Each(s.db.Read(ctx), s.sql.missed, []any{entries}, func(scan store.Scanner) error {
		var (
			p    pair
			last int64
			m    row
		)
		if err := m.scan(scan, &p.low, &p.high, &last); err != nil {
			return err
		}
		other := p.other(userID)
		if n := len(missed); n == 0 || missed[n-1].OtherID != other {
			missed = append(missed, Missed{OtherID: other})
		}
		of := &missed[len(missed)-1]
		of.Messages = append(of.Messages, m.message(p))
		of.More = m.seq < last
		return nil
	})
	return missed, store.Map(err)
}
