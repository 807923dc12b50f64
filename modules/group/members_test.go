package group

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/problem"
)

func TestAddMember(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		public, err := w.CreateChannel(w.ctx(), ann, g.ID, NewChannel{Name: "news"})
		require.NoError(t, err)
		w.private(ben, g.ID, "secret")
		m, err := w.AddMember(w.ctx(), ben, g.ID, dan, RoleMember)
		require.NoError(t, err)
		require.Equal(t, User{ID: dan, Username: "dan", DisplayName: "dan", CreatedAt: event.FromMillis(1003)}, m.User)
		require.Equal(t, RoleMember, m.Role)
		require.False(t, m.JoinedAt.IsZero())

		events := w.take()
		require.Len(t, events, 2)
		require.Equal(t, event.UserKey(dan), events[0].Key)
		require.Equal(t, event.JoinedGroup, events[0].Event)
		require.Equal(t, &event.Change{
			Kind: event.GroupJoined, UserID: dan, GroupID: g.ID, Channels: []int64{g.Channels[0].ID, public.ID},
			Version: 1,
		}, events[0].Change)
		told := payload(t, events[0])["group"].(map[string]any) //nolint:forcetypeassert // a panic is as good
		require.Equal(t, "member", told["role"])
		require.Len(t, told["channels"], 2)

		require.Equal(t, event.GroupKey(g.ID), events[1].Key)
		require.Equal(t, event.MemberJoined, events[1].Event)
		require.Equal(t, dan, events[1].ExceptUser)
		require.Nil(t, events[1].Change)
		told = payload(t, events[1])
		require.EqualValues(t, g.ID, told["groupId"])
		require.Equal(t, "member", told["member"].(map[string]any)["role"]) //nolint:forcetypeassert // a panic is as good
		require.Equal(t, []string{"flush"}, w.steps.take(), "a fence is for what is taken away")

		seen, err := w.Get(w.ctx(), dan, g.ID)
		require.NoError(t, err)
		require.Len(t, seen.Channels, 2)
	})
}

func TestWhoMayBeAddedByWhom(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		g := w.group()
		for _, tt := range []struct {
			name        string
			actor, user int64
			role        Role
			want        error
		}{
			{"by a member", cat, dan, RoleMember, problem.Forbidden},
			{"by a stranger", eve, dan, RoleMember, ErrGroupNotFound},
			{"a stranger adds itself", eve, eve, RoleMember, ErrGroupNotFound},
			{"an admin makes an admin", ben, dan, RoleAdmin, problem.Forbidden},
			{"an admin makes an owner", ben, dan, RoleOwner, problem.Forbidden},
			{"no such role", ann, dan, "king", problem.Invalid},
			{"no role", ann, dan, "", problem.Invalid},
			{"a member already", ann, cat, RoleMember, ErrAlreadyMember},
			{"oneself", ann, ann, RoleMember, ErrAlreadyMember},
			{"nobody", ann, nobody, RoleMember, problem.Invalid},
			{"no id", ann, 0, RoleMember, problem.Invalid},
			{"disabled", ann, gone, RoleMember, problem.Invalid},
			{"an owner makes an owner", ann, dan, RoleOwner, nil},
			{"an admin makes a member", ben, eve, RoleMember, nil},
		} {
			_, err := w.AddMember(w.ctx(), tt.actor, g.ID, tt.user, tt.role)
			if tt.want == nil {
				require.NoError(w.t, err, tt.name)
			} else {
				require.ErrorIs(w.t, err, tt.want, tt.name)
				require.Empty(w.t, w.take(), tt.name)
			}
		}
		_, err := w.AddMember(w.ctx(), ann, g.ID, nobody, RoleMember)
		require.Equal(w.t, []problem.Field{{Field: "userId", Message: "no such user"}}, problem.From(err).Fields)
	})
}

func TestMembersInPages(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		list, more, err := w.Members(w.ctx(), cat, g.ID, Page{Limit: 2})
		require.NoError(t, err)
		require.True(t, more)
		require.Len(t, list, 2)
		require.Equal(t, []int64{ann, ben}, []int64{list[0].User.ID, list[1].User.ID})
		require.Equal(t, []Role{RoleOwner, RoleAdmin}, []Role{list[0].Role, list[1].Role})
		list, more, err = w.Members(w.ctx(), cat, g.ID, Page{After: ben, Limit: 2})
		require.NoError(t, err)
		require.False(t, more)
		require.Len(t, list, 1)
		require.Equal(t, cat, list[0].User.ID)
		list, more, err = w.Members(w.ctx(), cat, g.ID, Page{After: cat, Limit: 2})
		require.NoError(t, err)
		require.False(t, more)
		require.NotNil(t, list)
		require.Empty(t, list)
		_, _, err = w.Members(w.ctx(), dan, g.ID, Page{Limit: 2})
		require.ErrorIs(t, err, ErrGroupNotFound)
	})
}

func TestRemovalAndLeaving(t *testing.T) {
	t.Parallel()
	for reason, actor := range map[string]int64{reasonRemoved: ben, reasonLeft: cat} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(w *world) {
				t := w.t
				g, other := w.group(), w.group()
				secret := w.private(ben, g.ID, "secret", cat)
				w.private(ben, other.ID, "secret", cat)
				before := w.userVersion(cat)
				require.NoError(t, w.RemoveMember(w.ctx(), actor, g.ID, cat))

				events := w.take()
				require.Len(t, events, 2)
				require.Equal(t, event.UserKey(cat), events[0].Key)
				require.Equal(t, event.LeftGroup, events[0].Event)
				require.Equal(t, &event.Change{Kind: event.GroupLeft, UserID: cat, GroupID: g.ID, Version: before + 1}, events[0].Change)
				require.Equal(t, map[string]any{"groupId": float64(g.ID), "reason": reason}, payload(t, events[0]))
				require.Equal(t, event.GroupKey(g.ID), events[1].Key)
				require.Equal(t, event.MemberLeft, events[1].Event)
				require.Nil(t, events[1].Change)
				require.Equal(t, map[string]any{"groupId": float64(g.ID), "userId": float64(cat), "reason": reason}, payload(t, events[1]))
				require.Equal(t, []string{"flush", "fence 3"}, w.steps.take())

				require.ErrorIs(t, w.Access(w.ctx(), cat, g.ID, secret.ID), ErrGroupNotFound)
				const inGroup = ` WHERE user_id = ? AND channel_id IN (SELECT id FROM channels WHERE group_id = ?)`
				for _, table := range []string{"channel_members", "channel_cursors"} {
					require.Zero(t, w.number(`SELECT count(*) FROM `+table+inGroup, cat, g.ID), table)
					require.NotZero(t, w.number(`SELECT count(*) FROM `+table+inGroup, cat, other.ID), table)
				}
				require.ErrorIs(t, w.RemoveMember(w.ctx(), ann, g.ID, cat), ErrMemberNotFound)
				require.ErrorIs(t, w.RemoveMember(w.ctx(), cat, g.ID, cat), ErrGroupNotFound)
			})
		})
	}
}

func TestWhoMayRemoveWhom(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		g := w.group()
		_, err := w.AddMember(w.ctx(), ann, g.ID, dan, RoleAdmin)
		require.NoError(w.t, err)
		for _, tt := range []struct {
			name        string
			actor, user int64
			want        error
		}{
			{"a member removes a member", cat, cat + 100, problem.Forbidden},
			{"a member removes an admin", cat, ben, problem.Forbidden},
			{"an admin removes an admin", ben, dan, problem.Forbidden},
			{"an admin removes the owner", ben, ann, problem.Forbidden},
			{"a stranger removes a member", eve, cat, ErrGroupNotFound},
			{"nobody is removed", ann, nobody, ErrMemberNotFound},
			{"a stranger is removed", ann, eve, ErrMemberNotFound},
			{"the only owner leaves", ann, ann, ErrLastOwner},
			{"an admin removes a member", ben, cat, nil},
			{"the owner removes an admin", ann, dan, nil},
			{"an admin leaves", ben, ben, nil},
			{"the only owner and member leaves", ann, ann, ErrLastOwner},
		} {
			err := w.RemoveMember(w.ctx(), tt.actor, g.ID, tt.user)
			if tt.want == nil {
				require.NoError(w.t, err, tt.name)
			} else {
				require.ErrorIs(w.t, err, tt.want, tt.name)
			}
		}
	})
}

func TestRoles(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		versions := []int64{w.userVersion(ann), w.userVersion(ben), w.userVersion(cat)}
		for _, tt := range []struct {
			name        string
			actor, user int64
			role        Role
			want        error
		}{
			{"by a member", cat, cat, RoleAdmin, problem.Forbidden},
			{"by an admin", ben, cat, RoleAdmin, problem.Forbidden},
			{"by an admin of itself", ben, ben, RoleMember, problem.Forbidden},
			{"by a stranger", eve, cat, RoleAdmin, ErrGroupNotFound},
			{"of a stranger", ann, eve, RoleAdmin, ErrMemberNotFound},
			{"no such role", ann, cat, "king", problem.Invalid},
			{"no role", ann, cat, "", problem.Invalid},
			{"the only owner steps down", ann, ann, RoleAdmin, ErrLastOwner},
			{"a member becomes an admin", ann, cat, RoleAdmin, nil},
			{"an admin becomes a member", ann, cat, RoleMember, nil},
			{"an admin becomes an owner", ann, ben, RoleOwner, nil},
			{"another owner is demoted", ann, ben, RoleMember, problem.Forbidden},
			{"another owner is removed", ann, ben, "remove", problem.Forbidden},
			{"an owner steps down beside another", ann, ann, RoleAdmin, nil},
			{"the new only owner leaves", ben, ben, "remove", ErrLastOwner},
			{"the former owner leaves", ann, ann, "remove", nil},
		} {
			var (
				m   Member
				err error
			)
			if tt.role == "remove" {
				err = w.RemoveMember(w.ctx(), tt.actor, g.ID, tt.user)
			} else {
				m, err = w.SetRole(w.ctx(), tt.actor, g.ID, tt.user, tt.role)
			}
			events := w.take()
			if tt.want != nil {
				require.ErrorIs(t, err, tt.want, tt.name)
				require.Empty(t, events, tt.name)
				continue
			}
			require.NoError(t, err, tt.name)
			if tt.role == "remove" {
				continue
			}
			require.Equal(t, tt.role, m.Role)
			require.Len(t, events, 1, tt.name)
			require.Equal(t, event.GroupKey(g.ID), events[0].Key)
			require.Equal(t, event.MemberUpdated, events[0].Event)
			require.Nil(t, events[0].Change)
			told := payload(t, events[0])["member"].(map[string]any) //nolint:forcetypeassert // a panic is as good
			require.Equal(t, string(tt.role), told["role"])
		}
		versions[0]++ // left
		require.Equal(t, []int64{w.userVersion(ann), w.userVersion(ben), w.userVersion(cat)}, versions)

		same, err := w.SetRole(w.ctx(), ben, g.ID, cat, RoleMember)
		require.NoError(t, err)
		require.Equal(t, RoleMember, same.Role)
		require.Empty(t, w.take(), "nothing has changed")
	})
}
