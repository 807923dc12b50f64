package receipt

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"parley/app/store"
)

// Store keeps cursors and recipients.
type Store struct {
	db *store.Store
	// eager is up to how many readers of a channel are named when they have got on.
	eager int
	// part is the most messages of ranges whose recipients are written in one transaction.
	part int
}

const (
	postgresPart = 1000
	// sqlitePart is less, as there is one writer, for whom everybody waits.
	sqlitePart = 500
)

// NewStore returns a Store on db. In channels with more than eager readers, those who have got on are counted, not named.
func NewStore(db *store.Store, eager int) *Store {
	part := postgresPart
	if db.Dialect() == store.SQLite {
		part = sqlitePart
	}
	return &Store{db: db, eager: eager, part: part}
}

// moveTries is how often a transaction is tried that meets users who are being deleted.
const moveTries = 3

// move moves the cursors of a batch, and finds out what there is to be told. The number of statements depends neither on
// that of users nor on that of messages.
//
// SQLite has one writer, for whom messages wait. So there, what is only read is read after the commit: nothing of it depends on
// what is written meanwhile, as the batch knows how far each channel reached. On PostgreSQL it would be another transaction's round trips.
func (s *Store) move(ctx context.Context, b *batch) (err error) {
	apart := s.db.Dialect() == store.SQLite
	for range moveTries {
		err = s.db.Write(ctx, func(tx *gorm.DB) error {
			b.reset()
			m := s.mover(tx, b)
			if err := m.run(); err != nil || apart {
				return err
			}
			return m.learn()
		})
		if !errors.Is(err, store.ErrReference) {
			break
		}
	}
	if err != nil || !apart {
		return err
	}
	return s.db.View(ctx, func(tx *gorm.DB) error { return s.mover(tx, b).learn() })
}

func (s *Store) mover(tx *gorm.DB, b *batch) *mover {
	return &mover{tx, statementsOf(s.db.Dialect()), b, s.eager}
}

// mover moves the cursors of a batch in a transaction.
type mover struct {
	tx    *gorm.DB
	sql   statements
	batch *batch
	eager int
}

// run moves the cursors.
func (m *mover) run() error {
	if err := m.lock(); err != nil {
		return fmt.Errorf("lock channels: %w", err)
	}
	if err := m.look(); err != nil {
		return fmt.Errorf("look for cursors and rights: %w", err)
	}
	m.batch.decide()
	if err := m.write(); err != nil {
		return fmt.Errorf("move cursors: %w", err)
	}
	return nil
}

// lock reads the channels, and keeps them from being deleted, in the order of their ids.
func (m *mover) lock() error {
	var ids []int64
	for _, p := range m.batch.people {
		if n := len(ids); n == 0 || ids[n-1] != p.channel {
			ids = append(ids, p.channel)
		}
	}
	data, err := store.JSON(ids)
	if err != nil {
		return err
	}
	return store.Each(m.tx, m.sql.lock, []any{m.eager + 1, m.eager + 1, data}, func(scan store.Scanner) error {
		var (
			c        = channel{counts: make(map[Status]int64)}
			readers  int
			settings sql.NullString
		)
		if err := scan(&c.id, &c.groupID, &c.lastSeq, &c.private, &readers, &settings); err != nil {
			return err
		}
		c.large = readers > m.eager
		m.batch.channels[c.id] = &c
		return nil
	})
}

// seat is where a user may have a cursor.
type seat struct {
	Index   int   `json:"i"`
	Channel int64 `json:"channel"`
	Group   int64 `json:"group"`
	Private bool  `json:"private"`
	User    int64 `json:"user"`
}

// look finds the cursors of those who may read the channels.
func (m *mover) look() error {
	var seats []seat
	for i, p := range m.batch.people {
		if c := m.batch.channels[p.channel]; c != nil {
			seats = append(seats, seat{i, c.id, c.groupID, c.private, p.user})
		}
	}
	return query(m.tx, m.sql.look, seats, func(scan store.Scanner) error {
		var (
			i    int
			from cursor
			at   int64
		)
		if err := scan(&i, &from.delivered, &from.read, &at); err != nil {
			return err
		}
		p := m.batch.people[i]
		p.known, p.from, p.movedAt = true, from, at
		return nil
	})
}

// cursorRow is a row of channel_cursors as the statement that writes it takes it.
type cursorRow struct {
	Channel   int64 `json:"channel"`
	User      int64 `json:"user"`
	Delivered int64 `json:"delivered"`
	Read      int64 `json:"read"`
	At        int64 `json:"at"`
}

// rangeRow is a row of receipt_ranges.
type rangeRow struct {
	ID      int64 `json:"id,omitempty"` // 0 for a new one
	Channel int64 `json:"channel"`
	User    int64 `json:"user"`
	Status  int   `json:"status"`
	From    int64 `json:"from"` // not included
	To      int64 `json:"to"`
	At      int64 `json:"at"`
}

// moves are what is written.
type moves struct {
	Cursors []cursorRow `json:"cursors"`
	Ranges  []rangeRow  `json:"ranges"`
}

// write keeps the cursors that have moved, and the ranges that they have passed.
func (m *mover) write() error {
	var all moves
	for _, p := range m.batch.people {
		if p.to == p.from {
			continue
		}
		at := p.claim.at.UnixMilli()
		all.Cursors = append(all.Cursors, cursorRow{p.channel, p.user, p.to.delivered, p.to.read, at})
		for _, s := range p.spans {
			all.Ranges = append(all.Ranges, rangeRow{Channel: p.channel, User: p.user, Status: int(s.status), From: s.from, To: s.to, At: at})
		}
	}
	if len(all.Cursors) == 0 {
		return nil
	}
	data, err := store.JSON(all)
	if err != nil {
		return err
	}
	for _, statement := range m.sql.write {
		if err := m.tx.Exec(statement, data).Error; err != nil {
			return err
		}
	}
	return nil
}

// learn finds out what there is to be told.
func (m *mover) learn() error {
	if err := m.read(); err != nil {
		return fmt.Errorf("find out what to tell: %w", err)
	}
	m.batch.count()
	return nil
}

// questions are what has to be known to tell others.
type questions struct {
	Windows []window `json:"windows"` // the messages in them
	Far     []reader `json:"far"`     // how many are unread
	Behind  []reader `json:"behind"`  // how many mentions are unread
	Goals   []goal   `json:"goals"`   // how many have got there
}

// The kinds of answers.
const (
	aLetter   = iota // channel, seq, sender, deleted
	anUnread         // index, unread
	aMentions        // index, mentions
	aCount           // channel, how many, status
)

// reader is somebody who has read on.
type reader struct {
	Index   int   `json:"i"`
	Channel int64 `json:"channel"`
	User    int64 `json:"user"`
	Read    int64 `json:"read"`
	Last    int64 `json:"last"`
}

// goal is how far the first ones of a large channel have got.
type goal struct {
	Channel int64 `json:"channel"`
	Status  int   `json:"status"`
	To      int64 `json:"to"`
}

// ask lists the questions about a batch whose cursors have moved; none if there is nothing to be told.
func (m *mover) ask() (q questions, some bool) {
	// No list may be nil, which is no list in JSON.
	q = questions{m.batch.windows(), []reader{}, []reader{}, []goal{}}
	for i, p := range m.batch.people {
		if !p.toldOfRead {
			continue
		}
		c := m.batch.channels[p.channel]
		r := reader{i, p.channel, p.user, p.to.read, c.lastSeq}
		if p.to.read < c.lastSeq {
			q.Behind = append(q.Behind, r)
		}
		if p.far(c) {
			q.Far = append(q.Far, r)
		}
	}
	for _, c := range m.batch.channels {
		if !c.large {
			continue
		}
		for _, status := range []Status{Delivered, Read} {
			if to := furthest(m.batch.of(c.id), status); to > 0 {
				q.Goals = append(q.Goals, goal{c.id, int(status), to})
			}
		}
	}
	return q, len(q.Windows) > 0
}

// read reads the messages that others are told about, and counts what is unread, and who has got on.
func (m *mover) read() error {
	asked, some := m.ask()
	if !some {
		return nil
	}
	data, err := store.JSON(asked)
	if err != nil {
		return err
	}
	err = store.Each(m.tx, m.sql.learn, []any{data}, func(scan store.Scanner) error {
		var (
			kind    int
			a, b, c int64
			deleted bool
		)
		if err := scan(&kind, &a, &b, &c, &deleted); err != nil {
			return err
		}
		switch kind {
		case aLetter:
			of := m.batch.channels[a]
			of.letters = append(of.letters, letter{b, c, deleted})
		case anUnread:
			m.batch.people[a].unread = max(0, b)
		case aMentions:
			m.batch.people[a].mentions = b
		case aCount:
			m.batch.channels[a].counts[Status(c)] = b
		}
		return nil
	})
	for _, c := range m.batch.channels {
		slices.SortFunc(c.letters, func(a, b letter) int { return cmp.Compare(a.seq, b.seq) })
	}
	return err
}

// query runs a query about a list, unless that is empty.
func query[T any](tx *gorm.DB, statement string, list []T, use func(store.Scanner) error) error {
	if len(list) == 0 {
		return nil
	}
	data, err := store.JSON(list)
	if err != nil {
		return err
	}
	return store.Each(tx, statement, []any{data}, use)
}

// exec runs a statement with a list, unless that is empty.
func exec[T any](tx *gorm.DB, statement string, list []T) error {
	if len(list) == 0 {
		return nil
	}
	data, err := store.JSON(list)
	if err != nil {
		return err
	}
	return tx.Exec(statement, data).Error
}
