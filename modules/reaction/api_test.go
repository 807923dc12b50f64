package reaction

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/problem"
	"parley/app/web"
)

// asked is what the API has asked of the reactions.
type asked struct {
	what    string
	actor   int64
	at      event.Place
	emoji   string
	part    Part
	channel int64
}

// fakes are the API's surroundings: user 7 may read channel 2 of group 1.
type fakes struct {
	asked []asked
	next  int64
	err   error
}

func (*fakes) Authenticate(context.Context, string) (int64, string, error) { return 7, "family", nil }

func (*fakes) Access(_ context.Context, user, group, channel int64) error {
	if user == 7 && group == 1 && channel == 2 {
		return nil
	}
	return problem.New(404, "channel_not_found", "There is no such channel.")
}

func (f *fakes) Add(_ context.Context, actor int64, at event.Place, emoji string) (event.Reaction, error) {
	f.asked = append(f.asked, asked{what: "add", actor: actor, at: at, emoji: emoji})
	return event.Reaction{Emoji: emoji, Count: 2, Mine: true, UserIDs: []int64{3, 7}}, f.err
}

func (f *fakes) Remove(_ context.Context, actor int64, at event.Place, emoji string) error {
	f.asked = append(f.asked, asked{what: "remove", actor: actor, at: at, emoji: emoji})
	return f.err
}

func (f *fakes) Who(_ context.Context, viewer, channelID, messageID int64, p Part) ([]Reactors, int64, error) {
	f.asked = append(f.asked, asked{what: "who", actor: viewer, channel: channelID, at: event.Place{MessageID: messageID}, part: p})
	return []Reactors{{Emoji: "👍", Count: 2, Users: []User{{3, "ann", "Ann"}}}}, f.next, f.err
}

func (f *fakes) call(t *testing.T, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	server := web.New(web.Options{Auth: f})
	api := NewAPI(server.API(), f, f)
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

const reactions = "/groups/1/channels/2/messages/5/reactions"

func TestAPIReacts(t *testing.T) {
	t.Parallel()
	place := event.Place{GroupID: 1, ChannelID: 2, MessageID: 5}
	for written, kept := range map[string]string{
		"%F0%9F%91%8D":          "👍",
		"%f0%9f%91%8d":          "👍",
		"👍":                     "👍",
		"%E2%9D%A4":             "❤️",
		"%E2%9D%A4%EF%B8%8F":    "❤️",
		"%23%EF%B8%8F%E2%83%A3": "#️⃣",
		url.PathEscape("👨‍👩‍👧‍👦"): "👨‍👩‍👧‍👦",
		url.PathEscape("*️⃣"):     "*️⃣",
		url.PathEscape("🏴󠁧󠁢󠁥󠁮󠁧󠁿"): "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
	} {
		f := &fakes{}
		w := f.call(t, http.MethodPut, reactions+"/"+written)
		require.Equal(t, http.StatusOK, w.Code, "%s: %s", written, w.Body)
		var r event.Reaction
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &r))
		require.Equal(t, event.Reaction{Emoji: kept, Count: 2, Mine: true, UserIDs: []int64{3, 7}}, r)
		w = f.call(t, http.MethodDelete, reactions+"/"+written)
		require.Equal(t, http.StatusNoContent, w.Code, w.Body)
		require.Equal(t, []asked{{what: "add", actor: 7, at: place, emoji: kept}, {what: "remove", actor: 7, at: place, emoji: kept}}, f.asked)
	}

	f := &fakes{}
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		for _, emoji := range []string{"a", "1", "%F0%9F%91%8D%F0%9F%91%8D", ":+1:", "%F0%9F", "%20", "%2F"} {
			requireCode(t, f.call(t, method, reactions+"/"+emoji), http.StatusBadRequest, "validation_failed")
		}
		requireCode(t, f.call(t, method, "/groups/1/channels/2/messages/x/reactions/%F0%9F%91%8D"), http.StatusNotFound, "not_found")
		requireCode(t, f.call(t, method, "/groups/0/channels/2/messages/5/reactions/%F0%9F%91%8D"), http.StatusNotFound, "not_found")
	}
	require.Empty(t, f.asked)

	f.err = ErrFull
	requireCode(t, f.call(t, http.MethodPut, reactions+"/%F0%9F%91%8D"), http.StatusConflict, "reactions_full")
	f.err = ErrMessageNotFound
	requireCode(t, f.call(t, http.MethodDelete, reactions+"/%F0%9F%91%8D"), http.StatusNotFound, "message_not_found")
}

func TestAPILists(t *testing.T) {
	t.Parallel()
	f := &fakes{}
	w := f.call(t, http.MethodGet, reactions)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.JSONEq(t, `{"reactions": [{"emoji": "👍", "count": 2, "mine": false, "users": [{"id": 3, "username": "ann", "displayName": "Ann"}]}]}`, w.Body.String())
	require.Empty(t, w.Header().Get("Link"))

	f.next = 1234
	w = f.call(t, http.MethodGet, reactions+"?emoji=%E2%9D%A4&limit=1&after=12")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, `</api/v1`+reactions+`?emoji=%E2%9D%A4%EF%B8%8F&after=1234&limit=1>; rel="next"`, w.Header().Get("Link"))
	message := event.Place{MessageID: 5}
	require.Equal(t, []asked{
		{what: "who", actor: 7, channel: 2, at: message, part: Part{Limit: 50}},
		{what: "who", actor: 7, channel: 2, at: message, part: Part{Emoji: "❤️", After: 12, Limit: 1}},
	}, f.asked)

	for _, query := range []string{"?emoji=", "?emoji=x", "?after=3", "?limit=0", "?limit=201", "?page=2", "?emoji=%00", "?emoji=%F0%9F%91%8D&emoji=%F0%9F%91%8D"} {
		requireCode(t, f.call(t, http.MethodGet, reactions+query), http.StatusBadRequest, "validation_failed")
	}
	requireCode(t, f.call(t, http.MethodGet, "/groups/1/channels/3/messages/5/reactions"), http.StatusNotFound, "channel_not_found")
	requireCode(t, f.call(t, http.MethodGet, "/groups/1/channels/3/messages/5/reactions?limit=0"), http.StatusNotFound, "channel_not_found")
	requireCode(t, f.call(t, http.MethodGet, "/groups/1/channels/2/messages/-5/reactions"), http.StatusNotFound, "not_found")
	f.err = ErrMessageNotFound
	requireCode(t, f.call(t, http.MethodGet, reactions), http.StatusNotFound, "message_not_found")
}
