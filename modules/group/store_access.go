package group

import (
	"context"
	"strings"

	"parley/app/store"
)

// readable is what lets a member m read a channel c.
const readable = `c.group_id = m.group_id AND (NOT c.private OR EXISTS (
	SELECT 1 FROM channel_members x WHERE x.channel_id = c.id AND x.user_id = m.user_id))`

// reader is a user who asks for a channel of a group.
type reader struct{ user, group, channel int64 }

// standing is what a reader is in the group, "" for no member, and whether the channel is there for it.
type standing struct {
	role Role
	open bool
}

// The standings of many readers at once, each of whom is one entry of the parameters. Channels are looked up by their ids, however
// many a group has.
const (
	postgresStandings = `
		SELECT p.user_id, p.group_id, p.channel_id, m.role, COALESCE(` + readable + `, false) AS open
		FROM unnest(?::bigint[], ?::bigint[], ?::bigint[]) AS p (user_id, group_id, channel_id)
		JOIN group_members m ON m.group_id = p.group_id AND m.user_id = p.user_id
		LEFT JOIN channels c ON c.id = p.channel_id`
	sqliteStandings = `
		SELECT m.user_id, m.group_id, p.value ->> 2 AS channel_id, m.role, COALESCE(` + readable + `, false) AS open
		FROM json_each(?) AS p
		JOIN group_members m ON m.group_id = p.value ->> 1 AND m.user_id = p.value ->> 0
		LEFT JOIN channels c ON c.id = p.value ->> 2`
)

// standings asks once for all readers; those who are no members are left out.
func (s *Service) standings(ctx context.Context, readers []reader) (map[reader]standing, error) {
	var rows []struct {
		UserID, GroupID, ChannelID int64
		Role                       Role
		Open                       bool
	}
	t := s.read(ctx)
	var err error
	if t.dialect == store.Postgres {
		users, groups, channels := columns(readers)
		err = t.rows(&rows, postgresStandings, t.dialect.List(users), t.dialect.List(groups), t.dialect.List(channels))
	} else {
		entries := make([]string, 0, len(readers))
		for _, r := range readers {
			entries = append(entries, t.dialect.List([]int64{r.user, r.group, r.channel}))
		}
		err = t.rows(&rows, sqliteStandings, "["+strings.Join(entries, ",")+"]")
	}
	if err != nil {
		return nil, err
	}
	found := make(map[reader]standing, len(rows))
	for _, r := range rows {
		found[reader{r.UserID, r.GroupID, r.ChannelID}] = standing{r.Role, r.Open}
	}
	return found, nil
}

func columns(readers []reader) (users, groups, channels []int64) {
	for _, r := range readers {
		users, groups, channels = append(users, r.user), append(groups, r.group), append(channels, r.channel)
	}
	return users, groups, channels
}
