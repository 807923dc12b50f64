package group

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/store"
)

// tables runs the module's SQL, for reading or within a transaction. The statements are in the store_*.go files.
type tables struct {
	db      *gorm.DB
	dialect store.Dialect
}

// rows reads every row into the slice that dest points to.
func (t tables) rows(dest any, sql string, args ...any) error {
	return store.Map(t.db.Raw(sql, args...).Scan(dest).Error)
}

// row reads the first row and says whether there was one.
func (t tables) row(dest any, sql string, args ...any) (bool, error) {
	result := t.db.Raw(sql, args...).Scan(dest)
	return result.RowsAffected > 0, store.Map(result.Error)
}

// need reads the first row, which cannot be missing: a lock on the group keeps it.
func (t tables) need(dest any, sql string, args ...any) error {
	found, err := t.row(dest, sql, args...)
	if err == nil && !found {
		return fmt.Errorf("%w: a row of a locked group is missing", store.ErrNotFound)
	}
	return err
}

// exec runs statements with the same arguments, one after the other.
func (t tables) exec(sql string, args ...any) error {
	return store.Map(t.db.Exec(sql, args...).Error)
}

// locking is sql with a row lock where there are such. A transaction that writes to SQLite is alone anyway.
func (t tables) locking(sql, lock string) string {
	if t.dialect == store.Postgres {
		return sql + " " + lock
	}
	return sql
}

// tx is one change: a transaction, the events that will be published if it is committed, and who hears less after it.
type tx struct {
	tables
	now      event.Time
	events   []bus.Message
	silenced []int64 // user ids; 0 for everyone
}

// emit adds an event for the clients in key's room. What numbers a change must have been raised before, so that
// the order of events is that of their versions.
func (t *tx) emit(key string, e event.Emit, payload any) error {
	msg, err := event.NewEmit(key, e, payload)
	if err != nil {
		return err
	}
	t.events = append(t.events, msg)
	return nil
}

// silences says that the user, or everyone if 0, may not hear everything any more that it heard before.
func (t *tx) silences(userID int64) { t.silenced = append(t.silenced, userID) }

// read is for reading outside of a transaction.
func (s *Service) read(ctx context.Context) tables {
	return tables{db: s.store.Read(ctx), dialect: s.store.Dialect()}
}

// change runs fn in one transaction with the outbox, and then has its events published. fn may run more than once.
func (s *Service) change(ctx context.Context, fn func(t *tx) error) error {
	var done *tx
	err := s.store.Write(ctx, func(db *gorm.DB) error {
		done = &tx{tables: tables{db: db, dialect: s.store.Dialect()}, now: event.At(time.Now())}
		if err := fn(done); err != nil {
			return err
		}
		if len(done.events) == 0 {
			return nil
		}
		// Last, while every row that orders these events is locked: the outbox is in the order of the versions.
		return store.Append(db, done.events...)
	})
	if err != nil {
		return err
	}
	s.settle(ctx, done)
	return nil
}

// access is what a user is in a group, and the channel asked about, if any.
type access struct {
	Role    Role
	Channel Channel
}

// access answers the one question that everything depends on: may this user read this channel (0: this group), and
// in which role? If not, it is ErrGroupNotFound or ErrChannelNotFound.
func (t tables) access(userID, groupID, channelID int64) (access, error) {
	var found channelRow
	ok, err := t.row(&found, `
		SELECT m.role, c.id, c.group_id, c.name, c.topic, c.private, c.last_seq, c.created_at
		FROM group_members m
		LEFT JOIN channels c ON c.id = ? AND `+readable+`
		WHERE m.group_id = ? AND m.user_id = ?`, channelID, groupID, userID)
	switch {
	case err != nil:
		return access{}, err
	case !ok:
		return access{}, ErrGroupNotFound
	case channelID != 0 && found.ID == 0:
		return access{}, ErrChannelNotFound
	}
	return access{Role: found.Role, Channel: found.channel()}, allow(found.Role, Read)
}

// begin locks the group, so that its changes come one after the other, and then asks whether the actor may do the action in
// it or in its channel (0: none). These are two statements because what PostgreSQL reads in one statement
// besides the row it locks is as old as the beginning of the wait.
func (t *tx) begin(actorID, groupID, channelID int64, action Action) (access, error) {
	if err := t.lock(groupID); err != nil {
		return access{}, err
	}
	may, err := t.access(actorID, groupID, channelID)
	if err != nil {
		return access{}, err
	}
	return may, allow(may.Role, action)
}

// lock has the changes of a group come one after the other.
func (t *tx) lock(groupID int64) error {
	var id int64
	found, err := t.row(&id, t.locking(`SELECT id FROM groups WHERE id = ?`, `FOR NO KEY UPDATE`), groupID)
	if err == nil && !found {
		err = ErrGroupNotFound
	}
	return err
}

// raiseGroup numbers one more change of what the members of a locked group may hear.
func (t *tx) raiseGroup(groupID int64) (version int64, err error) {
	err = t.need(&version, `UPDATE groups SET version = version + 1 WHERE id = ? RETURNING version`, groupID)
	return version, err
}

// raiseUser numbers one more change of what the user may hear. Users are locked after groups, and in the order of their ids.
func (t *tx) raiseUser(userID int64) (version int64, err error) {
	err = t.need(&version, `UPDATE users SET membership_version = membership_version + 1 WHERE id = ? RETURNING membership_version`, userID)
	return version, err
}
