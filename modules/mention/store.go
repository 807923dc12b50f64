package mention

import (
	"context"

	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
)

// Store reads whom messages mention. What is kept of a message goes with it.
type Store struct{ db *store.Store }

// NewStore returns a Store on db.
func NewStore(db *store.Store) *Store { return &Store{db: db} }

// The ids of messages that mention a user: those that name the user, and those that call everyone in a channel that the user had joined
// before. Both only in channels that the user may read now. Each kind goes backwards along an index of its own. The
// parameters are the user, twice; before; limit; before; limit; limit.
const (
	listNamed = `
		WITH mine AS (
			SELECT c.id, g.user_id, CASE WHEN c.private THEN x.joined_at ELSE g.joined_at END AS joined_at
			FROM group_members g
			JOIN channels c ON c.group_id = g.group_id
			LEFT JOIN channel_members x ON x.channel_id = c.id AND x.user_id = g.user_id
			WHERE g.user_id = ? AND (NOT c.private OR x.user_id IS NOT NULL)
		)
		SELECT message_id FROM (
			SELECT m.message_id FROM mentions m
			WHERE m.user_id = ? AND m.user_id > 0 AND m.message_id < ? AND EXISTS (
				SELECT 1 FROM channels c JOIN group_members g ON g.group_id = c.group_id AND g.user_id = m.user_id
				WHERE c.id = m.channel_id
					AND (NOT c.private OR EXISTS (SELECT 1 FROM channel_members x WHERE x.channel_id = c.id AND x.user_id = m.user_id)))
			ORDER BY m.message_id DESC LIMIT ?
		) AS named
		UNION
		SELECT message_id FROM (`
	postgresList = listNamed + `
			SELECT m.message_id FROM mine CROSS JOIN LATERAL (
				SELECT message_id FROM mentions e
				WHERE e.channel_id = mine.id AND e.user_id = 0 AND e.message_id < ? AND e.sender_id <> mine.user_id AND e.created_at >= mine.joined_at
				ORDER BY message_id DESC LIMIT ?
			) AS m
		) AS everyone
		ORDER BY message_id DESC LIMIT ?`
	sqliteList = listNamed + `
			SELECT e.message_id FROM mine CROSS JOIN mentions e ON e.channel_id = mine.id
			WHERE e.user_id = 0 AND e.message_id < ? AND e.sender_id <> mine.user_id AND e.created_at >= mine.joined_at
			ORDER BY e.message_id DESC LIMIT ?
		) AS everyone
		ORDER BY message_id DESC LIMIT ?`
)

// List implements Lister.
func (s *Store) List(ctx context.Context, userID, before int64, limit int) (ids []int64, err error) {
	sql := sqliteList
	if s.db.Dialect() == store.Postgres {
		sql = postgresList
	}
	err = s.db.Read(ctx).Raw(sql, userID, userID, before, limit, before, limit, limit).Scan(&ids).Error
	return ids, store.Map(err)
}

// Annotate says of messages whom they mention.
func (s *Store) Annotate(ctx context.Context, _ int64, messages []event.Message) error {
	ids := make([]int64, 0, len(messages))
	at := make(map[int64]int, len(messages))
	for i, m := range messages {
		ids = append(ids, m.MessageID)
		at[m.MessageID] = i
	}
	among := `IN (SELECT value FROM json_each(?))`
	if s.db.Dialect() == store.Postgres {
		among = `= ANY (?::bigint[])`
	}
	var rows []struct{ MessageID, UserID int64 }
	if err := s.db.Read(ctx).Raw(`SELECT message_id, user_id FROM mentions WHERE message_id `+among+` ORDER BY message_id, user_id`,
		s.db.Dialect().List(ids)).Scan(&rows).Error; err != nil {
		return store.Map(err)
	}
	for _, r := range rows {
		m := &messages[at[r.MessageID]]
		if m.Mentions == nil {
			m.Mentions = new(event.Mentions)
		}
		if r.UserID == 0 {
			m.Mentions.Channel = true
		} else {
			m.Mentions.Users = append(m.Mentions.Users, r.UserID)
		}
	}
	return nil
}

// Forget removes the mentions of a message that is being deleted.
func (s *Store) Forget(tx *gorm.DB, messageID int64) error {
	return tx.Exec(`DELETE FROM mentions WHERE message_id = ?`, messageID).Error
}
