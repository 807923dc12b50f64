package group

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/problem"
	"parley/app/store"
)

func TestCreateGroup(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g, err := w.Create(w.ctx(), ann, NewGroup{Name: " Ops ", Description: "What we do"})
		require.NoError(t, err)
		require.Equal(t, "Ops", g.Name)
		require.Equal(t, "What we do", g.Description)
		require.Equal(t, RoleOwner, g.Role)
		require.False(t, g.CreatedAt.IsZero())
		require.Len(t, g.Channels, 1)
		require.Equal(t, "general", g.Channels[0].Name)
		require.Equal(t, g.ID, g.Channels[0].GroupID)
		require.False(t, g.Channels[0].Private)

		seen, err := w.Get(w.ctx(), ann, g.ID)
		require.NoError(t, err)
		require.Equal(t, g, seen)
		all, err := w.List(w.ctx(), ann)
		require.NoError(t, err)
		require.Equal(t, []Group{g}, all)

		events := w.take()
		require.Len(t, events, 1)
		require.Equal(t, event.UserKey(ann), events[0].Key)
		require.Equal(t, event.JoinedGroup, events[0].Event)
		require.Equal(t, &event.Change{
			Kind: event.GroupJoined, UserID: ann, GroupID: g.ID, Channels: []int64{g.Channels[0].ID}, Version: 1,
		}, events[0].Change)
		told := payload(t, events[0])["group"].(map[string]any) //nolint:forcetypeassert // a panic is as good
		require.Equal(t, "owner", told["role"])
		require.Len(t, told["channels"], 1)

		_, err = w.Create(w.ctx(), ann, NewGroup{Name: "", Description: strings.Repeat("x", 1001)})
		require.ErrorIs(t, err, problem.Invalid)
		require.Len(t, problem.From(err).Fields, 2)
		require.Empty(t, w.take())
	})
}

func TestNoGroupsIsAnEmptyList(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		all, err := w.List(w.ctx(), ann)
		require.NoError(w.t, err)
		require.NotNil(w.t, all)
		require.Empty(w.t, all)
	})
}

func TestListShowsWhatIsUnreadInReadableChannels(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		general := g.Channels[0].ID
		secret := w.private(ben, g.ID, "secret", cat).ID
		second, err := w.Create(w.ctx(), cat, NewGroup{Name: "Second"})
		require.NoError(t, err)
		for range 3 {
			w.say(general, ann)
		}
		w.say(general, cat)
		w.say(secret, ben)
		w.exec(`INSERT INTO channel_cursors (channel_id, user_id, read_seq) VALUES (?, ?, 2)
			ON CONFLICT (channel_id, user_id) DO UPDATE SET read_seq = 2`, general, cat)

		groups, err := w.List(w.ctx(), cat)
		require.NoError(t, err)
		require.Len(t, groups, 2)
		require.Equal(t, g.ID, groups[0].ID)
		require.Equal(t, RoleMember, groups[0].Role)
		require.Equal(t, second.ID, groups[1].ID)
		require.Equal(t, RoleOwner, groups[1].Role)
		require.Len(t, groups[0].Channels, 2)
		seen := groups[0].Channels
		require.Equal(t, []int64{4, 2, 1}, []int64{seen[0].LastSeq, seen[0].ReadSeq, seen[0].Unread}, "cat's own message is not unread")
		require.Equal(t, []int64{1, 0, 1}, []int64{seen[1].LastSeq, seen[1].ReadSeq, seen[1].Unread})

		groups, err = w.List(w.ctx(), ann)
		require.NoError(t, err)
		require.Len(t, groups[0].Channels, 1, "not even the owner sees a private channel")
		require.EqualValues(t, 1, groups[0].Channels[0].Unread)

		// Nothing that was said before somebody came is unread.
		_, err = w.AddMember(w.ctx(), ann, g.ID, dan, RoleMember)
		require.NoError(t, err)
		_, err = w.AddChannelMember(w.ctx(), ben, g.ID, secret, dan)
		require.NoError(t, err)
		groups, err = w.List(w.ctx(), dan)
		require.NoError(t, err)
		for _, c := range groups[0].Channels {
			require.Equal(t, c.LastSeq, c.ReadSeq, c.Name)
			require.Zero(t, c.Unread, c.Name)
		}
		w.say(general, ann)
		groups, err = w.List(w.ctx(), dan)
		require.NoError(t, err)
		require.EqualValues(t, 1, groups[0].Channels[0].Unread)
		require.Equal(t, groups[0].Channels[0].LastSeq-1, w.number(`SELECT since_seq FROM channel_cursors WHERE channel_id = ? AND user_id = ?`, general, dan))
	})
}

// Deleted messages are not unread, nor are one's own; a message that mentions somebody twice counts once. It makes no difference how much is unread.
func TestUnreadAndMentions(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		general := w.group().Channels[0].ID
		w.exec(`INSERT INTO messages (channel_id, seq, sender_id, hash, content, created_at)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) SELECT ?, i, 1 + i % 3, 'h' || i, 'x', 0 FROM n`, general)
		w.exec(`UPDATE channels SET last_seq = 4000 WHERE id = ?`, general)
		w.exec(`UPDATE messages SET deleted_at = 1 WHERE channel_id = ? AND seq % 10 = 0`, general)
		for _, m := range [][2]int64{{1501, cat}, {3000, cat}, {3000, 0}, {3001, 0}, {3500, ben}, {3002, 0}} { // cat wrote 3002
			w.exec(`INSERT INTO mentions (channel_id, user_id, seq, message_id, sender_id, created_at)
				SELECT channel_id, ?, seq, id, sender_id, 0 FROM messages WHERE channel_id = ? AND seq = ?`, m[1], general, m[0])
		}
		for _, read := range []int64{0, 1, 1500, 1501, 1999, 2000, 2001, 3000, 3001, 3999, 4000} {
			w.exec(`UPDATE channel_cursors SET read_seq = ? WHERE channel_id = ? AND user_id = ?`, read, general, cat)
			groups, err := w.List(w.ctx(), cat)
			require.NoError(t, err)
			require.Equal(t, w.number(`SELECT count(*) FROM messages WHERE channel_id = ? AND seq > ? AND sender_id <> ? AND deleted_at IS NULL`,
				general, read, cat), groups[0].Channels[0].Unread, "%d", read)
			mentions := map[int64]int64{0: 3, 1: 3, 1500: 3, 1501: 2, 1999: 2, 2000: 2, 2001: 2, 3000: 1}[read]
			require.Equal(t, mentions, groups[0].Channels[0].Mentions, "%d", read)
		}
	})
}

func TestUpdateGroup(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		name, description := " Operations ", "All of it"
		changed, err := w.Update(w.ctx(), ben, g.ID, Patch{Name: &name})
		require.NoError(t, err)
		require.Equal(t, "Operations", changed.Name)
		require.Equal(t, RoleAdmin, changed.Role)
		require.Len(t, changed.Channels, 1)
		require.Equal(t, " Operations ", name, "the patch itself is not changed")
		changed, err = w.Update(w.ctx(), ann, g.ID, Patch{Description: &description})
		require.NoError(t, err)
		require.Equal(t, "Operations", changed.Name)
		require.Equal(t, "All of it", changed.Description)

		events := w.take()
		require.Len(t, events, 2)
		for _, e := range events {
			require.Equal(t, event.GroupKey(g.ID), e.Key)
			require.Equal(t, event.GroupUpdated, e.Event)
			require.Nil(t, e.Change)
		}
		require.Equal(t, map[string]any{"group": map[string]any{
			"id": float64(g.ID), "name": "Operations", "description": "All of it", "createdAt": events[1].createdAt(t),
		}}, payload(t, events[1]))

		_, err = w.Update(w.ctx(), ann, g.ID, Patch{})
		require.NoError(t, err)
		require.Empty(t, w.take(), "nothing has changed")
		empty := ""
		_, err = w.Update(w.ctx(), ann, g.ID, Patch{Name: &empty})
		require.ErrorIs(t, err, problem.Invalid)
		_, err = w.Update(w.ctx(), cat, g.ID, Patch{Name: &name})
		require.ErrorIs(t, err, problem.Forbidden)
		_, err = w.Update(w.ctx(), dan, g.ID, Patch{Name: &name})
		require.ErrorIs(t, err, ErrGroupNotFound)
		_, err = w.Update(w.ctx(), ann, g.ID+100, Patch{Name: &name})
		require.ErrorIs(t, err, ErrGroupNotFound)
		require.Zero(t, w.number(`SELECT version FROM groups WHERE id = ?`, g.ID))
	})
}

// createdAt is the time in a GROUP_UPDATED.
func (e published) createdAt(t *testing.T) any {
	t.Helper()
	return payload(t, e)["group"].(map[string]any)["createdAt"] //nolint:forcetypeassert // a panic is as good
}

func TestDeleteGroupLeavesNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g, other := w.group(), w.group()
		secret := w.private(ben, g.ID, "secret", cat)
		for _, c := range []int64{g.Channels[0].ID, secret.ID, other.Channels[0].ID} {
			w.say(c, ann)
			w.exec(`INSERT INTO receipt_ranges (channel_id, user_id, status, from_seq, to_seq, at) VALUES (?, ?, 1, 0, 1, 0)`, c, ben)
			w.exec(`INSERT INTO mentions (channel_id, user_id, seq, message_id, sender_id, created_at) SELECT channel_id, 0, seq, id, sender_id, 0 FROM messages WHERE channel_id = ?`, c)
			w.exec(`INSERT INTO message_edits (message_id, channel_id, content, editor_id, edited_at) SELECT id, channel_id, '', 1, 0 FROM messages WHERE channel_id = ?`, c)
			w.exec(`INSERT INTO reactions (channel_id, message_id, emoji, user_id, created_at) SELECT channel_id, id, '', 1, 0 FROM messages WHERE channel_id = ?`, c)
			w.exec(`INSERT INTO pins (message_id, channel_id, user_id, created_at) SELECT id, channel_id, 1, 0 FROM messages WHERE channel_id = ?`, c)
			w.index(c)
		}
		versions := []int64{w.userVersion(ann), w.userVersion(ben), w.userVersion(cat)}

		require.ErrorIs(t, w.Delete(w.ctx(), ben, g.ID), problem.Forbidden)
		require.ErrorIs(t, w.Delete(w.ctx(), dan, g.ID), ErrGroupNotFound)
		w.steps.take()
		require.NoError(t, w.Delete(w.ctx(), ann, g.ID))
		require.ErrorIs(t, w.Delete(w.ctx(), ann, g.ID), ErrGroupNotFound)

		events := w.take()
		require.Len(t, events, 1)
		require.Equal(t, event.GroupKey(g.ID), events[0].Key)
		require.Equal(t, event.GroupRemoved, events[0].Event)
		require.Equal(t, &event.Change{Kind: event.GroupDeleted, GroupID: g.ID, Version: 1}, events[0].Change)
		require.Equal(t, map[string]any{"groupId": float64(g.ID)}, payload(t, events[0]))
		require.Equal(t, []string{"flush", "fence 0"}, w.steps.take())
		require.Equal(t, []int64{w.userVersion(ann), w.userVersion(ben), w.userVersion(cat)}, versions)

		w.requireRows(map[string]int64{
			"groups": 1, "group_members": 3, "channels": 1, "channel_members": 0, "channel_cursors": 3,
			"messages": 1, "message_recipients": 1, "receipt_ranges": 1, "outbox": 0, "mentions": 1, "message_edits": 1, "reactions": 1, "pins": 1,
			"search_documents": 1, "search_positions": 1,
		})
		if w.read(w.ctx()).dialect == store.SQLite {
			w.requireRows(map[string]int64{"search_words WHERE search_words MATCH 'x'": 1})
		}
	})
}

// index puts a channel's messages into the search index.
func (w *world) index(channelID int64) {
	w.t.Helper()
	w.exec(`INSERT INTO search_positions (direct, place_id, newest, oldest) VALUES (false, ?, 1, 0)`, channelID)
	if w.read(w.ctx()).dialect == store.Postgres {
		w.exec(`INSERT INTO search_documents (id, message_id, direct, words) SELECT id, id, false, 'x' FROM messages WHERE channel_id = ?`, channelID)
		return
	}
	w.exec(`INSERT INTO search_documents (id, message_id, direct) SELECT id, id, false FROM messages WHERE channel_id = ?`, channelID)
	w.exec(`INSERT INTO search_words (rowid, words) SELECT id, 'x' FROM messages WHERE channel_id = ?`, channelID)
}

// requireRows checks how many rows the tables have.
func (w *world) requireRows(want map[string]int64) {
	w.t.Helper()
	got := make(map[string]int64, len(want))
	for table := range want {
		got[table] = w.number(`SELECT count(*) FROM ` + table)
	}
	require.Equal(w.t, want, got)
}

func TestAccess(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g, other := w.group(), w.group()
		general := g.Channels[0].ID
		secret := w.private(ben, g.ID, "secret", cat).ID
		for _, tt := range []struct {
			name                 string
			user, group, channel int64
			want                 error
		}{
			{"owner, public", ann, g.ID, general, nil},
			{"member, public", cat, g.ID, general, nil},
			{"stranger, public", dan, g.ID, general, ErrGroupNotFound},
			{"nobody, public", nobody, g.ID, general, ErrGroupNotFound},
			{"creator, private", ben, g.ID, secret, nil},
			{"its member, private", cat, g.ID, secret, nil},
			{"owner, private", ann, g.ID, secret, ErrChannelNotFound},
			{"stranger, private", dan, g.ID, secret, ErrGroupNotFound},
			{"channel of another group", ann, g.ID, other.Channels[0].ID, ErrChannelNotFound},
			{"no such channel", ann, g.ID, secret + 100, ErrChannelNotFound},
			{"no channel", ann, g.ID, 0, ErrChannelNotFound},
			{"no such group", ann, g.ID + 100, general, ErrGroupNotFound},
		} {
			err := w.Access(w.ctx(), tt.user, tt.group, tt.channel)
			if tt.want == nil {
				require.NoError(t, err, tt.name)
			} else {
				require.ErrorIs(t, err, tt.want, tt.name)
			}
		}
		role, err := w.RoleIn(w.ctx(), ben, g.ID)
		require.NoError(t, err)
		require.Equal(t, RoleAdmin, role)
		_, err = w.RoleIn(w.ctx(), dan, g.ID)
		require.ErrorIs(t, err, ErrGroupNotFound)
	})
}

// A change stands although the bus is away: its events wait, and nobody waits for servers that cannot know of it.
func TestChangesSurviveTheAbsenceOfTheBus(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		w.relay.away = errors.New("broker is away")
		require.NoError(t, w.RemoveMember(w.ctx(), ann, g.ID, cat))
		require.Equal(t, []string{"flush"}, w.steps.take())
		require.Empty(t, w.take())
		require.EqualValues(t, 2, w.number(`SELECT count(*) FROM outbox`))

		w.relay.away, w.fence.err = nil, errors.New("a server does not answer")
		require.NoError(t, w.RemoveMember(w.ctx(), ann, g.ID, ben))
		require.Len(t, w.take(), 4, "what had been waiting came first")
		require.Equal(t, []string{"flush", "fence 2"}, w.steps.take())
	})
}

func TestNothingIsAnnouncedOfWhatFailed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		err := w.change(w.ctx(), func(t *tx) error {
			if err := t.left(cat, g.ID, reasonLeft); err != nil {
				return err
			}
			return ErrLastOwner
		})
		require.ErrorIs(t, err, ErrLastOwner)
		require.Empty(t, w.steps.take())
		require.EqualValues(t, 1, w.userVersion(cat))
		require.Zero(t, w.number(`SELECT count(*) FROM outbox`))
	})
}
