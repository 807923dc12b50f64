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
// tells whose it was, where messages or personal chats refer to it.
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
		if err := t.forgetPersonal(tx, r.ID); err != nil {
			return err
		}
		// The other one keeps a personal chat, with whomever it was.
		kept, err := exists(tx, `messages WHERE sender_id = ? UNION ALL SELECT 1 FROM direct_chats WHERE low_id = ?
			UNION ALL SELECT 1 FROM direct_chats WHERE high_id = ?`, r.ID, r.ID, r.ID)
		if err != nil {
			return err
		}
		if kept {
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

// forgetPersonal deletes what is of no use to anybody else: notes to oneself, and whom one has blocked or was blocked by.
func (t tables) forgetPersonal(tx *gorm.DB, id int64) error {
	// A worker that is adding a note holds that lock, too.
	var notes []int64
	if err := tx.Table("direct_chats").Clauses(clause.Locking{Strength: "UPDATE"}).
		Where("low_id = ? AND high_id = ?", id, id).Pluck("id", &notes).Error; err != nil {
		return err
	}
	for _, chat := range notes {
		if err := t.deleteChat(tx, chat); err != nil {
			return err
		}
	}
	return tx.Exec("DELETE FROM user_blocks WHERE user_id = ? OR blocked_id = ?", id, id).Error
}

// deleteChat removes a personal chat that is locked, with its messages.
func (t tables) deleteChat(tx *gorm.DB, id int64) error {
	const documents = "SELECT d.id FROM direct_messages m JOIN search_documents d ON d.message_id = m.id AND d.direct = true WHERE m.chat_id = ?"
	statements := []string{
		"DELETE FROM search_documents WHERE id IN (" + documents + ")",
		"DELETE FROM search_positions WHERE direct = true AND place_id = ?",
		"DELETE FROM direct_messages WHERE chat_id = ?",
		"DELETE FROM direct_chats WHERE id = ?",
	}
	if t.db.Dialect() == store.SQLite { // elsewhere the words are a column of search_documents
		statements = append([]string{"DELETE FROM search_words WHERE rowid IN (" + documents + ")"}, statements...)
	}
	for _, statement := range statements {
		if err := tx.Exec(statement, id).Error; err != nil {
			return err
		}
	}
	return nil
}

// anonymise leaves of a user what messages and personal chats refer to.
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
