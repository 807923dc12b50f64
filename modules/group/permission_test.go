package group

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/problem"
)

// roles lists every role, and two values that are none.
var roles = []Role{RoleOwner, RoleAdmin, RoleMember, "", "king"}

func TestCanOverAllRolesAndActions(t *testing.T) {
	t.Parallel()
	everyone := []Role{RoleOwner, RoleAdmin, RoleMember}
	admins := []Role{RoleOwner, RoleAdmin}
	owners := []Role{RoleOwner}
	table := map[Action][]Role{
		Read:                 everyone,
		Send:                 everyone,
		ListMembers:          everyone,
		Leave:                everyone,
		LeaveChannel:         everyone,
		UpdateGroup:          admins,
		AddMember:            admins,
		RemoveMember:         admins,
		CreateChannel:        admins,
		UpdateChannel:        admins,
		DeleteChannel:        admins,
		ManageChannelMembers: admins,
		ChangeRole:           owners,
		DeleteGroup:          owners,
		"fly":                nil,
		"":                   nil,
	}
	for action, allowed := range table {
		for _, role := range roles {
			want := slices.Contains(allowed, role)
			require.Equal(t, want, Can(role, action), "%q may %q", role, action)
			err := allow(role, action)
			if want {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, problem.Forbidden)
			}
		}
	}
}

func TestOutranksAndCanGrantOverAllRoles(t *testing.T) {
	t.Parallel()
	type pair struct{ a, b Role }
	outranks := map[pair]bool{
		{RoleOwner, RoleAdmin}: true, {RoleOwner, RoleMember}: true, {RoleAdmin, RoleMember}: true,
		// A role that is none is below all; no member ever has one.
		{RoleOwner, ""}: true, {RoleAdmin, ""}: true, {RoleMember, ""}: true,
		{RoleOwner, "king"}: true, {RoleAdmin, "king"}: true, {RoleMember, "king"}: true,
	}
	grants := map[pair]bool{
		{RoleOwner, RoleOwner}: true, {RoleOwner, RoleAdmin}: true, {RoleOwner, RoleMember}: true,
		{RoleAdmin, RoleMember}: true,
	}
	for _, a := range roles {
		for _, b := range roles {
			require.Equal(t, outranks[pair{a, b}], Outranks(a, b), "%q over %q", a, b)
			require.Equal(t, grants[pair{a, b}], CanGrant(a, b), "%q gives %q", a, b)
			require.Equal(t, outranks[pair{a, b}], allowOn(a, b) == nil)
			require.Equal(t, grants[pair{a, b}], allowGrant(a, b) == nil)
		}
	}
}
