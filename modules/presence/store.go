package presence

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
)

// Store reads who shares a group with whom, and keeps when users were last seen.
type Store struct{ db *store.Store }

// NewStore returns a Store on db.
func NewStore(db *store.Store) *Store { return &Store{db: db} }

// visibleTo asks for each pair of a viewer and a user by indexes, whatever the number of groups and members there are: are the two
// the same, or is there a group of the viewer's that the user is a member of?
const visibleTo = `
	JOIN users u ON u.id = w.id
	WHERE w.viewer = w.id OR EXISTS (
		SELECT 1 FROM group_members mine
		WHERE mine.user_id = w.viewer AND coalesce((
			SELECT true FROM group_members theirs WHERE theirs.group_id = mine.group_id AND theirs.user_id = w.id
		), false)
	)
	ORDER BY 1, 2`

// statements differ between the dialects; lists go in as one JSON parameter.
type statements struct {
	visible string // wishes → number of the wish, user, when last seen
	seen    string // users and times
}

var dialects = map[store.Dialect]statements{
	store.Postgres: {
		visible: `
	SELECT w.i AS wish, u.id AS user_id, coalesce(u.last_seen_at, 0) AS seen_at
	FROM (
		SELECT a.i - 1 AS i, a.viewer, id::bigint AS id
		FROM ROWS FROM (json_to_recordset(?::json) AS ("viewerId" bigint, "userIds" json)) WITH ORDINALITY AS a (viewer, users, i)
		CROSS JOIN LATERAL json_array_elements_text(a.users) AS id
	) AS w` + visibleTo,
		// Nobody waits for a lock, so that it can be part of no deadlock: whoever changes many users at once goes first.
		seen: `
	WITH seen AS (
		SELECT u.id, s."seenAt" AS at
		FROM json_to_recordset(?::json) AS s ("userId" bigint, "seenAt" bigint) JOIN users u ON u.id = s."userId"
		WHERE coalesce(u.last_seen_at, 0) < s."seenAt"
		FOR NO KEY UPDATE OF u SKIP LOCKED
	)
	UPDATE users SET last_seen_at = seen.at FROM seen WHERE users.id = seen.id`,
	},
	store.SQLite: {
		visible: `
	SELECT w.i AS wish, u.id AS user_id, coalesce(u.last_seen_at, 0) AS seen_at
	FROM (
		SELECT a.key AS i, a.value ->> '$.viewerId' AS viewer, id.value AS id
		FROM json_each(?) AS a CROSS JOIN json_each(a.value, '$.userIds') AS id
	) AS w` + visibleTo,
		seen: `
	UPDATE users SET last_seen_at = s.at
	FROM (SELECT value ->> '$.userId' AS id, value ->> '$.seenAt' AS at FROM json_each(?)) AS s
	WHERE users.id = s.id AND coalesce(users.last_seen_at, 0) < s.at`,
	},
}

// Visible says, for each wish, which of its users exist and share a group with the viewer, or are the viewer, and when they were last
// seen; in the order of their ids.
func (s *Store) Visible(ctx context.Context, wishes []event.PresenceWish) ([][]event.LastSeen, error) {
	if len(wishes) == 0 {
		return nil, nil
	}
	list, err := json.Marshal(wishes)
	if err != nil {
		return nil, fmt.Errorf("encode whom to look for: %w", err)
	}
	var rows []struct{ Wish, UserID, SeenAt int64 }
	if err := s.db.Read(ctx).Raw(dialects[s.db.Dialect()].visible, string(list)).Scan(&rows).Error; err != nil {
		return nil, store.Map(err)
	}
	answers := make([][]event.LastSeen, len(wishes))
	for i := range answers {
		answers[i] = []event.LastSeen{}
	}
	for _, r := range rows {
		answers[r.Wish] = append(answers[r.Wish], event.LastSeen{UserID: r.UserID, SeenAt: r.SeenAt})
	}
	return answers, nil
}

// Seen notes when users were last seen, unless they have been seen later than that. A user who is being changed at the moment may be left out.
func (s *Store) Seen(ctx context.Context, users []event.LastSeen) error {
	list, err := json.Marshal(users)
	if err != nil {
		return fmt.Errorf("encode who was seen: %w", err)
	}
	return s.db.Write(ctx, func(tx *gorm.DB) error { return tx.Exec(dialects[s.db.Dialect()].seen, string(list)).Error })
}
