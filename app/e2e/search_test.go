package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
)

// finding is a result of a search.
type finding struct {
	Kind    string          `json:"kind"`
	Message json.RawMessage `json:"message"`
	Snippet []struct {
		Text string `json:"text"`
		Hit  bool   `json:"hit"`
	} `json:"snippet"`
}

// id is the message's; a personal one's is negative.
func (f finding) id(t testing.TB) int64 {
	t.Helper()
	var m struct{ MessageID int64 }
	require.NoError(t, json.Unmarshal(f.Message, &m))
	if f.Kind == "direct" {
		return -m.MessageID
	}
	return m.MessageID
}

// hits are what is marked in the snippet.
func (f finding) hits() (all []string) {
	for _, part := range f.Snippet {
		if part.Hit {
			all = append(all, part.Text)
		}
	}
	return all
}

// search reads all pages of what somebody finds; more is "&name=value".
func (p *person) search(typed, more string) []finding {
	p.t.Helper()
	var all []finding
	for cursor := ""; ; {
		var page struct {
			Results []finding `json:"results"`
			Next    string    `json:"next"`
		}
		p.do(http.MethodGet, "/search?q="+url.QueryEscape(typed)+more+cursor, nil, http.StatusOK, &page)
		all = append(all, page.Results...)
		if page.Next == "" {
			return all
		}
		cursor = "&cursor=" + page.Next
	}
}

// finds waits until somebody finds exactly these messages, the latest first.
func (p *person) finds(typed, more string, want ...int64) {
	p.t.Helper()
	got := []int64{}
	if want == nil {
		want = []int64{}
	}
	require.Eventually(p.t, func() bool {
		got = got[:0]
		for _, f := range p.search(typed, more) {
			got = append(got, f.id(p.t))
		}
		return fmt.Sprint(got) == fmt.Sprint(want)
	}, patience, pollEvery, "%q%s finds %v, not %v", typed, more, &got, want)
}

// told waits until a personal message is kept, and returns its id.
func (p *person) told(to *person, hash string) (id int64) {
	p.t.Helper()
	p.tell(to, hash)
	require.Eventually(p.t, func() bool {
		for _, m := range p.personal(to) {
			if m.Hash == hash {
				id = m.MessageID
			}
		}
		return id > 0
	}, patience, pollEvery)
	return id
}

// wrote sends a message and waits until it is kept.
func (p *person) wrote(c channel, content string) (kept event.Message) {
	p.t.Helper()
	p.send(c, "search", content)
	require.Eventually(p.t, func() bool {
		for _, m := range p.history(c) {
			if m.Content == content {
				kept = m
			}
		}
		return kept.MessageID > 0
	}, patience, pollEvery)
	return kept
}

// TestSearch: what is sent is found before long, by those who may read it; what is edited by what it says now, and what is deleted never.
func TestSearch(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		people := c.people(t, "person", 3)
		ann, ben, eve := people[0], people[1], people[2]
		g, elsewhere := ann.group("friends", ben, eve), eve.group("elsewhere")
		general, secret := g.Channels[0], ann.channel(g, "secret", true)
		first, hidden := ben.wrote(general, "Käsekuchen-1"), ann.wrote(secret, "Käsekuchen-2")
		personal, other := ben.told(ann, "kasekuchen-3"), eve.wrote(elsewhere.Channels[0], "Käsekuchen-4")

		ann.finds("käsekuchen", "", -personal, hidden.MessageID, first.MessageID)
		ben.finds("KASEKUCHEN", "", -personal, first.MessageID)
		eve.finds("kasek", "", other.MessageID, first.MessageID)
		ann.finds("kasekuchen", "&limit=1", -personal, hidden.MessageID, first.MessageID)
		ann.finds("kasekuchen", fmt.Sprintf("&groupId=%d", g.ID), hidden.MessageID, first.MessageID)
		ann.finds("kasekuchen", fmt.Sprintf("&channelId=%d", general.ID), first.MessageID)
		ann.finds("kasekuchen", fmt.Sprintf("&with=%d", ben.id), -personal)
		ann.finds("kasekuchen", fmt.Sprintf("&from=%d", ben.id), -personal, first.MessageID)
		at := func(m event.Message) string { return url.QueryEscape(m.CreatedAt.Format(time.RFC3339Nano)) }
		ann.finds("kasekuchen", "&before="+at(hidden), first.MessageID)
		ann.finds("kasekuchen", "&after="+at(hidden), -personal, hidden.MessageID)
		ann.finds("kasekuchen -4 -3", "", hidden.MessageID, first.MessageID)
		found := ann.search(`"kasekuchen 1"`, "")
		require.Len(t, found, 1)
		require.Equal(t, []string{"Käsekuchen-1"}, found[0].hits())

		for query, code := range map[string]string{
			"": "validation_failed", "q=+": "validation_failed", "q=x&limit=101": "validation_failed", "q=x&cursor=x": "validation_failed",
			"q=x&before=yesterday": "validation_failed", "q=x&groupId=1&with=1": "validation_failed", "q=x&page=2": "validation_failed",
			fmt.Sprintf("q=x&channelId=%d", secret.ID): "channel_not_found", "q=x&groupId=999": "group_not_found",
		} {
			a, err := eve.request(t.Context(), http.MethodGet, "/search?"+query, nil)
			require.NoError(t, err)
			require.Equal(t, code, a.code(), "%s: %s", query, a.body)
		}

		ben.edit(first, "says Apfelkuchen")
		require.Len(t, ben.search("kasekuchen", ""), 1, "at once")
		ben.finds("kasekuchen", "", -personal)
		eve.finds("apfelkuchen", "", first.MessageID)
		ben.erase(first)
		require.Empty(t, eve.search("apfelkuchen", ""), "at once")

		ann.do(http.MethodPost, fmt.Sprintf("/groups/%d/channels/%d/members", g.ID, secret.ID), map[string]int64{"userId": ben.id}, http.StatusCreated, nil)
		require.Len(t, ben.search("kasekuchen", ""), 2, "who may read it now finds it now")
		ann.remove(g, ben)
		ben.finds("kasekuchen", "", -personal)
		require.Len(t, ben.search("kasekuchen", ""), 1, "and nobody else")
		ann.do(http.MethodDelete, fmt.Sprintf("/groups/%d/channels/%d", g.ID, secret.ID), nil, http.StatusNoContent, nil)
		require.Len(t, ann.search("kasekuchen", ""), 1)
	})
}
