package subscription

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/auth"
	"parley/app/bus"
	"parley/app/event"
	"parley/app/socket"
)

// post is a bus that hands requests to the test, which decides what becomes of each.
type post struct {
	Bus

	t       *testing.T
	sent    chan event.SubscriptionRequest
	outcome chan error
}

func (p *post) Send(ctx context.Context, msg bus.Message) error {
	r, err := event.Decode[event.SubscriptionRequest](msg, event.TypeRequest)
	require.NoError(p.t, err)
	p.sent <- r
	select {
	case err := <-p.outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// asker is a hub without a Socket.IO server: its connections are never told that they are connected. It runs in a bubble.
func asker(t *testing.T) (*Hub, *post) {
	t.Helper()
	server, err := socket.New(socket.Options{})
	require.NoError(t, err)
	p := &post{t: t, sent: make(chan event.SubscriptionRequest), outcome: make(chan error)}
	ctx, cancel := context.WithCancel(context.Background())
	h := &host{ctx: ctx}
	hub := NewHub("server-1", server, tokens{}, p, newKeyring(), NewMetrics(nil), discard)
	require.NoError(t, hub.Init(h))
	require.NoError(t, hub.Start(ctx))
	t.Cleanup(func() { cancel(); h.tasks.Wait() })
	return hub, p
}

func (h *Hub) admit(t *testing.T, ids ...int64) {
	t.Helper()
	for _, id := range ids {
		_, err := h.enter(&socket.Conn{}, auth.Claims{UserID: id})
		require.NoError(t, err)
	}
}

// answerAll answers a request: all of its users are in group 1.
func (h *Hub) answerAll(t *testing.T, r event.SubscriptionRequest, g event.SnapshotGroup) {
	t.Helper()
	all := event.Snapshots{RequestID: r.RequestID, Groups: []event.SnapshotGroup{g}}
	for _, id := range r.Users() {
		all.Users = append(all.Users, event.Snapshot{UserID: id, Version: 1, Groups: []int64{g.ID}})
	}
	msg, err := event.Encode(event.ServerKey("server-1"), event.TypeSnapshot, all)
	require.NoError(t, err)
	h.Snapshot(t.Context(), msg)
}

func (h *Hub) count(p phase) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, u := range h.users {
		if u.phase == p {
			n++
		}
	}
	return n
}

func TestACrowdIsAskedForTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub, p := asker(t)
		hub.admit(t, 1)
		first := <-p.sent
		require.Equal(t, event.SubscriptionRequest{UserID: 1, ServerID: "server-1", RequestID: first.RequestID}, first, "alone, and at once")
		for id := range int64(2 * maxAsked) {
			hub.admit(t, 2+id)
		}
		hub.admit(t, 1) // a second device asks for nothing
		p.outcome <- nil
		second := <-p.sent
		require.Len(t, second.Users(), maxAsked)
		p.outcome <- nil
		third := <-p.sent
		require.Len(t, third.Users(), maxAsked)
		require.NotContains(t, third.Users(), second.UserID)
		p.outcome <- nil

		hub.answerAll(t, first, group(1, 3, 10)) // binds the group's keys: all were asked for before that
		for _, r := range []event.SubscriptionRequest{second, third} {
			hub.answerAll(t, r, group(1, 3, 10))
		}
		asked := 0
		for asked < 2*maxAsked+1 {
			r := <-p.sent
			asked += len(r.Users())
			p.outcome <- nil
			hub.answerAll(t, r, group(1, 3, 10))
		}
		require.Equal(t, 2*maxAsked+1, hub.count(live))

		for _, u := range hub.users {
			u.conns = nil // they are in no room that they could leave
		}
		sets := make(map[*set]bool)
		for _, c := range []event.Change{
			{},
			{Kind: event.ChannelsAdded, GroupID: 1, Version: 4, Channels: []int64{12, 11}},
			{Kind: event.ChannelsRemoved, GroupID: 1, Version: 5, Channels: []int64{10}},
		} {
			if c.Kind != "" {
				hub.Apply(c, func() {})
				synctest.Wait()
			}
			clear(sets)
			for _, u := range hub.users {
				sets[u.groups[0].set] = true
			}
			require.Len(t, sets, 1, "all share what they hear: %s", c.Kind)
		}
		for s := range sets {
			require.Equal(t, []int64{11, 12}, s.channels)
			require.Equal(t, []string{"group:1", "channel:11", "channel:12"}, s.keys)
		}
		hub.admit(t, 1000)
		late := <-p.sent
		p.outcome <- nil
		hub.answerAll(t, late, group(1, 5, 12, 11))
		require.True(t, sets[hub.users[1000].groups[0].set], "and so does who comes later")
	})
}

func TestWhatIsNotAnsweredIsAskedForAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub, p := asker(t)
		hub.admit(t, 1, 2)
		lost := <-p.sent
		p.outcome <- fmt.Errorf("not confirmed: %w", bus.ErrUnavailable)
		again := <-p.sent
		require.NotEqual(t, lost.RequestID, again.RequestID)
		hub.answerAll(t, lost, group(9, 1, 90)) // it had arrived all the same
		require.Equal(t, 2, hub.count(asking), "void: it may be older than what was asked for since")
		p.outcome <- nil

		begun := time.Now()
		unanswered := <-p.sent
		require.Greater(t, time.Since(begun), answerTimeout/2)
		require.NotEqual(t, again.RequestID, unanswered.RequestID)
		p.outcome <- nil
		hub.answerAll(t, unanswered, group(1, 1, 10))
		for hub.count(live) < 2 {
			r := <-p.sent
			p.outcome <- nil
			hub.answerAll(t, r, group(1, 1, 10))
		}
		select {
		case r := <-p.sent:
			t.Fatalf("nobody waits, but %v is asked for", r)
		case <-time.After(10 * answerTimeout):
		}
	})
}
