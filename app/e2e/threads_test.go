package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
)

// posted sends a message with a text of its own, maybe as an answer, and returns it as it is kept.
func (p *person) posted(c channel, hash, content string, replyTo int64) (kept event.Message) {
	p.t.Helper()
	body := map[string]any{"content": content, "hash": hash}
	if replyTo != 0 {
		body["replyTo"] = replyTo
	}
	p.do(http.MethodPost, messagesPath(c), body, http.StatusAccepted, nil)
	require.Eventually(p.t, func() bool {
		for _, m := range p.history(c) {
			if m.Hash == hash && m.SenderID == p.id {
				kept = m
			}
		}
		return kept.MessageID > 0
	}, patience, pollEvery)
	return kept
}

// thread is a page of one.
type thread struct {
	Root     event.Message
	Messages []event.Message
	HasMore  bool
}

func (p *person) thread(m event.Message, query string) (t thread) {
	p.t.Helper()
	p.do(http.MethodGet, messagePath(m)+"/thread"+query, nil, http.StatusOK, &t)
	return t
}

// TestThreads: replies are told with what they answer, and found together; the first message knows how many there are.
func TestThreads(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		people := c.people(t, "person", 3)
		ann, ben, eve := people[0], people[1], people[2]
		g := ann.group("friends", ben)
		general, other := g.Channels[0], ann.channel(g, "other", false)
		watchers := []*watcher{ann.watcher(0), ben.watcher(1)}

		root := ann.posted(general, "root", "Who brings the cake?", 0)
		first := ben.posted(general, "first", "I do.", root.MessageID)
		between := ann.posted(general, "between", "By the way", 0)
		second := ann.posted(general, "second", "Thanks!", first.MessageID)
		third := ann.posted(general, "third", "Chocolate?", root.MessageID)
		require.Equal(t, [2]int64{root.MessageID, root.MessageID}, [2]int64{first.ReplyTo, first.ThreadID})
		require.Equal(t, [2]int64{first.MessageID, root.MessageID}, [2]int64{second.ReplyTo, second.ThreadID}, "an answer to an answer")
		for i, w := range watchers {
			mine := []string{event.MessageSent, event.MessageReceive}[i]
			said, _ := hear[event.Message](w, mine, []int{4, 4}[i])
			for _, m := range said {
				if m.MessageID == second.MessageID {
					require.Equal(t, second, m, "told as it is kept")
				}
			}
		}

		root = ann.one(root)
		require.EqualValues(t, 3, root.Replies)
		require.Zero(t, ann.one(between).Replies)
		require.Equal(t, thread{root, []event.Message{first, second, third}, false}, ben.thread(root, ""))
		require.Equal(t, thread{root, []event.Message{first, second}, true}, ben.thread(third, "?limit=2"))
		require.Equal(t, thread{root, []event.Message{third}, false}, ben.thread(second, fmt.Sprintf("?limit=2&after=%d", second.Seq)))
		require.Equal(t, thread{between, []event.Message{}, false}, ben.thread(between, ""))

		elsewhere := ann.posted(other, "elsewhere", "Here?", 0)
		reply := func(to int64) map[string]any { return map[string]any{"content": "x", "hash": "refused", "replyTo": to} }
		ben.refused(http.MethodPost, messagesPath(general), reply(elsewhere.MessageID), http.StatusNotFound, "message_not_found")
		ben.refused(http.MethodPost, messagesPath(general), reply(1<<40), http.StatusNotFound, "message_not_found")
		eve.refused(http.MethodPost, messagesPath(general), reply(root.MessageID), http.StatusNotFound, "group_not_found")
		eve.refused(http.MethodGet, messagePath(root)+"/thread", nil, http.StatusNotFound, "group_not_found")
		elsewhere.ChannelID = general.ID
		ben.refused(http.MethodGet, messagePath(elsewhere)+"/thread", nil, http.StatusNotFound, "message_not_found")

		// A deleted reply keeps its place and does not count; a thread outlives its first message.
		ann.erase(second)
		got := ben.thread(root, "")
		require.EqualValues(t, 2, got.Root.Replies)
		require.Len(t, got.Messages, 3)
		require.NotNil(t, got.Messages[1].DeletedAt)
		require.Equal(t, root.MessageID, got.Messages[1].ThreadID)
		ann.erase(root)
		got = ben.thread(third, "")
		require.NotNil(t, got.Root.DeletedAt)
		require.EqualValues(t, 2, got.Root.Replies)
		ben.refused(http.MethodPost, messagesPath(general), reply(root.MessageID), http.StatusConflict, "message_deleted")
		require.Equal(t, root.MessageID, ben.posted(general, "fourth", "Cheesecake!", third.MessageID).ThreadID)
		require.Equal(t, first, ben.posted(general, "first", "I do.", root.MessageID), "sending again is safe, although it could not be answered now")
	})
}
