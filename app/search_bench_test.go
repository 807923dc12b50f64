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

// gated is an index that rests while the gate is closed.
type gated struct {
	search.Index
	gate sync.RWMutex
}

func (g *gated) Step(ctx context.Context) (search.Progress, error) {
	g.gate.RLock()
	defer g.gate.RUnlock()
	return g.Index.Step(ctx)
}

// BenchmarkPersistBesideSearch keeps batches of 64 messages as fast as it can in a group of 100, for a second at a time without and with the worker
// that takes them into the search index meanwhile. What it has not taken by then it makes up for later. The seconds take turns, so that
// what else the machine does weighs on both alike.
func BenchmarkPersistBesideSearch(b *testing.B) {
	for _, dialect := range []store.Dialect{store.SQLite, store.Postgres} {
		b.Run("store="+string(dialect), func(b *testing.B) { benchmarkBesideSearch(b, dialect) })
	}
}

// The crowd of the benchmark.
const (
	crowdMembers  = 100
	crowdChannels = 5
	crowdBatch    = 64
)

func crowd(b *testing.B, dialect store.Dialect) *store.Store {
	b.Helper()
	url := storetest.SQLiteURL
	if dialect == store.Postgres {
		url = storetest.PostgresURL
	}
	db := storetest.Open(b, url(b))
	const numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
	for _, fill := range []struct {
		statement string
		count     int
	}{
		{"INSERT INTO groups (id, name, created_at) SELECT i, 'group', 0 FROM n", 1},
		{"INSERT INTO users (id, username, display_name, password_hash, created_at) SELECT i, 'user' || i, 'User', '', 0 FROM n", crowdMembers},
		{"INSERT INTO group_members (group_id, user_id, role, joined_at) SELECT 1, i, 'member', 0 FROM n", crowdMembers},
		{"INSERT INTO channels (id, group_id, name, created_at) SELECT i, 1, 'channel' || i, 0 FROM n", crowdChannels},
	} {
		storetest.Exec(b, db, numbers+fill.statement, fill.count)
	}
	return db
}

// chatter makes batches of texts whose words are as unevenly frequent as those of a language.
func chatter() func() []event.Send {
	r := rand.New(rand.NewPCG(1, 2))
	words := rand.NewZipf(r, 1.1, 4, 50_000)
	n := 0
	return func() []event.Send {
		sends := make([]event.Send, 0, crowdBatch)
		for i := range crowdBatch {
			var text strings.Builder
			for range 10 {
				fmt.Fprintf(&text, "w%x ", words.Uint64()*2654435761%(1<<32))
			}
			n++
			sends = append(sends, event.Send{
				SenderID: int64(1 + n*7%crowdMembers), GroupID: 1, ChannelID: int64(1 + i%crowdChannels), Content: text.String(), Hash: fmt.Sprint(n),
			})
		}
		return sends
	}
}

func benchmarkBesideSearch(b *testing.B, dialect store.Dialect) {
	db := crowd(b, dialect)
	keeper, next := message.NewStore(db, 1000, nil), chatter()
	ctx, stop := context.WithCancel(b.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	index := &gated{Index: search.NewStore(db)}
	index.gate.Lock()
	w := search.NewWorker(index, search.NewWorkerMetrics(nil), slog.New(slog.DiscardHandler))
	require.NoError(b, w.Init(taskHost{ctx, &all}))
	require.NoError(b, w.Start(ctx))

	var (
		rates  [2][]float64 // without, with
		took   [2][]time.Duration
		phase  int
		kept   int
		turned = time.Now()
	)
	turn := func() {
		rates[phase] = append(rates[phase], float64(kept)/time.Since(turned).Seconds())
		if phase = 1 - phase; phase == 1 {
			index.gate.Unlock()
		} else {
			index.gate.Lock()
		}
		kept, turned = 0, time.Now()
	}
	b.ResetTimer()
	for range b.N {
		sends := next()
		begun := time.Now()
		_, err := keeper.Persist(ctx, sends)
		require.NoError(b, err)
		took[phase] = append(took[phase], time.Since(begun))
		if kept += len(sends); time.Since(turned) > time.Second {
			turn()
		}
	}
	b.StopTimer()
	if phase == 0 {
		index.gate.Unlock()
	}
	var found int64
	require.NoError(b, db.Read(b.Context()).Raw("SELECT count(*) FROM search_documents").Scan(&found).Error)
	if len(rates[1]) == 0 {
		return
	}
	for i, name := range []string{"without", "with"} {
		slices.Sort(rates[i])
		slices.Sort(took[i])
		b.ReportMetric(rates[i][len(rates[i])/2], "msgs/s-"+name)
		b.ReportMetric(float64(took[i][len(took[i])*99/100].Microseconds())/1000, "p99-ms-"+name)
	}
	b.ReportMetric(float64(found)/float64(len(rates[1])), "indexed/s-with")
	b.ReportMetric(rates[1][len(rates[1])/2]/rates[0][len(rates[0])/2], "ratio")
}
