package reaction

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

// Store is the table of reactions.
type Store struct {
	db      *store.Store
	changer Changer
}

// NewStore returns the reactions in db.
func NewStore(db *store.Store, c Changer) *Store { return &Store{db: db, changer: c} }

// Add puts an emoji to a message, unless the actor has done so already, and returns what there is of it then.
func (s *Store) Add(ctx context.Context, actor int64, at event.Place, emoji string) (event.Reaction, error) {
	err := s.changer.Change(ctx, actor, at, func(tx *gorm.DB, m event.Target) ([]bus.Message, error) {
		now, err := stateOf(tx, m.MessageID, actor, emoji)
		switch {
		case err != nil:
			return nil, err
		case now.mine:
			return nil, nil
		case now.count == 0 && now.different >= MaxEmoji:
			return nil, ErrFull
		}
		// The clocks of servers differ, and a millisecond is long.
		if err := tx.Exec(`INSERT INTO reactions (channel_id, message_id, emoji, user_id, created_at) VALUES (?, ?, ?, ?, ?)`,
			m.ChannelID, m.MessageID, emoji, actor, max(m.Now.UnixMilli(), now.latest+1)).Error; err != nil {
			return nil, fmt.Errorf("add a reaction: %w", err)
		}
		return told(m, actor, emoji, true, now.count+1)
	})
	if err != nil {
		return event.Reaction{}, err
	}
	found, err := s.of(ctx, actor, []int64{at.MessageID})
	if err != nil {
		return event.Reaction{}, err
	}
	for _, r := range found[at.MessageID] {
		if r.Emoji == emoji {
			return r, nil
		}
	}
	return none(emoji), nil // taken away since
}

// Remove takes the actor's emoji away from a message, if it is there.
func (s *Store) Remove(ctx context.Context, actor int64, at event.Place, emoji string) error {
	return s.changer.Change(ctx, actor, at, func(tx *gorm.DB, m event.Target) ([]bus.Message, error) {
		done := tx.Exec(`DELETE FROM reactions WHERE message_id = ? AND emoji = ? AND user_id = ?`, m.MessageID, emoji, actor)
		if done.Error != nil {
			return nil, fmt.Errorf("remove a reaction: %w", done.Error)
		}
		if done.RowsAffected == 0 {
			return nil, nil
		}
		var left int64
		if err := tx.Raw(`SELECT count(*) FROM reactions WHERE message_id = ? AND emoji = ?`, m.MessageID, emoji).Scan(&left).Error; err != nil {
			return nil, fmt.Errorf("count reactions: %w", err)
		}
		return told(m, actor, emoji, false, left)
	})
}

// Forget implements message.Forgetter.
func (s *Store) Forget(tx *gorm.DB, messageID int64) error {
	return tx.Exec(`DELETE FROM reactions WHERE message_id = ?`, messageID).Error
}

// state is what there is at a message before somebody reacts.
type state struct {
	count     int64 // of the emoji in question
	mine      bool  // the actor's is among them
	different int   // emoji
	latest    int64 // when the last one came
}

func stateOf(tx *gorm.DB, messageID, actor int64, emoji string) (now state, err error) {
	var rows []struct {
		Emoji  string
		N      int64
		Mine   int64
		Latest int64
	}
	if err := tx.Raw(`
		SELECT emoji, count(*) AS n, count(CASE WHEN user_id = ? THEN 1 END) AS mine, max(created_at) AS latest
		FROM reactions WHERE message_id = ? GROUP BY emoji`, actor, messageID).Scan(&rows).Error; err != nil {
		return now, fmt.Errorf("read the reactions to a message: %w", err)
	}
	now.different = len(rows)
	for _, r := range rows {
		now.latest = max(now.latest, r.Latest)
		if r.Emoji == emoji {
			now.count, now.mine = r.N, r.Mine > 0
		}
	}
	return now, nil
}

// told is what the channel hears of a change.
func told(m event.Target, actor int64, emoji string, added bool, count int64) ([]bus.Message, error) {
	msg, err := event.NewEmit(event.ChannelKey(m.ChannelID), event.Emit{Event: event.MessageReaction}, event.Reacted{
		GroupID: m.GroupID, ChannelID: m.ChannelID, MessageID: m.MessageID, Seq: m.Seq,
		UserID: actor, Emoji: emoji, Added: added, Count: count, At: m.Now,
	})
	if err != nil {
		return nil, err
	}
	return []bus.Message{msg}, nil
}
