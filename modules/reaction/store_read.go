package reaction

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"parley/app/event"
	"parley/app/store"
)

// row is a reaction, with what there is of the same emoji at the same message.
type row struct {
	Emoji       string
	UserID      int64
	Username    string
	DisplayName string
	CreatedAt   int64
	N, Mine     int64
	Place       int64
}

// Annotate implements message.Annotator: one statement, whatever the number of messages.
func (s *Store) Annotate(ctx context.Context, viewer int64, messages []event.Message) error {
	ids := make([]int64, 0, len(messages))
	for _, m := range messages {
		if m.DeletedAt == nil {
			ids = append(ids, m.MessageID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := s.of(ctx, viewer, ids)
	if err != nil {
		return err
	}
	for i, m := range messages {
		messages[i].Reactions = found[m.MessageID]
	}
	return nil
}

// of reads the reactions to messages, by message. Most of the work is counting, in the order of the primary key; a window function
// takes more than ten times as long on SQLite.
func (s *Store) of(ctx context.Context, viewer int64, messages []int64) (map[int64][]event.Reaction, error) {
	among, list := `IN (SELECT value FROM json_each(?))`, `json_group_array`
	if s.db.Dialect() == store.Postgres {
		among, list = `= ANY (?::bigint[])`, `json_agg`
	}
	var rows []struct {
		MessageID int64
		Emoji     string
		N, Mine   int64
		Users     string
	}
	if err := s.db.Read(ctx).Raw(`
		SELECT message_id, emoji, n, mine, (
			SELECT `+list+`(user_id) FROM (
				SELECT r.user_id FROM reactions r WHERE r.message_id = g.message_id AND r.emoji = g.emoji ORDER BY r.created_at LIMIT ?
			) AS first
		) AS users
		FROM (
			SELECT message_id, emoji, count(*) AS n, count(CASE WHEN user_id = ? THEN 1 END) AS mine, min(created_at) AS since
			FROM reactions WHERE message_id `+among+`
			GROUP BY message_id, emoji
		) AS g
		ORDER BY message_id, since`,
		firstUsers, viewer, s.db.Dialect().List(messages)).Scan(&rows).Error; err != nil {
		return nil, store.Map(err)
	}
	all := make(map[int64][]event.Reaction)
	for _, r := range rows {
		reaction := event.Reaction{Emoji: r.Emoji, Count: r.N, Mine: r.Mine > 0}
		if err := json.Unmarshal([]byte(r.Users), &reaction.UserIDs); err != nil {
			return nil, fmt.Errorf("read who has reacted: %w", err)
		}
		all[r.MessageID] = append(all[r.MessageID], reaction)
	}
	return all, nil
}

// byTime is the order in which reactions came to a message.
func byTime(a, b row) int { return cmp.Compare(a.CreatedAt, b.CreatedAt) }

// Who lists who has reacted to a message of a channel, as viewer sees it, and where the next page of the one emoji that is asked for begins; 0 if
// there is none. Whether the viewer may read the channel is the caller's concern.
func (s *Store) Who(ctx context.Context, viewer, channelID, messageID int64, p Part) (all []Reactors, next int64, err error) {
	var found []int64
	db := s.db.Read(ctx)
	if err := db.Raw(`SELECT id FROM messages WHERE id = ? AND channel_id = ?`, messageID, channelID).Scan(&found).Error; err != nil {
		return nil, 0, store.Map(err)
	}
	if len(found) == 0 {
		return nil, 0, ErrMessageNotFound
	}
	of, args := `message_id = ?`, []any{viewer, p.After, messageID}
	if p.Emoji != "" {
		of, args = of+` AND emoji = ?`, append(args, p.Emoji)
	}
	var rows []row
	// Somebody who has deleted the account without ever having written anything has no row any more.
	if err := db.Raw(`
		SELECT r.emoji, r.user_id, r.created_at, r.n, r.mine, r.place,
			COALESCE(u.username, '~deleted-' || r.user_id) AS username, COALESCE(u.display_name, 'Deleted user') AS display_name
		FROM (
			SELECT emoji, user_id, created_at,
				count(*) OVER same AS n,
				count(CASE WHEN user_id = ? THEN 1 END) OVER same AS mine,
				row_number() OVER (PARTITION BY emoji ORDER BY CASE WHEN created_at > ? THEN 0 ELSE 1 END, created_at) AS place
			FROM reactions WHERE `+of+`
			WINDOW same AS (PARTITION BY emoji)
		) AS r LEFT JOIN users u ON u.id = r.user_id
		WHERE r.created_at > ? AND r.place <= ?`, append(args, p.After, p.Limit+1)...).Scan(&rows).Error; err != nil {
		return nil, 0, store.Map(err)
	}
	all, last, more := reactors(rows, p.Limit)
	if p.Emoji != "" && more {
		next = last
	}
	return all, next, nil
}

// reactors puts rows together by emoji, at most limit of each. It returns when the last one of them came, and whether some were left out.
func reactors(rows []row, limit int) (all []Reactors, last int64, more bool) {
	slices.SortFunc(rows, byTime)
	all = []Reactors{}
	for _, r := range rows {
		if r.Place > int64(limit) {
			more = true
			continue
		}
		i := slices.IndexFunc(all, func(x Reactors) bool { return x.Emoji == r.Emoji })
		if i < 0 {
			i, all = len(all), append(all, Reactors{Emoji: r.Emoji, Count: r.N, Mine: r.Mine > 0})
		}
		all[i].Users = append(all[i].Users, User{r.UserID, r.Username, r.DisplayName})
		last = r.CreatedAt
	}
	return all, last, more
}
