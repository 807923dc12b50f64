package reaction

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// changes makes changes as the messages' own module does, to any message that is there, for anybody. It keeps what is told of them.
type changes struct {
	db *store.Store

	mu   sync.Mutex
	told []event.Reacted
}

func (c *changes) Change(ctx context.Context, _ int64, at event.Place, do func(tx *gorm.DB, m event.Target) ([]bus.Message, error)) error {
	c.mu.Lock() // in the place of the lock on the channel
	defer c.mu.Unlock()
	var events []bus.Message
	if err := c.db.Write(ctx, func(tx *gorm.DB) error {
		m := event.Target{Message: event.Message{MessageID: at.MessageID, GroupID: at.GroupID, ChannelID: at.ChannelID}, Now: event.At(time.Now())}
		found := tx.Raw(`SELECT seq FROM messages WHERE id = ? AND channel_id = ?`, at.MessageID, at.ChannelID).Scan(&m.Seq)
		if found.Error != nil || found.RowsAffected == 0 {
			return found.Error
		}
		var err error
		events, err = do(tx, m)
		return err
	}); err != nil {
		return err
	}
	for _, msg := range events {
		emit, err := event.Decode[event.Emit](msg, event.TypeEmit)
		if err != nil {
			return err
		}
		if emit.Event != event.MessageReaction || msg.Key != event.ChannelKey(at.ChannelID) {
			return fmt.Errorf("%s to %s", emit.Event, msg.Key)
		}
		var r event.Reacted
		if err := json.Unmarshal(emit.Payload, &r); err != nil {
			return err
		}
		c.told = append(c.told, r)
	}
	return nil
}

// take returns what was told since the last time.
func (c *changes) take() []event.Reacted {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := c.told
	c.told = nil
	return told
}

// world is a database with people 1 to 30 and channel 1 of group 1.
type world struct {
	*Store
	t       testing.TB
	changes *changes
	seq     int64
}

func newWorld(t testing.TB, db *store.Store) *world {
	t.Helper()
	c := &changes{db: db}
	w := &world{Store: NewStore(db, c), t: t, changes: c}
	for i := range 30 {
		w.exec(`INSERT INTO users (id, username, display_name, password_hash, created_at) VALUES (?, ?, ?, '', 0)`,
			i+1, fmt.Sprintf("user-%d", i+1), fmt.Sprintf("User %d", i+1))
	}
	return w
}

// onBoth runs a test in a new world on every kind of database.
func onBoth(t *testing.T, run func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Run(t, func(t *testing.T, db *store.Store) { run(t, newWorld(t, db)) })
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	require.NoError(w.t, w.db.Write(w.t.Context(), func(tx *gorm.DB) error { return tx.Exec(sql, args...).Error }))
}

// message makes a message in channel 1.
func (w *world) message() event.Place {
	w.t.Helper()
	w.seq++
	var id int64
	require.NoError(w.t, w.db.Write(w.t.Context(), func(tx *gorm.DB) error {
		return tx.Raw(`INSERT INTO messages (channel_id, seq, sender_id, hash, content, created_at) VALUES (1, ?, 1, ?, 'x', 0) RETURNING id`,
			w.seq, fmt.Sprint(w.seq)).Scan(&id).Error
	}))
	return event.Place{GroupID: 1, ChannelID: 1, MessageID: id}
}

func (w *world) add(at event.Place, user int64, emoji string) event.Reaction {
	w.t.Helper()
	r, err := w.Add(w.t.Context(), user, at, emoji)
	require.NoError(w.t, err)
	return r
}

func (w *world) remove(at event.Place, user int64, emoji string) {
	w.t.Helper()
	require.NoError(w.t, w.Remove(w.t.Context(), user, at, emoji))
}

// seen are the reactions to messages as viewer sees them.
func (w *world) seen(viewer int64, at ...event.Place) [][]event.Reaction {
	w.t.Helper()
	messages := make([]event.Message, len(at))
	for i, a := range at {
		messages[i].MessageID = a.MessageID
	}
	require.NoError(w.t, w.Annotate(w.t.Context(), viewer, messages))
	all := make([][]event.Reaction, len(at))
	for i, m := range messages {
		all[i] = m.Reactions
	}
	return all
}
