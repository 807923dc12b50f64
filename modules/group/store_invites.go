package group

import (
	"parley/app/event"
)

// inviteRow is a row of group_invites.
type inviteRow struct {
	Code      string
	GroupID   int64
	CreatorID int64
	CreatedAt int64
	ExpiresAt *int64
	MaxUses   *int64
	Uses      int64
	RevokedAt *int64
}

func (r inviteRow) invite() Invite {
	i := Invite{
		Code: r.Code, GroupID: r.GroupID, CreatorID: r.CreatorID, CreatedAt: event.FromMillis(r.CreatedAt),
		MaxUses: r.MaxUses, Uses: r.Uses, revoked: r.RevokedAt != nil,
	}
	if r.ExpiresAt != nil {
		end := event.FromMillis(*r.ExpiresAt)
		i.ExpiresAt = &end
	}
	return i
}

const inviteColumns = `code, group_id, creator_id, created_at, expires_at, max_uses, uses, revoked_at`

func (t *tx) insertInvite(i Invite) error {
	var end *int64
	if i.ExpiresAt != nil {
		ms := i.ExpiresAt.UnixMilli()
		end = &ms
	}
	return t.exec(`INSERT INTO group_invites (code, group_id, creator_id, created_at, expires_at, max_uses) VALUES (?, ?, ?, ?, ?, ?)`,
		i.Code, i.GroupID, i.CreatorID, i.CreatedAt.UnixMilli(), end, i.MaxUses)
}

// invite returns the invite with a code, or ErrInviteNotFound.
func (t tables) invite(code string) (Invite, error) {
	var r inviteRow
	found, err := t.row(&r, `SELECT `+inviteColumns+` FROM group_invites WHERE code = ?`, code)
	if err == nil && !found {
		err = ErrInviteNotFound
	}
	return r.invite(), err
}

// maxInvites bounds the list of a group's invites.
const maxInvites = 1000

// invites returns those of a group that can be accepted.
func (t tables) invites(groupID int64, now event.Time) ([]Invite, error) {
	var rows []inviteRow
	err := t.rows(&rows, `
		SELECT `+inviteColumns+` FROM group_invites
		WHERE group_id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?) AND (max_uses IS NULL OR uses < max_uses)
		ORDER BY created_at DESC, code LIMIT ?`, groupID, now.UnixMilli(), maxInvites)
	list := make([]Invite, len(rows))
	for i, r := range rows {
		list[i] = r.invite()
	}
	return list, err
}

func (t *tx) revokeInvite(code string) error {
	return t.exec(`UPDATE group_invites SET revoked_at = COALESCE(revoked_at, ?) WHERE code = ?`, t.now.UnixMilli(), code)
}

// useInvite counts one use. The group is locked, so that nobody else counts meanwhile.
func (t *tx) useInvite(code string) error {
	return t.exec(`UPDATE group_invites SET uses = uses + 1 WHERE code = ?`, code)
}

// invitation returns what is shown of a group to somebody who is invited.
func (t tables) invitation(groupID, userID int64) (Invitation, error) {
	var r struct {
		ID          int64
		Name        string
		Description string
		CreatedAt   int64
		Members     int64
		Member      bool
	}
	err := t.need(&r, `
		SELECT g.id, g.name, g.description, g.created_at,
		       (SELECT count(*) FROM group_members m WHERE m.group_id = g.id) AS members,
		       EXISTS (SELECT 1 FROM group_members m WHERE m.group_id = g.id AND m.user_id = ?) AS member
		FROM groups g WHERE g.id = ?`, userID, groupID)
	return Invitation{
		Group:   Info{ID: r.ID, Name: r.Name, Description: r.Description, CreatedAt: event.FromMillis(r.CreatedAt)},
		Members: r.Members, Member: r.Member,
	}, err
}
