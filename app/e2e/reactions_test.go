package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"parley/app/event"
)

// said sends a message and returns it as it is kept.
func (p *person) said(c channel, hash string) (kept event.Message) {
	p.t.Helper()
	p.send(c, hash, "says "+hash)
	require.Eventually(p.t, func() bool {
		for _, m := range p.history(c) {
			if m.Hash == hash {
				kept = m
			}
		}
		return kept.MessageID > 0
	}, patience, pollEvery)
	return kept
}

func messagePath(m event.Message) string {
	return fmt.Sprintf("/groups/%d/channels/%d/messages/%d", m.GroupID, m.ChannelID, m.MessageID)
}

func reactionPath(m event.Message, emoji string) string {
	return messagePath(m) + "/reactions/" + url.PathEscape(emoji)
}

func (p *person) react(m event.Message, emoji string) (r event.Reaction) {
	p.t.Helper()
	p.do(http.MethodPut, reactionPath(m, emoji), nil, http.StatusOK, &r)
	return r
}

func (p *person) unreact(m event.Message, emoji string) {
	p.t.Helper()
	p.do(http.MethodDelete, reactionPath(m, emoji), nil, http.StatusNoContent, nil)
}

// reactors is who has reacted, by emoji, as p is told.
func (p *person) reactors(m event.Message, query string) (all []reactors, link string) {
	p.t.Helper()
	var answer struct{ Reactions []reactors }
	a, err := p.request(p.t.Context(), http.MethodGet, messagePath(m)+"/reactions"+query, nil)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, a.status, "%s", a.body)
	require.NoError(p.t, json.Unmarshal(a.body, &answer))
	return answer.Reactions, a.header.Get("Link")
}

type reactors struct {
	Emoji string
	Count int64
	Mine  bool
	Users []struct {
		ID          int64
		Username    string
		DisplayName string
	}
}

func (r reactors) ids() (ids []int64) {
	for _, u := range r.Users {
		ids = append(ids, u.ID)
	}
	return ids
}

// one reads a message again, as p sees it.
func (p *person) one(m event.Message) event.Message {
	p.t.Helper()
	var page struct{ Messages []event.Message }
	path := fmt.Sprintf("/groups/%d/channels/%d/messages?after=%d&limit=1", m.GroupID, m.ChannelID, m.Seq-1)
	p.do(http.MethodGet, path, nil, http.StatusOK, &page)
	require.Len(p.t, page.Messages, 1)
	return page.Messages[0]
}

// hear reads n events of a name, as the documents have them, and what messages have come before the first of them.
func hear[T any](w *watcher, name string, n int) (all []T, before []event.Message) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	for len(all) < n {
		e, err := w.conn.Next(ctx)
		require.NoError(w.t, err, "%d of %d %s have come", len(all), n, name)
		require.NoError(w.t, undocumented(e.Name, e.Payload))
		switch e.Name {
		case name:
			var payload T
			require.NoError(w.t, e.Decode(&payload))
			all = append(all, payload)
		case event.MessageSent, event.MessageReceive:
			var m event.Message
			require.NoError(w.t, e.Decode(&m))
			if len(all) == 0 {
				before = append(before, m)
			}
		}
	}
	return all, before
}

// TestReactions: everybody in the channel hears of each in one order, after the message, with the count as of then, and sees in the history which are
// one's own.
func TestReactions(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		people := c.people(t, "person", 4)
		ann, ben, carla, eve := people[0], people[1], people[2], people[3]
		g := ann.group("friends", ben, carla)
		general := g.Channels[0]
		watchers := []*watcher{ann.watcher(0), ben.watcher(1)}
		m := ann.said(general, "m1")

		require.Equal(t, event.Reaction{Emoji: "👍", Count: 1, Mine: true, UserIDs: []int64{ben.id}}, ben.react(m, "👍"))
		require.Equal(t, event.Reaction{Emoji: "👍", Count: 2, Mine: true, UserIDs: []int64{ben.id, ann.id}}, ann.react(m, "👍"))
		ann.react(m, "👍")
		require.Equal(t, "\u2764\ufe0f", ann.react(m, "\u2764").Emoji)
		require.EqualValues(t, 2, carla.react(m, "\u2764\ufe0f").Count, "the same heart")
		ben.unreact(m, "👍")
		ben.unreact(m, "👍")
		for _, w := range watchers {
			all, before := hear[event.Reacted](w, event.MessageReaction, 5)
			require.Len(t, before, 1, "the message comes first")
			for i, want := range []event.Reacted{
				{UserID: ben.id, Emoji: "👍", Added: true, Count: 1}, {UserID: ann.id, Emoji: "👍", Added: true, Count: 2},
				{UserID: ann.id, Emoji: "❤️", Added: true, Count: 1}, {UserID: carla.id, Emoji: "❤️", Added: true, Count: 2},
				{UserID: ben.id, Emoji: "👍", Count: 1},
			} {
				want.GroupID, want.ChannelID, want.MessageID, want.Seq, want.At = g.ID, general.ID, m.MessageID, m.Seq, all[i].At
				require.Equal(t, want, all[i])
			}
		}

		thumb := event.Reaction{Emoji: "👍", Count: 1, UserIDs: []int64{ann.id}}
		hearts := event.Reaction{Emoji: "❤️", Count: 2, UserIDs: []int64{ann.id, carla.id}}
		require.Equal(t, []event.Reaction{thumb, hearts}, ben.one(m).Reactions, "none is ben's")
		thumb.Mine, hearts.Mine = true, true
		require.Equal(t, []event.Reaction{thumb, hearts}, ann.one(m).Reactions, "both are ann's")

		carla.react(m, "👍")
		all, link := carla.reactors(m, "?limit=1")
		require.Len(t, all, 2)
		require.Empty(t, link)
		require.Equal(t, []int64{ann.id}, all[0].ids())
		require.EqualValues(t, 2, all[0].Count)
		require.True(t, all[0].Mine)
		all, link = carla.reactors(m, "?limit=1&emoji="+url.QueryEscape("❤️"))
		require.Equal(t, []int64{ann.id}, all[0].ids())
		all, link = carla.reactors(m, next(t, link))
		require.Equal(t, []int64{carla.id}, all[0].ids())
		require.Empty(t, link)
		require.Equal(t, carla.name, all[0].Users[0].Username)

		ann.refused(http.MethodPut, reactionPath(m, "x"), nil, http.StatusBadRequest, "validation_failed")
		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			eve.refused(method, reactionPath(m, "👍"), nil, http.StatusNotFound, "message_not_found")
		}
		eve.refused(http.MethodGet, messagePath(m)+"/reactions", nil, http.StatusNotFound, "group_not_found")

		// What is left of those who go.
		carla.remove(g, carla)
		require.Equal(t, http.StatusNoContent, carla.deleteAccount().status)
		all, _ = ann.reactors(m, "?emoji="+url.QueryEscape("❤️"))
		require.Equal(t, []int64{ann.id, carla.id}, all[0].ids())
		require.Equal(t, "Deleted user", all[0].Users[1].DisplayName)

		ann.do(http.MethodDelete, messagePath(m), nil, http.StatusNoContent, nil)
		require.Empty(t, ann.one(m).Reactions)
		all, _ = ann.reactors(m, "")
		require.Empty(t, all)
		ben.refused(http.MethodPut, reactionPath(m, "👍"), nil, http.StatusConflict, "message_deleted")
		ben.refused(http.MethodDelete, reactionPath(m, "👍"), nil, http.StatusConflict, "message_deleted")
	})
}

// TestReactionsInPrivate: who may not read a channel neither changes nor sees nor hears anything of it.
func TestReactionsInPrivate(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		ann, ben := c.person(t, "ann"), c.person(t, "ben")
		g := ann.group("friends", ben)
		general, secret := g.Channels[0], ann.channel(g, "secret", true)
		outside := ben.watcher(1)
		hidden, open := ann.said(secret, "hidden"), ann.said(general, "open")
		ann.react(hidden, "👍")
		ann.do(http.MethodPut, messagePath(hidden)+"/pin", nil, http.StatusNoContent, nil)

		for _, path := range []string{reactionPath(hidden, "👍"), messagePath(hidden) + "/pin"} {
			for _, method := range []string{http.MethodPut, http.MethodDelete} {
				ben.refused(method, path, nil, http.StatusNotFound, "message_not_found")
			}
		}
		ben.refused(http.MethodGet, messagePath(hidden)+"/reactions", nil, http.StatusNotFound, "channel_not_found")
		ben.refused(http.MethodGet, fmt.Sprintf("/groups/%d/channels/%d/pins", g.ID, secret.ID), nil, http.StatusNotFound, "channel_not_found")
		elsewhere := hidden
		elsewhere.ChannelID = general.ID
		ben.refused(http.MethodPut, reactionPath(elsewhere, "👍"), nil, http.StatusNotFound, "message_not_found")
		ben.refused(http.MethodGet, messagePath(elsewhere)+"/reactions", nil, http.StatusNotFound, "message_not_found")
		require.EqualValues(t, 1, ann.one(hidden).Reactions[0].Count)

		ann.react(open, "🎉")
		heard, _ := hear[event.Reacted](outside, event.MessageReaction, 1)
		require.Equal(t, open.MessageID, heard[0].MessageID, "and nothing of the other channel before it")
	})
}

// TestReactionsAtOnce: many people react to one message while others write: the counts that everybody hears go up one by one.
func TestReactionsAtOnce(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		people := c.people(t, "person", 25)
		ann := people[0]
		g := ann.group("friends", people[1:]...)
		general := g.Channels[0]
		watchers := []*watcher{ann.watcher(0), people[1].watcher(1)}
		m := ann.said(general, "m")
		var wg errgroup.Group
		for i, p := range people {
			wg.Go(func() error {
				for _, emoji := range []string{"👍", "🎉"} {
					if a, err := p.request(t.Context(), http.MethodPut, reactionPath(m, emoji), nil); err != nil || a.status != http.StatusOK {
						return fmt.Errorf("status %d: %s: %w", a.status, a.body, err)
					}
				}
				if i%5 == 0 {
					return p.insist(t.Context(), general, fmt.Sprint("h", i), "hello")
				}
				return nil
			})
		}
		require.NoError(t, wg.Wait())
		var first []event.Reacted
		for _, w := range watchers {
			all, _ := hear[event.Reacted](w, event.MessageReaction, 2*len(people))
			count := make(map[string]int64)
			for _, r := range all {
				count[r.Emoji]++
				require.Equal(t, count[r.Emoji], r.Count)
			}
			if first == nil {
				first = all
			}
			require.Equal(t, first, all, "in one order on all servers")
		}
		for _, r := range ann.one(m).Reactions {
			require.EqualValues(t, len(people), r.Count)
			require.Len(t, r.UserIDs, 10)
		}
		all, _ := ann.reactors(m, "")
		var order []int64
		for _, r := range first {
			if r.Emoji == all[0].Emoji {
				order = append(order, r.UserID)
			}
		}
		require.Equal(t, order, all[0].ids(), "as everybody has heard it")
	})
}

// next is the query of the page that a Link header names.
func next(t *testing.T, link string) string {
	t.Helper()
	address, _, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">; rel=\"next\"")
	require.True(t, ok, link)
	_, query, _ := strings.Cut(address, "?")
	return "?" + query
}
