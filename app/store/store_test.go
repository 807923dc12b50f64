package store_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"gorm.io/gorm"

	"parley/app/store"
	"parley/app/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// user is a row of the users table, enough of it to insert one.
type user struct {
	ID           int64
	Username     string
	DisplayName  string
	PasswordHash string
	CreatedAt    int64 `gorm:"autoCreateTime:false"`
}

func newUser(name string) *user {
	return &user{Username: name, DisplayName: name, PasswordHash: "x", CreatedAt: 1}
}

func insertUser(name string) func(tx *gorm.DB) error {
	return func(tx *gorm.DB) error { return tx.Create(newUser(name)).Error }
}

// usernames reads all of them, in the order of their ids.
func usernames(t *testing.T, s *store.Store) []string {
	t.Helper()
	names := []string{}
	require.NoError(t, s.Read(t.Context()).Model(&user{}).Order("id").Pluck("username", &names).Error)
	return names
}

func newStore(t *testing.T, url string, o store.Options) *store.Store {
	t.Helper()
	o.URL = url
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s, err := store.New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return s
}

func TestNewChecksTheURL(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, url string
		where     string // of a good one
		wrong     string // part of the error
	}{
		{name: "default", url: "", where: "SQLite in data/parley.db"},
		{name: "data_dir", url: "sqlite://{data_dir}/x.db", where: "SQLite in data/x.db"},
		{name: "absolute file", url: "sqlite:///var/lib/parley.db", where: "SQLite in /var/lib/parley.db"},
		{name: "postgres", url: "postgres://u:secret@db:5433/chat", where: "PostgreSQL at db:5433, database chat"},
		{name: "postgresql", url: "postgresql://u@db/chat", where: "PostgreSQL at db:5432, database chat"},
		{name: "socket", url: "postgres:///chat?host=/run/postgresql", where: "PostgreSQL at /run/postgresql, database chat"},
		{name: "other scheme", url: "mysql://u:secret@db/x", wrong: "must begin with postgres:// or sqlite://"},
		{name: "no scheme", url: "parley.db", wrong: "must begin with"},
		{name: "no path", url: "sqlite://", wrong: "write sqlite://path/to/file.db"},
		{name: "one slash", url: "sqlite:/x.db", wrong: "write sqlite://path/to/file.db"},
		{name: "memory", url: "sqlite://:memory:", wrong: "in memory is not supported"},
		{name: "parameters", url: "sqlite://x.db?mode=ro", wrong: "without parameters"},
		{name: "bad port", url: "postgres://u:secret@db:port/chat", wrong: "database.url"},
		{name: "bad parameter", url: "postgres://u:secret@db/chat?sslmode=perhaps", wrong: "sslmode"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, err := store.New(store.Options{URL: tc.url, DataDir: "data"})
			if tc.wrong != "" {
				require.ErrorContains(t, err, tc.wrong)
				require.NotContains(t, err.Error(), "secret")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.where, s.Where())
		})
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		require.NoError(t, s.Check(ctx))
		require.NoError(t, s.Start(ctx), "starting twice")
		require.NoError(t, s.Write(ctx, insertUser("ann")))

		require.NoError(t, s.Stop(ctx))
		require.NoError(t, s.Stop(ctx), "stopping twice")
		requireUnavailable(t, s)

		require.NoError(t, s.Start(ctx), "starting again")
		require.Equal(t, []string{"ann"}, usernames(t, s))
	})
}

func TestStopBeforeStart(t *testing.T) {
	t.Parallel()
	s := newStore(t, storetest.SQLiteURL(t), store.Options{})
	require.NoError(t, s.Stop(t.Context()))
	requireUnavailable(t, s)
}

// requireUnavailable checks a store that is not open.
func requireUnavailable(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	require.ErrorIs(t, s.Check(ctx), store.ErrUnavailable)
	require.ErrorIs(t, store.Map(s.Read(ctx).Find(&[]user{}).Error), store.ErrUnavailable)
	require.ErrorIs(t, s.Write(ctx, insertUser("eve")), store.ErrUnavailable)
	require.ErrorIs(t, s.View(ctx, insertUser("eve")), store.ErrUnavailable)
	_, err := s.Outbox(ctx, 1, nil)
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = s.Setting(ctx, "a", "b")
	require.ErrorIs(t, err, store.ErrUnavailable)
}

func TestSettingKeepsTheFirstValue(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		const racers = 8
		results := make(chan string, racers)
		for i := range racers {
			go func() {
				kept, err := s.Setting(context.Background(), "message.partitions", string(rune('a'+i)))
				if err != nil {
					kept = err.Error()
				}
				results <- kept
			}()
		}
		first := <-results
		require.Len(t, first, 1)
		for range racers - 1 {
			require.Equal(t, first, <-results)
		}
		kept, err := s.Setting(t.Context(), "other", "x")
		require.NoError(t, err)
		require.Equal(t, "x", kept)
	})
}
