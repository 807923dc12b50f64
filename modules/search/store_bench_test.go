package search

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/store"
	"parley/app/store/storetest"
)

// benchMessages are in the database that is searched. Half of them are in the channel of one large group, the rest in those of 100 small ones.
const benchMessages = 200_000

// textOf makes a text of ten words, some of which are far more frequent than others: w0 is in about two messages of three, w1000 in one of
// a thousand.
func textOf(words *rand.Zipf) string {
	var b strings.Builder
	for range 10 {
		fmt.Fprintf(&b, "w%d ", words.Uint64())
	}
	return b.String()
}

// library fills a database and its index. User 1 is in everything, user 2 in the small group 10, user 3 in the large group 1.
func library(b *testing.B, dialect store.Dialect, messages int) *world {
	b.Helper()
	url := storetest.SQLiteURL
	if dialect == store.Postgres {
		url = storetest.PostgresURL
	}
	w := &world{t: b, db: storetest.Open(b, url(b))}
	w.index = NewStore(w.db)
	const numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 101) "
	w.exec(`INSERT INTO users (id, username, display_name, password_hash, created_at) VALUES (1, 'ann', 'Ann', '', 0), (2, 'ben', 'Ben', '', 0), (3, 'cat', 'Cat', '', 0)`)
	w.exec(numbers + `INSERT INTO groups (id, name, created_at) SELECT i, 'g', 0 FROM n`)
	w.exec(numbers + `INSERT INTO channels (id, group_id, name, created_at) SELECT i, i, 'c', 0 FROM n`)
	w.exec(`INSERT INTO group_members (group_id, user_id, role, joined_at) SELECT id, 1, 'member', 0 FROM groups UNION ALL SELECT 10, 2, 'member', 0 UNION ALL SELECT 1, 3, 'member', 0`)
	r := rand.New(rand.NewPCG(1, 2))
	words := rand.NewZipf(r, 1.1, 4, 100_000)
	type row struct {
		Channel int64  `json:"channel"`
		Seq     int64  `json:"seq"`
		Sender  int64  `json:"sender"`
		Hash    string `json:"hash"`
		Content string `json:"content"`
		At      int64  `json:"at"`
	}
	last := make(map[int64]int64)
	for at := 0; at < messages; at += 5000 {
		rows := make([]row, 0, 5000)
		for i := range 5000 {
			channel := int64(1)
			if i%2 == 1 {
				channel = 2 + r.Int64N(100)
			}
			last[channel]++
			rows = append(rows, row{channel, last[channel], 1 + r.Int64N(3), fmt.Sprint(at + i), textOf(words), 1_700_000_000_000 + int64(at+i)*1000})
		}
		data, err := store.JSON(rows)
		require.NoError(b, err)
		w.exec(`INSERT INTO messages (channel_id, seq, sender_id, hash, content, created_at) SELECT r.channel, r.seq, r.sender, r.hash, r.content, r.at FROM `+
			w.index.list("channel bigint", "seq bigint", "sender bigint", "hash text", "content text", "at bigint"), data)
	}
	w.exec(`UPDATE channels SET last_seq = (SELECT count(*) FROM messages m WHERE m.channel_id = channels.id)`)
	w.settle()
	if dialect == store.Postgres {
		w.exec(`ANALYZE`)
	}
	return w
}

// BenchmarkSearch finds the first 20 of common and rare words, in large and small groups, and what is not there at all.
func BenchmarkSearch(b *testing.B) {
	for _, dialect := range []store.Dialect{store.SQLite, store.Postgres} {
		b.Run("store="+string(dialect), func(b *testing.B) {
			w := library(b, dialect, benchMessages)
			b.ReportMetric(b.Elapsed().Seconds()*1e6/benchMessages, "us/indexed")
			for _, tc := range []struct {
				name    string
				request Request
			}{
				{"common", Request{Viewer: 1, Query: Parse("w0 ")}},
				{"common in a small group", Request{Viewer: 2, Query: Parse("w0 ")}},
				{"common in a large channel", Request{Viewer: 3, Channel: 1, Query: Parse("w0 ")}},
				{"common long ago", Request{Viewer: 3, Query: Parse("w0 "), Before: 1_700_000_000_000 + 50_000_000}},
				{"medium", Request{Viewer: 3, Query: Parse("w300 ")}},
				{"rare", Request{Viewer: 1, Query: Parse("w90000 ")}},
				{"rare in a small group", Request{Viewer: 2, Query: Parse("w3000 ")}},
				{"two common", Request{Viewer: 1, Query: Parse("w1 w2 ")}},
				{"two that never meet", Request{Viewer: 1, Query: Parse("w500 w501 w502 ")}},
				{"phrase", Request{Viewer: 1, Query: Parse(`"w1 w2 w3"`)}},
				{"phrase that is not there", Request{Viewer: 1, Query: Parse(`"w0 w1 w2 w3 w4 w5"`)}},
				{"prefix", Request{Viewer: 3, Query: Parse("w12")}},
				{"wide prefix", Request{Viewer: 2, Query: Parse("w1 w10")}},
				{"without", Request{Viewer: 1, Query: Parse("-w0 w1 ")}},
				{"sender", Request{Viewer: 1, From: 2, Query: Parse("w5 ")}},
				{"nothing", Request{Viewer: 1, Query: Parse("nowhere ")}},
			} {
				tc.request.Limit = 20
				b.Run(strings.ReplaceAll(tc.name, " ", "_"), func(b *testing.B) {
					found := 0
					for b.Loop() {
						page, err := w.index.Search(b.Context(), tc.request)
						require.NoError(b, err)
						found = len(page.Hits)
					}
					b.ReportMetric(float64(found), "hits")
				})
			}
		})
	}
}
