package message

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// eagerReaders is the default of message.eager_recipients.
const eagerReaders = 1000

// crowdChannels is how many channels chatter is spread over.
const crowdChannels = 5

// crowd makes users 1 to members, all in group 1, which has public channels numbered from 1.
func crowd(t testing.TB, db *store.Store, members, channels int) {
	t.Helper()
	const numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
	require.NoError(t, db.Write(t.Context(), func(tx *gorm.DB) error {
		for _, fill := range []struct {
			statement string
			count     int
		}{
			{"INSERT INTO groups (id, name, created_at) SELECT i, 'group', 0 FROM n", 1},
			{"INSERT INTO users (id, username, display_name, password_hash, created_at) SELECT i, 'user' || i, 'User', '', 0 FROM n", members},
			{"INSERT INTO group_members (group_id, user_id, role, joined_at) SELECT 1, i, 'member', 0 FROM n", members},
			{"INSERT INTO channels (id, group_id, name, created_at) SELECT i, 1, 'channel' || i, 0 FROM n", channels},
		} {
			if err := tx.Exec(numbers+fill.statement, fill.count).Error; err != nil {
				return err
			}
		}
		return nil
	}))
}

// chatter is a batch of messages as they come from a crowd; n numbers the batches.
func chatter(n, size, members int) []event.Send {
	sends := make([]event.Send, 0, size)
	for i := range size {
		sends = append(sends, event.Send{
			SenderID: int64(1 + (n*size+i)*7%members), GroupID: 1, ChannelID: int64(1 + i%crowdChannels),
			Content: "The quick brown fox jumps over the lazy dog.", Hash: fmt.Sprintf("%d-%d", n, i),
		})
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

// BenchmarkPersist keeps batches in groups of growing size.
func BenchmarkPersist(b *testing.B) {
	for _, dialect := range []store.Dialect{store.SQLite, store.Postgres} {
		b.Run("store="+string(dialect), func(b *testing.B) {
			for _, members := range []int{10, 100, 1000, 10000} {
				b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
					for _, size := range []int{1, 8, 64} {
						b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) { benchmarkPersist(b, dialect, members, size) })
					}
				})
			}
		})
	}
}

func benchmarkPersist(b *testing.B, dialect store.Dialect, members, size int) {
	url := storetest.SQLiteURL
	if dialect == store.Postgres {
		url = storetest.PostgresURL
	}
	registry := prometheus.NewRegistry()
	db := storetest.OpenCounted(b, url(b), store.NewMetrics(registry))
	crowd(b, db, members, crowdChannels)
	s := NewStore(db, eagerReaders, nil)
	before := statementsWritten(b, registry)
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		if _, err := s.Persist(b.Context(), chatter(n, size, members)); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	messages := float64(b.N * size)
	rows := messages * float64(members-1)
	if members > eagerReaders {
		rows = 0
	}
	b.ReportMetric(messages/b.Elapsed().Seconds(), "msgs/s")
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(statementsWritten(b, registry)-before)/messages, "statements/msg")
}

// BenchmarkPartitions keeps what 16 partitions hand over at once, each in batches of 4: each in a transaction of its own,
// and with what waits merged into one.
func BenchmarkPartitions(b *testing.B) {
	for _, dialect := range []store.Dialect{store.SQLite, store.Postgres} {
		for _, merged := range []bool{false, true} {
			b.Run(fmt.Sprintf("store=%s/merged=%t", dialect, merged), func(b *testing.B) {
				benchmarkPartitions(b, dialect, merged)
			})
		}
	}
}

func benchmarkPartitions(b *testing.B, dialect store.Dialect, merged bool) {
	const (
		partitions = 16
		size       = 4
		members    = 100
	)
	url := storetest.SQLiteURL
	if dialect == store.Postgres {
		url = storetest.PostgresURL
	}
	db := storetest.Open(b, url(b))
	crowd(b, db, members, partitions)
	keeper := Keeper(NewStore(db, eagerReaders, nil))
	if merged {
		keeper = NewCommitter(keeper)
	}
	var batches atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for p := range partitions {
		all.Go(func() {
			for n := batches.Add(1); n <= int64(b.N); n = batches.Add(1) {
				sends := chatter(int(n), size, members)
				for i := range sends {
					sends[i].ChannelID = int64(p + 1)
				}
				if _, err := keeper.Persist(b.Context(), sends); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "msgs/s")
}
