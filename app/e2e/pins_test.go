package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
)

// pins lists a channel's pinned messages.
func (p *person) pins(c channel) []event.Message {
	p.t.Helper()
	var answer struct{ Messages []event.Message }
	p.do(http.MethodGet, fmt.Sprintf("/groups/%d/channels/%d/pins", c.GroupID, c.ID), nil, http.StatusOK, &answer)
	return answer.Messages
}

func (p *person) pin(m event.Message) {
	p.t.Helper()
	p.do(http.MethodPut, messagePath(m)+"/pin", nil, http.StatusNoContent, nil)
}

// TestPins: everybody in the channel may pin and unpin, hears of it in one order, and finds the whole messages.
func TestPins(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		people := c.people(t, "person", 3)
		ann, ben, eve := people[0], people[1], people[2]
		g := ann.group("friends", ben)
		general := g.Channels[0]
		watchers := []*watcher{ann.watcher(0), ben.watcher(1)}
		require.Empty(t, ann.pins(general))
		first, second := ann.said(general, "first"), ben.said(general, "second")
		ben.pin(first)
		ann.pin(second)
		ann.pin(first) // it is already
		ben.react(first, "📌")

		pins := ann.pins(general)
		require.Len(t, pins, 2)
		require.Equal(t, []int64{second.MessageID, first.MessageID}, []int64{pins[0].MessageID, pins[1].MessageID}, "the newest pin first")
		require.Equal(t, "says first", pins[1].Content)
		require.Equal(t, ben.id, pins[1].PinnedBy)
		require.Len(t, pins[1].Reactions, 1)
		require.Equal(t, pins[1], ann.one(first), "as in the history")

		ann.do(http.MethodDelete, messagePath(first)+"/pin", nil, http.StatusNoContent, nil)
		ann.do(http.MethodDelete, messagePath(first)+"/pin", nil, http.StatusNoContent, nil)
		require.Nil(t, ann.one(first).PinnedAt)
		ben.pin(first)
		require.Equal(t, first.MessageID, ben.pins(general)[0].MessageID)
		for _, w := range watchers {
			heard, before := hear[event.Pinned](w, event.MessagePinned, 4)
			require.NotEmpty(t, before, "the message comes first")
			for i, want := range []event.Pinned{
				{MessageID: first.MessageID, Seq: 1, UserID: ben.id, Pinned: true}, {MessageID: second.MessageID, Seq: 2, UserID: ann.id, Pinned: true},
				{MessageID: first.MessageID, Seq: 1, UserID: ann.id}, {MessageID: first.MessageID, Seq: 1, UserID: ben.id, Pinned: true},
			} {
				want.GroupID, want.ChannelID, want.At = g.ID, general.ID, heard[i].At
				require.Equal(t, want, heard[i])
			}
			require.Equal(t, *pins[1].PinnedAt, heard[0].At, "as the message says")
		}

		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			eve.refused(method, messagePath(first)+"/pin", nil, http.StatusNotFound, "message_not_found")
		}
		eve.refused(http.MethodGet, fmt.Sprintf("/groups/%d/channels/%d/pins", g.ID, general.ID), nil, http.StatusNotFound, "group_not_found")

		ann.do(http.MethodDelete, messagePath(first), nil, http.StatusNoContent, nil)
		require.Len(t, ann.pins(general), 1)
		require.Nil(t, ann.one(first).PinnedAt)
		ann.refused(http.MethodPut, messagePath(first)+"/pin", nil, http.StatusConflict, "message_deleted")

		// With its channel, everything goes.
		other := ann.channel(g, "other", false)
		m := ann.said(other, "m")
		ann.pin(m)
		ann.react(m, "📌")
		ann.do(http.MethodDelete, fmt.Sprintf("/groups/%d/channels/%d", g.ID, other.ID), nil, http.StatusNoContent, nil)
		ann.refused(http.MethodPut, messagePath(m)+"/pin", nil, http.StatusNotFound, "message_not_found")
		require.Len(t, ann.pins(general), 1)
	})
}
