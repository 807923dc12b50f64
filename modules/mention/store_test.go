package mention

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
	"parley/app/web"
)

func TestList(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db)
		mentions(t, db,
			row{1, 10, 1, 2}, row{1, 10, 1, 3}, // two people
			row{1, 20, 1, 0},                   // before user 2 joined
			row{1, 60, 2, 0}, row{1, 60, 2, 3}, // everyone, one of them by name
			row{2, 70, 1, 0}, // before user 2 joined the private channel
			row{2, 80, 1, 2}, // by name, then
			row{2, 110, 1, 0}, row{2, 120, 2, 0},
			row{1, 130, 3, 0},
		)
		require.Equal(t, []int64{130, 120, 60}, list(t, s, 1, web.MaxID, 10))
		require.Equal(t, []int64{130, 110, 80, 10}, list(t, s, 2, web.MaxID, 10))
		require.Equal(t, []int64{60, 20, 10}, list(t, s, 3, web.MaxID, 10))
		require.Empty(t, list(t, s, 4, web.MaxID, 10))

		require.Equal(t, []int64{130, 110}, list(t, s, 2, web.MaxID, 2))
		require.Equal(t, []int64{80, 10}, list(t, s, 2, 110, 2))
		require.Empty(t, list(t, s, 2, 10, 2))

		// Who may not read a channel any more does not see its mentions; and again, once back.
		run(t, db, `DELETE FROM channel_members WHERE user_id = 2`)
		require.Equal(t, []int64{130, 10}, list(t, s, 2, web.MaxID, 10))
		run(t, db, `DELETE FROM group_members WHERE user_id = 2`)
		require.Empty(t, list(t, s, 2, web.MaxID, 10))
		run(t, db, `INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES (1, 2, 'member', 131)`)
		require.Equal(t, []int64{10}, list(t, s, 2, web.MaxID, 10))

		require.NoError(t, db.Write(t.Context(), func(tx *gorm.DB) error { return s.Forget(tx, 10) }))
		require.Empty(t, list(t, s, 2, web.MaxID, 10))
		require.Equal(t, []int64{60, 20}, list(t, s, 3, web.MaxID, 10))
	})
}

// TestPagesAreAll: page by page, everybody gets what a model says, once.
func TestPagesAreAll(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db)
		last := int64(200)
		rapid.Check(t, func(rt *rapid.T) {
			run(t, db, `DELETE FROM mentions`)
			var rows []row
			for range rapid.IntRange(1, 20).Draw(rt, "messages") {
				last++
				m := row{channel: 1 + rapid.Int64Range(0, 1).Draw(rt, "channel"), message: last, sender: 1 + rapid.Int64Range(0, 1).Draw(rt, "sender")}
				for user := range int64(5) {
					if m.user = user; user != m.sender && rapid.IntRange(0, 3).Draw(rt, "mentioned") == 0 {
						rows = append(rows, m)
					}
				}
			}
			mentions(t, db, rows...)
			user := rapid.Int64Range(1, 4).Draw(rt, "reader")
			var want, got []int64
			for _, m := range rows {
				reads := m.channel == 1 && user <= 3 || m.channel == 2 && user <= 2
				if reads && (m.user == user || m.user == 0 && m.sender != user) {
					want = append(want, m.message)
				}
			}
			slices.Sort(want)
			want = slices.Compact(want)
			slices.Reverse(want)
			limit := rapid.IntRange(1, 5).Draw(rt, "limit")
			for before := int64(web.MaxID); ; before = got[len(got)-1] {
				page := list(t, s, user, before, limit)
				got = append(got, page...)
				if len(page) < limit {
					break
				}
			}
			require.Equal(rt, want, got)
		})
	})
}

func TestAnnotate(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db)
		mentions(t, db, row{1, 1, 1, 3}, row{1, 1, 1, 2}, row{1, 2, 1, 0}, row{1, 3, 1, 0}, row{1, 3, 1, 2}, row{1, 5, 1, 2})
		messages := []event.Message{{MessageID: 3}, {MessageID: 1}, {MessageID: 4}, {MessageID: 2}}
		require.NoError(t, s.Annotate(t.Context(), 2, messages))
		require.Equal(t, []event.Message{
			{MessageID: 3, Mentions: &event.Mentions{Users: []int64{2}, Channel: true}},
			{MessageID: 1, Mentions: &event.Mentions{Users: []int64{2, 3}}},
			{MessageID: 4},
			{MessageID: 2, Mentions: &event.Mentions{Channel: true}},
		}, messages)
	})
}

func TestMentionsAreListedPageByPage(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLiteURL(t))
	s := open(t, db)
	for id := range int64(60) {
		mentions(t, db, row{1, id + 1, 1, 3})
	}
	server := serve(t, 3, s)
	for query, want := range map[string]struct {
		first, n int64
		more     bool
	}{
		"":                    {60, 50, true},
		"?limit=60":           {60, 60, false},
		"?before=11":          {10, 10, false},
		"?before=11&limit=10": {10, 10, false},
		"?before=12&limit=10": {11, 10, true},
		"?before=1":           {0, 0, false},
		"?before=0":           {0, 0, false},
	} {
		w := get(t, server, "/mentions"+query)
		require.Equal(t, http.StatusOK, w.Code, query)
		var page struct {
			Messages []event.Message
			HasMore  bool
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
		require.NotNil(t, page.Messages, "%s: %s", query, w.Body)
		require.Len(t, page.Messages, int(want.n), query)
		require.Equal(t, want.more, page.HasMore, query)
		for i, m := range page.Messages {
			require.Equal(t, want.first-int64(i), m.MessageID, query)
			require.Equal(t, int64(3), m.SenderID, "as the caller sees it")
		}
	}
	for _, query := range []string{"?limit=0", "?limit=201", "?before=-1", "?before=x", "?after=1"} {
		require.Equal(t, http.StatusBadRequest, get(t, server, "/mentions"+query).Code, query)
	}
	require.NoError(t, db.Stop(t.Context()))
	require.Equal(t, http.StatusInternalServerError, get(t, server, "/mentions").Code, "app.go makes it a 503")
}

// BenchmarkList is a page for somebody in many channels, of many that have mentions.
func BenchmarkList(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		b.Run(name, func(b *testing.B) {
			db := storetest.Open(b, url(b))
			s := open(b, db)
			const channels, each = 300, 200
			numbers := "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
			run(b, db,
				fmt.Sprintf(numbers+"INSERT INTO channels (id, group_id, name, created_at) SELECT 10 + i, 1, 'c' || i, 0 FROM n", channels),
				fmt.Sprintf(numbers+`INSERT INTO mentions (channel_id, user_id, seq, message_id, sender_id, created_at)
					SELECT 10 + i %% %d, CASE WHEN i %% 7 = 0 THEN 0 ELSE 2 + i %% 5 END, i, i, 1, i FROM n`, channels*each, channels))
			b.ReportAllocs()
			for b.Loop() {
				if ids := list(b, s, 2, web.MaxID, 51); len(ids) != 51 {
					b.Fatal(ids)
				}
			}
		})
	}
}
