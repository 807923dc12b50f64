package group

import "parley/app/event"

// banRow is a row of group_bans with its user.
type banRow struct {
	Of       memberRow `gorm:"embedded"` // joined when banned
	BannedBy int64
	Reason   string
}

func (r banRow) ban() Ban {
	return Ban{User: r.Of.user(), BannedBy: r.BannedBy, Reason: r.Reason, CreatedAt: event.FromMillis(r.Of.JoinedAt)}
}

const banColumns = `u.id, u.username, u.display_name, u.created_at, b.created_at AS joined_at, b.banned_by, b.reason`

// ban returns a user's ban, or ErrBanNotFound.
func (t tables) ban(groupID, userID int64) (Ban, error) {
	var r banRow
	found, err := t.row(&r, `
		SELECT `+banColumns+` FROM group_bans b JOIN users u ON u.id = b.user_id
		WHERE b.group_id = ? AND b.user_id = ?`, groupID, userID)
	if err == nil && !found {
		err = ErrBanNotFound
	}
	return r.ban(), err
}

// bans returns at most limit of a group's bans, of users whose ids follow after.
func (t tables) bans(groupID, after int64, limit int) ([]Ban, error) {
	var rows []banRow
	err := t.rows(&rows, `
		SELECT `+banColumns+` FROM group_bans b JOIN users u ON u.id = b.user_id
		WHERE b.group_id = ? AND b.user_id > ? ORDER BY b.user_id LIMIT ?`, groupID, after, limit)
	list := make([]Ban, len(rows))
	for i, r := range rows {
		list[i] = r.ban()
	}
	return list, err
}

// notBanned answers ErrBanned for a user who is banned from a group.
func (t tables) notBanned(groupID, userID int64) error {
	var one int
	found, err := t.row(&one, `SELECT 1 FROM group_bans WHERE group_id = ? AND user_id = ?`, groupID, userID)
	if err == nil && found {
		err = ErrBanned
	}
	return err
}

// knowsUser says whether there is such a user, disabled or not.
func (t tables) knowsUser(userID int64) (bool, error) {
	var one int
	return t.row(&one, `SELECT 1 FROM users WHERE id = ?`, userID)
}

func (t *tx) insertBan(groupID, userID, by int64, reason string) error {
	return t.exec(`INSERT INTO group_bans (group_id, user_id, banned_by, reason, created_at) VALUES (?, ?, ?, ?, ?)`,
		groupID, userID, by, reason, t.now.UnixMilli())
}

func (t *tx) deleteBan(groupID, userID int64) error {
	return t.exec(`DELETE FROM group_bans WHERE group_id = ? AND user_id = ?`, groupID, userID)
}
