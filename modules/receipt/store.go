package receipt

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

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
			c        channel
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

// write keeps the cursors that have moved, and the ranges that they have passed.
func (m *mover) write() error {
	var (
		cursors []cursorRow
		ranges  []rangeRow
	)
	for _, p := range m.batch.people {
		at := p.claim.at.UnixMilli()
		if p.to != p.from {
			cursors = append(cursors, cursorRow{p.channel, p.user, p.to.delivered, p.to.read, at})
		}
		for _, s := range p.spans {
			ranges = append(ranges, rangeRow{Channel: p.channel, User: p.user, Status: int(s.status), From: s.from, To: s.to, At: at})
		}
	}
	if err := exec(m.tx, m.sql.write[0], cursors); err != nil {
		return err
	}
	return exec(m.tx, m.sql.write[1], ranges)
}

// learn finds out what there is to be told.
func (m *mover) learn() error {
	if err := m.read(); err != nil {
		return fmt.Errorf("find out what to tell: %w", err)
	}
	return nil
}

// read reads the messages that others are told about, and counts what is unread.
func (m *mover) read() error {
	if err := query(m.tx, m.sql.letters, m.batch.windows(), func(scan store.Scanner) error {
		var (
			id int64
			l  letter
		)
		if err := scan(&id, &l.seq, &l.sender, &l.deleted); err != nil {
			return err
		}
		c := m.batch.channels[id]
		c.letters = append(c.letters, l)
		return nil
	}); err != nil {
		return err
	}
	m.batch.count()
	if err := m.countUnread(); err != nil {
		return err
	}
	return m.countReaders()
}

// reader is somebody who has read on.
type reader struct {
	Index   int   `json:"i"`
	Channel int64 `json:"channel"`
	User    int64 `json:"user"`
	Read    int64 `json:"read"`
	Last    int64 `json:"last"`
}

func (m *mover) countUnread() error {
	var far, all []reader
	for i, p := range m.batch.people {
		if !p.toldOfRead {
			continue
		}
		c := m.batch.channels[p.channel]
		r := reader{i, p.channel, p.user, p.to.read, c.lastSeq}
		if p.to.read < c.lastSeq {
			all = append(all, r)
		}
		if p.far(c) {
			far = append(far, r)
		}
	}
	into := func(field func(*person) *int64) func(store.Scanner) error {
		return func(scan store.Scanner) error {
			var i, n int64
			if err := scan(&i, &n); err != nil {
				return err
			}
			*field(m.batch.people[i]) = max(0, n)
			return nil
		}
	}
	if err := query(m.tx, m.sql.unread, far, into(func(p *person) *int64 { return &p.unread })); err != nil {
		return err
	}
	return query(m.tx, m.sql.mentions, all, into(func(p *person) *int64 { return &p.mentions }))
}

// goal is how far the first ones of a large channel have got.
type goal struct {
	Channel int64 `json:"channel"`
	Status  int   `json:"status"`
	To      int64 `json:"to"`
}

func (m *mover) countReaders() error {
	var goals []goal
	for _, c := range m.batch.channels {
		if !c.large {
			continue
		}
		for _, status := range []Status{Delivered, Read} {
			if to := furthest(m.batch.of(c.id), status); to > 0 {
				goals = append(goals, goal{c.id, int(status), to})
			}
		}
	}
	return query(m.tx, m.sql.count, goals, func(scan store.Scanner) error {
		var (
			id, n  int64
			status Status
		)
		if err := scan(&id, &status, &n); err != nil {
			return err
		}
		c := m.batch.channels[id]
		if c.counts == nil {
			c.counts = make(map[Status]int64)
		}
		c.counts[status] = n
		return nil
	})
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
