package reaction

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// BenchmarkAnnotate is what reactions add to a page of 50 messages of a channel, among half a million reactions: where every tenth message has three
// reactions, where each has 30, and where each has 1,000.
func BenchmarkAnnotate(b *testing.B) {
	for _, url := range []string{storetest.SQLiteURL(b), storetest.PostgresURL(b)} {
		w := newWorld(b, storetest.Open(b, url))
		const numbers = `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?) `
		insert := func(first, messages, people int) {
			w.exec(numbers+`, u (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM u WHERE i < ?)
				INSERT INTO reactions (channel_id, message_id, emoji, user_id, created_at)
				SELECT 1, ? + n.i, CASE u.i % 3 WHEN 0 THEN '👍' WHEN 1 THEN '🎉' ELSE '👀' END, u.i + 1, u.i + 1 FROM n CROSS JOIN u`,
				messages-1, people-1, first)
		}
		insert(1_000_000, 100_000, 5)
		for i := range 5 {
			insert(10*i, 1, 3)
		}
		insert(1_000, 50, 30)
		insert(2_000, 50, 1_000)
		if w.db.Dialect() == store.Postgres {
			w.exec(`ANALYZE reactions`)
		}
		for name, first := range map[string]int64{"few": 0, "30": 1_000, "1000": 2_000} {
			b.Run(fmt.Sprintf("%s/%s", w.db.Dialect(), name), func(b *testing.B) {
				messages := make([]event.Message, 50)
				for i := range messages {
					messages[i].MessageID = first + int64(i)
				}
				for b.Loop() {
					require.NoError(b, w.Annotate(b.Context(), 7, messages))
				}
			})
		}
	}
}
