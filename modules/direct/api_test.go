package direct

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/problem"
	"parley/app/promise"
	"parley/app/store"
	"parley/app/store/storetest"
	"parley/app/web"
)

// asAnn signs everybody in as ann.
type asAnn struct{}

func (asAnn) Authenticate(context.Context, string) (int64, string, error) { return ann, "family", nil }

// short wants content of ten letters at most.
func short(content, _ string) error {
	if len(content) > 10 {
		return problem.Invalid.WithFields(problem.Field{Field: "content", Message: "must have at most 10 characters"})
	}
	return nil
}

// desk is an API with what it stands on.
type desk struct {
	t      *testing.T
	store  *Store
	server *web.Server
	sent   []bus.Message
	away   error // what the bus answers
}

func newDesk(t *testing.T, db *store.Store) *desk {
	t.Helper()
	d := &desk{t: t, store: open(t, db, false), server: web.New(web.Options{Auth: asAnn{}})}
	b := sendFunc(func(msg bus.Message) error {
		d.sent = append(d.sent, msg)
		return d.away
	})
	api := NewAPI(d.server.API(), d.store, b, promise.New(b, promise.NewMetrics(nil, promise.PersonalMessage), slog.New(slog.DiscardHandler)),
		Options{Validate: short, Partitions: 4})
	require.NoError(t, api.Init(nil))
	require.NoError(t, api.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, api.Stop(context.Background())) })
	return d
}

// call makes a request that is answered with status, and returns the answer, or the code of a problem.
func (d *desk) call(method, path, body string, status int, into any) (code string) {
	d.t.Helper()
	r := httptest.NewRequestWithContext(d.t.Context(), method, "/api/v1"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer token")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	d.server.ServeHTTP(w, r)
	data, err := io.ReadAll(w.Body)
	require.NoError(d.t, err)
	require.Equal(d.t, status, w.Code, "%s %s: %s", method, path, data)
	if into != nil {
		require.NoError(d.t, json.Unmarshal(data, into))
	}
	var p struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(data, &p)
	return p.Code
}

func TestAPISends(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		d := newDesk(t, db)
		require.NoError(t, d.store.Block(t.Context(), ann, cat))
		require.NoError(t, d.store.Block(t.Context(), dan, ann))
		const hello = `{"content": "hi", "hash": "h1"}`
		var answer promised
		d.call(http.MethodPost, "/direct/2/messages", hello, http.StatusAccepted, &answer)
		require.Equal(t, promised{"h1", ben, answer.AcceptedAt}, answer)
		require.Equal(t, event.PartitionKey(event.PairPartition(ann, ben, 4)), d.sent[0].Key)
		sent, err := event.Decode[event.DirectSend](d.sent[0], event.TypeDirectSend)
		require.NoError(t, err)
		require.Equal(t, event.DirectSend{SenderID: ann, ReceiverID: ben, Content: "hi", Hash: "h1", AcceptedAt: answer.AcceptedAt}, sent)
		d.call(http.MethodPost, "/direct/1/messages", hello, http.StatusAccepted, nil)
		require.Len(t, d.sent, 2)

		for path, want := range map[string]struct {
			status int
			code   string
		}{
			"/direct/3/messages":   {403, "blocking"},
			"/direct/4/messages":   {403, "blocked"},
			"/direct/5/messages":   {403, "no_shared_group"},
			"/direct/6/messages":   {404, "user_not_found"},
			"/direct/7/messages":   {404, "user_not_found"},
			"/direct/0/messages":   {404, "not_found"},
			"/direct/ben/messages": {404, "not_found"},
		} {
			require.Equal(t, want.code, d.call(http.MethodPost, path, hello, want.status, nil), path)
		}
		require.Equal(t, "validation_failed", d.call(http.MethodPost, "/direct/2/messages", `{"content": "much too long", "hash": "h"}`, 400, nil))
		require.Equal(t, "validation_failed", d.call(http.MethodPost, "/direct/2/messages", `{"content": "hi", "hash": "h", "to": 3}`, 400, nil))
		require.Len(t, d.sent, 2)
	})
}

func TestAPIPromisesNothingWithoutTheBus(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.Open(t, storetest.SQLiteURL(t)))
	persist(t, d.store, say(ben, ann, "a"))
	for _, tc := range []struct {
		err    error
		status int
		code   string
	}{
		{bus.ErrUnavailable, 503, "unavailable"},
		{bus.ErrUnroutable, 503, "unavailable"},
		{bus.ErrFull, 503, "overloaded"},
		{bus.ErrDeadLettered, 500, "not_kept"},
		{errors.New("anything"), 503, "unavailable"},
	} {
		d.away = tc.err
		require.Equal(t, tc.code, d.call(http.MethodPost, "/direct/2/messages", `{"content": "hi", "hash": "h1"}`, tc.status, nil), "%v", tc.err)
		require.Equal(t, "unavailable", d.call(http.MethodPost, "/direct/2/read", `{"seq": 1}`, 503, nil), "%v", tc.err)
	}
}

func TestAPIReads(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		d := newDesk(t, db)
		persist(t, d.store, say(ben, ann, "a"), say(ann, cat, "b"), say(ben, ann, "c"))
		var page struct {
			Messages []event.PersonalMessage `json:"messages"`
			HasMore  bool                    `json:"hasMore"`
		}
		d.call(http.MethodGet, "/direct/2/messages?limit=1", "", http.StatusOK, &page)
		require.True(t, page.HasMore)
		require.Equal(t, "c", page.Messages[0].Hash)
		d.call(http.MethodGet, "/direct/2/messages?after=0", "", http.StatusOK, &page)
		require.False(t, page.HasMore)
		require.Len(t, page.Messages, 2)
		require.Equal(t, "user_not_found", d.call(http.MethodGet, "/direct/7/messages", "", http.StatusNotFound, nil))
		require.Equal(t, "validation_failed", d.call(http.MethodGet, "/direct/2/messages?limit=201", "", http.StatusBadRequest, nil))

		var chats []Chat
		d.call(http.MethodGet, "/direct", "", http.StatusOK, &chats)
		require.Len(t, chats, 2)
		require.Equal(t, ben, chats[0].User.ID)
		require.Equal(t, int64(2), chats[0].Unread)

		var cursor struct{ UserID, ReadSeq int64 }
		d.call(http.MethodPost, "/direct/2/read", `{"seq": 99}`, http.StatusAccepted, &cursor)
		require.Equal(t, int64(2), cursor.ReadSeq)
		receipt, err := event.Decode[event.DirectReceipt](d.sent[0], event.TypeDirectReceipt)
		require.NoError(t, err)
		require.Equal(t, event.DirectReceipt{ReaderID: ann, OtherID: ben, Status: Read, Seq: 2, At: receipt.At}, receipt)
		require.Equal(t, "chat_not_found", d.call(http.MethodPost, "/direct/4/read", `{"seq": 1}`, http.StatusNotFound, nil))
		require.Equal(t, "validation_failed", d.call(http.MethodPost, "/direct/2/read", `{"seq": -1}`, http.StatusBadRequest, nil))
	})
}

func TestAPIBlocks(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		d := newDesk(t, db)
		for range 2 {
			d.call(http.MethodPut, "/blocks/2", "", http.StatusNoContent, nil)
		}
		require.Equal(t, "user_not_found", d.call(http.MethodPut, "/blocks/7", "", http.StatusNotFound, nil))
		require.Equal(t, "validation_failed", d.call(http.MethodPut, "/blocks/1", "", http.StatusBadRequest, nil))
		var blocks []Block
		d.call(http.MethodGet, "/blocks", "", http.StatusOK, &blocks)
		require.Len(t, blocks, 1)
		require.Equal(t, ben, blocks[0].User.ID)
		for range 2 {
			d.call(http.MethodDelete, "/blocks/2", "", http.StatusNoContent, nil)
		}
		d.call(http.MethodGet, "/blocks", "", http.StatusOK, &blocks)
		require.Empty(t, blocks)
	})
}
