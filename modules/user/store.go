package user

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"parley/app/auth"
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

// refreshToken is a row of refresh_tokens.
type refreshToken struct {
	TokenHash string `gorm:"primaryKey"`
	Family    string
	UserID    int64
	ExpiresAt int64
	UsedAt    *int64
	RevokedAt *int64
	CreatedAt int64 `gorm:"autoCreateTime:false"`
}

// TableName implements gorm's Tabler.
func (refreshToken) TableName() string { return "refresh_tokens" }

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

// signIn adds the first token of a family, unless the account was disabled or got another password since it was read.
func (t tables) signIn(ctx context.Context, verified row, token refreshToken) error {
	err := t.db.Write(ctx, func(tx *gorm.DB) error {
		now, err := lock(tx, verified.ID)
		switch {
		case err != nil:
			return err
		case now.PasswordHash != verified.PasswordHash:
			return ErrInvalidCredentials
		case now.disabled():
			return ErrDisabled
		}
		return tx.Create(&token).Error
	})
	if errors.Is(err, store.ErrNotFound) { // the account was deleted
		return ErrInvalidCredentials
	}
	return err
}

// rotate puts next, whose family and user are not set yet, in the place of the token with the given hash. Of two that try it at the same time, one
// succeeds; the other one finds the token used, which ends the family.
func (t tables) rotate(ctx context.Context, hash string, next refreshToken, now int64) (owner row, token refreshToken, err error) {
	var refused error // the transaction is committed all the same
	err = t.db.Write(ctx, func(tx *gorm.DB) error {
		refused, token = nil, refreshToken{} // gorm would search by what a former run has left in it
		if err := tx.Where("token_hash = ?", hash).Take(&token).Error; err != nil {
			return err
		}
		var err error
		if owner, err = lock(tx, token.UserID); err != nil {
			return err
		}
		used := tx.Model(&refreshToken{}).
			Where("token_hash = ? AND used_at IS NULL AND revoked_at IS NULL AND expires_at > ?", hash, now).
			Update("used_at", now)
		if used.Error != nil {
			return used.Error
		}
		switch {
		case used.RowsAffected == 0:
			refused, err = refuse(tx, hash, owner, now)
			return err
		case owner.disabled():
			return auth.ErrUserDisabled
		}
		next.Family, next.UserID = token.Family, token.UserID
		token = next
		return tx.Create(&next).Error
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		err = ErrRefreshInvalid
	case err == nil:
		err = refused
	}
	return owner, token, err
}

// refuse finds out why a token cannot be used. One that was used before ends its family.
func refuse(tx *gorm.DB, hash string, owner row, now int64) (why, err error) {
	var token refreshToken // as it is now, under the lock
	if err := tx.Where("token_hash = ?", hash).Take(&token).Error; err != nil {
		return nil, err
	}
	switch {
	case token.ExpiresAt <= now:
		return ErrRefreshInvalid, nil
	case token.UsedAt != nil:
		return ErrTokenReused, revoke(tx, now, "family = ?", token.Family)
	case owner.disabled():
		return auth.ErrUserDisabled, nil
	}
	return ErrRefreshInvalid, nil
}

// revoke ends the tokens of a condition.
func revoke(tx *gorm.DB, now int64, where string, args ...any) error {
	return tx.Model(&refreshToken{}).Where("revoked_at IS NULL").Where(where, args...).Update("revoked_at", now).Error
}

// endFamily ends one sign-in of a user.
func (t tables) endFamily(ctx context.Context, userID int64, family string, now int64) error {
	return t.db.Write(ctx, func(tx *gorm.DB) error {
		if _, err := lock(tx, userID); err != nil {
			return err
		}
		return revoke(tx, now, "user_id = ? AND family = ?", userID, family)
	})
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
		r.PasswordHash = hash
		return errors.Join(tx.Model(r).Update("password_hash", hash).Error, revoke(tx, now, "user_id = ?", id))
	})
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

// forgetExpired deletes tokens that nobody can use, nor reuse, any more.
func (t tables) forgetExpired(ctx context.Context, now int64) (n int64, err error) {
	err = t.db.Write(ctx, func(tx *gorm.DB) error {
		gone := tx.Where("expires_at <= ?", now).Delete(&refreshToken{})
		n = gone.RowsAffected
		return gone.Error
	})
	return n, err
}
