package group

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMemberships: who follows the versions knows the members without reading their lists.
func TestMemberships(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g, other := w.group(), w.group()
		first, err := w.Memberships(w.ctx(), ann, nil, 100)
		require.NoError(t, err)
		require.Equal(t, map[int64]int64{g.ID: 3, other.ID: 3}, first.Versions)
		require.Equal(t, []int64{g.ID, other.ID}, first.Unknown, "nothing was known")
		require.Empty(t, first.Changes)

		same, err := w.Memberships(w.ctx(), ann, first.Versions, 100)
		require.NoError(t, err)
		require.Equal(t, Memberships{Versions: first.Versions}, same)

		dan, err := w.AddMember(w.ctx(), ann, g.ID, dan, RoleMember)
		require.NoError(t, err)
		dan.Role = RoleAdmin
		_, err = w.SetRole(w.ctx(), ann, g.ID, dan.User.ID, RoleAdmin)
		require.NoError(t, err)
		_, err = w.SetRole(w.ctx(), ann, g.ID, dan.User.ID, RoleAdmin)
		require.NoError(t, err, "nothing changes")
		require.NoError(t, w.RemoveMember(w.ctx(), ann, g.ID, cat))
		_, err = w.Transfer(w.ctx(), ann, other.ID, ben)
		require.NoError(t, err)
		now, err := w.Memberships(w.ctx(), ann, first.Versions, 100)
		require.NoError(t, err)
		require.Equal(t, map[int64]int64{g.ID: 6, other.ID: 5}, now.Versions)
		require.Empty(t, now.Unknown)
		require.Equal(t, []MembershipChange{
			{g.ID, dan.User.ID, &dan}, {g.ID, cat, nil},
			{other.ID, ben, w.seen(other.ID, ben)}, {other.ID, ann, w.seen(other.ID, ann)},
		}, now.Changes)

		few, err := w.Memberships(w.ctx(), ann, first.Versions, 4)
		require.NoError(t, err)
		require.Len(t, few.Changes, 2, "of the first group")
		require.Equal(t, []int64{other.ID}, few.Unknown)

		ahead, err := w.Memberships(w.ctx(), ann, map[int64]int64{g.ID: 7, other.ID: 5}, 100)
		require.NoError(t, err)
		require.Equal(t, []int64{g.ID}, ahead.Unknown, "from before the database was restored")

		w.exec(`DELETE FROM member_changes WHERE group_id = ? AND version = 4`, g.ID)
		pruned, err := w.Memberships(w.ctx(), ann, map[int64]int64{g.ID: 3, other.ID: 5}, 100)
		require.NoError(t, err)
		require.Equal(t, []int64{g.ID}, pruned.Unknown)

		outside, err := w.Memberships(w.ctx(), eve, first.Versions, 100)
		require.NoError(t, err)
		require.Equal(t, Memberships{Versions: map[int64]int64{}}, outside, "of groups of others nothing is told")
	})
}

// TestMembershipsAreForgotten: the log of a group does not grow without end, and goes with it.
func TestMembershipsAreForgotten(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		g := w.group()
		w.exec(`UPDATE groups SET members_version = ? WHERE id = ?`, membershipsKept+2, g.ID)
		_, err := w.AddMember(w.ctx(), ann, g.ID, dan, RoleMember)
		require.NoError(w.t, err)
		require.EqualValues(w.t, 1, w.number(`SELECT count(*) FROM member_changes WHERE group_id = ?`, g.ID))
		require.NoError(w.t, w.Delete(w.ctx(), ann, g.ID))
		require.Zero(w.t, w.number(`SELECT count(*) FROM member_changes`))
	})
}

// seen is a member as others see it.
func (w *world) seen(groupID, userID int64) *Member {
	w.t.Helper()
	m, err := w.read(w.ctx()).member(groupID, userID)
	require.NoError(w.t, err)
	return &m
}
