package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"parley/app/store"
	"parley/app/store/storetest"
)

func TestWriteIsATransaction(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		require.NoError(t, s.Write(ctx, insertUser("ann")))

		boom := errors.New("boom")
		require.ErrorIs(t, s.Write(ctx, func(tx *gorm.DB) error {
			return errors.Join(insertUser("bob")(tx), boom)
		}), boom)

		require.PanicsWithValue(t, "boom", func() {
			_ = s.Write(ctx, func(tx *gorm.DB) error {
				require.NoError(t, insertUser("cid")(tx))
				panic("boom")
			})
		})

		ending, cancel := context.WithCancel(ctx)
		require.ErrorIs(t, s.Write(ending, func(tx *gorm.DB) error {
			require.NoError(t, insertUser("dan")(tx))
			cancel()
			return nil
		}), context.Canceled)

		require.NoError(t, s.Write(ctx, insertUser("eve")), "the connection is usable again")
		require.Equal(t, []string{"ann", "eve"}, usernames(t, s))
	})
}

func TestWriteRetriesWhatLost(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		runs := 0
		require.NoError(t, s.Write(t.Context(), func(tx *gorm.DB) error {
			runs++
			if err := insertUser(fmt.Sprintf("u%d", runs))(tx); err != nil {
				return err
			}
			if runs < 3 {
				return &pgconn.PgError{Code: "40001"}
			}
			return nil
		}))
		require.Equal(t, 3, runs)
		require.Equal(t, []string{"u3"}, usernames(t, s), "what the first runs wrote is gone")

		runs = 0
		err := s.Write(t.Context(), func(*gorm.DB) error {
			runs++
			return &pgconn.PgError{Code: "40P01"}
		})
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.Greater(t, runs, 5, "it gives up at some time, and not early")

		ending, cancel := context.WithCancel(t.Context())
		require.ErrorIs(t, s.Write(ending, func(*gorm.DB) error {
			cancel()
			return &pgconn.PgError{Code: "40P01"}
		}), context.Canceled, "nobody waits for a retry any more")
	})
}

func TestWriteSurvivesDeadlocks(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		require.NoError(t, s.Write(ctx, func(tx *gorm.DB) error {
			return errors.Join(insertUser("ann")(tx), insertUser("bob")(tx))
		}))
		// Each takes the two rows in another order, and waits for the other to have its first where that is possible at all.
		barrier := make(chan struct{}, 2)
		grab := func(names ...string) error {
			waited := false
			return s.Write(ctx, func(tx *gorm.DB) error {
				for i, name := range names {
					if err := tx.Model(&user{}).Where("username = ?", name).
						Update("created_at", gorm.Expr("created_at + 1")).Error; err != nil {
						return err
					}
					if i == 0 && !waited && s.Dialect() == store.Postgres {
						waited = true
						barrier <- struct{}{}
						for len(barrier) < 2 {
							if err := tx.Exec("SELECT pg_sleep(0.001)").Error; err != nil {
								return err
							}
						}
					}
				}
				return nil
			})
		}
		failures := make(chan error, 2)
		go func() { failures <- grab("ann", "bob") }()
		go func() { failures <- grab("bob", "ann") }()
		require.NoError(t, <-failures)
		require.NoError(t, <-failures)
		var found []user
		require.NoError(t, s.Read(ctx).Find(&found).Error)
		for _, u := range found {
			require.EqualValues(t, 3, u.CreatedAt, "both were applied, each once")
		}
	})
}

func TestWritersTakeTurns(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		require.NoError(t, s.Write(t.Context(), insertUser("ann")))
		const writers, rounds = 6, 10
		var all sync.WaitGroup
		failures := make(chan error, writers*rounds)
		for range writers {
			all.Go(func() {
				for range rounds {
					failures <- s.Write(context.Background(), func(tx *gorm.DB) error {
						var u user // SQLite ignores the lock clause, having no need of it
						if err := tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).Take(&u).Error; err != nil {
							return err
						}
						return tx.Model(&u).Update("created_at", u.CreatedAt+1).Error
					})
				}
			})
		}
		all.Wait()
		close(failures)
		for err := range failures {
			require.NoError(t, err)
		}
		var u user
		require.NoError(t, s.Read(t.Context()).Take(&u).Error)
		require.EqualValues(t, 1+writers*rounds, u.CreatedAt)
	})
}

// A second process, such as a command beside the server, has the database locked for a while.
func TestWriteWaitsForAnotherProcess(t *testing.T) {
	t.Parallel()
	url := storetest.SQLiteURL(t)
	one, two := storetest.Open(t, url), storetest.Open(t, url)
	locked, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- one.Write(context.Background(), func(tx *gorm.DB) error {
			close(locked)
			<-release
			return insertUser("ann")(tx)
		})
	}()
	<-locked
	require.Empty(t, usernames(t, two), "readers do not wait")

	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, two.Write(short, insertUser("bob")), store.ErrUnavailable)

	second := make(chan error, 1)
	go func() { second <- two.Write(context.Background(), insertUser("cid")) }()
	close(release)
	require.NoError(t, <-first)
	require.NoError(t, <-second)
	require.Equal(t, []string{"ann", "cid"}, usernames(t, one))
}

func TestViewSeesOneMoment(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		require.NoError(t, s.Write(ctx, insertUser("ann")))
		require.NoError(t, s.View(ctx, func(tx *gorm.DB) error {
			var before, after int64
			require.NoError(t, tx.Model(&user{}).Count(&before).Error)
			require.NoError(t, s.Write(ctx, insertUser("bob")))
			require.NoError(t, tx.Model(&user{}).Count(&after).Error)
			require.Equal(t, before, after)
			return nil
		}))
		require.Error(t, s.View(ctx, insertUser("cid")), "it cannot write")
		require.ErrorIs(t, s.View(ctx, func(tx *gorm.DB) error { return tx.Take(&user{}, 99).Error }), store.ErrNotFound)
		require.Equal(t, []string{"ann", "bob"}, usernames(t, s))
	})
}

func TestSnapshotIsReadByEverybody(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		other := storetest.Open(t, storetest.SQLiteURL(t))
		count := func(ctx context.Context, s *store.Store) (n int64) {
			require.NoError(t, s.Read(ctx).Model(&user{}).Count(&n).Error)
			return n
		}
		require.NoError(t, s.Write(ctx, insertUser("ann")))
		require.NoError(t, s.Snapshot(ctx, func(snapshot context.Context) error {
			require.EqualValues(t, 1, count(snapshot, s))
			require.NoError(t, s.Write(ctx, insertUser("bob")))
			require.EqualValues(t, 1, count(snapshot, s))
			require.EqualValues(t, 2, count(ctx, s), "another context sees the present")
			require.Zero(t, count(snapshot, other), "another store has nothing to do with it")
			return nil
		}))
		require.Error(t, s.Snapshot(ctx, func(snapshot context.Context) error { return insertUser("cid")(s.Read(snapshot)) }), "it cannot write")
		require.Equal(t, []string{"ann", "bob"}, usernames(t, s))
	})
}
