package group

import "parley/app/event"

// groupRow is a row of groups, with the role of the member who asks.
type groupRow struct {
	ID          int64
	Name        string
	Description string
	CreatedAt   int64
	Role        Role
}

func (r groupRow) info() Info {
	return Info{ID: r.ID, Name: r.Name, Description: r.Description, CreatedAt: event.FromMillis(r.CreatedAt)}
}

// unread counts what others have said in the channel c after the cursor r of the member m, and not taken back. Seq has no gaps: if that is much,
// it is what is left of the difference without one's own messages, which are looked for by their sender (+ 0 keeps the planner from
// reading all that is unread), and without the deleted ones.
const unread = `
	CASE WHEN c.last_seq - COALESCE(r.read_seq, 0) <= 2000 THEN
		(SELECT count(*) FROM messages s
		WHERE s.channel_id = c.id AND s.seq > COALESCE(r.read_seq, 0) AND s.sender_id <> m.user_id AND s.deleted_at IS NULL)
	ELSE c.last_seq - COALESCE(r.read_seq, 0)
		- (SELECT count(*) FROM messages s WHERE s.channel_id = c.id AND s.sender_id = m.user_id AND s.seq + 0 > COALESCE(r.read_seq, 0))
		- (SELECT count(*) FROM messages s
			WHERE s.channel_id = c.id AND s.seq > COALESCE(r.read_seq, 0) AND s.deleted_at IS NOT NULL AND s.sender_id <> m.user_id)
	END`

// mentioned counts the messages among them that mention the member, by name or with everybody.
const mentioned = `
	(SELECT count(DISTINCT x.seq) FROM mentions x
	WHERE x.channel_id = c.id AND x.user_id IN (m.user_id, 0) AND x.seq > COALESCE(r.read_seq, 0) AND x.sender_id <> m.user_id)`

// groups returns a member's groups in the order of their ids, or only the one with that id. It takes two statements, however
// many groups there are.
func (t tables) groups(userID, only int64) ([]Group, error) {
	filter, args := ``, []any{userID}
	if only != 0 {
		filter, args = ` AND m.group_id = ?`, []any{userID, only}
	}
	var groups []groupRow
	if err := t.rows(&groups, `
		SELECT g.id, g.name, g.description, g.created_at, m.role
		FROM group_members m JOIN groups g ON g.id = m.group_id
		WHERE m.user_id = ?`+filter+` ORDER BY g.id`, args...); err != nil {
		return nil, err
	}
	var channels []channelRow
	if err := t.rows(&channels, `
		SELECT c.id, c.group_id, c.name, c.topic, c.private, c.last_seq, c.created_at,
			COALESCE(r.read_seq, 0) AS read_seq, `+unread+` AS unread, `+mentioned+` AS mentions
		FROM group_members m
		JOIN channels c ON c.group_id = m.group_id
		LEFT JOIN channel_members p ON p.channel_id = c.id AND p.user_id = m.user_id
		LEFT JOIN channel_cursors r ON r.channel_id = c.id AND r.user_id = m.user_id
		WHERE m.user_id = ?`+filter+` AND (NOT c.private OR p.user_id IS NOT NULL)
		ORDER BY c.id`, args...); err != nil {
		return nil, err
	}
	list := make([]Group, len(groups))
	at := make(map[int64]int, len(groups))
	for i, g := range groups {
		list[i] = Group{Info: g.info(), Role: g.Role, Channels: []OpenChannel{}}
		at[g.ID] = i
	}
	for _, c := range channels {
		if i, ok := at[c.GroupID]; ok { // else joined between the two statements
			list[i].Channels = append(list[i].Channels, c.open())
		}
	}
	return list, nil
}

// group returns one of a member's groups.
func (t tables) group(userID, groupID int64) (Group, error) {
	list, err := t.groups(userID, groupID)
	if err != nil {
		return Group{}, err
	}
	if len(list) == 0 {
		return Group{}, ErrGroupNotFound
	}
	return list[0], nil
}

// insertGroup makes a group without members.
func (t *tx) insertGroup(name, description string) (id int64, err error) {
	err = t.need(&id, `INSERT INTO groups (name, description, created_at) VALUES (?, ?, ?) RETURNING id`,
		name, description, t.now.UnixMilli())
	return id, err
}

// updateGroup changes what is not nil.
func (t *tx) updateGroup(groupID int64, name, description *string) error {
	return t.exec(`UPDATE groups SET name = COALESCE(?, name), description = COALESCE(?, description) WHERE id = ?`,
		name, description, groupID)
}

// deleteGroup removes a group and everything in it.
func (t *tx) deleteGroup(groupID int64) error {
	var channels []int64
	if err := t.rows(&channels, `SELECT id FROM channels WHERE group_id = ?`, groupID); err != nil {
		return err
	}
	if err := t.deleteChannels(channels); err != nil {
		return err
	}
	return t.exec(`DELETE FROM groups WHERE id = ?`, groupID) // and group_members
}
