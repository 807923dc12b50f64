package group

import "parley/app/event"

// memberRow is a user with its place in a group or channel.
type memberRow struct {
	ID          int64
	Username    string
	DisplayName string
	CreatedAt   int64
	Role        Role
	JoinedAt    int64
}

func (r memberRow) user() User {
	return User{ID: r.ID, Username: r.Username, DisplayName: r.DisplayName, CreatedAt: event.FromMillis(r.CreatedAt)}
}

func (r memberRow) member() Member {
	return Member{User: r.user(), Role: r.Role, JoinedAt: event.FromMillis(r.JoinedAt)}
}

func (r memberRow) channelMember() ChannelMember {
	return ChannelMember{User: r.user(), JoinedAt: event.FromMillis(r.JoinedAt)}
}

const memberColumns = `u.id, u.username, u.display_name, u.created_at, m.joined_at`

// members returns at most limit members of a group whose ids follow after.
func (t tables) members(groupID, after int64, limit int) (list []memberRow, err error) {
	err = t.rows(&list, `
		SELECT `+memberColumns+`, m.role FROM group_members m JOIN users u ON u.id = m.user_id
		WHERE m.group_id = ? AND m.user_id > ? ORDER BY m.user_id LIMIT ?`, groupID, after, limit)
	return list, err
}

// member returns one member of a group, or ErrMemberNotFound.
func (t tables) member(groupID, userID int64) (Member, error) {
	var r memberRow
	found, err := t.row(&r, `
		SELECT `+memberColumns+`, m.role FROM group_members m JOIN users u ON u.id = m.user_id
		WHERE m.group_id = ? AND m.user_id = ?`, groupID, userID)
	if err == nil && !found {
		err = ErrMemberNotFound
	}
	return r.member(), err
}

// holdUser says whether there is such a user who may use the server, and keeps it from being deleted until the transaction ends.
func (t *tx) holdUser(userID int64) (bool, error) {
	var id int64
	return t.row(&id, t.locking(`SELECT id FROM users WHERE id = ? AND disabled_at IS NULL`, `FOR KEY SHARE`), userID)
}

// owners counts the owners of a group.
func (t tables) owners(groupID int64) (n int64, err error) {
	err = t.need(&n, `SELECT count(*) FROM group_members WHERE group_id = ? AND role = ?`, groupID, RoleOwner)
	return n, err
}

// insertMember makes a user a member, for whom what was said before is not unread.
func (t *tx) insertMember(groupID, userID int64, role Role) error {
	if err := t.exec(`INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES (?, ?, ?, ?)`,
		groupID, userID, role, t.now.UnixMilli()); err != nil {
		return err
	}
	if err := t.noteMember(groupID, userID); err != nil {
		return err
	}
	return t.exec(`
		INSERT INTO channel_cursors (channel_id, user_id, read_seq, delivered_seq, since_seq)
		SELECT c.id, m.user_id, c.last_seq, c.last_seq, c.last_seq
		FROM group_members m JOIN channels c ON c.group_id = m.group_id
		WHERE m.group_id = ? AND m.user_id = ? AND NOT c.private`+overwriteCursor, groupID, userID)
}

// overwriteCursor takes the place of a row that is left of a former membership.
const overwriteCursor = `
	ON CONFLICT (channel_id, user_id) DO UPDATE SET
		read_seq = excluded.read_seq, delivered_seq = excluded.delivered_seq, since_seq = excluded.since_seq`

// updateRole changes a member's role.
func (t *tx) updateRole(groupID, userID int64, role Role) error {
	if err := t.exec(`UPDATE group_members SET role = ? WHERE group_id = ? AND user_id = ?`, role, groupID, userID); err != nil {
		return err
	}
	return t.noteMember(groupID, userID)
}

// deleteMember removes a user from a group and all its channels.
func (t *tx) deleteMember(groupID, userID int64) error {
	if err := t.exec(`
		DELETE FROM channel_members WHERE user_id = ? AND channel_id IN (SELECT id FROM channels WHERE group_id = ?)`,
		userID, groupID); err != nil {
		return err
	}
	if err := t.exec(`
		DELETE FROM channel_cursors WHERE user_id = ? AND channel_id IN (SELECT id FROM channels WHERE group_id = ?)`,
		userID, groupID); err != nil {
		return err
	}
	if err := t.exec(`DELETE FROM group_members WHERE group_id = ? AND user_id = ?`, groupID, userID); err != nil {
		return err
	}
	return t.noteMember(groupID, userID)
}

// channelMembers returns at most limit members of a private channel whose ids follow after.
func (t tables) channelMembers(channelID, after int64, limit int) (list []memberRow, err error) {
	err = t.rows(&list, `
		SELECT `+memberColumns+` FROM channel_members m JOIN users u ON u.id = m.user_id
		WHERE m.channel_id = ? AND m.user_id > ? ORDER BY m.user_id LIMIT ?`, channelID, after, limit)
	return list, err
}

// channelMember returns one member of a private channel, or ErrMemberNotFound.
func (t tables) channelMember(channelID, userID int64) (ChannelMember, error) {
	var r memberRow
	found, err := t.row(&r, `
		SELECT `+memberColumns+` FROM channel_members m JOIN users u ON u.id = m.user_id
		WHERE m.channel_id = ? AND m.user_id = ?`, channelID, userID)
	if err == nil && !found {
		err = ErrMemberNotFound
	}
	return r.channelMember(), err
}

// insertChannelMember lets a user into a private channel. What was said before is not unread.
func (t *tx) insertChannelMember(channelID, userID int64) error {
	if err := t.exec(`INSERT INTO channel_members (channel_id, user_id, joined_at) VALUES (?, ?, ?)`,
		channelID, userID, t.now.UnixMilli()); err != nil {
		return err
	}
	return t.exec(`
		INSERT INTO channel_cursors (channel_id, user_id, read_seq, delivered_seq, since_seq)
		SELECT c.id, m.user_id, c.last_seq, c.last_seq, c.last_seq
		FROM channel_members m JOIN channels c ON c.id = m.channel_id
		WHERE m.channel_id = ? AND m.user_id = ?`+overwriteCursor, channelID, userID)
}

// deleteChannelMember removes a user from a private channel.
func (t *tx) deleteChannelMember(channelID, userID int64) error {
	for _, table := range []string{"channel_members", "channel_cursors"} {
		if err := t.exec(`DELETE FROM `+table+` WHERE channel_id = ? AND user_id = ?`, channelID, userID); err != nil {
			return err
		}
	}
	return nil
}
