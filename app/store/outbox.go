package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"parley/app/bus"
)

// outboxLock is the PostgreSQL advisory lock that one relay at a time holds: "parleyob" in ASCII.
const outboxLock int64 = 0x7061726c65796f62

// outboxRow is an event of a committed change on its way to the bus.
type outboxRow struct {
	ID         int64 `gorm:"primaryKey"`
	RoutingKey string
	Type       string
	Body       string
	CreatedAt  int64 `gorm:"autoCreateTime:false"`
}

// TableName implements gorm's Tabler.
func (outboxRow) TableName() string { return "outbox" }

// Append puts events into the outbox, as part of the transaction that makes the changes they tell of: they are
// published if and only if it is committed, at least once, in the order of their numbers. Of two transactions that change the
// same thing, the later one's events come later, as long as each takes the lock on what it changes before it appends.
func Append(tx *gorm.DB, msgs ...bus.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	now := time.Now().UnixMilli()
	rows := make([]outboxRow, 0, len(msgs))
	for _, m := range msgs {
		rows = append(rows, outboxRow{RoutingKey: m.Key, Type: m.Type, Body: string(m.Body), CreatedAt: now})
	}
	// Rows get their numbers in the order of the slice.
	if err := tx.CreateInBatches(rows, 500).Error; err != nil {
		return fmt.Errorf("append to the outbox: %w", err)
	}
	return nil
}

// Outbox hands the oldest events, at most limit, to publish, in order, and deletes them once it has returned nil.
// It returns how many that were: fewer than limit means that everything committed before the call has been published. Only one relay
// publishes at a time, across processes; others wait. If publish fails, or the process dies after it,
// the same events are handed over again.
func (s *Store) Outbox(ctx context.Context, limit int, publish func(context.Context, []bus.Message) error) (int, error) {
	// Rows leave the table only after they were published, so that an empty one needs no lock.
	var waiting bool
	if err := s.Read(ctx).Raw("SELECT EXISTS (SELECT 1 FROM outbox)").Scan(&waiting).Error; err != nil || !waiting {
		return 0, Map(err)
	}
	if s.Dialect() == SQLite {
		return s.relaySQLite(ctx, limit, publish)
	}
	return s.relayPostgres(ctx, limit, publish)
}

// OutboxLength is how many events wait to be published.
func (s *Store) OutboxLength(ctx context.Context) (n int64, err error) {
	err = s.Read(ctx).Raw("SELECT COUNT(*) FROM outbox").Scan(&n).Error
	return n, Map(err)
}

// relayPostgres holds the lock in the transaction that deletes.
func (s *Store) relayPostgres(ctx context.Context, limit int, publish func(context.Context, []bus.Message) error) (n int, err error) {
	var failed error
	err = s.Write(ctx, func(tx *gorm.DB) error {
		n, failed = 0, nil
		if err := tx.Exec("SELECT pg_advisory_xact_lock(?)", outboxLock).Error; err != nil {
			return err
		}
		rows, err := oldest(tx, limit)
		if err != nil || len(rows) == 0 {
			return err
		}
		if failed = publish(ctx, messages(rows)); failed != nil {
			return errNotPublished
		}
		n = len(rows)
		return forget(tx, rows)
	})
	if errors.Is(err, errNotPublished) {
		return 0, failed
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}

// errNotPublished rolls the transaction back without mapping publish's own error.
var errNotPublished = errors.New("not published")

// relaySQLite does not hold the one writer while it waits for the bus: consumers of the in-process bus may want to write.
func (s *Store) relaySQLite(ctx context.Context, limit int, publish func(context.Context, []bus.Message) error) (int, error) {
	s.relaying.Lock()
	defer s.relaying.Unlock()
	rows, err := oldest(s.Read(ctx), limit)
	if err != nil || len(rows) == 0 {
		return 0, Map(err)
	}
	if err := publish(ctx, messages(rows)); err != nil {
		return 0, err
	}
	if err := s.Write(ctx, func(tx *gorm.DB) error { return forget(tx, rows) }); err != nil {
		return 0, err
	}
	return len(rows), nil
}

func oldest(db *gorm.DB, limit int) ([]outboxRow, error) {
	var rows []outboxRow
	err := db.Order("id").Limit(limit).Find(&rows).Error
	return rows, err
}

func forget(tx *gorm.DB, rows []outboxRow) error {
	ids := make([]int64, 0, len(rows))
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return tx.Where("id IN ?", ids).Delete(&outboxRow{}).Error
}

func messages(rows []outboxRow) []bus.Message {
	msgs := make([]bus.Message, 0, len(rows))
	for _, r := range rows {
		msgs = append(msgs, bus.Message{Key: r.RoutingKey, Type: r.Type, Body: []byte(r.Body)})
	}
	return msgs
}
