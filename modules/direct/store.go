package direct

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/problem"
	"parley/app/store"
)

// Store keeps personal chats and blocks.
type Store struct {
	db      *store.Store
	sql     statements
	anyone  bool
	metrics *WorkerMetrics
}

// NewStore returns a Store on db; anyone is whether people may write to each other who share no group. What only reads needs no metrics.
func NewStore(db *store.Store, anyone bool, m *WorkerMetrics) *Store {
	if m == nil {
		m = NewWorkerMetrics(nil)
	}
	return &Store{db: db, sql: statementsOf(db.Dialect()), anyone: anyone, metrics: m}
}

// Outcome is what became of one message: it is kept, or refused for good.
type Outcome struct {
	Message event.PersonalMessage
	Refused *problem.Problem
}

// errAgain ends a transaction that has met another one, which has made a chat or deleted a user meanwhile.
var errAgain = errors.New("the transaction must be tried again")

// maxAgain is how often that may happen.
const maxAgain = 5

// Persist keeps the messages of a batch, in order, in one transaction, and returns an outcome for each. A message that was
// kept before is not written again; its outcome is the same as the first time. The number of statements depends neither on that of
// messages nor on that of chats.
func (s *Store) Persist(ctx context.Context, sends []event.DirectSend) ([]Outcome, error) {
	begin := time.Now()
	for try := 1; ; try++ {
		var b *batch
		err := s.db.Write(ctx, func(tx *gorm.DB) error {
			b = newBatch(sends, s)
			return b.run(tx)
		})
		switch {
		case err == nil:
			s.metrics.kept(b, time.Since(begin))
			return b.outcomes, nil
		case try < maxAgain && (errors.Is(err, errAgain) || errors.Is(err, store.ErrReference)):
		default:
			return nil, err
		}
	}
}

// batch is one transaction's work.
type batch struct {
	*Store
	sends    []event.DirectSend
	outcomes []Outcome
	chats    map[pair]*chat
	same     map[int]int // index of a send → index of the earlier one in this batch that it repeats
	kept     map[int]row // by index: what was kept before
	fresh    []int       // indexes of sends that make a new row, in order
}

// identity is what makes two sends the same message.
type identity struct {
	direction
	hash string
}

func newBatch(sends []event.DirectSend, s *Store) *batch {
	b := &batch{Store: s, sends: sends, outcomes: make([]Outcome, len(sends)), same: make(map[int]int), kept: make(map[int]row)}
	first := make(map[identity]int, len(sends))
	for i, s := range sends {
		id := identity{direction{s.SenderID, s.ReceiverID}, s.Hash}
		if j, seen := first[id]; seen {
			b.same[i] = j
			continue
		}
		first[id] = i
	}
	return b
}

func (b *batch) run(tx *gorm.DB) (err error) {
	pairs := make([]pair, 0, 8)
	for _, s := range b.sends {
		pairs = append(pairs, pairOf(s.SenderID, s.ReceiverID))
	}
	if b.chats, err = b.lock(tx, pairs); err != nil {
		return fmt.Errorf("lock chats: %w", err)
	}
	if err := b.look(tx); err != nil {
		return fmt.Errorf("look for repeats: %w", err)
	}
	if err := b.judge(tx); err != nil {
		return fmt.Errorf("look for rights: %w", err)
	}
	if err := b.create(tx); err != nil {
		return fmt.Errorf("make chats: %w", err)
	}
	b.number()
	if err := b.write(tx); err != nil {
		return fmt.Errorf("write messages: %w", err)
	}
	for i, first := range b.same {
		b.outcomes[i] = b.outcomes[first]
	}
	return nil
}

// pairJSON and the types like it are entries of the statements' lists.
type pairJSON struct {
	Low  int64 `json:"low"`
	High int64 `json:"high"`
}

// lock reads the chats that there are and keeps other transactions from changing them, in one order for all, so that two transactions
// cannot wait for each other.
func (s *Store) lock(tx *gorm.DB, pairs []pair) (map[pair]*chat, error) {
	chats := make(map[pair]*chat, len(pairs))
	return chats, store.Each(tx, s.sql.lock, []any{pairList(pairs)}, func(scan store.Scanner) error {
		var (
			c        chat
			settings sql.NullString
		)
		if err := c.scan(scan, &settings); err != nil {
			return err
		}
		chats[c.pair] = &c
		return nil
	})
}

// pairList is a list of pairs, each once, in order.
func pairList(pairs []pair) list[pairJSON] {
	pairs = slices.Clone(pairs)
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Or(cmp.Compare(a.low, b.low), cmp.Compare(a.high, b.high)) })
	entries := make(list[pairJSON], 0, len(pairs))
	for _, p := range slices.Compact(pairs) {
		entries = append(entries, pairJSON{p.low, p.high})
	}
	return entries
}

// look finds out which messages are kept already. Only now that the chats are locked is everything that another worker has kept in
// them there to be seen.
func (b *batch) look(tx *gorm.DB) error {
	type question struct {
		Index  int    `json:"i"`
		Chat   int64  `json:"chat"`
		Sender int64  `json:"sender"`
		Hash   string `json:"hash"`
	}
	questions := make(list[question], 0, len(b.sends))
	for i, s := range b.sends {
		if c := b.chat(i); c != nil && b.first(i) {
			questions = append(questions, question{i, c.id, s.SenderID, s.Hash})
		}
	}
	if len(questions) == 0 {
		return nil
	}
	return store.Each(tx, b.sql.look, []any{questions}, func(scan store.Scanner) error {
		var (
			i int
			r row
		)
		if err := r.scan(scan, &i); err != nil {
			return err
		}
		b.kept[i] = r
		return nil
	})
}

// judge refuses what its sender may not write (any more); what is kept stays.
func (b *batch) judge(tx *gorm.DB) error {
	asked := make(map[direction]bool)
	var open []int // sends whose outcome is not known yet
	for i, s := range b.sends {
		if !b.first(i) {
			continue
		}
		if r, kept := b.kept[i]; kept {
			b.outcomes[i].Message = r.message(pairOf(s.SenderID, s.ReceiverID))
			continue
		}
		open = append(open, i)
		asked[direction{s.SenderID, s.ReceiverID}] = true
	}
	if len(open) == 0 {
		return nil
	}
	standings, err := b.relate(tx, slices.Collect(maps.Keys(asked)))
	if err != nil {
		return err
	}
	for _, i := range open {
		d := direction{b.sends[i].SenderID, b.sends[i].ReceiverID}
		if p := d.refusal(standings[d], b.anyone); p != nil {
			b.outcomes[i].Refused = p
		} else {
			b.fresh = append(b.fresh, i)
		}
	}
	return nil
}

// relate asks how people stand to each other.
func (s *Store) relate(tx *gorm.DB, directions []direction) (map[direction]standing, error) {
	type entry struct {
		Sender   int64 `json:"sender"`
		Receiver int64 `json:"receiver"`
	}
	entries := make(list[entry], 0, len(directions))
	for _, d := range directions {
		entries = append(entries, entry{d.from, d.to})
	}
	standings := make(map[direction]standing, len(directions))
	return standings, store.Each(tx, s.sql.relate, []any{entries}, func(scan store.Scanner) error {
		var (
			d direction
			t standing
		)
		if err := scan(&d.from, &d.to, &t.there, &t.shared, &t.blocked, &t.blocking); err != nil {
			return err
		}
		standings[d] = t
		return nil
	})
}

// create makes the chats of those who write to each other for the first time.
func (b *batch) create(tx *gorm.DB) error {
	var pairs []pair
	for _, i := range b.fresh {
		if b.chat(i) == nil {
			pairs = append(pairs, pairOf(b.sends[i].SenderID, b.sends[i].ReceiverID))
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	missing, made := pairList(pairs), 0
	err := store.Each(tx, b.sql.create, []any{missing, time.Now().UnixMilli()}, func(scan store.Scanner) error {
		c := &chat{}
		if err := scan(&c.id, &c.low, &c.high); err != nil {
			return err
		}
		b.chats[c.pair] = c
		made++
		return nil
	})
	if err == nil && made < len(missing) {
		return errAgain // somebody else was faster, and may have kept messages
	}
	return err
}

// number gives what is new its place.
func (b *batch) number() {
	now := event.At(time.Now())
	for _, i := range b.fresh {
		s, c := b.sends[i], b.chat(i)
		c.last++
		if s.SenderID != s.ReceiverID {
			c.side(s.ReceiverID).unread++
		}
		b.outcomes[i].Message = event.PersonalMessage{
			ChatID: c.id, Seq: c.last, SenderID: s.SenderID, ReceiverID: s.ReceiverID, Content: s.Content, Hash: s.Hash, CreatedAt: now,
		}
	}
}

// write adds the new messages, and keeps how far each chat has got.
func (b *batch) write(tx *gorm.DB) error {
	if len(b.fresh) == 0 {
		return nil
	}
	type entry struct {
		Chat    int64  `json:"chat"`
		Seq     int64  `json:"seq"`
		Sender  int64  `json:"sender"`
		At      int64  `json:"at"`
		Hash    string `json:"hash"`
		Content string `json:"content"`
	}
	type place struct{ chat, seq int64 }
	entries, at := make(list[entry], 0, len(b.fresh)), make(map[place]int, len(b.fresh))
	changed := make(map[int64]*chat)
	for _, i := range b.fresh {
		m := b.outcomes[i].Message
		entries = append(entries, entry{m.ChatID, m.Seq, m.SenderID, m.CreatedAt.UnixMilli(), m.Hash, m.Content})
		at[place{m.ChatID, m.Seq}] = i
		changed[m.ChatID] = b.chat(i)
	}
	err := store.Each(tx, b.sql.insert, []any{entries}, func(scan store.Scanner) error {
		var (
			p  place
			id int64
		)
		if err := scan(&p.chat, &p.seq, &id); err != nil {
			return err
		}
		b.outcomes[at[p]].Message.MessageID = id
		if c := changed[p.chat]; p.seq == c.last {
			c.message = id
		}
		return nil
	})
	if err != nil {
		return err
	}
	return b.save(tx, slices.Collect(maps.Values(changed)))
}

// first reports whether a send is not the repeat of an earlier one in this batch.
func (b *batch) first(i int) bool {
	_, repeated := b.same[i]
	return !repeated
}

// chat is that of a send, nil if there is none yet.
func (b *batch) chat(i int) *chat { return b.chats[pairOf(b.sends[i].SenderID, b.sends[i].ReceiverID)] }

// list is a parameter: it goes into a statement as JSON.
type list[T any] []T

// Value implements driver.Valuer.
func (l list[T]) Value() (driver.Value, error) { return store.JSON(l) }
