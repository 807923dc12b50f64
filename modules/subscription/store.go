package subscription

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"parley/app/event"
	"parley/app/store"
)

// server is a socket server that has asked for a subscription and may therefore have members connected.
type server struct {
	ID        string `gorm:"primaryKey"`
	CreatedAt int64  `gorm:"autoCreateTime:false"`
}

// TableName implements gorm's Tabler.
func (server) TableName() string { return "socket_servers" }

// Store reads what users may hear, and keeps the list of socket servers.
type Store struct{ db *store.Store }

// NewStore returns a Store on db.
func NewStore(db *store.Store) *Store { return &Store{db: db} }

// Register notes that the servers exist. It must have returned before memberships are read
// for them: then whoever changes memberships later finds them in Servers.
func (s *Store) Register(ctx context.Context, ids []string) error {
	now := time.Now().UnixMilli()
	rows := make([]server, 0, len(ids))
	for _, id := range ids {
		rows = append(rows, server{ID: id, CreatedAt: now})
	}
	var known int64
	if err := s.db.Read(ctx).Model(&server{}).Where("id IN ?", ids).Count(&known).Error; err != nil {
		return store.Map(err)
	}
	if int(known) == len(ids) {
		return nil
	}
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&rows).Error
	})
}

// Servers lists the ids of all servers that may have members connected.
func (s *Store) Servers(ctx context.Context) ([]string, error) {
	var ids []string
	err := s.db.Read(ctx).Model(&server{}).Pluck("id", &ids).Error
	return ids, store.Map(err)
}

// Forget drops a server that is gone.
func (s *Store) Forget(ctx context.Context, id string) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		return tx.Delete(&server{ID: id}).Error
	})
}

// Snapshots reads what each of the users may hear. Those who do not exist count as disabled.
//
// Versions are read before the lists that they number, so that a list may be newer than its version
// but never older: the change in between then arrives as an event and is applied once more.
func (s *Store) Snapshots(ctx context.Context, userIDs []int64) (map[int64]*event.Snapshot, error) {
	all := make(map[int64]*event.Snapshot, len(userIDs))
	for _, id := range userIDs {
		all[id] = &event.Snapshot{UserID: id, Disabled: true, Groups: []event.SnapshotGroup{}}
	}
	db := s.db.Read(ctx)

	var users []struct{ ID, MembershipVersion int64 }
	err := db.Raw(`SELECT id, membership_version FROM users WHERE id IN ? AND disabled_at IS NULL`, userIDs).Scan(&users).Error
	if err != nil {
		return nil, store.Map(err)
	}
	for _, u := range users {
		all[u.ID].Disabled, all[u.ID].Version = false, u.MembershipVersion
	}

	var groups []struct{ UserID, GroupID, Version int64 }
	err = db.Raw(`
		SELECT m.user_id, m.group_id, g.version
		FROM group_members m JOIN groups g ON g.id = m.group_id
		WHERE m.user_id IN ?
		ORDER BY m.user_id, m.group_id`, userIDs).Scan(&groups).Error
	if err != nil {
		return nil, store.Map(err)
	}
	index := make(map[[2]int64]int, len(groups)) // user and group → position in the snapshot's groups
	for _, g := range groups {
		snap := all[g.UserID]
		if snap.Disabled {
			continue
		}
		index[[2]int64{g.UserID, g.GroupID}] = len(snap.Groups)
		snap.Groups = append(snap.Groups, event.SnapshotGroup{ID: g.GroupID, Version: g.Version, Channels: []int64{}})
	}

	var channels []struct{ UserID, GroupID, ChannelID int64 }
	err = db.Raw(`
		SELECT m.user_id, c.group_id, c.id AS channel_id
		FROM group_members m JOIN channels c ON c.group_id = m.group_id
		WHERE m.user_id IN ?
		  AND (NOT c.private OR EXISTS (
		        SELECT 1 FROM channel_members p WHERE p.channel_id = c.id AND p.user_id = m.user_id))
		ORDER BY m.user_id, c.group_id, c.id`, userIDs).Scan(&channels).Error
	if err != nil {
		return nil, store.Map(err)
	}
	for _, c := range channels {
		if i, ok := index[[2]int64{c.UserID, c.GroupID}]; ok { // else the user has joined the group since
			g := &all[c.UserID].Groups[i]
			g.Channels = append(g.Channels, c.ChannelID)
		}
	}
	return all, nil
}
