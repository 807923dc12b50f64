package mention

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
	"parley/app/web"
)

// The people and places of the tests: users 1–3 are in group 1, with the public channel 1 and the private channel 2 of users 1 and 2; user 2
// joined both at 100, user 3 at 0. User 4 is in no group.
var fixture = []string{
	`INSERT INTO users (id, username, display_name, password_hash, created_at) VALUES
		(1, 'ann', '', '', 0), (2, 'ben', '', '', 0), (3, 'cat', '', '', 0), (4, 'dan', '', '', 0)`,
	`INSERT INTO groups (id, name, created_at) VALUES (1, 'one', 0)`,
	`INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES (1, 1, 'owner', 0), (1, 2, 'member', 50), (1, 3, 'member', 0)`,
	`INSERT INTO channels (id, group_id, name, created_at) VALUES (1, 1, 'general', 0), (2, 1, 'secret', 0)`,
	`UPDATE channels SET private = true WHERE id = 2`,
	`INSERT INTO channel_members (channel_id, user_id, joined_at) VALUES (2, 1, 0), (2, 2, 100)`,
}

func open(t testing.TB, db *store.Store) *Store {
	t.Helper()
	run(t, db, fixture...)
	return NewStore(db)
}

func run(t testing.TB, db *store.Store, statements ...string) {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), func(tx *gorm.DB) error {
		for _, sql := range statements {
			if err := tx.Exec(sql).Error; err != nil {
				return err
			}
		}
		return nil
	}))
}

// row is a row of mentions; the message has the id as its seq, too, and is as old.
type row struct{ channel, message, sender, user int64 }

func mentions(t testing.TB, db *store.Store, rows ...row) {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), func(tx *gorm.DB) error {
		for _, r := range rows {
			if err := tx.Exec(`INSERT INTO mentions (channel_id, user_id, seq, message_id, sender_id, created_at) VALUES (?, ?, ?, ?, ?, ?)`,
				r.channel, r.user, r.message, r.message, r.sender, r.message).Error; err != nil {
				return err
			}
		}
		return nil
	}))
}

func list(t testing.TB, s *Store, user, before int64, limit int) []int64 {
	t.Helper()
	ids, err := s.List(t.Context(), user, before, limit)
	require.NoError(t, err)
	return ids
}

// asUser is somebody who is signed in.
type asUser int64

func (u asUser) Authenticate(context.Context, string) (int64, string, error) {
	return int64(u), "family", nil
}

// idsOnly returns messages with nothing but their ids.
type idsOnly struct{}

func (idsOnly) ByIDs(_ context.Context, viewer int64, ids []int64) ([]event.Message, error) {
	messages := make([]event.Message, 0, len(ids))
	for _, id := range ids {
		messages = append(messages, event.Message{MessageID: id, SenderID: viewer})
	}
	return messages, nil
}

func get(t *testing.T, server http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1"+path, nil)
	r.Header.Set("Authorization", "Bearer token")
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	return w
}

func serve(t *testing.T, user int64, l Lister) *web.Server {
	t.Helper()
	server := web.New(web.Options{Auth: asUser(user)})
	api := NewAPI(server.API(), l, idsOnly{})
	require.NoError(t, api.Init(nil))
	require.NoError(t, api.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, api.Stop(context.Background())) })
	return server
}
