package message

import (
	"context"
	"encoding/json"
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
	eager int
}

// NewStore returns a Store on db. Channels with more than eager readers get no
// message_recipients rows when a message is sent; a missing row means SENT.
func NewStore(db *store.Store, eager int) *Store { return &Store{db: db, eager: eager} }

// Outcome is what became of one message: it is kept, or refused for good.
type Outcome struct {
	Message event.Message
	Refused *problem.Problem
}

// Persist keeps the messages of a batch, in order, in one transaction, and returns an outcome for each. A message that was
// kept before is not written again; its outcome is the same as the first time.
func (s *Store) Persist(ctx context.Context, sends []event.Send) ([]Outcome, error) {
	var b *batch
	err := s.db.Write(ctx, func(tx *gorm.DB) error {
		b = newBatch(sends, s.db.Dialect())
		return b.run(tx, s.eager)
	})
	if err != nil {
		return nil, err
	}
	return b.outcomes, nil
}

// batch is one transaction's work.
type batch struct {
	sends    []event.Send
	sql      statements
	outcomes []Outcome
	channels map[int64]*channel
	fresh    []int       // indexes of sends that make a new row, in order
	same     map[int]int // index of a send → index of the earlier one in this batch that it repeats
}

// channel is a row of channels, locked until the end of the transaction: it is what gives out seq.
type channel struct {
	ID, GroupID, LastSeq int64
	Private              bool
}

// identity is what makes two sends the same message.
type identity struct {
	Sender, Channel int64
	Hash            string
}

func newBatch(sends []event.Send, d store.Dialect) *batch {
	return &batch{
		sends:    sends,
		sql:      statementsOf(d),
		outcomes: make([]Outcome, len(sends)),
		channels: make(map[int64]*channel),
		same:     make(map[int]int),
	}
}

func (b *batch) run(tx *gorm.DB, eager int) error {
	steps := []func(*gorm.DB) error{b.lock, b.findRepeats, b.checkAccess, b.insert, b.advance}
	for _, step := range steps {
		if err := step(tx); err != nil {
			return err
		}
	}
	if err := b.addRecipients(tx, eager); err != nil {
		return err
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
	var rows []*channel
	if err := tx.Raw(b.sql.lock, ids).Scan(&rows).Error; err != nil {
		return fmt.Errorf("lock channels: %w", err)
	}
	for _, c := range rows {
		b.channels[c.ID] = c
	}
	return nil
}

// pair is a sender and a channel, and a hash for those who look for one message, as the statements read it from JSON.
type pair struct {
	Index   int    `json:"i"`
	Sender  int64  `json:"sender"`
	Channel int64  `json:"channel"`
	Hash    string `json:"hash"`
}

func (b *batch) pairs() (string, error) {
	all := make([]pair, 0, len(b.sends))
	for i, s := range b.sends {
		all = append(all, pair{i, s.SenderID, s.ChannelID, s.Hash})
	}
	return encode(all)
}

// findRepeats gives messages that are kept already their outcome, and finds those that come twice in this batch.
func (b *batch) findRepeats(tx *gorm.DB) error {
	pairs, err := b.pairs()
	if err != nil {
		return err
	}
	var kept []struct {
		I   int
		Row row `gorm:"embedded"`
	}
	if err := tx.Raw(b.sql.repeats, pairs).Scan(&kept).Error; err != nil {
		return fmt.Errorf("look for repeated messages: %w", err)
	}
	for _, k := range kept {
		if c := b.channels[k.Row.ChannelID]; c != nil {
			b.outcomes[k.I].Message = k.Row.message(c.GroupID)
		}
	}
	first := make(map[identity]int, len(b.sends))
	for i, s := range b.sends {
		id := identity{s.SenderID, s.ChannelID, s.Hash}
		if j, seen := first[id]; seen {
			b.same[i] = j
			continue
		}
		first[id] = i
	}
	return nil
}

// checkAccess refuses what its sender may not write (any more) and numbers the rest.
func (b *batch) checkAccess(tx *gorm.DB) error {
	pairs, err := b.pairs()
	if err != nil {
		return err
	}
	var allowed []int
	if err := tx.Raw(b.sql.allowed, pairs).Scan(&allowed).Error; err != nil {
		return fmt.Errorf("check access: %w", err)
	}
	may := make(map[int]bool, len(allowed))
	for _, i := range allowed {
		may[i] = true
	}
	for i, s := range b.sends {
		_, repeated := b.same[i]
		c := b.channels[s.ChannelID]
		switch {
		case repeated || b.outcomes[i].Message.MessageID != 0:
		case c == nil || c.GroupID != s.GroupID:
			b.outcomes[i].Refused = ErrChannelNotFound
		case !may[i]:
			b.outcomes[i].Refused = ErrNotMember
		default:
			c.LastSeq++
			b.outcomes[i].Message = event.Message{
				GroupID: c.GroupID, ChannelID: c.ID, Seq: c.LastSeq, SenderID: s.SenderID, Content: s.Content, Hash: s.Hash,
			}
			b.fresh = append(b.fresh, i)
		}
	}
	return nil
}

// insert writes the new messages and learns their ids.
func (b *batch) insert(tx *gorm.DB) error {
	if len(b.fresh) == 0 {
		return nil
	}
	now := event.At(time.Now())
	rows := make([]row, 0, len(b.fresh))
	for _, i := range b.fresh {
		m := &b.outcomes[i].Message
		m.CreatedAt = now
		rows = append(rows, row{
			ChannelID: m.ChannelID, Seq: m.Seq, SenderID: m.SenderID, Hash: m.Hash, Content: m.Content, CreatedAt: now.UnixMilli(),
		})
	}
	data, err := encode(rows)
	if err != nil {
		return err
	}
	var inserted []struct{ ID, ChannelID, Seq int64 }
	if err := tx.Raw(b.sql.insert, data).Scan(&inserted).Error; err != nil {
		return fmt.Errorf("insert messages: %w", err)
	}
	ids := make(map[[2]int64]int64, len(inserted))
	for _, r := range inserted {
		ids[[2]int64{r.ChannelID, r.Seq}] = r.ID
	}
	for _, i := range b.fresh {
		m := &b.outcomes[i].Message
		m.MessageID = ids[[2]int64{m.ChannelID, m.Seq}]
	}
	return nil
}

// advance keeps how far each channel's numbers have got.
func (b *batch) advance(tx *gorm.DB) error {
	last := make(map[int64]int64, len(b.channels))
	for _, i := range b.fresh {
		m := b.outcomes[i].Message
		last[m.ChannelID] = m.Seq
	}
	for id, seq := range last {
		if err := tx.Exec("UPDATE channels SET last_seq = ? WHERE id = ?", seq, id).Error; err != nil {
			return fmt.Errorf("advance channel %d: %w", id, err)
		}
	}
	return nil
}

// addRecipients writes a row for everyone who may read the new messages, except their senders, in
// channels that are not too large for that.
func (b *batch) addRecipients(tx *gorm.DB, eager int) error {
	perChannel := make(map[int64][]int64)
	for _, i := range b.fresh {
		m := b.outcomes[i].Message
		perChannel[m.ChannelID] = append(perChannel[m.ChannelID], m.MessageID)
	}
	for id, messages := range perChannel {
		readers, of := publicReaders, b.channels[id].GroupID
		if b.channels[id].Private {
			readers, of = privateReaders, id
		}
		var count int
		if err := tx.Raw("SELECT count(*) FROM (SELECT 1 FROM "+readers+" LIMIT ?) AS readers", of, eager+1).Scan(&count).Error; err != nil {
			return fmt.Errorf("count the readers of channel %d: %w", id, err)
		}
		if count > eager {
			continue
		}
		err := tx.Exec(`
			INSERT INTO message_recipients (message_id, receiver_id, status, updated_at)
			SELECT m.id, readers.user_id, 0, m.created_at
			FROM messages m CROSS JOIN (SELECT user_id FROM `+readers+`) AS readers
			WHERE m.id IN ? AND readers.user_id <> m.sender_id`, of, messages).Error
		if err != nil {
			return fmt.Errorf("insert the recipients in channel %d: %w", id, err)
		}
	}
	return nil
}

// Page reads a part of a channel's history, ascending, and whether there is more of it beyond the page.
func (s *Store) Page(ctx context.Context, groupID, channelID int64, r Range) ([]event.Message, bool, error) {
	q := s.db.Read(ctx).Model(&row{}).Where("channel_id = ?", channelID)
	if r.Before > 0 {
		q = q.Where("seq < ?", r.Before)
	}
	if r.After != fromEnd {
		q = q.Where("seq > ?", r.After).Order("seq")
	} else {
		q = q.Order("seq DESC")
	}
	var rows []row
	if err := q.Limit(r.Limit + 1).Find(&rows).Error; err != nil {
		return nil, false, store.Map(err)
	}
	more := len(rows) > r.Limit
	rows = rows[:min(len(rows), r.Limit)]
	if r.After == fromEnd {
		slices.Reverse(rows)
	}
	messages := make([]event.Message, 0, len(rows))
	for _, m := range rows {
		messages = append(messages, m.message(groupID))
	}
	return messages, more, nil
}

func encode(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode a batch: %w", err)
	}
	return string(data), nil
}
