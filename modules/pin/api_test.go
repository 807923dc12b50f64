package pin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/problem"
	"parley/app/web"
)

// fakes are the API's surroundings: user 7 may read channel 2 of group 1.
type fakes struct {
	pinned, unpinned []event.Place
	messages         []event.Message
	err              error
}

func (*fakes) Authenticate(context.Context, string) (int64, string, error) { return 7, "family", nil }

func (*fakes) Access(_ context.Context, user, group, channel int64) error {
	if user == 7 && group == 1 && channel == 2 {
		return nil
	}
	return problem.New(404, "channel_not_found", "There is no such channel.")
}

func (f *fakes) Pin(_ context.Context, _ int64, at event.Place) error {
	f.pinned = append(f.pinned, at)
	return f.err
}

func (f *fakes) Unpin(_ context.Context, _ int64, at event.Place) error {
	f.unpinned = append(f.unpinned, at)
	return f.err
}

func (f *fakes) List(context.Context, int64) ([]int64, error) { return []int64{9, 8}, f.err }

func (f *fakes) ByIDs(_ context.Context, viewer int64, ids []int64) ([]event.Message, error) {
	if viewer != 7 || len(ids) != 2 || ids[0] != 9 {
		return nil, problem.Internal
	}
	return f.messages, nil
}

func (f *fakes) call(t *testing.T, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	server := web.New(web.Options{Auth: f})
	api := NewAPI(server.API(), f, f, f)
	require.NoError(t, api.Init(nil))
	require.NoError(t, api.Start(t.Context()))
	defer func() { require.NoError(t, api.Stop(t.Context())) }()
	r := httptest.NewRequestWithContext(t.Context(), method, "/api/v1"+path, http.NoBody)
	r.Header.Set("Authorization", "Bearer token")
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	return w
}

func requireCode(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var p struct{ Code string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, status, w.Code, w.Body)
	require.Equal(t, code, p.Code)
}

func TestAPIPins(t *testing.T) {
	t.Parallel()
	f := &fakes{}
	const path = "/groups/1/channels/2/messages/5/pin"
	require.Equal(t, http.StatusNoContent, f.call(t, http.MethodPut, path).Code)
	require.Equal(t, http.StatusNoContent, f.call(t, http.MethodDelete, path).Code)
	at := []event.Place{{GroupID: 1, ChannelID: 2, MessageID: 5}}
	require.Equal(t, at, f.pinned)
	require.Equal(t, at, f.unpinned)
	for _, path := range []string{"/groups/1/channels/2/messages/0/pin", "/groups/x/channels/2/messages/1/pin", "/groups/1/channels/-2/messages/1/pin"} {
		requireCode(t, f.call(t, http.MethodPut, path), http.StatusNotFound, "not_found")
	}
	f.err = ErrFull
	requireCode(t, f.call(t, http.MethodPut, path), http.StatusConflict, "pins_full")
}

func TestAPIListsPins(t *testing.T) {
	t.Parallel()
	at := event.FromMillis(1000)
	f := &fakes{messages: []event.Message{{MessageID: 9, PinnedAt: &at, PinnedBy: 3}, {MessageID: 8}}}
	w := f.call(t, http.MethodGet, "/groups/1/channels/2/pins")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var answer struct{ Messages []event.Message }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.Equal(t, f.messages[:1], answer.Messages, "the other one has been unpinned meanwhile")

	requireCode(t, f.call(t, http.MethodGet, "/groups/1/channels/3/pins"), http.StatusNotFound, "channel_not_found")
	requireCode(t, f.call(t, http.MethodGet, "/groups/1/channels/2/pins?limit=3"), http.StatusBadRequest, "validation_failed")
	f.err = problem.Unavailable
	requireCode(t, f.call(t, http.MethodGet, "/groups/1/channels/2/pins"), http.StatusServiceUnavailable, "unavailable")
}
