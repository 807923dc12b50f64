package group

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/store"
	"parley/app/store/storetest"
)

// Answered together, everybody gets the answer to the own question.
func TestAccessOfManyAtOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		g := w.group()
		general, secret := g.Channels[0].ID, w.private(ben, g.ID, "secret", cat).ID
		other, err := w.Create(w.ctx(), dan, NewGroup{Name: "other"})
		require.NoError(t, err)
		want := map[reader]error{
			{ann, g.ID, general}:                  nil,
			{ben, g.ID, general}:                  nil,
			{cat, g.ID, general}:                  nil,
			{dan, g.ID, general}:                  ErrGroupNotFound,
			{ann, g.ID, secret}:                   ErrChannelNotFound,
			{ben, g.ID, secret}:                   nil,
			{cat, g.ID, secret}:                   nil,
			{eve, g.ID, secret}:                   ErrGroupNotFound,
			{dan, other.ID, other.Channels[0].ID}: nil,
			{dan, other.ID, general}:              ErrChannelNotFound,
			{dan, other.ID, 0}:                    ErrChannelNotFound,
			{ann, other.ID, other.Channels[0].ID}: ErrGroupNotFound,
			{nobody, g.ID, general}:               ErrGroupNotFound,
		}
		var all sync.WaitGroup
		for range 20 {
			for r, answer := range want {
				all.Go(func() {
					err := w.Access(w.ctx(), r.user, r.group, r.channel)
					if answer == nil {
						require.NoError(t, err, r)
					} else {
						require.ErrorIs(t, err, answer, r)
					}
				})
			}
		}
		all.Wait()
	})
}

// However many ask meanwhile, also in another process: the first question after a removal has been answered gets the truth.
func TestAccessSeesARemovalAtOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		elsewhere := New(w.store, w.relay, w.fence, slog.New(slog.DiscardHandler))
		g := w.group()
		general := g.Channels[0].ID
		ctx, stop := context.WithCancel(w.ctx())
		var asking sync.WaitGroup
		for i := range 8 {
			asking.Go(func() {
				for ctx.Err() == nil {
					_ = []*Service{w.Service, elsewhere}[i%2].Access(ctx, []int64{ann, cat}[i/2%2], g.ID, general)
				}
			})
		}
		for range 20 {
			require.NoError(t, w.RemoveMember(w.ctx(), ann, g.ID, cat))
			require.ErrorIs(t, elsewhere.Access(w.ctx(), cat, g.ID, general), ErrGroupNotFound)
			require.ErrorIs(t, w.Access(w.ctx(), cat, g.ID, general), ErrGroupNotFound)
			_, err := w.AddMember(w.ctx(), ann, g.ID, cat, RoleMember)
			require.NoError(t, err)
			require.NoError(t, elsewhere.Access(w.ctx(), cat, g.ID, general))
		}
		stop()
		asking.Wait()
	})
}

// BenchmarkAccess is what 64 senders at a time cost the database before their messages are accepted.
func BenchmarkAccess(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		b.Run(name, func(b *testing.B) {
			s := New(storetest.Open(b, url(b)), nil, nil, slog.New(slog.DiscardHandler))
			var queries atomic.Int64
			s.readers = store.NewLoader(func(ctx context.Context, readers []reader) (map[reader]standing, error) {
				queries.Add(1)
				return s.standings(ctx, readers)
			})
			var asked atomic.Int64
			b.SetParallelism(32)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				user := asked.Add(1)
				for pb.Next() {
					if err := s.Access(b.Context(), user, 1, 1); err == nil {
						b.Error("nobody is a member")
					}
				}
			})
			b.ReportMetric(float64(queries.Load())/float64(b.N), "statements/op")
		})
	}
}
