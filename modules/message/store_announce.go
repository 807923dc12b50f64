package message

import (
	"context"

	"gorm.io/gorm"

	"parley/app/store"
)

// Told implements Marker. As long as nothing is said in the meantime, there is nothing to write.
func (s *Store) Told(ctx context.Context, messageIDs []int64) error {
	among := `m.id IN (SELECT value FROM json_each(?))`
	if s.db.Dialect() == store.Postgres {
		among = `m.id = ANY (?::bigint[])`
	}
	behind := `c.id = m.channel_id AND m.changed_seq < c.last_seq AND ` + among
	list := s.db.Dialect().List(messageIDs)
	var found bool
	if err := s.db.Read(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM messages m, channels c WHERE `+behind+`)`, list).Scan(&found).Error; err != nil || !found {
		return store.Map(err)
	}
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		return tx.Exec(`UPDATE messages AS m SET changed_seq = c.last_seq FROM channels c WHERE `+behind, list).Error
	})
}
