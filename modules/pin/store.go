package pin

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/store"
)

// Changer changes messages that are kept already.
type Changer interface {
	// Change runs do in a transaction that keeps others from changing anything in the message's channel, and publishes what it
	// returns, in the channel's order.
	Change(ctx context.Context, actor int64, at event.Place, do func(tx *gorm.DB, m event.Target) ([]bus.Message, error)) error
}

// Store is the table of pins.
type Store struct {
	db      *store.Store
	changer Changer
}

// NewStore returns the pins in db.
func NewStore(db *store.Store, c Changer) *Store { return &Store{db: db, changer: c} }

// Pin pins a message, unless somebody has done so already.
func (s *Store) Pin(ctx context.Context, actor int64, at event.Place) error {
	return s.changer.Change(ctx, actor, at, func(tx *gorm.DB, m event.Target) ([]bus.Message, error) {
		var now struct{ N, Pinned, Latest int64 }
		if err := tx.Raw(`
			SELECT count(*) AS n, count(CASE WHEN message_id = ? THEN 1 END) AS pinned, COALESCE(max(created_at), 0) AS latest
			FROM pins WHERE channel_id = ?`, m.MessageID, m.ChannelID).Scan(&now).Error; err != nil {
			return nil, fmt.Errorf("read the pins of a channel: %w", err)
		}
		switch {
		case now.Pinned > 0:
			return nil, nil
		case now.N >= MaxPins:
			return nil, ErrFull
		}
		// The clocks of servers differ, and a millisecond is long.
		when := event.FromMillis(max(m.Now.UnixMilli(), now.Latest+1))
		if err := tx.Exec(`INSERT INTO pins (message_id, channel_id, user_id, created_at) VALUES (?, ?, ?, ?)`,
			m.MessageID, m.ChannelID, actor, when.UnixMilli()).Error; err != nil {
			return nil, fmt.Errorf("pin a message: %w", err)
		}
		return told(m, actor, true, when)
	})
}

// Unpin takes a message's pin away, whoever has pinned it, if it is there.
func (s *Store) Unpin(ctx context.Context, actor int64, at event.Place) error {
	return s.changer.Change(ctx, actor, at, func(tx *gorm.DB, m event.Target) ([]bus.Message, error) {
		done := tx.Exec(`DELETE FROM pins WHERE message_id = ?`, m.MessageID)
		if done.Error != nil {
			return nil, fmt.Errorf("unpin a message: %w", done.Error)
		}
		if done.RowsAffected == 0 {
			return nil, nil
		}
		return told(m, actor, false, m.Now)
	})
}

// Forget implements message.Forgetter.
func (s *Store) Forget(tx *gorm.DB, messageID int64) error {
	return tx.Exec(`DELETE FROM pins WHERE message_id = ?`, messageID).Error
}

// told is what the channel hears of a change.
func told(m event.Target, actor int64, pinned bool, when event.Time) ([]bus.Message, error) {
	msg, err := event.NewEmit(event.ChannelKey(m.ChannelID), event.Emit{Event: event.MessagePinned}, event.Pinned{
		GroupID: m.GroupID, ChannelID: m.ChannelID, MessageID: m.MessageID, Seq: m.Seq, UserID: actor, Pinned: pinned, At: when,
	})
	if err != nil {
		return nil, err
	}
	return []bus.Message{msg}, nil
}

// List returns the ids of a channel's pinned messages, the one that was pinned last first.
func (s *Store) List(ctx context.Context, channelID int64) (ids []int64, err error) {
	err = s.db.Read(ctx).Raw(`SELECT message_id FROM pins WHERE channel_id = ? ORDER BY created_at DESC`, channelID).Scan(&ids).Error
	return ids, store.Map(err)
}

// Annotate implements message.Annotator: one statement, whatever the number of messages.
func (s *Store) Annotate(ctx context.Context, _ int64, messages []event.Message) error {
	ids := make([]int64, 0, len(messages))
	for _, m := range messages {
		if m.DeletedAt == nil {
			ids = append(ids, m.MessageID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	among := `IN (SELECT value FROM json_each(?))`
	if s.db.Dialect() == store.Postgres {
		among = `= ANY (?::bigint[])`
	}
	var rows []struct{ MessageID, UserID, CreatedAt int64 }
	if err := s.db.Read(ctx).Raw(`SELECT message_id, user_id, created_at FROM pins WHERE message_id `+among,
		s.db.Dialect().List(ids)).Scan(&rows).Error; err != nil {
		return store.Map(err)
	}
	pins := make(map[int64]int, len(rows))
	for i, r := range rows {
		pins[r.MessageID] = i
	}
	for i := range messages {
		if n, pinned := pins[messages[i].MessageID]; pinned {
			when := event.FromMillis(rows[n].CreatedAt)
			messages[i].PinnedAt, messages[i].PinnedBy = &when, rows[n].UserID
		}
	}
	return nil
}
