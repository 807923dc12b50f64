package message

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// mentionRow is a row of mentions.
type mentionRow struct{ ChannelID, UserID, Seq, MessageID, SenderID, CreatedAt int64 }

func mentions(t testing.TB, db *store.Store) (rows []mentionRow) {
	t.Helper()
	require.NoError(t, db.Read(t.Context()).Raw(`SELECT * FROM mentions ORDER BY channel_id, seq, user_id`).Scan(&rows).Error)
	return rows
}

// tellAll is a message with the given content.
func tellAll(sender, channel int64, hash, content string) event.Send {
	s := say(sender, channel, hash)
	s.Content = content
	return s
}

func users(ids ...int64) *event.Mentions { return &event.Mentions{Users: ids} }

// rename gives users of the fixture other names, one after the other by their ids: a name may be free only then.
func rename(t *testing.T, db *store.Store, names map[int64]string) {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), func(tx *gorm.DB) error {
		for _, id := range slices.Sorted(maps.Keys(names)) {
			if err := tx.Exec(`UPDATE users SET username = ? WHERE id = ?`, names[id], id).Error; err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestPersistFindsWhoIsMentioned(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 1000)
		for i, tc := range []struct {
			sender, channel int64
			content         string
			want            *event.Mentions
		}{
			{1, 1, "hello", nil},
			{1, 1, "@ben", users(2)},
			{2, 1, "@DAN and @cat, @ann.", users(1, 3, 4)},
			{1, 1, "@ann: note to self", nil},
			{1, 1, "@eve is not in the group, @nobody is nobody", nil},
			{1, 1, "@channel", &event.Mentions{Channel: true}},
			{1, 1, "@channel, above all @ben", &event.Mentions{Users: []int64{2}, Channel: true}},
			{2, 2, "@ann may read this, @cat may not", users(1)},
			{2, 2, "@channel", &event.Mentions{Channel: true}},
			{1, 1, "@ben @ben. @Ben_ @ben...", users(2)},
			{5, 3, "@ann @eve", nil},
			{1, 1, `'; DROP TABLE mentions; -- @ben`, users(2)},
		} {
			o := persist(t, s, tellAll(tc.sender, tc.channel, fmt.Sprint("h", i), tc.content))[0]
			require.Nil(t, o.Refused)
			require.Equal(t, tc.want, o.Message.Mentions, tc.content)
			m := o.Message
			var want []mentionRow
			if tc.want != nil {
				if tc.want.Channel {
					want = append(want, mentionRow{m.ChannelID, 0, m.Seq, m.MessageID, m.SenderID, m.CreatedAt.UnixMilli()})
				}
				for _, u := range tc.want.Users {
					want = append(want, mentionRow{m.ChannelID, u, m.Seq, m.MessageID, m.SenderID, m.CreatedAt.UnixMilli()})
				}
			}
			got := slices.DeleteFunc(mentions(t, db), func(r mentionRow) bool { return r.MessageID != m.MessageID })
			require.ElementsMatch(t, want, got, tc.content)
			require.Equal(t, o, persist(t, s, tellAll(tc.sender, tc.channel, fmt.Sprint("h", i), "@dan"))[0], "a repeat, however it has changed")
		}
		refused := persist(t, s, tellAll(5, 1, "x", "@ann @channel"))[0]
		require.ErrorIs(t, refused.Refused, ErrNotMember)
		require.Len(t, mentions(t, db), 11)
	})
}

// A mark behind a name is not part of it, unless nobody who could be meant is called so without it.
func TestNamesThatEndWithMarks(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 1000)
		rename(t, db, map[int64]string{2: "ann_", 3: "al.", 4: "dan-", 5: "dan"}) // the last one is not in the group
		for i, tc := range []struct {
			sender  int64
			content string
			want    *event.Mentions
		}{
			{4, "@ann_", users(1)},
			{4, "@al.", users(3)},
			{4, "@al", nil},
			{1, "@dan-", users(4)},
			{1, "@dan", nil},
			{4, "@ann. @ann_", users(1)},
		} {
			require.Equal(t, tc.want, persist(t, s, tellAll(tc.sender, 1, fmt.Sprint("h", i), tc.content))[0].Message.Mentions, tc.content)
		}
	})
}

func TestMentionsAreBounded(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		const members = 3 * maxCalls
		crowd(t, db, members, 2)
		s := NewStore(db, eagerReaders, nil)
		content := ""
		for i := range members {
			content += fmt.Sprintf("@user%d ", i+1)
		}
		var sends []event.Send
		for i := range 20 {
			sends = append(sends, event.Send{SenderID: members, GroupID: 1, ChannelID: 1 + int64(i%2), Content: content, Hash: fmt.Sprint("h", i)})
		}
		for _, o := range persist(t, s, sends...) {
			require.Len(t, o.Message.Mentions.Users, maxCalls)
			require.Equal(t, int64(1), o.Message.Mentions.Users[0])
			require.True(t, slices.IsSorted(o.Message.Mentions.Users))
		}
		require.Len(t, mentions(t, db), 20*maxCalls)
	})
}

// TestMentionsCostOneStatement: and only if there are any.
func TestMentionsCostOneStatement(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		url   func(testing.TB) string
		plain int
	}{"sqlite": {storetest.SQLiteURL, 7}, "postgres": {storetest.PostgresURL, 5}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewRegistry()
			db := storetest.OpenCounted(t, tc.url(t), store.NewMetrics(registry))
			s := open(t, db, 1000)
			threads := NewThreads(db)
			root := persist(t, s, say(1, 1, "root"))[0].Message
			cost := func(sends ...event.Send) int {
				before := statementsWritten(t, registry)
				persist(t, s, sends...)
				return statementsWritten(t, registry) - before
			}
			require.Equal(t, tc.plain, cost(say(1, 1, "a"), tellAll(1, 1, "b", "ann@example.org 5 @ 3 `@ben`"), say(2, 2, "c")))
			require.Equal(t, tc.plain, cost(replyTo(t, threads, 2, "d", root.MessageID)), "nor do replies")
			require.Equal(t, tc.plain+1, cost(tellAll(1, 1, "e", "@ben"), say(1, 1, "f"), tellAll(2, 2, "g", "@channel @ann @cat @dan")))
			require.Equal(t, 4, cost(tellAll(1, 1, "e", "@ben")), "a repeat writes nothing")
		})
	}
}

func TestEditsReplaceMentions(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 10)
		m := persist(t, s, tellAll(1, 2, "a", "@ben"), tellAll(1, 2, "b", "@ben"))[0].Message
		e := NewEditor(NewChanges(db, new(kicks), 16))
		at := event.Place{GroupID: 1, ChannelID: 2, MessageID: m.MessageID}
		for _, tc := range []struct {
			content string
			want    *event.Mentions
		}{
			{"@channel, and @cat who is not here", &event.Mentions{Channel: true}},
			{"@ben, @channel", &event.Mentions{Users: []int64{2}, Channel: true}},
			{"@ann, @BEN!", users(2)},
			{"@ben again", users(2)},
			{"nobody", nil},
			{"still nobody", nil},
			{"@ben", users(2)},
		} {
			require.NoError(t, e.Edit(t.Context(), 1, at, tc.content))
			told := outboxOf(t, db, event.Partition(2, 16))
			require.Len(t, told, 1)
			emit, err := event.Decode[event.Emit](told[0], event.TypeEmit)
			require.NoError(t, err)
			var got event.Message
			require.NoError(t, json.Unmarshal(emit.Payload, &got))
			require.Equal(t, tc.want, got.Mentions, tc.content)
			require.Equal(t, tc.want, persist(t, s, say(1, 2, "a"))[0].Message.Mentions, tc.content)
			for _, r := range mentions(t, db) {
				if r.MessageID == m.MessageID {
					require.Equal(t, m.CreatedAt.UnixMilli(), r.CreatedAt, "as old as the message")
				}
			}
		}
		require.Len(t, mentions(t, db), 2)
	})
}

// TestAnyBatchingMentionsTheSame cuts a random stream into random batches, some of them redelivered and merged, and compares with
// each message alone.
func TestAnyBatchingMentionsTheSame(t *testing.T) {
	t.Parallel()
	contents := []string{"@ann", "@ben and @cat", "@channel", "hello", "@nobody", "@dan @channel `@ann`", "@eve", "@ann @ben @cat @dan"}
	together, alone := storetest.Open(t, storetest.SQLiteURL(t)), storetest.Open(t, storetest.SQLiteURL(t))
	stores := []*Store{open(t, together, 1000), open(t, alone, 1000)}
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		var sends []event.Send
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 1<<12-1), 1, 30).Draw(rt, "stream") {
			sends = append(sends, tellAll(1+int64(n>>4)%4, 1+int64(n)%2, fmt.Sprintf("r%d-%d", run, i), contents[n>>1%8%len(contents)]))
		}
		var want, got []*event.Mentions
		for _, s := range sends {
			want = append(want, persist(t, stores[1], s)[0].Message.Mentions)
		}
		c := NewCommitter(stores[0])
		for len(sends) > 0 {
			size := rapid.IntRange(1, len(sends)).Draw(rt, "batch")
			for delivery := range rapid.IntRange(1, 2).Draw(rt, "deliveries") {
				outcomes, err := c.Persist(t.Context(), sends[:size])
				require.NoError(rt, err)
				for i, o := range outcomes {
					if delivery == 0 {
						got = append(got, o.Message.Mentions)
					} else {
						require.Equal(rt, got[len(got)-size+i], o.Message.Mentions, "told again as the first time")
					}
				}
			}
			sends = sends[size:]
		}
		require.Equal(rt, want, got)
	})
	strip := func(rows []mentionRow) []mentionRow {
		for i := range rows {
			rows[i].MessageID, rows[i].CreatedAt = 0, 0
		}
		return rows
	}
	require.Equal(t, strip(mentions(t, alone)), strip(mentions(t, together)))
	require.NotEmpty(t, mentions(t, alone))
}
