package message

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/store"
)

// Kicker publishes what is in the outbox before long.
type Kicker interface{ Kick() }

// Changes changes messages that are kept already: their content, or what is put to them. A change is made at once, and
// what is told of it comes to clients in the order of their channel: it travels through the channel's partition, behind the message
// itself and behind every change before.
type Changes struct {
	db         *store.Store
	relay      Kicker
	partitions int
	turns      turns
}

// NewChanges returns Changes on db, for a deployment with that many partitions.
func NewChanges(db *store.Store, relay Kicker, partitions int) *Changes {
	return &Changes{db: db, relay: relay, partitions: partitions}
}

// Change runs do in a transaction that keeps others from changing anything in the message's channel. The events that do returns, with the
// routing keys of the outgoing exchange, are published if the transaction is committed, at least once; the message then counts as
// changed for those who ask later what they have missed. Without events nothing of it is told. Do may run more than once.
//
// Fails with ErrMessageNotFound, also if the actor may not read the channel, with ErrMessageDeleted, or as do does.
func (c *Changes) Change(ctx context.Context, actor int64, at event.Place, do func(tx *gorm.DB, m event.Target) ([]bus.Message, error)) error {
	leave, err := c.turns.take(ctx, at.ChannelID)
	if err != nil {
		return store.Map(err)
	}
	defer leave()
	told := false
	err = c.db.Write(ctx, func(tx *gorm.DB) error {
		told = false
		target, lastSeq, err := c.target(tx, actor, at)
		if err != nil {
			return err
		}
		events, err := do(tx, target)
		if err != nil || len(events) == 0 {
			return err
		}
		if err := tx.Exec(`UPDATE messages SET changed_seq = ? WHERE id = ?`, lastSeq, at.MessageID).Error; err != nil {
			return fmt.Errorf("mark the message as changed: %w", err)
		}
		for i, e := range events {
			if events[i], err = event.Announce(event.Partition(at.ChannelID, c.partitions), e, at.MessageID); err != nil {
				return err
			}
		}
		told = true
		return store.Append(tx, events...)
	})
	if err == nil && told {
		c.relay.Kick()
	}
	return err
}

// target locks the message's channel and reads the message, and how far the channel is.
func (c *Changes) target(tx *gorm.DB, actor int64, at event.Place) (t event.Target, lastSeq int64, err error) {
	lock := `SELECT last_seq FROM channels WHERE id = ? AND group_id = ?`
	if c.db.Dialect() == store.Postgres {
		lock += ` FOR NO KEY UPDATE`
	}
	found, err := one(tx, &lastSeq, lock, at.ChannelID, at.GroupID)
	if err != nil || !found {
		return t, 0, orNotFound(err)
	}
	var r row
	// A statement of its own: what PostgreSQL reads besides a row that it has to wait for is as old as the beginning of the wait.
	found, err = one(tx, &r, `
		SELECT c.group_id, `+messageColumns+`, g.role
		FROM messages m
		JOIN channels c ON c.id = m.channel_id
		JOIN group_members g ON g.group_id = c.group_id AND g.user_id = ?
		WHERE m.id = ? AND m.channel_id = ?
			AND (NOT c.private OR EXISTS (SELECT 1 FROM channel_members x WHERE x.channel_id = c.id AND x.user_id = g.user_id))`,
		actor, at.MessageID, at.ChannelID)
	switch {
	case err != nil || !found:
		return t, 0, orNotFound(err)
	case r.DeletedAt != nil:
		return t, 0, ErrMessageDeleted
	}
	return event.Target{Message: r.message(), Role: r.Role, Now: event.At(time.Now())}, lastSeq, nil
}

func orNotFound(err error) error {
	if err == nil {
		return ErrMessageNotFound
	}
	return fmt.Errorf("read the message that is to be changed: %w", err)
}
