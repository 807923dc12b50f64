package store_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/store"
	"parley/app/store/storetest"
)

// recorder keeps what is logged at warn and above.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *recorder) WithGroup(string) slog.Handler            { return r }

func (r *recorder) Handle(ctx context.Context, record slog.Record) error {
	if record.Level < slog.LevelWarn {
		return nil
	}
	var line bytes.Buffer
	if err := slog.NewTextHandler(&line, nil).Handle(ctx, record); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line.String())
	return nil
}

func (r *recorder) warnings() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

// onEmpty runs a test on both dialects with the URL of a database without a schema.
func onEmpty(t *testing.T, fn func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, storetest.SQLiteURL(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, storetest.PostgresURL(t))
	})
}

func pending(all []store.Migration) int {
	n := 0
	for _, m := range all {
		if m.AppliedAt.IsZero() {
			n++
		}
	}
	return n
}

func TestStartRefusesASchemaThatIsBehind(t *testing.T) {
	t.Parallel()
	onEmpty(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := newStore(t, url, store.Options{})
		err := s.Start(ctx)
		require.ErrorIs(t, err, store.ErrSchemaBehind)
		require.ErrorContains(t, err, "run `parley migrate up`, or set database.auto_migrate")
		requireUnavailable(t, s)

		all, err := s.MigrationStatus(ctx)
		require.NoError(t, err, "which opens the store")
		require.Len(t, all, pending(all))
		require.Equal(t, "00001_initial.sql", all[0].Name)

		steps, err := s.Migrate(ctx, store.Up)
		require.NoError(t, err)
		require.Len(t, steps, len(all))
		require.NoError(t, s.Start(ctx))
		steps, err = s.Migrate(ctx, store.Up)
		require.NoError(t, err)
		require.Empty(t, steps)
		all, err = s.MigrationStatus(ctx)
		require.NoError(t, err)
		require.Zero(t, pending(all))

		_, err = s.Migrate(ctx, "sideways")
		require.ErrorContains(t, err, "say up or down")
	})
}

func TestStartAcceptsASchemaThatIsAhead(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		require.NoError(t, s.Write(t.Context(), func(tx *gorm.DB) error {
			return tx.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)").Error
		}))
		require.NoError(t, s.Stop(t.Context()))
		require.NoError(t, s.Start(t.Context()))
	})
}

func TestMigrationsAtTheSameTime(t *testing.T) {
	t.Parallel()
	onEmpty(t, func(t *testing.T, url string) {
		const processes = 6
		var all sync.WaitGroup
		steps := make(chan int, processes)
		failures := make(chan error, processes)
		for range processes {
			s := newStore(t, url, store.Options{MaxConns: 2})
			all.Go(func() {
				done, err := s.Migrate(context.Background(), store.Up)
				steps <- len(done)
				failures <- err
			})
		}
		all.Wait()
		close(steps)
		close(failures)
		for err := range failures {
			require.NoError(t, err)
		}
		total := 0
		for n := range steps {
			total += n
		}
		all2, err := newStore(t, url, store.Options{}).MigrationStatus(t.Context())
		require.NoError(t, err)
		require.Len(t, all2, total, "each step was taken once")
		require.Zero(t, pending(all2))
	})
}

func TestDownAndUpAgain(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		before := describe(t, s)
		require.NotEmpty(t, before)
		for range before { // more often than there are migrations
			steps, err := s.Migrate(ctx, store.Down)
			require.NoError(t, err)
			if len(steps) == 0 {
				break
			}
		}
		require.Empty(t, describe(t, s), "nothing is left")
		_, err := s.Migrate(ctx, store.Up)
		require.NoError(t, err)
		require.Equal(t, before, describe(t, s))
	})
}

func TestMigrateFailsWhenTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	s, _, p := throughProxy(t)
	require.NoError(t, s.Check(t.Context()))
	p.mode.Store(int32(cutAll))
	_, err := s.Migrate(t.Context(), store.Up)
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = s.MigrationStatus(t.Context())
	require.ErrorIs(t, err, store.ErrUnavailable)
}

// A step that makes a table anew takes its rows along.
func TestRecipientsSurviveMigrations(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLiteURL(t))
	ctx := t.Context()
	require.NoError(t, s.Write(ctx, func(tx *gorm.DB) error {
		return tx.Exec("INSERT INTO message_recipients VALUES (2, 1, 0, 7), (1, 2, 1, 8), (1, 1, 2, 9)").Error
	}))
	read := func() []string {
		return query[string](t, s, "SELECT message_id || ' ' || receiver_id || ' ' || status || ' ' || updated_at FROM message_recipients ORDER BY 1")
	}
	before := read()
	require.Len(t, before, 3)
	steps := []store.Migration{{Version: 99}}
	for steps[0].Version > 3 {
		var err error
		steps, err = s.Migrate(ctx, store.Down)
		require.NoError(t, err)
	}
	require.Equal(t, before, read())
	_, err := s.Migrate(ctx, store.Up)
	require.NoError(t, err)
	require.Equal(t, before, read())
	require.Error(t, s.Read(ctx).Exec("SELECT rowid FROM message_recipients").Error, "the table is its own index")
}
