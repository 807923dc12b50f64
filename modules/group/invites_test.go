package group

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/problem"
)

func number(n int64) *int64 { return &n }

// invite makes an invite of ann's.
func (w *world) invite(groupID int64, n NewInvite) Invite {
	w.t.Helper()
	i, err := w.CreateInvite(w.ctx(), ann, groupID, n)
	require.NoError(w.t, err)
	return i
}

func TestWhoIsInvitedJoins(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		w.private(ben, g.ID, "secret")
		i := w.invite(g.ID, NewInvite{})
		require.Len(t, i.Code, 26)
		require.WithinDuration(t, time.Now().Add(DefaultInviteLife), i.ExpiresAt.Time, time.Minute)
		require.Nil(t, i.MaxUses)
		require.Empty(t, w.take(), "nobody is told of an invite")

		seen, err := w.Invitation(w.ctx(), dan, i.Code)
		require.NoError(t, err)
		require.Equal(t, Invitation{Group: g.Info, Members: 3, ExpiresAt: i.ExpiresAt}, seen)

		joined, err := w.AcceptInvite(w.ctx(), dan, i.Code)
		require.NoError(t, err)
		require.Equal(t, RoleMember, joined.Role)
		require.Len(t, joined.Channels, 1, "not the private one")
		events := w.take()
		require.Len(t, events, 2)
		require.Equal(t, event.JoinedGroup, events[0].Event)
		require.Equal(t, event.UserKey(dan), events[0].Key)
		require.Equal(t, event.MemberJoined, events[1].Event)
		require.Equal(t, dan, events[1].ExceptUser)

		again, err := w.AcceptInvite(w.ctx(), dan, i.Code)
		require.NoError(t, err)
		require.Equal(t, joined, again)
		require.Empty(t, w.take(), "a member already")
		list, err := w.Invites(w.ctx(), ben, g.ID)
		require.NoError(t, err)
		i.Uses = 1
		require.Equal(t, []Invite{i}, list)
		seen, err = w.Invitation(w.ctx(), dan, i.Code)
		require.NoError(t, err)
		require.True(t, seen.Member)
	})
}

func TestInvitesEnd(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		refuses := func(code string, want error) {
			t.Helper()
			_, err := w.AcceptInvite(w.ctx(), eve, code)
			require.ErrorIs(t, err, want)
			_, err = w.Invitation(w.ctx(), eve, code)
			require.ErrorIs(t, err, want)
		}
		refuses("nothing", ErrInviteNotFound)
		refuses("", ErrInviteNotFound)

		once := w.invite(g.ID, NewInvite{MaxUses: number(1), ExpiresIn: number(0)})
		require.Nil(t, once.ExpiresAt)
		_, err := w.AcceptInvite(w.ctx(), dan, once.Code)
		require.NoError(t, err)
		refuses(once.Code, ErrInviteUsedUp)
		_, err = w.AcceptInvite(w.ctx(), dan, once.Code)
		require.NoError(t, err, "a member is shown the group all the same")

		expired := w.invite(g.ID, NewInvite{})
		w.exec(`UPDATE group_invites SET expires_at = ? WHERE code = ?`, time.Now().UnixMilli(), expired.Code)
		refuses(expired.Code, ErrInviteExpired)

		revoked := w.invite(g.ID, NewInvite{})
		require.NoError(t, w.RevokeInvite(w.ctx(), ben, g.ID, revoked.Code))
		require.NoError(t, w.RevokeInvite(w.ctx(), ben, g.ID, revoked.Code), "twice is as good as once")
		refuses(revoked.Code, ErrInviteRevoked)
		require.ErrorIs(t, w.RevokeInvite(w.ctx(), ann, g.ID, "nothing"), ErrInviteNotFound)
		require.ErrorIs(t, w.RevokeInvite(w.ctx(), ann, w.group().ID, revoked.Code), ErrInviteNotFound, "another group's")

		list, err := w.Invites(w.ctx(), ann, g.ID)
		require.NoError(t, err)
		require.Empty(t, list)

		lasting := w.invite(g.ID, NewInvite{ExpiresIn: number(0)})
		require.NoError(t, w.Delete(w.ctx(), ann, g.ID))
		refuses(lasting.Code, ErrInviteNotFound)
	})
}

func TestWhoMayInvite(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		for actor, want := range map[int64]error{ann: nil, ben: nil, cat: problem.Forbidden, eve: ErrGroupNotFound} {
			i, err := w.CreateInvite(w.ctx(), actor, g.ID, NewInvite{})
			_, listErr := w.Invites(w.ctx(), actor, g.ID)
			if want == nil {
				require.NoError(t, errors.Join(err, listErr))
				require.Equal(t, actor, i.CreatorID)
				continue
			}
			require.ErrorIs(t, err, want)
			require.ErrorIs(t, listErr, want)
			require.ErrorIs(t, w.RevokeInvite(w.ctx(), actor, g.ID, "x"), want)
		}
		for _, bad := range []NewInvite{
			{ExpiresIn: number(59)}, {ExpiresIn: number(-1)}, {ExpiresIn: number(366 * 24 * 3600)}, {MaxUses: number(0)}, {MaxUses: number(100_001)},
		} {
			_, err := w.CreateInvite(w.ctx(), ann, g.ID, bad)
			require.ErrorIs(t, err, problem.Invalid)
		}
	})
}

// An invite with three uses lets exactly three in, however many come at once.
func TestInviteIsNotOverused(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		g := w.group()
		i := w.invite(g.ID, NewInvite{MaxUses: number(3)})
		const first, many = 100, 12
		for n := range many {
			w.exec(`INSERT INTO users (id, username, display_name, password_hash, created_at) VALUES (?, ?, '', '', 0)`, first+n, fmt.Sprint("guest-", n))
		}
		var in sync.WaitGroup
		errs := make(chan error, many)
		for n := range int64(many) {
			in.Go(func() {
				_, err := w.AcceptInvite(w.ctx(), first+n, i.Code)
				errs <- err
			})
		}
		in.Wait()
		close(errs)
		joined := 0
		for err := range errs {
			if err == nil {
				joined++
			} else {
				require.ErrorIs(w.t, err, ErrInviteUsedUp)
			}
		}
		require.Equal(w.t, 3, joined)
		require.EqualValues(w.t, 6, w.number(`SELECT count(*) FROM group_members WHERE group_id = ?`, g.ID))
	})
}

func TestBans(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		i := w.invite(g.ID, NewInvite{})
		b, err := w.Ban(w.ctx(), ben, g.ID, cat, " spam ")
		require.NoError(t, err)
		require.Equal(t, "cat", b.User.Username)
		require.Equal(t, "spam", b.Reason)
		require.Equal(t, ben, b.BannedBy)
		events := w.take()
		require.Len(t, events, 2)
		require.Equal(t, event.LeftGroup, events[0].Event)
		require.Equal(t, "banned", payload(t, events[0])["reason"])
		require.Equal(t, event.GroupLeft, events[0].Change.Kind)
		require.Equal(t, event.MemberLeft, events[1].Event)
		require.Equal(t, "banned", payload(t, events[1])["reason"])
		require.Equal(t, []string{"flush", fmt.Sprint("fence ", cat)}, w.steps.take())

		_, err = w.AcceptInvite(w.ctx(), cat, i.Code)
		require.ErrorIs(t, err, ErrBanned)
		_, err = w.Invitation(w.ctx(), cat, i.Code)
		require.ErrorIs(t, err, ErrBanned)
		_, err = w.AddMember(w.ctx(), ann, g.ID, cat, RoleMember)
		require.ErrorIs(t, err, ErrUserBanned)
		_, err = w.Ban(w.ctx(), ann, g.ID, cat, "")
		require.ErrorIs(t, err, ErrAlreadyBanned)

		_, err = w.Ban(w.ctx(), ann, g.ID, gone, "")
		require.NoError(t, err, "somebody who is no member, and disabled")
		require.Empty(t, w.take())
		list, more, err := w.Bans(w.ctx(), ben, g.ID, Page{Limit: 1})
		require.NoError(t, err)
		require.True(t, more)
		require.Equal(t, []Ban{b}, list)
		list, more, err = w.Bans(w.ctx(), ben, g.ID, Page{After: cat, Limit: 1})
		require.NoError(t, err)
		require.False(t, more)
		require.Equal(t, gone, list[0].User.ID)

		require.NoError(t, w.Unban(w.ctx(), ben, g.ID, cat))
		require.ErrorIs(t, w.Unban(w.ctx(), ben, g.ID, cat), ErrBanNotFound)
		_, err = w.AcceptInvite(w.ctx(), cat, i.Code)
		require.NoError(t, err)
	})
}

func TestWhoMayBan(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		for _, tt := range []struct {
			name        string
			actor, user int64
			want        error
		}{
			{"a member", cat, dan, problem.Forbidden},
			{"a stranger", eve, dan, ErrGroupNotFound},
			{"an admin an owner", ben, ann, problem.Forbidden},
			{"an admin itself", ben, ben, problem.Forbidden},
			{"an owner itself", ann, ann, problem.Forbidden},
			{"nobody", ann, nobody, problem.Invalid},
		} {
			_, err := w.Ban(w.ctx(), tt.actor, g.ID, tt.user, "")
			require.ErrorIs(t, err, tt.want, tt.name)
		}
		_, err := w.Ban(w.ctx(), ann, g.ID, dan, "two\nlines")
		require.ErrorIs(t, err, problem.Invalid)
		_, _, err = w.Bans(w.ctx(), cat, g.ID, Page{Limit: 1})
		require.ErrorIs(t, err, problem.Forbidden)
		require.ErrorIs(t, w.Unban(w.ctx(), cat, g.ID, dan), problem.Forbidden)
		require.Empty(t, w.take())
	})
}

func TestTransfer(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		_, err := w.Transfer(w.ctx(), ben, g.ID, cat)
		require.ErrorIs(t, err, problem.Forbidden)
		_, err = w.Transfer(w.ctx(), ann, g.ID, eve)
		require.ErrorIs(t, err, ErrMemberNotFound)
		m, err := w.Transfer(w.ctx(), ann, g.ID, ann)
		require.NoError(t, err)
		require.Equal(t, RoleOwner, m.Role)
		require.Empty(t, w.take())

		m, err = w.Transfer(w.ctx(), ann, g.ID, cat)
		require.NoError(t, err)
		require.Equal(t, cat, m.User.ID)
		require.Equal(t, RoleOwner, m.Role)
		events := w.take()
		require.Len(t, events, 2)
		for i, want := range []struct {
			user int64
			role string
		}{{cat, "owner"}, {ann, "admin"}} {
			require.Equal(t, event.MemberUpdated, events[i].Event)
			member := at(t, payload(t, events[i]), "member")
			require.EqualValues(t, want.user, at(t, member, "user", "id"))
			require.Equal(t, want.role, at(t, member, "role"))
		}
		_, err = w.Transfer(w.ctx(), ann, g.ID, ben)
		require.ErrorIs(t, err, problem.Forbidden, "ann is an admin now")
	})
}

func TestEndpointsOfInvitesAndBans(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t, c := w.t, newClient(w)
		g := w.group()
		base := fmt.Sprint("/groups/", g.ID)
		i := c.ok(201, ann, "POST", base+"/invites", `{"maxUses": 5, "expiresIn": 3600}`)
		require.ElementsMatch(t, []string{"code", "groupId", "creatorId", "createdAt", "expiresAt", "maxUses", "uses"}, keys(i))
		invite := fmt.Sprint("/invites/", i["code"])
		seen := c.ok(200, dan, "GET", invite, "")
		require.ElementsMatch(t, []string{"group", "members", "member", "expiresAt"}, keys(seen))
		require.EqualValues(t, g.ID, c.ok(200, dan, "POST", invite+"/accept", "")["id"])
		list, _ := c.listed(ann, base+"/invites")
		require.Len(t, list, 1)

		b := c.ok(201, ann, "POST", base+"/bans", fmt.Sprintf(`{"userId": %d}`, dan))
		require.ElementsMatch(t, []string{"user", "bannedBy", "reason", "createdAt"}, keys(b))
		c.ok(201, ann, "POST", base+"/bans", fmt.Sprintf(`{"userId": %d, "reason": "r"}`, eve))
		list, next := c.listed(ann, base+"/bans?limit=1")
		require.Len(t, list, 1)
		require.Contains(t, next, fmt.Sprintf("after=%d&limit=1", dan))
		require.Equal(t, "banned", c.ok(403, dan, "POST", invite+"/accept", "")["code"])
		c.ok(204, ann, "DELETE", fmt.Sprint(base, "/bans/", dan), "")
		c.ok(404, ann, "DELETE", fmt.Sprint(base, "/bans/", dan), "")
		c.ok(204, ann, "DELETE", fmt.Sprint(base, "/invites/", i["code"]), "")
		require.Equal(t, "invite_revoked", c.ok(410, dan, "POST", invite+"/accept", "")["code"])
		require.Equal(t, "owner", c.ok(200, ann, "POST", base+"/transfer", fmt.Sprintf(`{"userId": %d}`, cat))["role"])
	})
}
