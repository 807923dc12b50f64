package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"gorm.io/gorm"

	"parley/app/bus"
	"parley/app/store"
	"parley/app/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSmoke(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		kept, err := s.Setting(ctx, "a", "1")
		require.NoError(t, err)
		require.Equal(t, "1", kept)
		kept, err = s.Setting(ctx, "a", "2")
		require.NoError(t, err)
		require.Equal(t, "1", kept)
		require.NoError(t, s.Write(ctx, func(tx *gorm.DB) error {
			return store.Append(tx, bus.Message{Key: "k", Type: "t", Body: []byte("{}")}, bus.Message{Key: "k2", Type: "t", Body: []byte("{}")})
		}))
		n, err := s.Outbox(ctx, 10, func(_ context.Context, m []bus.Message) error { return errors.New("x") })
		require.Error(t, err)
		n, err = s.Outbox(ctx, 10, func(_ context.Context, m []bus.Message) error {
			require.Len(t, m, 2)
			require.Equal(t, "k", m[0].Key)
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, 2, n)
		insert := func(tx *gorm.DB) error {
			return tx.Exec("INSERT INTO users (username, display_name, password_hash, created_at) VALUES ('a','A','x',1)").Error
		}
		require.NoError(t, s.Write(ctx, insert))
		err = s.Write(ctx, insert)
		require.ErrorIs(t, err, store.ErrConflict)
		var ce *store.ConflictError
		require.ErrorAs(t, err, &ce)
		require.True(t, ce.On("users", "username"), "%v", ce)
		_, err = s.Migrate(ctx, store.Down)
		require.NoError(t, err)
		st, err := s.MigrationStatus(ctx)
		require.NoError(t, err)
		t.Log(st)
	})
}
