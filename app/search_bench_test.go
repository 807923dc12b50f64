package app

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/registry"
	"parley/app/store"
	"parley/app/store/storetest"
	"parley/modules/message"
	"parley/modules/search"
)

// taskHost runs a component's tasks until the benchmark ends.
type taskHost struct {
	ctx context.Context
	all *sync.WaitGroup
}

func (h taskHost) Logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (h taskHost) Go(_ string, run func(context.Context) error) {
	h.all.Go(func() { _ = run(h.ctx) })
}

var _ registry.Host = taskHost{}

// BenchmarkPersistBesideSearch keeps batches of 64 messages as fast as it can in a group of 100, without and with the worker that takes them into
// the search index meanwhile. What it has not taken by then it makes up for later.
func BenchmarkPersistBesideSearch(b *testing.B) {
	for _, dialect := range []store.Dialect{store.SQLite, store.Postgres} {
		for _, indexed := range []bool{false, true} {
			b.Run(fmt.Sprintf("store=%s/search=%t", dialect, indexed), func(b *testing.B) { benchmarkBesideSearch(b, dialect, indexed) })
		}
	}
}

func benchmarkBesideSearch(b *testing.B, dialect store.Dialect, indexed bool) {
	const members, channels, size = 100, 5, 64
	url := storetest.SQLiteURL
	if dialect == store.Postgres {
		url = storetest.PostgresURL
	}
	db := storetest.Open(b, url(b))
	const numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
	require.NoError(b, db.Write(b.Context(), func(tx *gorm.DB) error {
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
	keeper := message.NewStore(db, 1000, nil)
	ctx, stop := context.WithCancel(b.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	if indexed {
		w := search.NewWorker(search.NewStore(db), search.NewWorkerMetrics(nil), slog.New(slog.DiscardHandler))
		require.NoError(b, w.Init(taskHost{ctx, &all}))
		require.NoError(b, w.Start(ctx))
	}
	r := rand.New(rand.NewPCG(1, 2))
	words := rand.NewZipf(r, 1.1, 4, 50_000)
	took := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for n := range b.N {
		sends := make([]event.Send, 0, size)
		for i := range size {
			var text strings.Builder
			for range 10 {
				fmt.Fprintf(&text, "w%x ", words.Uint64()*2654435761%(1<<32))
			}
			sends = append(sends, event.Send{
				SenderID: int64(1 + (n*size+i)*7%members), GroupID: 1, ChannelID: int64(1 + i%channels), Content: text.String(), Hash: fmt.Sprintf("%d-%d", n, i),
			})
		}
		begun := time.Now()
		_, err := keeper.Persist(ctx, sends)
		require.NoError(b, err)
		took = append(took, time.Since(begun))
	}
	b.StopTimer()
	slices.Sort(took)
	var found int64
	require.NoError(b, db.Read(b.Context()).Raw("SELECT count(*) FROM search_documents").Scan(&found).Error)
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "msgs/s")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(found)/b.Elapsed().Seconds(), "indexed/s")
}
