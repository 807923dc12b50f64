package message

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
)

func TestAReplyCarriesItsThread(t *testing.T) {
	t.Parallel()
	b := &apiBus{}
	server := serve(t, b, nil)
	w := request(t, server, http.MethodPost, "/groups/1/channels/2/messages", `{"content": "hi", "hash": "h1", "replyTo": 4}`)
	require.Equal(t, http.StatusAccepted, w.Code, w.Body)
	w = request(t, server, http.MethodPost, "/groups/1/channels/2/messages", `{"content": "hi", "hash": "h2", "replyTo": null}`)
	require.Equal(t, http.StatusAccepted, w.Code, w.Body)
	require.Len(t, b.sent, 2)
	reply, err := event.Decode[event.Send](b.sent[0], event.TypeSend)
	require.NoError(t, err)
	require.Equal(t, int64(4), reply.ReplyTo)
	require.Equal(t, int64(3), reply.ThreadID)
	require.NotContains(t, string(b.sent[1].Body), "reply")
	require.NotContains(t, string(b.sent[1].Body), "thread")
}

func TestThreadReadsItsRange(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]*Range{
		"":                 {Limit: 50},
		"?after=7&limit=2": {After: 7, Limit: 2},
		"?limit=201":       nil,
		"?after=x":         nil,
		"?before=1":        nil,
	} {
		var asked *Range
		history := historyFunc(func(_ int64, r Range) ([]event.Message, bool, error) {
			asked = &r
			return []event.Message{{MessageID: 5}}, true, nil
		})
		w := request(t, serve(t, &apiBus{}, history), http.MethodGet, "/groups/1/channels/2/messages/4/thread"+query, "")
		require.Equal(t, want, asked, query)
		if want == nil {
			require.Equal(t, http.StatusBadRequest, w.Code, query)
			continue
		}
		require.Equal(t, http.StatusOK, w.Code, query)
		for _, part := range []string{`"root":{"messageId":3,`, `"messages":[{"messageId":5,`, `"hasMore":true`} {
			require.Contains(t, w.Body.String(), part)
		}
	}
	server := serve(t, &apiBus{}, historyFunc(nil))
	for _, path := range []string{"/groups/1/channels/3/messages/4/thread", "/groups/1/channels/2/messages/9/thread", "/groups/1/channels/2/messages/x/thread"} {
		require.Equal(t, http.StatusNotFound, request(t, server, http.MethodGet, path, "").Code, path)
	}
}
