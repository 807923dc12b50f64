package presence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// Users 1 and 2 share group 1, users 2 and 3 group 2; user 4 is alone in group 3, and user 5 in none.
const fixture = `
	INSERT INTO users (id, username, display_name, password_hash, created_at, last_seen_at) VALUES
		(1, 'ann', 'Ann', '', 0, NULL), (2, 'ben', 'Ben', '', 0, 2000), (3, 'cat', 'Cat', '', 0, 3000), (4, 'dan', 'Dan', '', 0, NULL),
		(5, 'eve', 'Eve', '', 0, NULL);
	INSERT INTO groups (id, name, created_at) VALUES (1, 'one', 0), (2, 'two', 0), (3, 'three', 0);
	INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES
		(1, 1, 'owner', 0), (1, 2, 'member', 0), (2, 2, 'owner', 0), (2, 3, 'member', 0), (3, 4, 'owner', 0);`

func openStore(t *testing.T, db *store.Store) *Store {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), func(tx *gorm.DB) error { return tx.Exec(fixture).Error }))
	return NewStore(db)
}

func seen(users ...int64) []event.LastSeen {
	all := []event.LastSeen{}
	for _, id := range users {
		at := map[int64]int64{2: 2000, 3: 3000}[id]
		all = append(all, event.LastSeen{UserID: id, SeenAt: at})
	}
	return all
}

func TestVisible(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := openStore(t, db)
		everybody := []int64{5, 4, 3, 2, 1, 99, -1}
		var wishes []event.PresenceWish
		for viewer := range int64(6) {
			wishes = append(wishes, event.PresenceWish{ViewerID: viewer, UserIDs: everybody})
		}
		wishes = append(wishes, event.PresenceWish{ViewerID: 2, UserIDs: []int64{3}}, event.PresenceWish{ViewerID: 2, UserIDs: []int64{}})
		answers, err := s.Visible(t.Context(), wishes)
		require.NoError(t, err)
		require.Equal(t, [][]event.LastSeen{
			seen(), seen(1, 2), seen(1, 2, 3), seen(2, 3), seen(4), seen(5), seen(3), seen(),
		}, answers)
	})
}

func TestSeen(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := openStore(t, db)
		at := func() (times []int64) {
			require.NoError(t, db.Read(t.Context()).Raw("SELECT coalesce(last_seen_at, 0) FROM users ORDER BY id").Scan(&times).Error)
			return times
		}
		require.NoError(t, s.Seen(t.Context(), []event.LastSeen{{UserID: 1, SeenAt: 1500}, {UserID: 2, SeenAt: 1500}, {UserID: 3, SeenAt: 4000}, {UserID: 99, SeenAt: 1}}))
		require.Equal(t, []int64{1500, 2000, 4000, 0, 0}, at(), "never earlier than it was")
		if db.Dialect() == store.SQLite {
			return
		}
		require.NoError(t, db.Write(t.Context(), func(tx *gorm.DB) error {
			require.NoError(t, tx.Exec("UPDATE users SET display_name = 'Anne' WHERE id = 1").Error)
			return s.Seen(t.Context(), []event.LastSeen{{UserID: 1, SeenAt: 9000}, {UserID: 4, SeenAt: 9000}})
		}))
		require.Equal(t, []int64{1500, 2000, 4000, 9000, 0}, at(), "who is being changed is not waited for")
	})
}

// published collects what a worker publishes.
type published struct {
	WorkerBus // Declare and Consume are not called

	msgs []bus.Message
	err  error
}

func (p *published) Publish(_ context.Context, msgs ...bus.Message) error {
	p.msgs = append(p.msgs, msgs...)
	return p.err
}

func TestWorkerAnswersAndNotes(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		b := &published{}
		w := NewWorker(openStore(t, db), b, NewWorkerMetrics(nil), discard)
		ask := func(server string, number int64, wishes ...event.PresenceWish) bus.Message {
			msg, err := event.Encode(event.PresenceRequestKey, event.TypePresenceAsk, event.PresenceAsk{ServerID: server, RequestID: number, Asks: wishes})
			require.NoError(t, err)
			return msg
		}
		saw := func(users ...event.LastSeen) bus.Message {
			msg, err := event.Encode(event.PresenceRequestKey, event.TypePresenceSeen, event.PresenceSeen{Users: users})
			require.NoError(t, err)
			return msg
		}
		require.NoError(t, w.Work(t.Context(), []bus.Message{
			ask("a", 7, event.PresenceWish{ViewerID: 1, UserIDs: []int64{2, 3}}, event.PresenceWish{ViewerID: 4, UserIDs: []int64{1}}),
			saw(event.LastSeen{UserID: 1, SeenAt: 50}, event.LastSeen{UserID: 2, SeenAt: 10}),
			ask("b", 8, event.PresenceWish{ViewerID: 3, UserIDs: []int64{2}}),
			saw(event.LastSeen{UserID: 1, SeenAt: 40}),
		}))
		var got []string
		for _, msg := range b.msgs {
			got = append(got, msg.Key+" "+msg.Type+" "+string(msg.Body))
		}
		require.Equal(t, []string{
			`server:a presence.known {"requestId":7,"answers":[[{"userId":2,"seenAt":2000}],[]]}`,
			`server:b presence.known {"requestId":8,"answers":[[{"userId":2,"seenAt":2000}]]}`,
		}, got)
		var at int64
		require.NoError(t, db.Read(t.Context()).Raw("SELECT last_seen_at FROM users WHERE id = 1").Scan(&at).Error)
		require.EqualValues(t, 50, at)

		b.err = bus.ErrUnavailable
		require.ErrorIs(t, w.Work(t.Context(), []bus.Message{ask("a", 9, event.PresenceWish{UserIDs: []int64{1}})}), bus.ErrTransient)
		require.Error(t, w.Work(t.Context(), []bus.Message{{Type: "of a later version", Body: json.RawMessage("{}")}}))
		require.Error(t, w.Work(t.Context(), []bus.Message{{Type: event.TypePresenceAsk, Body: json.RawMessage("{")}}))
		require.NoError(t, w.GaveUp(t.Context(), saw(), errors.New("boom")))
		require.Equal(t, "presence.worker", w.Name(), fmt.Sprint(w.Roles(), w.Needs()))
	})
}
