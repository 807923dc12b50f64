package about

import (
	"context"

	"parley/app/store"
)

// tables is the module's part of the database.
type tables struct{ db *store.Store }

// accounts finds out whether there are any, for all who ask.
func (t tables) accounts(ctx context.Context, _ []struct{}) (map[struct{}]bool, error) {
	var there bool
	err := t.db.Read(ctx).Raw("SELECT EXISTS (SELECT 1 FROM users)").Scan(&there).Error
	return map[struct{}]bool{{}: there}, store.Map(err)
}
