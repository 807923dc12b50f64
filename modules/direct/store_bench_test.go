package direct

import (
	"fmt"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// crowdSize is how many people the benchmarks have.
const crowdSize = 1000

// crowd fills a database with people who all share a group.
func crowd(t testing.TB, db *store.Store) *Store {
	t.Helper()
	s := NewStore(db, false, nil)
	numbers := "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
	s.exec(t, "INSERT INTO groups (id, name, created_at) VALUES (1, 'one', 0)")
	s.exec(t, numbers+"INSERT INTO users (id, username, display_name, password_hash, created_at) SELECT i, 'user' || i, 'x', 'x', 0 FROM n", crowdSize)
	s.exec(t, numbers+"INSERT INTO group_members (group_id, user_id, role, joined_at) SELECT 1, i, 'member', 0 FROM n", crowdSize)
	return s
}

// chatter is the nth batch of messages between many.
func chatter(n, size int) []event.DirectSend {
	sends := make([]event.DirectSend, 0, size)
	for i := range size {
		from := int64(1 + (n*size+i)*7%crowdSize)
		sends = append(sends, say(from, from%crowdSize+1, fmt.Sprintf("%d-%d", n, i)))
	}
	return sends
}

// statementsWritten reads how many statements a store has sent to write.
func statementsWritten(t testing.TB, r *prometheus.Registry) int {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != "parley_store_statements_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == "write" {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	require.Fail(t, "the store counts no statements")
	return 0
}

// TestStatementsDoNotGrow: what a batch costs in statements depends on nothing that grows.
func TestStatementsDoNotGrow(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewRegistry()
			s := crowd(t, storetest.OpenCounted(t, url(t), store.NewMetrics(registry)))
			cost := func(do func()) int {
				before := statementsWritten(t, registry)
				do()
				return statementsWritten(t, registry) - before
			}
			persist(t, s, chatter(0, crowdSize)...) // everybody has a chat now
			for n, size := range []int{1, 2, 64, 256} {
				require.Equal(t, 7, cost(func() { persist(t, s, chatter(n+1, size)...) }),
					"BEGIN, chats, repeats, rights, messages, chats, COMMIT: %d messages", size)
				var receipts []event.DirectReceipt
				for _, m := range chatter(n+1, size) {
					receipts = append(receipts, got(m.ReceiverID, m.SenderID, Read, 1, int64(n)))
				}
				require.LessOrEqual(t, cost(func() {
					_, err := s.Receive(t.Context(), receipts)
					require.NoError(t, err)
				}), 5, "BEGIN, chats, what was read, chats, COMMIT: %d receipts", size)
			}
		})
	}
}

// BenchmarkPersist keeps what 16 partitions hand over at once, in batches of growing size.
func BenchmarkPersist(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		for _, size := range []int{1, 4, 64} {
			b.Run(fmt.Sprintf("store=%s/batch=%d", name, size), func(b *testing.B) {
				const partitions = 16
				s := crowd(b, storetest.Open(b, url(b)))
				b.ResetTimer()
				var wg sync.WaitGroup
				for p := range partitions {
					wg.Go(func() {
						for n := p; n < b.N; n += partitions {
							if _, err := s.Persist(b.Context(), chatter(n, size)); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "msgs/s")
			})
		}
	}
}
