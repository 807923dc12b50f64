package user

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"parley/app/bus"
	"parley/app/store"
)

// delete ends the account of a user whose password was verified; told is published with it. The row stays, without anything that
// tells whose it was, where messages refer to it.
func (t tables) delete(ctx context.Context, verified row, now int64, told bus.Message) error {
	return t.db.Write(ctx, func(tx *gorm.DB) error {
		var r row
		// FOR UPDATE, unlike in lock: whoever makes the user a member of something holds the row FOR KEY SHARE meanwhile.
		if err := tx.Clauses(clause.Locking{Strength: "UPDATE"}).Where("id = ?", verified.ID).Take(&r).Error; err != nil {
			return err
		}
		if r.PasswordHash != verified.PasswordHash {
			return ErrInvalidCredentials
		}
		if member, err := exists(tx, "group_members WHERE user_id = ?", r.ID); err != nil {
			return err
		} else if member {
			return ErrStillMember
		}
		wrote, err := exists(tx, "messages WHERE sender_id = ?", r.ID)
		if err != nil {
			return err
		}
		if wrote {
			err = r.anonymise(tx, now)
		} else {
			err = tx.Delete(&r).Error // and its refresh tokens
		}
		if err != nil {
			return err
		}
		return store.Append(tx, told)
	})
}

// anonymise leaves of a user what messages refer to.
func (r row) anonymise(tx *gorm.DB, now int64) error {
	if err := tx.Where("user_id = ?", r.ID).Delete(&refreshToken{}).Error; err != nil {
		return err
	}
	return tx.Model(&r).Updates(map[string]any{
		"username":      fmt.Sprintf("~deleted-%d", r.ID), // which nobody can register
		"display_name":  deletedName,
		"password_hash": "",
		"disabled_at":   now,
	}).Error
}

// deleted says that only messages keep the row.
func (r row) deleted() bool { return r.PasswordHash == "" }

// exists looks for a row.
func exists(tx *gorm.DB, rows string, args ...any) (found bool, err error) {
	err = tx.Raw("SELECT EXISTS (SELECT 1 FROM "+rows+")", args...).Scan(&found).Error
	return found, err
}
