package direct

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
)

// standings asks how people stand to each other.
func (s *Store) standings(ctx context.Context, directions []direction) (map[direction]standing, error) {
	found, err := s.relate(s.db.Read(ctx), directions)
	return found, store.Map(err)
}

// Block keeps other from writing to a user, and the user from writing to other. It fails with ErrUserNotFound.
func (s *Store) Block(ctx context.Context, userID, otherID int64) error {
	err := s.db.Write(ctx, func(tx *gorm.DB) error {
		done := tx.Exec(`
			INSERT INTO user_blocks (user_id, blocked_id, created_at) SELECT ?, id, ? FROM users WHERE id = ?
			ON CONFLICT (user_id, blocked_id) DO UPDATE SET created_at = user_blocks.created_at`, userID, time.Now().UnixMilli(), otherID)
		if done.Error == nil && done.RowsAffected == 0 {
			return ErrUserNotFound
		}
		return done.Error
	})
	if errors.Is(err, store.ErrReference) { // deleted at this moment
		return ErrUserNotFound
	}
	return err
}

// Unblock takes a block back, if there is one.
func (s *Store) Unblock(ctx context.Context, userID, otherID int64) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		return tx.Exec("DELETE FROM user_blocks WHERE user_id = ? AND blocked_id = ?", userID, otherID).Error
	})
}

// Blocks lists whom a user has blocked, at most limit of those whose ids follow after, and whether there are more.
func (s *Store) Blocks(ctx context.Context, userID, after int64, limit int) ([]Block, bool, error) {
	blocks := make([]Block, 0, limit+1)
	err := store.Each(s.db.Read(ctx), `
		SELECT u.id, u.username, u.display_name, u.created_at, b.created_at FROM user_blocks b JOIN users u ON u.id = b.blocked_id
		WHERE b.user_id = ? AND b.blocked_id > ? ORDER BY b.blocked_id LIMIT ?`, []any{userID, after, limit + 1},
		func(scan store.Scanner) error {
			var (
				b        Block
				user, at int64
			)
			if err := scan(&b.User.ID, &b.User.Username, &b.User.DisplayName, &user, &at); err != nil {
				return err
			}
			b.User.CreatedAt, b.CreatedAt = event.FromMillis(user), event.FromMillis(at)
			blocks = append(blocks, b)
			return nil
		})
	if err != nil {
		return nil, false, store.Map(err)
	}
	return blocks[:min(len(blocks), limit)], len(blocks) > limit, nil
}
