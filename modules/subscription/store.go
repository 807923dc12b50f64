package subscription

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
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

// Snapshots reads what each of the users may hear, and the groups that they are members of. Users who do not exist count as
// disabled. It is one statement, and so it is all as of one moment: no list is older or newer than its version.
func (s *Store) Snapshots(ctx context.Context, userIDs []int64) (map[int64]*event.Snapshot, map[int64]*event.SnapshotGroup, error) {
	sql, wanted := snapshotsOf(s.db.Dialect(), userIDs)
	var rows []snapshotRow
	if err := s.db.Read(ctx).Raw(sql, wanted, wanted, wanted).Scan(&rows).Error; err != nil {
		return nil, nil, store.Map(err)
	}
	users, groups := make(map[int64]*event.Snapshot, len(userIDs)), make(map[int64]*event.SnapshotGroup)
	for _, id := range userIDs {
		users[id] = &event.Snapshot{UserID: id, Disabled: true, Groups: []int64{}}
	}
	slices.SortFunc(rows, func(a, b snapshotRow) int { // users and groups before what belongs to them
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B), cmp.Compare(a.C, b.C))
	})
	for _, r := range rows {
		switch r.Kind {
		case userRow:
			users[r.A].Disabled, users[r.A].Version = false, r.B
		case groupRow:
			groups[r.A] = &event.SnapshotGroup{ID: r.A, Version: r.B, Channels: []int64{}}
		case memberRow:
			if u := users[r.A]; !u.Disabled {
				u.Groups = append(u.Groups, r.B)
			}
		case publicRow:
			groups[r.A].Channels = append(groups[r.A].Channels, r.B)
		case privateRow:
			if u := users[r.A]; !u.Disabled {
				u.Private = append(u.Private, event.PrivateChannel{GroupID: r.B, ChannelID: r.C})
			}
		}
	}
	return users, groups, nil
}

// snapshotRow is one of the five kinds of rows that a snapshot is made of.
type snapshotRow struct{ Kind, A, B, C int64 }

const (
	userRow    = iota // id, membership version
	groupRow          // id, version
	memberRow         // user, group
	publicRow         // group, channel
	privateRow        // user, group, channel
)

// snapshots reads them all. The public channels of a group are read once, however many of its members are asked for.
const snapshots = `
	WITH mine AS MATERIALIZED (SELECT user_id, group_id FROM group_members WHERE user_id {one of the users})
	SELECT 0 AS kind, id AS a, membership_version AS b, 0 AS c FROM users WHERE id {one of the users} AND disabled_at IS NULL
	UNION ALL
	SELECT 1, id, version, 0 FROM groups WHERE id {one of the groups}
	UNION ALL
	SELECT 2, user_id, group_id, 0 FROM mine
	UNION ALL
	SELECT 3, group_id, id, 0 FROM channels WHERE group_id {one of the groups} AND NOT private
	UNION ALL
	SELECT 4, p.user_id, c.group_id, c.id
	FROM channel_members p JOIN channels c ON c.id = p.channel_id
	WHERE p.user_id {one of the users} AND c.private
	  AND EXISTS (SELECT 1 FROM mine m WHERE m.user_id = p.user_id AND m.group_id = c.group_id)`

// snapshotsOf returns the statement and its one parameter, which comes three times. Its text does not depend on the number
// of users. Arrays have PostgreSQL expect few rows, and so use indexes; of a set from JSON it would expect many.
func snapshotsOf(d store.Dialect, users []int64) (sql, wanted string) {
	list := make([]byte, 0, 8*len(users))
	for i, id := range users {
		if i > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, id, 10)
	}
	if d == store.SQLite {
		return strings.NewReplacer(
			"{one of the users}", "IN (SELECT value FROM json_each(?))",
			"{one of the groups}", "IN (SELECT group_id FROM mine)",
		).Replace(snapshots), "[" + string(list) + "]"
	}
	return strings.NewReplacer(
		"{one of the users}", "= ANY (?::bigint[])",
		"{one of the groups}", "= ANY (ARRAY(SELECT DISTINCT group_id FROM mine))",
	).Replace(snapshots), "{" + string(list) + "}"
}
