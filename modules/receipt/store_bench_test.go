package receipt

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// newCrowd is a world whose first channel has users 100, 101, … and many messages by user 1.
func newCrowd(b *testing.B, dialect store.Dialect, users, messages int64) (*world, *prometheus.Registry) {
	b.Helper()
	url := storetest.SQLiteURL
	if dialect == store.Postgres {
		url = storetest.PostgresURL
	}
	registry := prometheus.NewRegistry()
	w := newWorld(b, storetest.OpenCounted(b, url(b), store.NewMetrics(registry)), eager)
	w.crowd(100, users)
	w.exec(`INSERT INTO messages (channel_id, seq, sender_id, hash, content, created_at)
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT 1, i, 1 + i % 4, 'h' || i, 'x', 0 FROM n`, messages)
	w.exec(`UPDATE channels SET last_seq = ? WHERE id = 1`, messages)
	return w, registry
}

// onEach runs a benchmark on every kind of database.
func onEach(b *testing.B, run func(b *testing.B, dialect store.Dialect)) {
	for _, dialect := range []store.Dialect{store.SQLite, store.Postgres} {
		b.Run("store="+string(dialect), func(b *testing.B) { run(b, dialect) })
	}
}

// BenchmarkMove has users tell that they have read on, by 10 messages each time, all at once.
func BenchmarkMove(b *testing.B) {
	onEach(b, func(b *testing.B, dialect store.Dialect) {
		for _, users := range []int64{1, 100, 1000} {
			b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
				w, registry := newCrowd(b, dialect, users, 100_000)
				read := int64(0)
				before := sent(b, registry)
				for b.Loop() {
					if read += 10; read > 100_000 {
						b.StopTimer()
						w.exec(`UPDATE channel_cursors SET read_seq = 0, delivered_seq = 0`)
						read = 10
						b.StartTimer()
					}
					told := event.Receipts{ChannelID: 1}
					for user := range users {
						told.Users = append(told.Users, w.read(100+user, read))
					}
					batch := newBatch([]received{{Receipts: told}})
					require.NoError(b, w.store.move(b.Context(), batch))
					_, err := batch.tell()
					require.NoError(b, err)
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(int64(b.N)*users), "µs/receipt")
				b.ReportMetric(float64(sent(b, registry)-before)/float64(b.N), "statements/op")
			})
		}
	})
}

// BenchmarkSettle writes the recipients of ranges, rows that are there already.
func BenchmarkSettle(b *testing.B) {
	onEach(b, func(b *testing.B, dialect store.Dialect) {
		const users, length = 100, 1000
		w, _ := newCrowd(b, dialect, users, length)
		written := 0
		for b.Loop() {
			b.StopTimer()
			require.NoError(b, w.db.Write(b.Context(), func(tx *gorm.DB) error {
				if err := tx.Exec(`DELETE FROM message_recipients`).Error; err != nil {
					return err
				}
				if err := tx.Exec(`INSERT INTO message_recipients (message_id, receiver_id, status, updated_at)
					SELECT m.id, u.id, 0, 0 FROM messages m CROSS JOIN users u WHERE u.id >= 100 ORDER BY m.id, u.id`).Error; err != nil {
					return err
				}
				return tx.Exec(`INSERT INTO receipt_ranges (channel_id, user_id, status, from_seq, to_seq, at)
					SELECT 1, id, 2, 0, ?, 1 FROM users WHERE id >= 100`, length).Error
			}))
			b.StartTimer()
			for {
				done, err := w.store.settle(b.Context())
				require.NoError(b, err)
				if done.messages == 0 {
					break
				}
				written += done.messages
			}
		}
		b.ReportMetric(float64(written)/b.Elapsed().Seconds(), "rows/s")
	})
}

// sent reads how many statements a store has sent to write.
func sent(b testing.TB, r *prometheus.Registry) (n int) {
	b.Helper()
	families, err := r.Gather()
	require.NoError(b, err)
	for _, f := range families {
		if f.GetName() != "parley_store_statements_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == "write" {
				n = int(m.GetCounter().GetValue())
			}
		}
	}
	return n
}
