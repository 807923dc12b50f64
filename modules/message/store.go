package message

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/problem"
	"parley/app/store"
)

// Store keeps messages.
type Store struct {
	db *store.Store
	// eager is up to how many readers of a channel a message gets its recipients' rows at once.
	eager   int
	metrics *WorkerMetrics
}

// NewStore returns a Store on db. Channels with more than eager readers get no
// message_recipients rows when a message is sent; a missing row means SENT. What only reads needs no metrics.
func NewStore(db *store.Store, eager int, m *WorkerMetrics) *Store {
	if m == nil {
		m = NewWorkerMetrics(nil)
	}
	return &Store{db: db, eager: eager, metrics: m}
}

// Outcome is what became of one message: it is kept, or refused for good.
type Outcome struct {
	Message event.Message
	Refused *problem.Problem
}

// Persist keeps the messages of a batch, in order, in one transaction, and returns an outcome for each. A message that was
// kept before is not written again; its outcome is the same as the first time. The number of statements
// depends neither on that of messages nor on that of channels and their readers.
func (s *Store) Persist(ctx context.Context, sends []event.Send) ([]Outcome, error) {
	var b *batch
	begin := time.Now()
	err := s.db.Write(ctx, func(tx *gorm.DB) error {
		b = newBatch(sends, statementsOf(s.db.Dialect()), s.eager)
		return b.run(tx)
	})
	if err != nil {
		return nil, err
	}
	s.metrics.kept(b, time.Since(begin))
	return b.outcomes, nil
}

// batch is one transaction's work.
type batch struct {
	sends    []event.Send
	sql      statements
	eager    int
	outcomes []Outcome
	channels map[int64]*channel
	same     map[int]int // index of a send → index of the earlier one in this batch that it repeats
	found    []finding   // by index
	fresh    []int       // indexes of sends that make a new row, in order

	recipients int64 // how many rows were written for them
}

// channel is a row of channels, locked until the end of the transaction: it is what gives out seq.
type channel struct {
	ID, GroupID, LastSeq int64
	Private              bool
	Eager                bool // it has few enough readers for their rows to be written at once
}

// identity is what makes two sends the same message.
type identity struct {
	Sender, Channel int64
	Hash            string
}

// finding is what the database knows of a send.
type finding struct {
	may  bool           // its sender may write in its channel
	id   int64          // of the message: an unused one if it is not kept yet
	kept *event.Message // as it is now; nil if it is not kept
}

func newBatch(sends []event.Send, sql statements, eager int) *batch {
	b := &batch{
		sends:    sends,
		sql:      sql,
		eager:    eager,
		outcomes: make([]Outcome, len(sends)),
		channels: make(map[int64]*channel),
		same:     make(map[int]int),
		found:    make([]finding, len(sends)),
	}
	first := make(map[identity]int, len(sends))
	for i, s := range sends {
		id := identity{s.SenderID, s.ChannelID, s.Hash}
		if j, seen := first[id]; seen {
			b.same[i] = j
			continue
		}
		first[id] = i
	}
	return b
}

func (b *batch) run(tx *gorm.DB) error {
	if err := b.lock(tx); err != nil {
		return fmt.Errorf("lock channels: %w", err)
	}
	if err := b.look(tx); err != nil {
		return fmt.Errorf("look for repeats and rights: %w", err)
	}
	b.decide()
	if err := b.write(tx); err != nil {
		return fmt.Errorf("write messages: %w", err)
	}
	for i, first := range b.same {
		b.outcomes[i] = b.outcomes[first]
	}
	return nil
}

// lock reads the channels and keeps other transactions from numbering their messages, in the order of
// ids, so that two batches cannot wait for each other.
func (b *batch) lock(tx *gorm.DB) error {
	ids := make([]int64, 0, 8)
	for _, s := range b.sends {
		if !slices.Contains(ids, s.ChannelID) {
			ids = append(ids, s.ChannelID)
		}
	}
	slices.Sort(ids)
	data, err := store.JSON(ids)
	if err != nil {
		return err
	}
	return store.Each(tx, b.sql.lock, []any{data}, func(scan store.Scanner) error {
		var (
			c        channel
			settings sql.NullString
		)
		if err := scan(&c.ID, &c.GroupID, &c.LastSeq, &c.Private, &settings); err != nil {
			return err
		}
		b.channels[c.ID] = &c
		return nil
	})
}

// question is what the statement look wants to know of a send.
type question struct {
	Index   int    `json:"i"`
	Sender  int64  `json:"sender"`
	Group   int64  `json:"group"`
	Channel int64  `json:"channel"`
	Private bool   `json:"private"`
	Hash    string `json:"hash"`
	Count   bool   `json:"count"` // the readers of its channel: asked once a channel
}

// look finds out which messages are kept already, and whether the senders of the others may write. Only now that the
// channels are locked is everything that another worker has kept in them there to be seen.
func (b *batch) look(tx *gorm.DB) error {
	questions := make([]question, 0, len(b.sends))
	counted := make(map[int64]bool, len(b.channels))
	for i, s := range b.sends {
		_, repeated := b.same[i]
		if c := b.channels[s.ChannelID]; c != nil && !repeated {
			questions = append(questions, question{i, s.SenderID, c.GroupID, c.ID, c.Private, s.Hash, !counted[c.ID]})
			counted[c.ID] = true
		}
	}
	if len(questions) == 0 {
		return nil
	}
	data, err := store.JSON(questions)
	if err != nil {
		return err
	}
	var r lookRow
	return store.Each(tx, b.sql.look, []any{b.eager + 1, b.eager + 1, data}, func(scan store.Scanner) error {
		if err := scan(&r.i, &r.may, &r.readers, &r.id, &r.seq, &r.content, &r.at,
			&r.replyTo, &r.threadID, &r.editedAt, &r.deletedAt, &r.mentions); err != nil {
			return err
		}
		b.found[r.i] = finding{may: r.may, id: r.id, kept: r.kept()}
		if r.readers.Valid {
			b.channels[b.sends[r.i].ChannelID].Eager = int(r.readers.Int64) <= b.eager
		}
		return nil
	})
}

// lookRow is a row of the statement look.
type lookRow struct {
	i                                               int
	may                                             bool
	id                                              int64
	readers                                         sql.NullInt64
	seq, at, replyTo, threadID, editedAt, deletedAt sql.NullInt64
	content, mentions                               sql.NullString
}

// kept is what the database has of the message itself.
func (r *lookRow) kept() *event.Message {
	if !r.seq.Valid {
		return nil
	}
	return &event.Message{
		Seq: r.seq.Int64, Content: r.content.String, CreatedAt: event.FromMillis(r.at.Int64),
		ReplyTo: r.replyTo.Int64, ThreadID: r.threadID.Int64, EditedAt: moment(pointer(r.editedAt)), DeletedAt: moment(pointer(r.deletedAt)),
		Mentions: mentionsOf(r.mentions.String),
	}
}

func pointer(n sql.NullInt64) *int64 {
	if !n.Valid {
		return nil
	}
	return &n.Int64
}

// decide gives messages that are kept already their outcome, refuses what its sender may not write (any more), and
// numbers the rest.
func (b *batch) decide() {
	now := event.At(time.Now())
	for i, s := range b.sends {
		if _, repeated := b.same[i]; repeated {
			continue
		}
		c, f, o := b.channels[s.ChannelID], b.found[i], &b.outcomes[i]
		switch {
		case f.kept == nil && (c == nil || c.GroupID != s.GroupID):
			o.Refused = ErrChannelNotFound
			continue
		case f.kept == nil && !f.may:
			o.Refused = ErrNotMember
			continue
		}
		if f.kept != nil {
			o.Message = *f.kept
		} else {
			c.LastSeq++
			o.Message = event.Message{Seq: c.LastSeq, Content: s.Content, CreatedAt: now, ReplyTo: s.ReplyTo, ThreadID: s.ThreadID}
			b.fresh = append(b.fresh, i)
		}
		o.Message.MessageID, o.Message.GroupID, o.Message.ChannelID = f.id, c.GroupID, c.ID
		o.Message.SenderID, o.Message.Hash = s.SenderID, s.Hash
	}
}

// entry is a new message as the statements that write take it.
type entry struct {
	ID      int64  `json:"id"`
	Channel int64  `json:"channel"`
	Seq     int64  `json:"seq"`
	Sender  int64  `json:"sender"`
	Hash    string `json:"hash"`
	Content string `json:"content"`
	At      int64  `json:"at"`
	Reply   int64  `json:"reply,omitempty"`
	Thread  int64  `json:"thread,omitempty"`
	Group   int64  `json:"group"`
	Private bool   `json:"private"`
	Eager   bool   `json:"eager"`
	Last    bool   `json:"last"` // the latest one of its channel
}

// write adds the new messages, a row for everyone who may read them, except their senders, in channels that are not too large
// for that, and keeps how far each channel's numbers have got.
func (b *batch) write(tx *gorm.DB) error {
	if len(b.fresh) == 0 {
		return nil
	}
	entries := make([]entry, 0, len(b.fresh))
	for _, i := range b.fresh {
		m := b.outcomes[i].Message
		c := b.channels[m.ChannelID]
		entries = append(entries, entry{
			ID: m.MessageID, Channel: c.ID, Seq: m.Seq, Sender: m.SenderID, Hash: m.Hash, Content: m.Content,
			At: m.CreatedAt.UnixMilli(), Reply: m.ReplyTo, Thread: m.ThreadID, Group: c.GroupID, Private: c.Private, Eager: c.Eager, Last: m.Seq == c.LastSeq,
		})
	}
	data, err := store.JSON(entries)
	if err != nil {
		return err
	}
	for _, statement := range b.sql.write {
		done := tx.Exec(statement, data)
		if done.Error != nil {
			return done.Error
		}
		b.recipients = done.RowsAffected // of the last one
	}
	return b.call(tx)
}

// call keeps whom the new messages call by name. Most do not, and cost nothing here.
func (b *batch) call(tx *gorm.DB) error {
	var called map[int64]*event.Message
	var callings []calling
	for _, i := range b.fresh {
		m := &b.outcomes[i].Message
		if c := callsIn(m.Content); c.any() {
			if called == nil {
				called = make(map[int64]*event.Message)
			}
			called[m.MessageID] = m
			callings = append(callings, callingsOf(c, m, b.channels[m.ChannelID].Private)...)
		}
	}
	if called == nil {
		return nil
	}
	if err := writeMentions(tx, b.sql.call, callings, func(message, user int64) { mention(called[message], user) }); err != nil {
		return fmt.Errorf("write mentions: %w", err)
	}
	for _, m := range called {
		sortMentions(m)
	}
	return nil
}
