package user

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/store"
)

// row is a row of users.
type row struct {
	ID           int64
	Username     string
	DisplayName  string
	PasswordHash string
	DisabledAt   *int64
	CreatedAt    int64 `gorm:"autoCreateTime:false"`
}

// TableName implements gorm's Tabler.
func (row) TableName() string { return "users" }

func (r row) user() User {
	return User{ID: r.ID, Username: r.Username, DisplayName: r.DisplayName, CreatedAt: event.FromMillis(r.CreatedAt)}
}

func (r row) account() Account { return Account{User: r.user(), Disabled: r.disabled()} }

func (r row) disabled() bool { return r.DisabledAt != nil }

// tables is the module's part of the database. Whatever changes a user's tokens holds the lock on the user's
// row, so that no token slips in while others are revoked.
type tables struct{ db *store.Store }

// create adds a user with its first token, if there is one.
func (t tables) create(ctx context.Context, r row, token *refreshToken) (row, error) {
	var made row
	err := t.db.Write(ctx, func(tx *gorm.DB) error {
		made = r // anew in each run
		if err := tx.Create(&made).Error; err != nil {
			return err
		}
		if token == nil {
			return nil
		}
		first := *token
		first.UserID = made.ID
		return tx.Create(&first).Error
	})
	var conflict *store.ConflictError
	if errors.As(err, &conflict) && conflict.On("users", "username") {
		return row{}, ErrUsernameTaken.WithCause(err)
	}
	return made, err
}

// byID and byName fail with store.ErrNotFound.
func (t tables) byID(ctx context.Context, id int64) (row, error) {
	var r row
	err := t.db.Read(ctx).Where("id = ?", id).Take(&r).Error
	return r, store.Map(err)
}

func (t tables) byName(ctx context.Context, username string) (row, error) {
	var r row
	err := t.db.Read(ctx).Where("username = ?", username).Take(&r).Error
	return r, store.Map(err)
}

// standing is whether somebody may use the server.
type standing int

const (
	unknown standing = iota // there is no such user
	disabled
	enabled
)

// standings asks once for all of the users; the answer to every request depends on it.
func (t tables) standings(ctx context.Context, ids []int64) (map[int64]standing, error) {
	sql := "SELECT id, disabled_at IS NULL AS enabled FROM users WHERE id IN (SELECT value FROM json_each(?))"
	if t.db.Dialect() == store.Postgres {
		sql = "SELECT id, disabled_at IS NULL AS enabled FROM users WHERE id = ANY (?::bigint[])"
	}
	var rows []struct {
		ID      int64
		Enabled bool
	}
	if err := t.db.Read(ctx).Raw(sql, t.db.Dialect().List(ids)).Scan(&rows).Error; err != nil {
		return nil, store.Map(err)
	}
	found := make(map[int64]standing, len(rows))
	for _, r := range rows {
		found[r.ID] = disabled
		if r.Enabled {
			found[r.ID] = enabled
		}
	}
	return found, nil
}

// lock reads a user and keeps others from changing it or its tokens until the transaction ends.
func lock(tx *gorm.DB, id int64) (row, error) {
	var r row
	// Not FOR UPDATE: rows that refer to the user may still be added meanwhile.
	err := tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("id = ?", id).Take(&r).Error
	return r, err
}

// setDisplayName fails with store.ErrNotFound.
func (t tables) setDisplayName(ctx context.Context, id int64, name string) (row, error) {
	return t.update(ctx, id, func(tx *gorm.DB, r *row) error {
		r.DisplayName = name
		return tx.Model(r).Update("display_name", name).Error
	})
}

// setPassword also signs the user out everywhere.
func (t tables) setPassword(ctx context.Context, id int64, hash string, now int64) (row, error) {
	return t.update(ctx, id, func(tx *gorm.DB, r *row) error {
		if r.deleted() {
			return ErrUserNotFound
		}
		return r.setPassword(tx, hash, "", now)
	})
}

// changePassword also signs the user out everywhere else, unless the account got another password since it was verified.
func (t tables) changePassword(ctx context.Context, verified row, hash, family string, now int64) error {
	_, err := t.update(ctx, verified.ID, func(tx *gorm.DB, r *row) error {
		if r.PasswordHash != verified.PasswordHash {
			return ErrInvalidCredentials
		}
		return r.setPassword(tx, hash, family, now)
	})
	return err
}

// setPassword changes a locked row, and ends all sign-ins but one.
func (r *row) setPassword(tx *gorm.DB, hash, family string, now int64) error {
	r.PasswordHash = hash
	if err := tx.Model(r).Update("password_hash", hash).Error; err != nil {
		return err
	}
	_, err := endSessions(tx, r.ID, now, "family <> ?", family)
	return err
}

// disable also signs the user out everywhere; told is published with it. It changes nothing about a user who is disabled already.
func (t tables) disable(ctx context.Context, id, now int64, told bus.Message) (row, error) {
	return t.update(ctx, id, func(tx *gorm.DB, r *row) error {
		if r.disabled() {
			return nil
		}
		r.DisabledAt = &now
		if err := tx.Model(r).Update("disabled_at", now).Error; err != nil {
			return err
		}
		if err := revoke(tx, now, "user_id = ?", id); err != nil {
			return err
		}
		return store.Append(tx, told)
	})
}

func (t tables) enable(ctx context.Context, id int64) (row, error) {
	return t.update(ctx, id, func(tx *gorm.DB, r *row) error {
		if r.deleted() {
			return ErrUserNotFound
		}
		r.DisabledAt = nil
		return tx.Model(r).Update("disabled_at", nil).Error
	})
}

// update changes a user under its lock.
func (t tables) update(ctx context.Context, id int64, change func(tx *gorm.DB, r *row) error) (row, error) {
	var r row
	err := t.db.Write(ctx, func(tx *gorm.DB) (err error) {
		if r, err = lock(tx, id); err != nil {
			return err
		}
		return change(tx, &r)
	})
	return r, err
}

// search finds enabled users whose username or display name begins with prefix, in whatever case; an exact username comes first.
// SQLite ignores the case of ASCII letters only.
func (t tables) search(ctx context.Context, prefix string, limit int) ([]User, error) {
	lower := strings.ToLower(prefix)
	const matches = `username LIKE ? ESCAPE '\' OR lower(display_name) LIKE ? ESCAPE '\' OR display_name LIKE ? ESCAPE '\'`
	var rows []row
	err := t.db.Read(ctx).
		Where("disabled_at IS NULL").
		Where("("+matches+")", beginsWith(lower), beginsWith(lower), beginsWith(prefix)).
		Order(clause.OrderBy{Expression: clause.Expr{SQL: "CASE WHEN username = ? THEN 0 ELSE 1 END, username", Vars: []any{lower}}}).
		Limit(limit).Find(&rows).Error
	users := make([]User, 0, len(rows))
	for _, r := range rows {
		users = append(users, r.user())
	}
	return users, store.Map(err)
}

// byIDs finds users, in the order of the ids; those that do not exist are left out.
func (t tables) byIDs(ctx context.Context, ids []int64) ([]User, error) {
	var rows []row
	if err := t.db.Read(ctx).Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, store.Map(err)
	}
	found := make(map[int64]row, len(rows))
	for _, r := range rows {
		found[r.ID] = r
	}
	users := make([]User, 0, len(rows))
	for _, id := range ids {
		if r, ok := found[id]; ok {
			users = append(users, r.user())
			delete(found, id) // an id that comes twice is answered once
		}
	}
	return users, nil
}

// beginsWith is the LIKE pattern of a prefix that is meant literally.
func beginsWith(prefix string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(prefix) + "%"
}

func (t tables) all(ctx context.Context) ([]Account, error) {
	var rows []row
	if err := t.db.Read(ctx).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list users: %w", store.Map(err))
	}
	accounts := make([]Account, 0, len(rows))
	for _, r := range rows {
		accounts = append(accounts, r.account())
	}
	return accounts, nil
}
