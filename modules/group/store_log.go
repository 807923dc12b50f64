package group

import (
	"context"
	"encoding/json"
	"fmt"

	"parley/app/store"
)

// membershipsKept is how many changes of a group's members are remembered. Who has missed more reads the list of members.
const membershipsKept = 1000

// MembershipChange is somebody whose membership of a group has changed, as it is now.
type MembershipChange struct {
	GroupID int64
	UserID  int64
	Member  *Member // nil: is no member any more
}

// Memberships is what there is to know of the members of a user's groups.
type Memberships struct {
	// Versions number, by group, the changes that there have been until now.
	Versions map[int64]int64
	// Changes are those since the versions that the user knew.
	Changes []MembershipChange
	// Unknown are groups of which not all changes are told, in no order: the user knew no version, or has missed too much.
	Unknown []int64
}

// noteMember remembers that somebody's membership of a locked group has changed.
func (t *tx) noteMember(groupID, userID int64) error {
	var version int64
	if err := t.need(&version, `UPDATE groups SET members_version = members_version + 1 WHERE id = ? RETURNING members_version`, groupID); err != nil {
		return err
	}
	if err := t.exec(`INSERT INTO member_changes (group_id, version, user_id) VALUES (?, ?, ?)`, groupID, version, userID); err != nil {
		return err
	}
	return t.exec(`DELETE FROM member_changes WHERE group_id = ? AND version <= ?`, groupID, version-membershipsKept)
}

// Memberships returns what has changed among the members of a user's groups since the versions that it knows, by group: most changes at
// most. It takes two statements, however many groups there are.
func (s *Service) Memberships(ctx context.Context, userID int64, known map[int64]int64, most int64) (Memberships, error) {
	t := s.read(ctx)
	var groups []struct{ ID, MembersVersion int64 }
	if err := t.rows(&groups, `
		SELECT g.id, g.members_version FROM group_members m JOIN groups g ON g.id = m.group_id
		WHERE m.user_id = ? ORDER BY g.id`, userID); err != nil {
		return Memberships{}, err
	}
	m := Memberships{Versions: make(map[int64]int64, len(groups))}
	var wanted []memberLog
	for _, g := range groups {
		m.Versions[g.ID] = g.MembersVersion
		after, ok := known[g.ID]
		missed := g.MembersVersion - after
		switch {
		case !ok || missed < 0 || missed > min(most, membershipsKept):
			m.Unknown = append(m.Unknown, g.ID)
		case missed > 0:
			most -= missed
			wanted = append(wanted, memberLog{Group: g.ID, After: after, Missed: missed})
		}
	}
	err := t.memberChanges(wanted, &m)
	return m, err
}

// memberLog is which changes of a group are wanted: those after a version, so many.
type memberLog struct {
	Group  int64 `json:"group"`
	After  int64 `json:"after"`
	Missed int64 `json:"missed"`
}

// The changes of several groups, each of which is an entry of the parameter, with what has become of the members.
const (
	memberChanges = `
		LEFT JOIN group_members m ON m.group_id = x.group_id AND m.user_id = x.user_id
		LEFT JOIN users u ON u.id = m.user_id
		ORDER BY x.group_id, x.version`
	postgresMemberChanges = `
		SELECT x.group_id, x.user_id AS changed, m.role, ` + memberColumns + `
		FROM json_to_recordset(?::json) AS w ("group" bigint, after bigint)
		JOIN member_changes x ON x.group_id = w.group AND x.version > w.after` + memberChanges
	sqliteMemberChanges = `
		SELECT x.group_id, x.user_id AS changed, m.role, ` + memberColumns + `
		FROM json_each(?) AS w
		JOIN member_changes x ON x.group_id = w.value ->> 'group' AND x.version > w.value ->> 'after'` + memberChanges
)

// memberChanges adds the wanted changes to m, each user once a group.
func (t tables) memberChanges(wanted []memberLog, m *Memberships) error {
	if len(wanted) == 0 {
		return nil
	}
	list, err := json.Marshal(wanted)
	if err != nil {
		return fmt.Errorf("encode a list of groups: %w", err)
	}
	sql := sqliteMemberChanges
	if t.dialect == store.Postgres {
		sql = postgresMemberChanges
	}
	var rows []struct {
		GroupID int64
		Changed int64
		Member  memberRow `gorm:"embedded"`
	}
	if err := t.rows(&rows, sql, string(list)); err != nil {
		return err
	}
	found := make(map[int64]int64, len(wanted))
	seen := make(map[[2]int64]bool, len(rows))
	for _, r := range rows {
		found[r.GroupID]++
		if who := [2]int64{r.GroupID, r.Changed}; !seen[who] {
			seen[who] = true
			c := MembershipChange{GroupID: r.GroupID, UserID: r.Changed}
			if r.Member.ID != 0 {
				member := r.Member.member()
				c.Member = &member
			}
			m.Changes = append(m.Changes, c)
		}
	}
	for _, w := range wanted {
		if found[w.Group] != w.Missed { // the older ones are forgotten
			m.Unknown = append(m.Unknown, w.Group)
		}
	}
	return nil
}
