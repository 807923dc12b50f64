package message

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
)

// Annotator knows of messages what is kept apart from them.
type Annotator interface {
	// Annotate fills in fields of the messages, as viewer sees them.
	Annotate(ctx context.Context, viewer int64, messages []event.Message) error
}

// Reader reads kept messages, complete, as one user sees them. Whether that user may is the caller's concern.
type Reader struct {
	db         *store.Store
	annotators []Annotator
}

// NewReader returns a Reader on db. What each annotator knows is added.
func NewReader(db *store.Store, annotators ...Annotator) *Reader {
	return &Reader{db: db, annotators: annotators}
}

// row is a row of messages, with the group of its channel.
type row struct {
	ID        int64
	GroupID   int64
	ChannelID int64
	Seq       int64
	SenderID  int64
	Hash      string
	Content   string
	CreatedAt int64
	ReplyTo   int64
	ThreadID  int64
	EditedAt  *int64
	DeletedAt *int64
	Role      string // in the group, of the one who asks; read only where it matters
}

const (
	messageColumns = `m.id, m.channel_id, m.seq, m.sender_id, m.hash, m.content, m.created_at,
		COALESCE(m.reply_to, 0) AS reply_to, COALESCE(m.thread_id, 0) AS thread_id, m.edited_at, m.deleted_at`
	selectMessages = `SELECT c.group_id, ` + messageColumns + ` FROM messages m JOIN channels c ON c.id = m.channel_id `
)

func (r row) message() event.Message {
	return event.Message{
		MessageID: r.ID, GroupID: r.GroupID, ChannelID: r.ChannelID, Seq: r.Seq, SenderID: r.SenderID,
		Content: r.Content, Hash: r.Hash, CreatedAt: event.FromMillis(r.CreatedAt),
		ReplyTo: r.ReplyTo, ThreadID: r.ThreadID, EditedAt: moment(r.EditedAt), DeletedAt: moment(r.DeletedAt),
	}
}

func moment(ms *int64) *event.Time {
	if ms == nil {
		return nil
	}
	at := event.FromMillis(*ms)
	return &at
}

// Page reads a part of a channel's history, ascending, and whether there is more of it beyond the page.
func (r *Reader) Page(ctx context.Context, viewer, channelID int64, part Range) ([]event.Message, bool, error) {
	where, args := `m.channel_id = ?`, []any{channelID}
	if part.Before > 0 {
		where, args = where+` AND m.seq < ?`, append(args, part.Before)
	}
	order := `m.seq DESC`
	if part.After != fromEnd {
		where, args, order = where+` AND m.seq > ?`, append(args, part.After), `m.seq`
	}
	var rows []row
	sql := selectMessages + `WHERE ` + where + ` ORDER BY ` + order + ` LIMIT ?`
	if err := r.db.Read(ctx).Raw(sql, append(args, part.Limit+1)...).Scan(&rows).Error; err != nil {
		return nil, false, store.Map(err)
	}
	more := len(rows) > part.Limit
	rows = rows[:min(len(rows), part.Limit)]
	if part.After == fromEnd {
		slices.Reverse(rows)
	}
	messages, err := r.complete(ctx, viewer, rows)
	return messages, more, err
}

// ByIDs reads messages of any channels, in the order of ids; those that do not exist are left out.
func (r *Reader) ByIDs(ctx context.Context, viewer int64, ids []int64) ([]event.Message, error) {
	if len(ids) == 0 {
		return []event.Message{}, nil
	}
	var rows []row
	among := `WHERE m.id IN (SELECT value FROM json_each(?))`
	if r.db.Dialect() == store.Postgres {
		among = `WHERE m.id = ANY (?::bigint[])`
	}
	if err := r.db.Read(ctx).Raw(selectMessages+among, r.db.Dialect().List(ids)).Scan(&rows).Error; err != nil {
		return nil, store.Map(err)
	}
	places := make(map[int64]int, len(ids))
	for i, id := range ids {
		places[id] = i
	}
	slices.SortFunc(rows, func(a, b row) int { return places[a.ID] - places[b.ID] })
	return r.complete(ctx, viewer, rows)
}

// complete adds what the annotators know.
func (r *Reader) complete(ctx context.Context, viewer int64, rows []row) ([]event.Message, error) {
	messages := make([]event.Message, 0, len(rows))
	for _, m := range rows {
		messages = append(messages, m.message())
	}
	if len(messages) == 0 {
		return messages, nil
	}
	for _, a := range r.annotators {
		if err := a.Annotate(ctx, viewer, messages); err != nil {
			return nil, fmt.Errorf("annotate messages: %w", err)
		}
	}
	return messages, nil
}

// one reads the first row of a query within a transaction, and whether there is one.
func one(tx *gorm.DB, dest any, sql string, args ...any) (bool, error) {
	done := tx.Raw(sql, args...).Scan(dest)
	return done.RowsAffected > 0, done.Error
}
