package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
)

// mentioned lists the hashes of the messages that mention p.
func (p *person) mentioned(query string) (hashes []string, more bool) {
	p.t.Helper()
	messages, more := p.mentions(query)
	hashes = []string{}
	for _, m := range messages {
		hashes = append(hashes, m.Hash)
	}
	return hashes, more
}

func (p *person) mentions(query string) (messages []event.Message, more bool) {
	p.t.Helper()
	var page struct {
		Messages []event.Message
		HasMore  bool
	}
	p.do(http.MethodGet, "/mentions"+query, nil, http.StatusOK, &page)
	return page.Messages, page.HasMore
}

// TestMentions: who is called by name finds it, for as long as the message says so and may be read.
func TestMentions(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		ann, ben, carla, eve := c.person(t, "ann"), c.person(t, "ben"), c.person(t, "carla"), c.person(t, "eve")
		g := ann.group("friends", ben, carla)
		general, secret := g.Channels[0], ann.channel(g, "secret", true)
		ann.do(http.MethodPost, fmt.Sprintf("/groups/%d/channels/%d/members", g.ID, secret.ID), map[string]int64{"userId": ben.id}, http.StatusCreated, nil)
		ears := ben.watcher(1)
		isEmpty := func(p *person) {
			t.Helper()
			hashes, more := p.mentioned("")
			require.Empty(t, hashes)
			require.False(t, more)
		}
		isEmpty(ben)

		both := ann.posted(general, "both", "@ben and @Carla.: ask @eve, or mail@ann!", 0)
		require.Equal(t, &event.Mentions{Users: []int64{ben.id, carla.id}}, both.Mentions, "eve is not here")
		code := ann.posted(general, "code", "`@ben`", 0)
		require.Nil(t, code.Mentions)
		all := carla.posted(general, "all", "Lunch, @channel?", 0)
		require.Equal(t, &event.Mentions{Channel: true}, all.Mentions)
		hidden := ann.posted(secret, "hidden", "@ben, not a word to @carla", 0)
		require.Equal(t, &event.Mentions{Users: []int64{ben.id}}, hidden.Mentions)
		said, _ := hear[event.Message](ears, event.MessageReceive, 4)
		require.ElementsMatch(t, []event.Message{both, code, all, hidden}, said, "told as they are kept")

		mine, _ := ben.mentions("")
		require.Equal(t, []event.Message{hidden, all, both}, mine)
		hashes, more := ben.mentioned("?limit=2")
		require.Equal(t, []string{"hidden", "all"}, hashes)
		require.True(t, more)
		hashes, more = ben.mentioned(fmt.Sprintf("?limit=2&before=%d", all.MessageID))
		require.Equal(t, []string{"both"}, hashes)
		require.False(t, more)
		hashes, _ = carla.mentioned("")
		require.Equal(t, []string{"both"}, hashes, "nobody calls oneself")
		hashes, _ = ann.mentioned("")
		require.Equal(t, []string{"all"}, hashes)
		isEmpty(eve)

		// Edits find anew whom a message calls, and deleting it ends it.
		edited := ann.edit(code, "@CARLA alone")
		require.Equal(t, &event.Mentions{Users: []int64{carla.id}}, edited.Mentions)
		updates, _ := hear[event.Message](ears, event.MessageUpdated, 1)
		require.Equal(t, edited, updates[0])
		require.Nil(t, ann.edit(both, "Never mind").Mentions)
		hashes, _ = carla.mentioned("")
		require.Equal(t, []string{"code"}, hashes)
		ann.erase(code)
		isEmpty(carla)
		require.Nil(t, ann.one(code).Mentions)

		// Who joins later was not meant by what was said to everybody; who may not read a channel does not see what was said there.
		ann.add(g, eve)
		isEmpty(eve)
		ann.posted(general, "welcome", "Welcome to the @channel", 0)
		hashes, _ = eve.mentioned("")
		require.Equal(t, []string{"welcome"}, hashes)
		ann.do(http.MethodDelete, fmt.Sprintf("/groups/%d/channels/%d/members/%d", g.ID, secret.ID, ben.id), nil, http.StatusNoContent, nil)
		hashes, _ = ben.mentioned("")
		require.Equal(t, []string{"welcome", "all"}, hashes)
		ann.remove(g, ben)
		isEmpty(ben)
		ann.do(http.MethodDelete, fmt.Sprintf("/groups/%d/channels/%d", g.ID, general.ID), nil, http.StatusNoContent, nil)
		isEmpty(eve)
	})
}
