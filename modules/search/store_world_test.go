package search

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/store"
	"parley/app/store/storetest"
)

// The people and places of the tests: users 1–3 are in group 1 with the public channel 1 and the private channel 2 of users 1 and 2. User 4 is in
// group 2 with channel 3, and so is user 1. Chat 1 is that of users 1 and 2, chat 2 that of users 2 and 3, chat 3 that of user 1 with oneself.
const fixture = `
	INSERT INTO users (id, username, display_name, password_hash, created_at) VALUES
		(1, 'ann', 'Ann', '', 0), (2, 'ben', 'Ben', '', 0), (3, 'cat', 'Cat', '', 0), (4, 'dan', 'Dan', '', 0);
	INSERT INTO groups (id, name, created_at) VALUES (1, 'one', 0), (2, 'two', 0);
	INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES
		(1, 1, 'owner', 0), (1, 2, 'member', 0), (1, 3, 'member', 0), (2, 4, 'owner', 0), (2, 1, 'member', 0);
	INSERT INTO channels (id, group_id, name, private, created_at) VALUES (1, 1, 'general', false, 0), (2, 1, 'secret', true, 0), (3, 2, 'general', false, 0);
	INSERT INTO channel_members (channel_id, user_id, joined_at) VALUES (2, 1, 0), (2, 2, 0);
	INSERT INTO direct_chats (id, low_id, high_id, created_at) VALUES (1, 1, 2, 0), (2, 2, 3, 0), (3, 1, 1, 0)`

// world is a database with people in it who write, at one moment after the other.
type world struct {
	t     testing.TB
	db    *store.Store
	index *Store
	now   int64 // milliseconds
}

func newWorld(t testing.TB, db *store.Store) *world {
	t.Helper()
	w := &world{t: t, db: db, index: NewStore(db), now: 1_760_000_000_000}
	w.index.budget, w.index.slowest = time.Minute, time.Minute
	w.exec(fixture)
	return w
}

// inEachWorld runs a test on both dialects.
func inEachWorld(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Run(t, func(t *testing.T, db *store.Store) { fn(t, newWorld(t, db)) })
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	require.NoError(w.t, w.db.Write(w.t.Context(), func(tx *gorm.DB) error { return tx.Exec(sql, args...).Error }))
}

func (w *world) number(sql string, args ...any) (n int64) {
	w.t.Helper()
	require.NoError(w.t, w.db.Read(w.t.Context()).Raw(sql, args...).Scan(&n).Error)
	return n
}

// say keeps a message as a worker does.
func (w *world) say(sender, channel int64, content string) (id int64) {
	w.t.Helper()
	w.now += 1000
	require.NoError(w.t, w.db.Write(w.t.Context(), func(tx *gorm.DB) error {
		var seq int64
		if err := tx.Raw(`UPDATE channels SET last_seq = last_seq + 1 WHERE id = ? RETURNING last_seq`, channel).Scan(&seq).Error; err != nil {
			return err
		}
		return tx.Raw(`INSERT INTO messages (channel_id, seq, sender_id, hash, content, created_at) VALUES (?, ?, ?, ?, ?, ?) RETURNING id`,
			channel, seq, sender, fmt.Sprint(channel, "-", seq), content, w.now).Scan(&id).Error
	}))
	return id
}

// whisper keeps a personal message.
func (w *world) whisper(sender, chat int64, content string) (id int64) {
	w.t.Helper()
	w.now += 1000
	require.NoError(w.t, w.db.Write(w.t.Context(), func(tx *gorm.DB) error {
		var seq int64
		if err := tx.Raw(`UPDATE direct_chats SET last_seq = last_seq + 1 WHERE id = ? RETURNING last_seq`, chat).Scan(&seq).Error; err != nil {
			return err
		}
		return tx.Raw(`INSERT INTO direct_messages (chat_id, seq, sender_id, hash, content, created_at) VALUES (?, ?, ?, ?, ?, ?) RETURNING id`,
			chat, seq, sender, fmt.Sprint(chat, "-", seq), content, w.now).Scan(&id).Error
	}))
	return id
}

// settle indexes until nothing is left, and returns how many messages that were.
func (w *world) settle() (n int) {
	w.t.Helper()
	for {
		p, err := w.index.Step(w.t.Context())
		require.NoError(w.t, err)
		if p.Indexed == 0 {
			p.Busy = 0
			require.Equal(w.t, Progress{}, p)
			return n
		}
		n += p.Indexed
	}
}

// found are the ids of what a search finds, on all pages; personal ones are negative.
func (w *world) found(r Request) []int64 {
	w.t.Helper()
	ids := []int64{}
	if r.Limit == 0 {
		r.Limit = 3
	}
	for {
		page, err := w.index.Search(context.Background(), r)
		require.NoError(w.t, err)
		require.LessOrEqual(w.t, len(page.Hits), r.Limit)
		for _, h := range page.Hits {
			if h.Direct {
				ids = append(ids, -h.MessageID)
			} else {
				ids = append(ids, h.MessageID)
			}
		}
		if page.Next == 0 {
			return ids
		}
		r.Cursor = page.Next
	}
}

// finds is what a user finds who types this.
func (w *world) finds(viewer int64, typed string) []int64 {
	w.t.Helper()
	return w.found(Request{Query: Parse(typed), Viewer: viewer})
}
