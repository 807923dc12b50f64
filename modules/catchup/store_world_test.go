package catchup

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// world is a database with channels whose reader is user 1, and what other modules know, made up.
type world struct {
	*Service
	t     testing.TB
	db    *store.Store
	chats fakeDirect
}

const reader int64 = 1

func newWorld(t testing.TB, db *store.Store) *world {
	t.Helper()
	w := &world{t: t, db: db, chats: fakeDirect{}}
	w.Service = New(NewStore(db), fakeGroups{db}, w.chats, fakeMessages{db})
	w.exec(`INSERT INTO users (id, username, display_name, password_hash, created_at) VALUES (?, 'ann', 'Ann', '', 0)`, reader)
	w.exec(`INSERT INTO groups (id, name, created_at) VALUES (1, 'Ops', 0)`)
	return w
}

func onBoth(t *testing.T, run func(w *world)) {
	t.Helper()
	storetest.Run(t, func(t *testing.T, db *store.Store) { run(newWorld(t, db)) })
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	require.NoError(w.t, w.db.Write(w.t.Context(), func(tx *gorm.DB) error { return tx.Exec(sql, args...).Error }))
}

// channel makes a channel with n messages; every fifth is a reply to the first one.
func (w *world) channel(id int64, n int) {
	w.t.Helper()
	w.exec(`INSERT INTO channels (id, group_id, name, created_at) VALUES (?, 1, ?, 0)`, id, fmt.Sprint(id))
	w.say(id, n)
}

// say adds n messages to a channel. The id of the message seq of channel c is c·10⁶+seq.
func (w *world) say(id int64, n int) {
	w.t.Helper()
	require.NoError(w.t, w.db.Write(w.t.Context(), func(tx *gorm.DB) error {
		var last int64
		if err := tx.Raw(`SELECT last_seq FROM channels WHERE id = ?`, id).Scan(&last).Error; err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		if err := tx.Exec(`
			WITH RECURSIVE numbers (seq) AS (SELECT CAST(? AS bigint) UNION ALL SELECT seq + 1 FROM numbers WHERE seq < ?)
			INSERT INTO messages (id, channel_id, seq, sender_id, hash, content, created_at, thread_id)
			SELECT ? + seq, ?, seq, 2, CAST(seq AS text), '', 0, CASE WHEN seq % 5 = 0 THEN CAST(? AS bigint) END FROM numbers`,
			last+1, last+int64(n), id*1_000_000, id, id*1_000_000+1).Error; err != nil {
			return err
		}
		return tx.Exec(`UPDATE channels SET last_seq = ? WHERE id = ?`, last+int64(n), id).Error
	}))
}

// change edits a message, as those who change messages do.
func (w *world) change(id, seq int64, content string) {
	w.t.Helper()
	w.exec(`UPDATE messages SET content = ?, changed_seq = (SELECT last_seq FROM channels WHERE id = ?) WHERE channel_id = ? AND seq = ?`, content, id, id, seq)
}

// sync sends a request that must be answered.
func (w *world) sync(r Request) Answer {
	w.t.Helper()
	a, err := w.Sync(w.t.Context(), reader, r)
	require.NoError(w.t, err)
	return a
}

// fakeGroups lets the reader read every channel.
type fakeGroups struct{ db *store.Store }

func (g fakeGroups) Groups(ctx context.Context, _ int64) (any, []Place, error) {
	var places []Place
	err := g.db.Read(ctx).Raw(`SELECT id, last_seq, 3 AS read_seq, 4 AS unread, 5 AS mentions FROM channels ORDER BY id`).Scan(&places).Error
	return len(places), places, err
}

func (g fakeGroups) Members(_ context.Context, _ int64, known map[int64]int64, most int64) ([]Member, map[int64]int64, []int64, error) {
	if known[1] == 7 {
		return []Member{{GroupID: 1, UserID: 2, Member: most}}, map[int64]int64{1: 8}, nil, nil
	}
	return nil, map[int64]int64{1: 7}, []int64{1}, nil
}

// fakeDirect are how many messages there are in each chat.
type fakeDirect map[int64]int64

func (d fakeDirect) Recent(context.Context, int64, int) (any, bool, error) { return len(d), true, nil }

func (d fakeDirect) Missed(_ context.Context, _ int64, after map[int64]int64, each int) (map[int64]*Chat, error) {
	found := make(map[int64]*Chat)
	for other, seq := range after {
		last, ok := d[other]
		if !ok {
			continue
		}
		c := &Chat{Chat: other, LastSeq: last}
		for n := seq + 1; n <= min(last, seq+int64(each)); n++ {
			c.Messages = append(c.Messages, event.PersonalMessage{Seq: n})
		}
		c.HasMore = seq+int64(each) < last
		found[other] = c
	}
	return found, nil
}

// fakeMessages reads what the tests look at.
type fakeMessages struct{ db *store.Store }

func (m fakeMessages) ByIDs(ctx context.Context, _ int64, ids []int64) ([]event.Message, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	among := `IN (SELECT value FROM json_each(?))`
	if m.db.Dialect() == store.Postgres {
		among = `= ANY (?::bigint[])`
	}
	var rows []struct {
		ID, ChannelID, Seq int64
		Content            string
	}
	err := m.db.Read(ctx).Raw(`SELECT id, channel_id, seq, content FROM messages WHERE id `+among+` ORDER BY channel_id, seq`,
		m.db.Dialect().List(ids)).Scan(&rows).Error
	messages := make([]event.Message, 0, len(rows))
	for _, r := range rows {
		messages = append(messages, event.Message{MessageID: r.ID, ChannelID: r.ChannelID, Seq: r.Seq, Content: r.Content})
	}
	return messages, err
}

// client is a client that catches up as the documentation says.
type client struct {
	known map[int64][]string // contents by channel; seq 1 first
	since string
}

func (c *client) catchUp(w *world) (requests int) {
	w.t.Helper()
	r := &Request{Channels: map[string]int64{}, Since: c.since}
	for id, known := range c.known {
		r.Channels[strconv.FormatInt(id, 10)] = int64(len(known))
	}
	for ; r != nil; requests++ {
		a := w.sync(*r)
		total := 0
		for key, told := range a.Channels {
			id, err := strconv.ParseInt(key, 10, 64)
			require.NoError(w.t, err)
			require.LessOrEqual(w.t, len(told.Messages), MaxEach)
			total += len(told.Messages)
			for _, m := range told.Changes {
				require.LessOrEqual(w.t, m.Seq, int64(len(c.known[id])))
				c.known[id][m.Seq-1] = m.Content
			}
			for _, m := range told.Messages {
				require.EqualValues(w.t, len(c.known[id])+1, m.Seq, "ascending, without gaps")
				c.known[id] = append(c.known[id], m.Content)
			}
		}
		require.LessOrEqual(w.t, total, MaxMessages)
		for _, id := range a.Gone {
			delete(c.known, id)
		}
		if a.Lists != nil {
			c.since = a.Token
		}
		r = a.Next
	}
	return requests
}

// knows checks that the client knows everything of its channels.
func (c *client) knows(w *world) {
	w.t.Helper()
	for id, known := range c.known {
		var want []string
		require.NoError(w.t, w.db.Read(w.t.Context()).Raw(`SELECT content FROM messages WHERE channel_id = ? ORDER BY seq`, id).Scan(&want).Error)
		require.Equal(w.t, want, known, "channel %d", id)
	}
}
