package message

import (
	"context"

	"parley/app/event"
	"parley/app/store"
)

// Threads knows which messages answer which. It is an Annotator: it counts the replies in the threads that messages begin.
type Threads struct {
	db      *store.Store
	targets *store.Loader[answer, target]
}

// NewThreads returns Threads on db.
func NewThreads(db *store.Store) *Threads {
	t := &Threads{db: db}
	t.targets = store.NewLoader(t.find)
	return t
}

// answer is a message of a channel that another one is to answer.
type answer struct{ channel, message int64 }

// target is what is to be known of a message before it is answered; the zero value is one that is not there.
type target struct {
	thread  int64 // the first message of its thread, maybe itself
	deleted bool
}

// find looks at many messages with one statement.
func (t *Threads) find(ctx context.Context, answers []answer) (map[answer]target, error) {
	ids := make([]int64, 0, len(answers))
	for _, a := range answers {
		ids = append(ids, a.message)
	}
	sql := `SELECT m.id, m.channel_id, COALESCE(m.thread_id, m.id) AS thread, m.deleted_at IS NOT NULL AS deleted FROM messages m WHERE m.id `
	var rows []struct {
		ID, ChannelID, Thread int64
		Deleted               bool
	}
	if err := t.db.Read(ctx).Raw(sql+t.among(), t.db.Dialect().List(ids)).Scan(&rows).Error; err != nil {
		return nil, store.Map(err)
	}
	found := make(map[answer]target, len(rows))
	for _, r := range rows {
		found[answer{r.ChannelID, r.ID}] = target{r.Thread, r.Deleted}
	}
	return found, nil
}

// among completes a condition for one of a list of ids.
func (t *Threads) among() string {
	if t.db.Dialect() == store.Postgres {
		return `= ANY (?::bigint[])`
	}
	return `IN (SELECT value FROM json_each(?))`
}

// Reply returns the thread that s, which answers another message, belongs to. Fails with ErrMessageNotFound if that one is not in the
// channel, and with ErrMessageDeleted if it was deleted before s was kept.
func (t *Threads) Reply(ctx context.Context, s event.Send) (threadID int64, err error) {
	to, err := t.targets.Load(ctx, answer{s.ChannelID, s.ReplyTo})
	switch {
	case err != nil:
		return 0, err
	case to.thread == 0:
		return 0, ErrMessageNotFound
	case !to.deleted:
		return to.thread, nil
	}
	var kept bool
	if _, err := one(t.db.Read(ctx), &kept, `SELECT true FROM messages WHERE sender_id = ? AND channel_id = ? AND hash = ?`,
		s.SenderID, s.ChannelID, s.Hash); err != nil {
		return 0, store.Map(err)
	}
	if !kept {
		return 0, ErrMessageDeleted
	}
	return to.thread, nil
}

// Annotate implements Annotator. Replies that were deleted do not count.
func (t *Threads) Annotate(ctx context.Context, _ int64, messages []event.Message) error {
	ids := make([]int64, 0, len(messages))
	for _, m := range messages {
		if m.ThreadID == 0 {
			ids = append(ids, m.MessageID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var rows []struct{ ThreadID, Replies int64 }
	if err := t.db.Read(ctx).Raw(`
		SELECT thread_id, count(*) AS replies FROM messages WHERE thread_id `+t.among()+` AND deleted_at IS NULL GROUP BY thread_id`,
		t.db.Dialect().List(ids)).Scan(&rows).Error; err != nil {
		return store.Map(err)
	}
	if len(rows) == 0 {
		return nil
	}
	replies := make(map[int64]int64, len(rows))
	for _, r := range rows {
		replies[r.ThreadID] = r.Replies
	}
	for i := range messages {
		messages[i].Replies = replies[messages[i].MessageID]
	}
	return nil
}

// Thread is a message with the replies to it, and to these.
type Thread struct {
	Root     event.Message   `json:"root"`
	Messages []event.Message `json:"messages"` // a page, in ascending order
	HasMore  bool            `json:"hasMore"`
}

// Thread reads a page of the thread that a message of the channel begins or is a reply in: the earliest replies after a seq.
func (r *Reader) Thread(ctx context.Context, viewer int64, at event.Place, after int64, limit int) (Thread, error) {
	var rows []row
	db := r.db.Read(ctx)
	if err := db.Raw(selectMessages+`
		WHERE m.id = (SELECT COALESCE(t.thread_id, t.id) FROM messages t WHERE t.id = ? AND t.channel_id = ?)`,
		at.MessageID, at.ChannelID).Scan(&rows).Error; err != nil {
		return Thread{}, store.Map(err)
	}
	if len(rows) == 0 {
		return Thread{}, ErrMessageNotFound
	}
	var replies []row
	if err := db.Raw(selectMessages+`WHERE m.thread_id = ? AND m.seq > ? ORDER BY m.seq LIMIT ?`,
		rows[0].ID, after, limit+1).Scan(&replies).Error; err != nil {
		return Thread{}, store.Map(err)
	}
	more := len(replies) > limit
	messages, err := r.complete(ctx, viewer, append(rows, replies[:min(len(replies), limit)]...))
	if err != nil {
		return Thread{}, err
	}
	return Thread{Root: messages[0], Messages: messages[1:], HasMore: more}, nil
}
