package message

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/problem"
	"parley/app/store"
)

// Forgetter keeps something that belongs to messages.
type Forgetter interface {
	// Forget removes what is kept of a message that is being deleted, in the same transaction.
	Forget(tx *gorm.DB, messageID int64) error
}

// Editor edits and deletes messages.
type Editor struct {
	changes    *Changes
	forgetters []Forgetter
}

// NewEditor returns an Editor. What the forgetters keep of a message is deleted with it.
func NewEditor(c *Changes, forgetters ...Forgetter) *Editor {
	return &Editor{changes: c, forgetters: forgetters}
}

// Edit is what a message said before it was edited.
type Edit struct {
	Content  string     `json:"content"`
	EditorID int64      `json:"editorId"`
	EditedAt event.Time `json:"editedAt"` // when it was replaced
}

// Edit changes what a message says. Only its author may. The same content again changes nothing.
func (e *Editor) Edit(ctx context.Context, actor int64, at event.Place, content string) error {
	return e.changes.Change(ctx, actor, at, func(tx *gorm.DB, t event.Target) ([]bus.Message, error) {
		switch {
		case t.SenderID != actor:
			return nil, problem.Forbidden.WithDetail("A message is edited by its author alone.")
		case t.Content == content:
			return nil, nil
		}
		if err := tx.Exec(`INSERT INTO message_edits (message_id, channel_id, content, editor_id, edited_at) VALUES (?, ?, ?, ?, ?)`,
			t.MessageID, t.ChannelID, t.Content, actor, t.Now.UnixMilli()).Error; err != nil {
			return nil, fmt.Errorf("keep what the message said: %w", err)
		}
		if err := tx.Exec(`UPDATE messages SET content = ?, edited_at = ? WHERE id = ?`, content, t.Now.UnixMilli(), t.MessageID).Error; err != nil {
			return nil, fmt.Errorf("edit the message: %w", err)
		}
		m := t.Message
		m.Content, m.EditedAt = content, &t.Now
		if err := replaceMentions(tx, e.changes.db.Dialect(), t.Content, &m); err != nil {
			return nil, fmt.Errorf("keep whom the message mentions: %w", err)
		}
		return told(at, event.MessageUpdated, m)
	})
}

// Delete takes a message's content away, with its history. Its author may, and the group's owners and admins. Deleting it again
// changes nothing.
func (e *Editor) Delete(ctx context.Context, actor int64, at event.Place) error {
	err := e.changes.Change(ctx, actor, at, func(tx *gorm.DB, t event.Target) ([]bus.Message, error) {
		if t.SenderID != actor && !t.Moderated() {
			return nil, problem.Forbidden.WithDetail("A message is deleted by its author, or by an owner or admin of the group.")
		}
		if err := tx.Exec(`UPDATE messages SET content = '', edited_at = NULL, deleted_at = ? WHERE id = ?`, t.Now.UnixMilli(), t.MessageID).Error; err != nil {
			return nil, fmt.Errorf("delete the message: %w", err)
		}
		if err := tx.Exec(`DELETE FROM message_edits WHERE message_id = ?`, t.MessageID).Error; err != nil {
			return nil, fmt.Errorf("delete the message's history: %w", err)
		}
		for _, f := range e.forgetters {
			if err := f.Forget(tx, t.MessageID); err != nil {
				return nil, fmt.Errorf("delete what belongs to the message: %w", err)
			}
		}
		return told(at, event.MessageDeleted, event.Deleted{
			GroupID: t.GroupID, ChannelID: t.ChannelID, MessageID: t.MessageID, Seq: t.Seq, DeletedBy: actor, DeletedAt: t.Now,
		})
	})
	if errors.Is(err, ErrMessageDeleted) {
		return nil
	}
	return err
}

// Edits lists what a message has said before, the oldest first, for an owner or admin of the group.
func (e *Editor) Edits(ctx context.Context, actor int64, at event.Place) ([]Edit, error) {
	db := e.changes.db.Read(ctx)
	var role string
	found, err := one(db, &role, `
		SELECT g.role FROM messages m
		JOIN channels c ON c.id = m.channel_id
		JOIN group_members g ON g.group_id = c.group_id AND g.user_id = ?
		WHERE m.id = ? AND c.id = ?`, actor, at.MessageID, at.ChannelID)
	switch {
	case err != nil:
		return nil, store.Map(err)
	case !found:
		return nil, ErrMessageNotFound
	case !event.Target{Role: role}.Moderated():
		return nil, problem.Forbidden.WithDetail("The history of a message is for owners and admins of the group.")
	}
	var rows []struct {
		Content            string
		EditorID, EditedAt int64
	}
	if err := db.Raw(`SELECT content, editor_id, edited_at FROM message_edits WHERE message_id = ? ORDER BY id`, at.MessageID).Scan(&rows).Error; err != nil {
		return nil, store.Map(err)
	}
	edits := make([]Edit, 0, len(rows))
	for _, r := range rows {
		edits = append(edits, Edit{r.Content, r.EditorID, event.FromMillis(r.EditedAt)})
	}
	return edits, nil
}

// told is an event for those who may read the channel.
func told(at event.Place, name string, payload any) ([]bus.Message, error) {
	msg, err := event.NewEmit(event.ChannelKey(at.ChannelID), event.Emit{Event: name}, payload)
	if err != nil {
		return nil, err
	}
	return []bus.Message{msg}, nil
}
