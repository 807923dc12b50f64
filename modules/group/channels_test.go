package group

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/problem"
)

func TestPublicChannel(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		c, err := w.CreateChannel(w.ctx(), ben, g.ID, NewChannel{Name: "News-Ä", Topic: " What is new "})
		require.NoError(t, err)
		require.Equal(t, Channel{
			ID: c.ID, GroupID: g.ID, Name: "news-ä", Topic: "What is new", CreatedAt: c.CreatedAt,
		}, c)
		name, topic := "Olds", ""
		changed, err := w.UpdateChannel(w.ctx(), ben, g.ID, c.ID, ChannelPatch{Name: &name, Topic: &topic})
		require.NoError(t, err)
		require.Equal(t, "olds", changed.Name)
		require.Empty(t, changed.Topic)
		_, err = w.UpdateChannel(w.ctx(), ben, g.ID, c.ID, ChannelPatch{Name: &name})
		require.NoError(t, err)
		require.Equal(t, []string{"flush", "flush"}, w.steps.take(), "nothing has changed the last time")
		w.say(c.ID, ann)
		w.say(g.Channels[0].ID, ann)
		require.NoError(t, w.DeleteChannel(w.ctx(), ben, g.ID, c.ID))
		require.Equal(t, []string{"flush", "fence 0"}, w.steps.take())

		events := w.take()
		require.Len(t, events, 3)
		for _, e := range events {
			require.Equal(t, event.GroupKey(g.ID), e.Key)
		}
		require.Equal(t, event.ChannelCreated, events[0].Event)
		require.Equal(t, &event.Change{
			Kind: event.ChannelsAdded, GroupID: g.ID, Channels: []int64{c.ID}, Version: 1,
		}, events[0].Change)
		told := payload(t, events[0])["channel"].(map[string]any) //nolint:forcetypeassert // a panic is as good
		require.Equal(t, "news-ä", told["name"])
		require.Equal(t, false, told["private"])
		require.Equal(t, event.ChannelUpdated, events[1].Event)
		require.Nil(t, events[1].Change)
		require.Equal(t, event.ChannelDeleted, events[2].Event)
		require.Equal(t, &event.Change{
			Kind: event.ChannelsRemoved, GroupID: g.ID, Channels: []int64{c.ID}, Version: 2,
		}, events[2].Change)
		require.Equal(t, map[string]any{"groupId": float64(g.ID), "channelId": float64(c.ID)}, payload(t, events[2]))
		w.requireRows(map[string]int64{"channels": 1, "messages": 1, "message_recipients": 1, "outbox": 0})

		require.NoError(t, w.DeleteChannel(w.ctx(), ben, g.ID, g.Channels[0].ID), "even the last one may go")
		seen, err := w.Get(w.ctx(), ann, g.ID)
		require.NoError(t, err)
		require.NotNil(t, seen.Channels)
		require.Empty(t, seen.Channels)
	})
}

func TestChannelNamesAreUniqueInTheirGroup(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g, other := w.group(), w.group()
		w.private(ben, g.ID, "secret")
		for _, name := range []string{"general", "GENERAL", "secret"} {
			_, err := w.CreateChannel(w.ctx(), ann, g.ID, NewChannel{Name: name})
			require.ErrorIs(t, err, ErrChannelNameTaken, name)
		}
		c, err := w.CreateChannel(w.ctx(), ann, g.ID, NewChannel{Name: "news"})
		require.NoError(t, err)
		_, err = w.CreateChannel(w.ctx(), ann, other.ID, NewChannel{Name: "news"})
		require.NoError(t, err)
		w.take()
		name := "General"
		_, err = w.UpdateChannel(w.ctx(), ann, g.ID, c.ID, ChannelPatch{Name: &name})
		require.ErrorIs(t, err, ErrChannelNameTaken)
		require.Empty(t, w.take())
		require.EqualValues(t, 1, w.number(`SELECT version FROM groups WHERE id = ?`, g.ID), "what failed has raised nothing")

		require.NoError(t, w.DeleteChannel(w.ctx(), ann, g.ID, g.Channels[0].ID))
		_, err = w.UpdateChannel(w.ctx(), ann, g.ID, c.ID, ChannelPatch{Name: &name})
		require.NoError(t, err)
	})
}

func TestPrivateChannel(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		before := w.userVersion(ben)
		c, err := w.CreateChannel(w.ctx(), ben, g.ID, NewChannel{Name: "secret", Private: true})
		require.NoError(t, err)
		require.True(t, c.Private)
		w.say(c.ID, ben)
		m, err := w.AddChannelMember(w.ctx(), ben, g.ID, c.ID, cat)
		require.NoError(t, err)
		require.Equal(t, cat, m.User.ID)
		require.False(t, m.JoinedAt.IsZero())
		topic := "Hush"
		_, err = w.UpdateChannel(w.ctx(), ben, g.ID, c.ID, ChannelPatch{Topic: &topic})
		require.NoError(t, err)
		require.Equal(t, []string{"flush", "flush", "flush"}, w.steps.take())
		require.NoError(t, w.RemoveChannelMember(w.ctx(), ben, g.ID, c.ID, cat))
		require.Equal(t, []string{"flush", "fence 3"}, w.steps.take())

		events := w.take()
		require.Len(t, events, 4)
		require.Equal(t, event.UserKey(ben), events[0].Key)
		require.Equal(t, event.ChannelCreated, events[0].Event)
		require.Equal(t, &event.Change{
			Kind: event.ChannelsAdded, UserID: ben, GroupID: g.ID, Channels: []int64{c.ID}, Version: before + 1,
		}, events[0].Change)
		require.Equal(t, event.UserKey(cat), events[1].Key)
		require.Equal(t, event.ChannelCreated, events[1].Event)
		require.Equal(t, &event.Change{
			Kind: event.ChannelsAdded, UserID: cat, GroupID: g.ID, Channels: []int64{c.ID}, Version: 2,
		}, events[1].Change)
		told := payload(t, events[1])["channel"].(map[string]any) //nolint:forcetypeassert // a panic is as good
		require.EqualValues(t, 1, told["lastSeq"])
		require.EqualValues(t, 1, told["readSeq"])
		require.EqualValues(t, 0, told["unread"])
		require.Equal(t, event.ChannelKey(c.ID), events[2].Key)
		require.Equal(t, event.ChannelUpdated, events[2].Event)
		require.Equal(t, event.UserKey(cat), events[3].Key)
		require.Equal(t, event.ChannelDeleted, events[3].Event)
		require.Equal(t, &event.Change{
			Kind: event.ChannelsRemoved, UserID: cat, GroupID: g.ID, Channels: []int64{c.ID}, Version: 3,
		}, events[3].Change)
		require.Equal(t, map[string]any{"groupId": float64(g.ID), "channelId": float64(c.ID)}, payload(t, events[3]))
		require.Zero(t, w.number(`SELECT version FROM groups WHERE id = ?`, g.ID), "the group knows nothing of it")
		require.Zero(t, w.number(`SELECT count(*) FROM channel_cursors WHERE channel_id = ? AND user_id = ?`, c.ID, cat))
	})
}

func TestDeletionOfAPrivateChannelTellsItsMembers(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		_, err := w.AddMember(w.ctx(), ann, g.ID, eve, RoleMember)
		require.NoError(t, err)
		c := w.private(ben, g.ID, "secret", eve, cat)
		w.say(c.ID, eve)
		members := []int64{ben, cat, eve}
		var before []int64
		for _, m := range members {
			before = append(before, w.userVersion(m))
		}
		require.NoError(t, w.DeleteChannel(w.ctx(), ben, g.ID, c.ID))
		require.Equal(t, []string{"flush", "fence 0"}, w.steps.take())
		events := w.take()
		require.Len(t, events, len(members))
		for i, m := range members {
			require.Equal(t, event.UserKey(m), events[i].Key)
			require.Equal(t, event.ChannelDeleted, events[i].Event)
			require.Equal(t, &event.Change{
				Kind: event.ChannelsRemoved, UserID: m, GroupID: g.ID, Channels: []int64{c.ID}, Version: before[i] + 1,
			}, events[i].Change)
			require.Equal(t, before[i]+1, w.userVersion(m))
		}
		w.requireRows(map[string]int64{"channels": 1, "channel_members": 0, "messages": 0, "message_recipients": 0})
	})
}

func TestWhoMayDoWhatInAPrivateChannel(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		g := w.group()
		for user, role := range map[int64]Role{dan: RoleAdmin, eve: RoleMember} {
			_, err := w.AddMember(w.ctx(), ann, g.ID, user, role)
			require.NoError(w.t, err)
		}
		c := w.private(ben, g.ID, "secret", cat, dan).ID
		general := g.Channels[0].ID
		add := func(actor, channel, user int64) error {
			_, err := w.AddChannelMember(w.ctx(), actor, g.ID, channel, user)
			return err
		}
		remove := func(actor, channel, user int64) error {
			return w.RemoveChannelMember(w.ctx(), actor, g.ID, channel, user)
		}
		list := func(actor, channel, _ int64) error {
			_, _, err := w.ChannelMembers(w.ctx(), actor, g.ID, channel, Page{Limit: 10})
			return err
		}
		topic := "Hush"
		update := func(actor, channel, _ int64) error {
			_, err := w.UpdateChannel(w.ctx(), actor, g.ID, channel, ChannelPatch{Topic: &topic})
			return err
		}
		erase := func(actor, channel, _ int64) error { return w.DeleteChannel(w.ctx(), actor, g.ID, channel) }
		for _, tt := range []struct {
			name                 string
			do                   func(actor, channel, user int64) error
			actor, channel, user int64
			want                 error
		}{
			{"the owner adds, not being in it", add, ann, c, eve, ErrChannelNotFound},
			{"the owner adds itself", add, ann, c, ann, ErrChannelNotFound},
			{"the owner lists", list, ann, c, 0, ErrChannelNotFound},
			{"the owner changes", update, ann, c, 0, ErrChannelNotFound},
			{"the owner deletes", erase, ann, c, 0, ErrChannelNotFound},
			{"the owner leaves", remove, ann, c, ann, ErrChannelNotFound},
			{"a stranger lists", list, gone, c, 0, ErrGroupNotFound},
			{"a member adds", add, cat, c, eve, problem.Forbidden},
			{"a member removes", remove, cat, c, ben, problem.Forbidden},
			{"a member changes", update, cat, c, 0, problem.Forbidden},
			{"a member deletes", erase, cat, c, 0, problem.Forbidden},
			{"a member lists", list, cat, c, 0, nil},
			{"an admin adds who is in it", add, ben, c, cat, ErrAlreadyMember},
			{"an admin adds who is not in the group", add, ben, c, gone, ErrNotAMember},
			{"an admin adds nobody", add, ben, c, nobody, ErrNotAMember},
			{"an admin removes an admin", remove, ben, c, dan, problem.Forbidden},
			{"an admin removes who is not in it", remove, ben, c, eve, ErrMemberNotFound},
			{"an admin adds the owner", add, ben, c, ann, nil},
			{"an admin removes the owner", remove, ben, c, ann, problem.Forbidden},
			{"the owner removes an admin", remove, ann, c, dan, nil},
			{"an admin removes a member", remove, ben, c, cat, nil},
			{"members of a public channel", list, ann, general, 0, ErrChannelNotPrivate},
			{"adding to a public channel", add, ann, general, eve, ErrChannelNotPrivate},
			{"adding to a public channel as a member", add, cat, general, eve, ErrChannelNotPrivate},
			{"removing from a public channel", remove, ann, general, eve, ErrChannelNotPrivate},
			{"leaving a public channel", remove, cat, general, cat, ErrChannelNotPrivate},
			{"an admin changes", update, ben, c, 0, nil},
			{"an admin leaves", remove, ben, c, ben, nil},
			{"an admin who has left", list, ben, c, 0, ErrChannelNotFound},
			{"the owner leaves at last", remove, ann, c, ann, nil},
		} {
			err := tt.do(tt.actor, tt.channel, tt.user)
			if tt.want == nil {
				require.NoError(w.t, err, tt.name)
			} else {
				require.ErrorIs(w.t, err, tt.want, tt.name)
			}
		}
	})
}

func TestChannelMembersInPages(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		c := w.private(ann, g.ID, "secret", ben, cat).ID
		list, more, err := w.ChannelMembers(w.ctx(), cat, g.ID, c, Page{Limit: 2})
		require.NoError(t, err)
		require.True(t, more)
		require.Equal(t, []int64{ann, ben}, []int64{list[0].User.ID, list[1].User.ID})
		list, more, err = w.ChannelMembers(w.ctx(), cat, g.ID, c, Page{After: ben, Limit: 2})
		require.NoError(t, err)
		require.False(t, more)
		require.Len(t, list, 1)
		require.Equal(t, "cat", list[0].User.Username)
	})
}

// Nothing that was said is lost because people leave: a private channel without members keeps its messages.
func TestDesertedChannelsKeepTheirMessages(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		alone, left := w.private(ben, g.ID, "alone"), w.private(ben, g.ID, "left")
		w.say(alone.ID, ben)
		w.say(left.ID, ben)
		require.NoError(t, w.RemoveChannelMember(w.ctx(), ben, g.ID, left.ID, ben))
		require.NoError(t, w.RemoveMember(w.ctx(), ann, g.ID, ben))
		w.requireRows(map[string]int64{"channels": 3, "channel_members": 0, "messages": 2})
	})
}
