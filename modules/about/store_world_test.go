package about

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/store"
)

// exec changes the database behind the server's back.
func exec(t *testing.T, s *store.Store, sql string) {
	t.Helper()
	require.NoError(t, s.Write(t.Context(), func(tx *gorm.DB) error { return tx.Exec(sql).Error }))
}
