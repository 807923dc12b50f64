package message

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
	"parley/app/promise"
	"parley/app/web"
)

// The fakes of the API's surroundings.
type (
	asUser7     struct{}
	accessFunc  func(user, group, channel int64) error
	historyFunc func(channel int64, r Range) ([]event.Message, bool, error)
	replyFunc   func(s event.Send) (int64, error)
	apiBus      struct {
		err  error
		sent []bus.Message
	}
)

func (asUser7) Authenticate(context.Context, string) (int64, string, error) { return 7, "family", nil }

func (f accessFunc) Access(_ context.Context, user, group, channel int64) error {
	return f(user, group, channel)
}

func (f historyFunc) Page(_ context.Context, _, channel int64, r Range) ([]event.Message, bool, error) {
	return f(channel, r)
}

func (f historyFunc) ByIDs(context.Context, int64, []int64) ([]event.Message, error) { return nil, nil }

func (f historyFunc) Thread(_ context.Context, viewer int64, at event.Place, after int64, limit int) (Thread, error) {
	if viewer != 7 || at != (event.Place{GroupID: 1, ChannelID: 2, MessageID: 4}) {
		return Thread{}, ErrMessageNotFound
	}
	messages, more, err := f(at.ChannelID, Range{After: after, Limit: limit})
	return Thread{Root: event.Message{MessageID: 3}, Messages: messages, HasMore: more}, err
}

func (f replyFunc) Reply(_ context.Context, s event.Send) (int64, error) { return f(s) }

// replyTo4 is the one that can be answered: a reply to 3.
func replyTo4(s event.Send) (int64, error) {
	switch s.ReplyTo {
	case 4:
		return 3, nil
	case 5:
		return 0, ErrMessageDeleted
	default:
		return 0, ErrMessageNotFound
	}
}

func (b *apiBus) Declare(context.Context, ...bus.Queue) error { return nil }

func (b *apiBus) Send(_ context.Context, msg bus.Message) error {
	b.sent = append(b.sent, msg)
	return b.err
}

var discard = slog.New(slog.DiscardHandler)

func serve(t *testing.T, b *apiBus, history History) *web.Server {
	t.Helper()
	server := web.New(web.Options{Auth: asUser7{}})
	access := accessFunc(func(user, group, channel int64) error {
		if user == 7 && group == 1 && channel == 2 {
			return nil
		}
		return ErrChannelNotFound
	})
	api := NewAPI(server.API(), access, history, nil, replyFunc(replyTo4), b,
		promise.New(b, promise.NewMetrics(nil, promise.Message), discard), Limits{MaxLength: 10, Partitions: 4})
	require.NoError(t, api.Init(nil))
	require.NoError(t, api.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, api.Stop(context.Background())) })
	return server
}

func request(t *testing.T, server http.Handler, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/api/v1"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer token")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	return w
}

func TestSendHandsAPromiseOn(t *testing.T) {
	t.Parallel()
	b := &apiBus{}
	w := request(t, serve(t, b, nil), http.MethodPost, "/groups/1/channels/2/messages", `{"content": "hi", "hash": "h1"}`)
	require.Equal(t, http.StatusAccepted, w.Code, w.Body)
	var answer struct {
		Hash       string     `json:"hash"`
		ChannelID  int64      `json:"channelId"`
		AcceptedAt event.Time `json:"acceptedAt"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.Equal(t, "h1", answer.Hash)
	require.Equal(t, int64(2), answer.ChannelID)
	require.Len(t, b.sent, 1)
	require.Equal(t, event.PartitionKey(event.Partition(2, 4)), b.sent[0].Key)
	sent, err := event.Decode[event.Send](b.sent[0], event.TypeSend)
	require.NoError(t, err)
	require.Equal(t, event.Send{SenderID: 7, GroupID: 1, ChannelID: 2, Content: "hi", Hash: "h1", AcceptedAt: answer.AcceptedAt}, sent)
}

func TestSendPromisesNothingWithoutTheBus(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"broker away":   {bus.ErrUnavailable, 503, "unavailable"},
		"queue full":    {bus.ErrFull, 503, "overloaded"},
		"no queue":      {bus.ErrUnroutable, 503, "unavailable"},
		"not in time":   {context.DeadlineExceeded, 503, "unavailable"},
		"anything else": {io.ErrUnexpectedEOF, 503, "unavailable"},
		"given up":      {bus.ErrDeadLettered, 500, "not_kept"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := request(t, serve(t, &apiBus{err: tc.err}, nil), http.MethodPost, "/groups/1/channels/2/messages", `{"content": "hi", "hash": "h1"}`)
			require.Equal(t, tc.status, w.Code)
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			require.Contains(t, w.Body.String(), `"code":"`+tc.code+`"`)
			if tc.status == 503 {
				require.NotEmpty(t, w.Header().Get("Retry-After"))
			}
		})
	}
}

func TestSendRefusesBadInput(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path, body string
		status     int
		field      string
	}{
		"someone else's channel": {"/groups/1/channels/3/messages", `{"content": "hi", "hash": "h"}`, 404, ""},
		"no number":              {"/groups/1/channels/x/messages", `{"content": "hi", "hash": "h"}`, 404, ""},
		"not JSON":               {"/groups/1/channels/2/messages", `hello`, 400, ""},
		"unknown field":          {"/groups/1/channels/2/messages", `{"content": "hi", "hash": "h", "seq": 1}`, 400, "seq"},
		"wrong type":             {"/groups/1/channels/2/messages", `{"content": 1, "hash": "h"}`, 400, "content"},
		"NUL":                    {"/groups/1/channels/2/messages", `{"content": "a\u0000", "hash": "h"}`, 400, "content"},
		"no hash":                {"/groups/1/channels/2/messages", `{"content": "hi"}`, 400, "hash"},
		"blank":                  {"/groups/1/channels/2/messages", `{"content": " ", "hash": "h"}`, 400, "content"},
		"too long":               {"/groups/1/channels/2/messages", `{"content": "12345678901", "hash": "h"}`, 400, "content"},
		"a reply to nothing":     {"/groups/1/channels/2/messages", `{"content": "hi", "hash": "h", "replyTo": 9}`, 404, ""},
		"a reply to zero":        {"/groups/1/channels/2/messages", `{"content": "hi", "hash": "h", "replyTo": 0}`, 404, ""},
		"a reply to a tombstone": {"/groups/1/channels/2/messages", `{"content": "hi", "hash": "h", "replyTo": 5}`, 409, ""},
		"a reply to a name":      {"/groups/1/channels/2/messages", `{"content": "hi", "hash": "h", "replyTo": "4"}`, 400, "replyTo"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &apiBus{}
			w := request(t, serve(t, b, nil), http.MethodPost, tc.path, tc.body)
			require.Equal(t, tc.status, w.Code, w.Body)
			require.Empty(t, b.sent)
			if tc.field != "" {
				require.Contains(t, w.Body.String(), `"field":"`+tc.field+`"`)
			}
		})
	}
}

func TestHistoryReadsItsRange(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]*Range{
		"":                        {After: fromEnd, Limit: 50},
		"?limit=200":              {After: fromEnd, Limit: 200},
		"?before=9":               {After: fromEnd, Before: 9, Limit: 50},
		"?after=0":                {After: 0, Limit: 50},
		"?after=3&before=9":       {After: 3, Before: 9, Limit: 50},
		"?limit=0":                nil,
		"?limit=201":              nil,
		"?after=-1":               nil,
		"?after=x":                nil,
		"?after=1&after=2":        nil,
		"?before=1e3":             nil,
		"?before=%FF":             nil,
		"?after=9007199254740992": nil, // 2^53
	} {
		var asked *Range
		history := historyFunc(func(channel int64, r Range) ([]event.Message, bool, error) {
			require.Equal(t, int64(2), channel)
			asked = &r
			return []event.Message{{MessageID: 5}}, true, nil
		})
		w := request(t, serve(t, &apiBus{}, history), http.MethodGet, "/groups/1/channels/2/messages"+query, "")
		require.Equal(t, want, asked, query)
		if want == nil {
			require.Equal(t, http.StatusBadRequest, w.Code, query)
			continue
		}
		require.Equal(t, http.StatusOK, w.Code, query)
		require.Contains(t, w.Body.String(), `"hasMore":true`)
		require.Contains(t, w.Body.String(), `"messageId":5`)
	}
}

func TestHistoryIsNotForOthers(t *testing.T) {
	t.Parallel()
	history := historyFunc(func(int64, Range) ([]event.Message, bool, error) { return nil, false, errors.New("must not be asked") })
	w := request(t, serve(t, &apiBus{}, history), http.MethodGet, "/groups/1/channels/3/messages", "")
	require.Equal(t, http.StatusNotFound, w.Code)
}
