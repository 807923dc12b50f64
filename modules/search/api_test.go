package search

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/store"
	"parley/app/web"
)

// fakes are the API's surroundings.
type fakes struct {
	asked    Request
	page     Page
	messages []event.Message
	personal []event.PersonalMessage
	err      error
}

func (*fakes) Authenticate(context.Context, string) (int64, string, error) { return 7, "family", nil }

func (f *fakes) Search(_ context.Context, r Request) (Page, error) {
	f.asked = r
	return f.page, f.err
}

func (f *fakes) Personal(_ context.Context, viewer int64, _ []int64) ([]event.PersonalMessage, error) {
	if viewer != 7 {
		return nil, errors.New("another viewer")
	}
	return f.personal, nil
}

func (f *fakes) ByIDs(_ context.Context, viewer int64, _ []int64) ([]event.Message, error) {
	if viewer != 7 {
		return nil, errors.New("another viewer")
	}
	return f.messages, nil
}

func (f *fakes) get(t *testing.T, limited bool, queries ...string) *httptest.ResponseRecorder {
	t.Helper()
	server := web.New(web.Options{Auth: f})
	api := NewAPI(server.API(), f, f, limited, NewAPIMetrics(nil))
	require.NoError(t, api.Init(nil))
	require.NoError(t, api.Start(t.Context()))
	defer func() { require.NoError(t, api.Stop(t.Context())) }()
	var w *httptest.ResponseRecorder
	for _, q := range queries {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/search?"+q, http.NoBody)
		r.Header.Set("Authorization", "Bearer token")
		w = httptest.NewRecorder()
		server.ServeHTTP(w, r)
	}
	return w
}

func TestRequest(t *testing.T) {
	t.Parallel()
	var f fakes
	require.Equal(t, 200, f.get(t, false, "q=hello+wor").Code)
	require.Equal(t, Request{Query: Parse("hello wor"), Viewer: 7, Limit: 20}, f.asked)

	require.Equal(t, 200, f.get(t, false, "q=x&groupId=1&channelId=2&from=3&limit=100&cursor="+encodeCursor(99)+
		"&after=2026-01-01T00:00:00.0005Z&before=2026-01-01T01:00:00%2B01:00").Code)
	midnight := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	require.Equal(t, Request{
		Query: Parse("x"), Viewer: 7, Group: 1, Channel: 2, From: 3, Limit: 100, Cursor: 99, After: midnight + 1, Before: midnight,
	}, f.asked, "whole milliseconds, from then on")
	require.Equal(t, 200, f.get(t, false, "q=x&with=3&after=0001-01-01T00:00:00Z&before=9999-12-31T23:59:59Z").Code)
	low, high := f.asked.bounds()
	require.Positive(t, low)
	require.Greater(t, high, low)

	for query, field := range map[string]string{
		"": "q", "q=": "q", "q=%20": "q", "q=%00": "q", "q=%ff": "q", "limit=0&q=x": "limit", "limit=101&q=x": "limit",
		"groupId=0&q=x": "groupId", "channelId=x&q=x": "channelId", "from=-1&q=x": "from", "with=1&groupId=1&q=x": "with", "with=1&channelId=1&q=x": "with",
		"cursor=&q=x": "cursor", "cursor=AA&q=x": "cursor", "cursor=%2B%2B&q=x": "cursor", "cursor=__________8&q=x": "cursor",
		"before=now&q=x": "before", "after=2026-01-01&q=x": "after", "page=1&q=x": "page",
	} {
		w := f.get(t, false, query)
		require.Equal(t, 400, w.Code, query)
		require.Contains(t, w.Body.String(), `"field":"`+field+`"`, query)
	}
	long := url.QueryEscape(strings.Repeat("é", maxQuery))
	require.Equal(t, 200, f.get(t, false, "q="+long).Code)
	require.Equal(t, 400, f.get(t, false, "q=x"+long).Code)
}

func TestResults(t *testing.T) {
	t.Parallel()
	gone := event.At(time.Now())
	f := fakes{
		page: Page{Hits: []Hit{{3, false, 30}, {3, true, 29}, {2, false, 28}, {1, false, 27}, {4, false, 26}}, Next: 26},
		messages: []event.Message{
			{MessageID: 1, Content: "edited a moment ago"}, {MessageID: 2, DeletedAt: &gone}, {MessageID: 3, Content: "say Hello"},
		},
		personal: []event.PersonalMessage{{MessageID: 3, Content: "hello hello"}},
	}
	var answer struct {
		Results []struct {
			Kind    string
			Message struct{ MessageID int64 }
			Snippet []Part
		}
		Next string
	}
	w := f.get(t, false, "q=hello&limit=5")
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.Equal(t, encodeCursor(26), answer.Next)
	require.Len(t, answer.Results, 2)
	require.Equal(t, inChannel, answer.Results[0].Kind)
	require.EqualValues(t, 3, answer.Results[0].Message.MessageID)
	require.Equal(t, []Part{{"say ", false}, {"Hello", true}}, answer.Results[0].Snippet)
	require.Equal(t, inDirect, answer.Results[1].Kind)
	require.Equal(t, []Part{{"hello", true}, {" ", false}, {"hello", true}}, answer.Results[1].Snippet)

	f.page = Page{}
	require.JSONEq(t, `{"results": []}`, f.get(t, false, "q=!").Body.String())
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err    error
		status int
	}{{ErrBusy, 503}, {ErrTooSlow, 503}, {ErrGroupNotFound, 404}, {ErrChannelNotFound, 404}, {store.ErrNotFound, 500}} {
		f := fakes{err: tc.err}
		w := f.get(t, false, "q=x")
		require.Equal(t, tc.status, w.Code)
		require.Equal(t, tc.status == 503, w.Header().Get("Retry-After") != "")
	}
	var f fakes
	queries := make([]string, burst+1)
	for i := range queries {
		queries[i] = "q=x"
	}
	require.Equal(t, 200, f.get(t, false, queries...).Code)
	w := f.get(t, true, queries...)
	require.Equal(t, 429, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
}
