package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"parley/app/event"
)

// TestConversation is what Parley is for: several people, several devices, several channels, one order.
func TestConversation(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		people := c.people(t, "person", 6)
		g := people[0].group("friends", people[1:]...)
		general := g.Channels[0]
		other := people[0].channel(g, "other", false)
		var devices []*device
		for i, p := range people {
			devices = append(devices, p.device(i, general, other), p.device(i+1, general, other))
		}
		const each = 25
		book := newLedger()
		var senders errgroup.Group
		for _, p := range people {
			senders.Go(func() error {
				for n := range each {
					ch := []channel{general, other}[n%2]
					hash := fmt.Sprintf("%s_%d", p.name, n)
					if err := p.insist(t.Context(), ch, hash, "message "+hash); err != nil {
						return err
					}
					book.note(ch, hash)
				}
				return nil
			})
		}
		require.NoError(t, senders.Wait())
		for _, ch := range []channel{general, other} {
			book.check(people[0], ch)
			for _, d := range devices {
				d.check(ch)
			}
		}
		requireSenderOrder(t, people[0].history(general))
		for _, d := range devices {
			require.Equal(t, each, d.heard(event.MessageSent), "one for each device of the sender")
			require.Equal(t, each*(len(people)-1), d.heard(event.MessageReceive), "and none of one's own")
		}
	})
}

// requireSenderOrder: whoever waits for each answer before sending the next message sees them in that order.
func requireSenderOrder(t *testing.T, history []event.Message) {
	t.Helper()
	last := make(map[int64]int)
	for _, m := range history {
		var n int
		_, err := fmt.Sscanf(m.Hash[len(m.Hash)-2:], "_%d", &n)
		if err != nil {
			_, err = fmt.Sscanf(m.Hash[len(m.Hash)-3:], "_%d", &n)
		}
		require.NoError(t, err, m.Hash)
		before, seen := last[m.SenderID]
		require.True(t, !seen || before < n, "%d after %d of user %d", n, before, m.SenderID)
		last[m.SenderID] = n
	}
}

func TestSendingAgainIsSafe(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		ann, ben := c.person(t, "ann"), c.person(t, "ben")
		g := ann.group("friends", ben)
		general := g.Channels[0]
		sender, receiver := ann.device(0, general), ben.device(1, general)
		ann.send(general, "h1", "once")
		receiver.has(general, 1)
		ann.send(general, "h1", "once")
		sender.await(func() bool { return summary(sender.events)[event.MessageSent] == 2 }, "the second confirmation")
		ann.send(general, "h2", "next")
		receiver.has(general, 2)
		sender.check(general)
		receiver.check(general)
		require.Len(t, ann.history(general), 2)
		require.Equal(t, 2, receiver.heard(event.MessageReceive), "the repeat was not emitted again")
	})
}

// TestLiveChanges: who may hear what changes while everybody is connected.
func TestLiveChanges(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		ann, ben, cat := c.person(t, "ann"), c.person(t, "ben"), c.person(t, "cat")
		g := ann.group("friends", ben)
		general := g.Channels[0]
		a, b, k := ann.device(0, general), ben.device(1, general), cat.device(1)

		ann.add(g, cat)
		k.await(func() bool { return summary(k.events)[event.JoinedGroup] == 1 }, event.JoinedGroup)
		b.await(func() bool { return summary(b.events)[event.MemberJoined] == 1 }, event.MemberJoined)
		ann.send(general, "h1", "welcome")
		k.await(func() bool { return summary(k.events)[event.MessageReceive] == 1 }, "the first message")

		public := ann.channel(g, "news", false)
		for _, d := range []*device{a, b, k} {
			d.await(func() bool { return summary(d.events)[event.ChannelCreated] == 1 }, event.ChannelCreated)
		}
		ben.send(public, "h2", "news")
		k.await(func() bool { return summary(k.events)[event.MessageReceive] == 2 }, "a message in the new channel")

		private := ann.channel(g, "secret", true)
		ann.send(private, "h3", "for nobody else")
		a.await(func() bool { return summary(a.events)[event.MessageSent] == 2 }, "h3 to be kept before cat may read it")
		path := fmt.Sprintf("/groups/%d/channels/%d/members", g.ID, private.ID)
		ann.do(http.MethodPost, path, map[string]int64{"userId": cat.id}, http.StatusCreated, nil)
		k.await(func() bool { return summary(k.events)[event.ChannelCreated] == 2 }, "the private channel")
		ann.send(private, "h4", "for cat")
		k.await(func() bool { return summary(k.events)[event.MessageReceive] == 3 }, "a message in the private channel")
		ann.do(http.MethodDelete, fmt.Sprintf("%s/%d", path, cat.id), nil, http.StatusNoContent, nil)
		ann.send(private, "h5", "not for cat any more")

		ann.do(http.MethodDelete, fmt.Sprintf("/groups/%d/channels/%d", g.ID, public.ID), nil, http.StatusNoContent, nil)
		b.await(func() bool { return summary(b.events)[event.ChannelDeleted] == 1 }, event.ChannelDeleted)

		cat.remove(g, cat)
		k.await(func() bool { return summary(k.events)[event.LeftGroup] == 1 }, event.LeftGroup)
		b.await(func() bool { return summary(b.events)[event.MemberLeft] == 1 }, event.MemberLeft)
		ann.send(general, "h6", "cat has gone")
		b.await(func() bool { return summary(b.events)[event.MessageReceive] == 2 }, "h1 and h6")

		ann.do(http.MethodDelete, fmt.Sprintf("/groups/%d", g.ID), nil, http.StatusNoContent, nil)
		b.await(func() bool { return summary(b.events)[event.GroupRemoved] == 1 }, event.GroupRemoved)
		require.Equal(t, []string{"welcome", "news", "for cat"}, k.received(), "what was said while cat was there, and nothing else")
		require.Equal(t, []string{"welcome", "cat has gone"}, b.received(), "nothing of the private channel, nor his own")
		require.Equal(t, 0, k.heard(event.GroupRemoved))
	})
}
