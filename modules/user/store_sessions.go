package user

import (
	"cmp"
	"context"
	"errors"

	"gorm.io/gorm"

	"parley/app/auth"
	"parley/app/event"
	"parley/app/store"
)

// refreshToken is a row of refresh_tokens.
type refreshToken struct {
	TokenHash string `gorm:"primaryKey"`
	Family    string
	UserID    int64
	ExpiresAt int64
	UsedAt    *int64
	RevokedAt *int64
	CreatedAt int64 `gorm:"autoCreateTime:false"`
	// SignedInAt is when the first token of the family was made. Versions before the one that made it a column leave it out.
	SignedInAt *int64
	UserAgent  string
}

// TableName implements gorm's Tabler.
func (refreshToken) TableName() string { return "refresh_tokens" }

// live is the condition of the tokens that can be used: the latest one of each sign-in. It takes the time.
const live = "used_at IS NULL AND revoked_at IS NULL AND expires_at > ?"

// since is when the sign-in was made, as far as it is known.
func (t refreshToken) since() int64 {
	if t.SignedInAt != nil {
		return *t.SignedInAt
	}
	return t.CreatedAt
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
			Where("token_hash = ?", hash).Where(live, now).
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
		token = next.after(token)
		return tx.Create(&token).Error
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		err = ErrRefreshInvalid
	case err == nil:
		err = refused
	}
	return owner, token, err
}

// after makes it the token that follows another one of the same sign-in.
func (t refreshToken) after(former refreshToken) refreshToken {
	since := former.since()
	t.Family, t.UserID, t.SignedInAt = former.Family, former.UserID, &since
	t.UserAgent = cmp.Or(t.UserAgent, former.UserAgent)
	return t
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
		_, err := endSessions(tx, owner.ID, now, "family = ?", token.Family)
		return ErrTokenReused, err
	case owner.disabled():
		return auth.ErrUserDisabled, nil
	}
	return ErrRefreshInvalid, nil
}

// revoke ends the tokens of a condition.
func revoke(tx *gorm.DB, now int64, where string, args ...any) error {
	return tx.Model(&refreshToken{}).Where("revoked_at IS NULL").Where(where, args...).Update("revoked_at", now).Error
}

// endSessions ends those sign-ins of a locked user whose family meets a condition, and has their connections closed.
func endSessions(tx *gorm.DB, userID, now int64, where, family string) (ended []string, err error) {
	where, args := "user_id = ? AND "+where, []any{userID, family}
	err = tx.Model(&refreshToken{}).Where(where, args...).Where(live, now).Pluck("family", &ended).Error
	if err != nil || len(ended) == 0 {
		return nil, err
	}
	if err := revoke(tx, now, where, args...); err != nil {
		return nil, err
	}
	change := event.Change{Kind: event.SessionsEnded, UserID: userID, Families: ended}
	told, err := event.NewEmit(event.UserKey(userID), event.Emit{Change: &change}, nil)
	if err != nil {
		return nil, err
	}
	return ended, store.Append(tx, told)
}

// sessions lists the latest of a user's sign-ins, the one used last first.
func (t tables) sessions(ctx context.Context, userID, now int64, limit int) ([]refreshToken, error) {
	var tokens []refreshToken
	err := t.db.Read(ctx).Where("user_id = ?", userID).Where(live, now).
		Order("created_at DESC, family").Limit(limit).Find(&tokens).Error
	return tokens, store.Map(err)
}

// endSession ends one sign-in of a user, and says whether it was there.
func (t tables) endSession(ctx context.Context, userID int64, family string, now int64) (there bool, err error) {
	ended, err := t.end(ctx, userID, now, "family = ?", family)
	return len(ended) > 0, err
}

// endOtherSessions ends all sign-ins of a user but one.
func (t tables) endOtherSessions(ctx context.Context, userID int64, family string, now int64) error {
	_, err := t.end(ctx, userID, now, "family <> ?", family)
	return err
}

func (t tables) end(ctx context.Context, userID, now int64, where, family string) (ended []string, err error) {
	err = t.db.Write(ctx, func(tx *gorm.DB) (err error) {
		if _, err = lock(tx, userID); err == nil {
			ended, err = endSessions(tx, userID, now, where, family)
		}
		return err
	})
	return ended, err
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
