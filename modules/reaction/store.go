package reaction

import (
	"context"
	"fmt"
	"slices"

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
		before, err := s.add(tx, m, actor, emoji)
		switch {
		case err != nil:
			return nil, fmt.Errorf("add a reaction: %w", err)
		case before.Mine > 0:
			return nil, nil
		case !before.room():
			return nil, ErrFull
		}
		return told(m, actor, emoji, true, before.Same+1)
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
		removed, left, err := s.remove(tx, m.MessageID, actor, emoji)
		switch {
		case err != nil:
			return nil, fmt.Errorf("remove a reaction: %w", err)
		case !removed:
			return nil, nil
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
	Same      int64 // reactions with the emoji in question
	Mine      int64 // of these, the actor's
	Different int64 // emoji
	Latest    int64 // when the last reaction came
}

// room says whether the emoji may be added.
func (b state) room() bool { return b.Same > 0 || b.Different < MaxEmoji }

// PostgreSQL, which is asked over the network and with the channel locked, does in one statement what takes two on SQLite. A reaction
// is later than those before in any case: the clocks of servers differ, and a millisecond is long.
const (
	selectState = `
		SELECT count(CASE WHEN emoji = ? THEN 1 END) AS same, count(CASE WHEN emoji = ? AND user_id = ? THEN 1 END) AS mine,
			count(DISTINCT emoji) AS different, COALESCE(max(created_at), 0) AS latest
		FROM reactions WHERE message_id = ?`
	insertReaction = `INSERT INTO reactions (channel_id, message_id, emoji, user_id, created_at) `
	addPostgres    = `
		WITH before AS (` + selectState + `), added AS (` + insertReaction + `
			SELECT ?::bigint, ?::bigint, ?::text, ?::bigint, GREATEST(?::bigint, latest + 1)
			FROM before WHERE mine = 0 AND (same > 0 OR different < ?::bigint))
		SELECT same, mine, different, latest FROM before`

	deleteReaction = `DELETE FROM reactions WHERE message_id = ? AND emoji = ? AND user_id = ?`
	countReactions = `SELECT count(*) FROM reactions WHERE message_id = ? AND emoji = ?`
	removePostgres = `
		WITH removed AS (` + deleteReaction + ` RETURNING 1)
		SELECT (SELECT count(*) FROM removed) AS removed, (` + countReactions + `) AS before`
)

// add adds a reaction if there is room and it is not there, and returns what was before.
func (s *Store) add(tx *gorm.DB, m event.Target, actor int64, emoji string) (before state, err error) {
	asked := []any{emoji, emoji, actor, m.MessageID}
	row := []any{m.ChannelID, m.MessageID, emoji, actor}
	if s.db.Dialect() == store.Postgres {
		args := slices.Concat(asked, row, []any{m.Now.UnixMilli(), MaxEmoji})
		err := tx.Raw(addPostgres, args...).Scan(&before).Error
		return before, err
	}
	if err := tx.Raw(selectState, asked...).Scan(&before).Error; err != nil || before.Mine > 0 || !before.room() {
		return before, err
	}
	err = tx.Exec(insertReaction+`VALUES (?, ?, ?, ?, ?)`, append(row, max(m.Now.UnixMilli(), before.Latest+1))...).Error
	return before, err
}

// remove removes a reaction if it is there, and returns how many are left with the same emoji.
func (s *Store) remove(tx *gorm.DB, messageID, actor int64, emoji string) (removed bool, left int64, err error) {
	if s.db.Dialect() == store.Postgres { // all parts of a statement see what was before
		var found struct{ Removed, Before int64 }
		err := tx.Raw(removePostgres, messageID, emoji, actor, messageID, emoji).Scan(&found).Error
		return found.Removed > 0, found.Before - found.Removed, err
	}
	done := tx.Exec(deleteReaction, messageID, emoji, actor)
	if done.Error != nil || done.RowsAffected == 0 {
		return false, 0, done.Error
	}
	err = tx.Raw(countReactions, messageID, emoji).Scan(&left).Error
	return true, left, err
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
