package subscription

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/auth"
	"parley/app/event"
	"parley/app/socket/sockettest"
)

func TestSubscribedMeansBoundBeforeTheSnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.dial(7)
	connected := make(chan error, 1)
	go func() { connected <- c.Connect(t.Context()) }()

	first := w.asked()
	require.Equal(t, "server-1", first.ServerID)
	require.Contains(t, w.keys.wanted(), "user:7", "bound before the request")
	w.answer(first, 3, group(1, 5, 10))
	require.NoError(t, <-connected)

	// The group's key had to be bound: a change may have gone by before. The second snapshot has it.
	w.answer(w.asked(), 3, group(1, 6, 10, 11))
	// Channel 11 is new again, so there is a third one.
	w.answer(w.asked(), 3, group(1, 6, 10, 11))
	e := w.next(c, event.Subscribed)
	require.JSONEq(t, `{"groupIds": [1], "channelIds": [10, 11]}`, string(e.Payload))
	require.True(t, w.hears(c, 7, "channel:11"))
	require.True(t, w.hears(c, 7, "group:1"))

	// Another user of the same channels needs one snapshot: all is bound already.
	other := w.dial(8)
	go func() { connected <- other.Connect(t.Context()) }()
	w.answer(w.asked(), 1, group(1, 6, 10, 11))
	require.NoError(t, <-connected)
	w.next(other, event.Subscribed)
	require.Empty(t, w.requests)
}

func TestASecondDeviceIsSubscribedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone := w.join(7, 1, group(1, 1, 10))
	laptop := w.dial(7)
	require.NoError(t, laptop.Connect(t.Context()))
	w.next(laptop, event.Subscribed)
	require.Empty(t, w.requests)

	phone.Close()
	require.True(t, w.hears(laptop, 7, "channel:10"), "one device's leaving is not the user's")
	require.Contains(t, w.keys.wanted(), "channel:10")
	laptop.Close()
	require.Eventually(t, func() bool { return len(w.keys.wanted()) == 0 }, 10*time.Second, time.Millisecond)
}

func TestTheObserverIsToldWhoIsHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone := w.join(7, 1, group(1, 1, 10))
	w.requireTold("here 7")
	laptop := w.dial(7)
	require.NoError(t, laptop.Connect(t.Context()))
	w.next(laptop, event.Subscribed)
	w.requireTold("here 7", "here 7")
	laptop.Close()
	w.requireTold("here 7", "here 7", "gone 7 false")

	w.hub.Reset()
	w.settle(1, group(1, 1, 10))
	w.next(phone, event.Subscribed)
	w.requireTold("here 7", "here 7", "gone 7 false", "here 7")
	ack, err := phone.EmitAck(t.Context(), event.Auth, map[string]string{"token": "7"})
	require.NoError(t, err)
	require.Contains(t, string(ack), `"ok":true`)
	w.requireTold("here 7", "here 7", "gone 7 false", "here 7", "here 7")
	phone.Close()
	w.requireTold("here 7", "here 7", "gone 7 false", "here 7", "here 7", "gone 7 true")

	bad := w.dial(9)
	connected := make(chan error, 1)
	go func() { connected <- bad.Connect(t.Context()) }()
	w.snapshots(event.Snapshots{RequestID: w.asked().RequestID, Users: []event.Snapshot{{UserID: 9, Disabled: true}}})
	require.Error(t, <-connected)
	w.join(8, 1)
	w.requireTold("here 7", "here 7", "gone 7 false", "here 7", "here 7", "gone 7 true", "here 8")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var refused *sockettest.ConnectError

	bad, err := sockettest.Open(t.Context(), w.url, sockettest.Options{Token: "nonsense"})
	require.NoError(t, err)
	defer bad.Close()
	require.ErrorAs(t, bad.Connect(t.Context()), &refused)
	require.Equal(t, auth.ErrTokenInvalid.Code, refused.Code())

	c := w.dial(9)
	connected := make(chan error, 1)
	go func() { connected <- c.Connect(t.Context()) }()
	w.snapshots(event.Snapshots{RequestID: w.asked().RequestID, Users: []event.Snapshot{{UserID: 9, Disabled: true}}})
	require.ErrorAs(t, <-connected, &refused)
	require.Equal(t, auth.ErrUserDisabled.Code, refused.Code())
}

func TestAUserDisabledWhileConnectedIsClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.join(7, 1)
	w.change("user:7", "", event.Change{Kind: event.UserDisabled, UserID: 7})
	<-c.Done()
	require.Equal(t, sockettest.ServerDisconnect, c.Reason())
}

func TestConnectionsEndWithTheirSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operator := w.join(7, 1) // whose token has none
	device := func(token string) *sockettest.Client {
		c := w.dialWith(token)
		require.NoError(t, c.Connect(t.Context()))
		w.next(c, event.Subscribed)
		return c
	}
	phone, tablet, laptop, other := device("7/phone"), device("7/tablet"), device("7/laptop"), w.join(8, 1)

	// The laptop's user has signed in anew, and shows a token of that.
	ack, err := laptop.EmitAck(t.Context(), event.Auth, map[string]string{"token": "7/laptop-2"})
	require.NoError(t, err)
	require.Contains(t, string(ack), `"ok":true`)

	w.change("user:7", "", event.Change{Kind: event.SessionsEnded, UserID: 7, Families: []string{"", "phone", "laptop", "unknown"}})
	<-phone.Done()
	require.Equal(t, sockettest.ServerDisconnect, phone.Reason())
	w.emit("user:7", "STILL", nil)
	for _, c := range []*sockettest.Client{operator, tablet, laptop} {
		w.next(c, "STILL")
	}
	require.True(t, w.hears(other, 8, "user:8"))
	w.change("user:9", "", event.Change{Kind: event.SessionsEnded, UserID: 9, Families: []string{"tablet"}}) // nobody
	w.change("user:7", "", event.Change{Kind: event.SessionsEnded, UserID: 7, Families: []string{"laptop-2"}})
	<-laptop.Done()
}

// A sign-in that ends while its connection is let in does not end too early.
func TestASignInEndsDuringTheHandshake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.dialWith("7/phone")
	go func() { _ = c.Connect(context.Background()) }() // the end may come before its answer
	first := w.asked()
	w.change("user:7", "", event.Change{Kind: event.SessionsEnded, UserID: 7, Families: []string{"phone"}})
	w.answer(first, 1)
	<-c.Done()
	require.Equal(t, sockettest.ServerDisconnect, c.Reason())
}

func TestOldAnswersAreIgnored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.dial(7)
	connected := make(chan error, 1)
	go func() { connected <- c.Connect(t.Context()) }()
	first := w.asked()
	w.answer(event.SubscriptionRequest{UserID: 7, RequestID: first.RequestID + 99}, 1, group(9, 1, 90))
	w.answer(first, 1, group(1, 1, 10))
	require.NoError(t, <-connected)
	second := w.asked()
	w.answer(first, 1, group(9, 1, 90)) // comes twice
	w.answer(second, 1, group(1, 1, 10))
	e := w.next(c, event.Subscribed)
	require.JSONEq(t, `{"groupIds": [1], "channelIds": [10]}`, string(e.Payload))
}

func TestASnapshotOlderThanAChangeIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]event.Change{
		"of the user":  {Kind: event.GroupLeft, UserID: 7, GroupID: 2, Version: 4},
		"of the group": {Kind: event.ChannelsRemoved, GroupID: 2, Channels: []int64{20}, Version: 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.join(8, 3, group(2, 3, 20)) // somebody else is in the group, so its changes come by
			client := w.dial(7)
			connected := make(chan error, 1)
			go func() { connected <- client.Connect(t.Context()) }()
			r := w.asked()
			w.change("x", "ANY", c)
			w.answer(r, 3, group(1, 1, 10), group(2, 3, 20)) // read before the change
			r = w.asked()
			require.NotNil(t, client)
			fresh := []event.SnapshotGroup{group(1, 1, 10)}
			version := int64(4)
			if c.UserID == 0 {
				fresh, version = append(fresh, group(2, 4)), 3
			}
			w.answer(r, version, fresh...)
			w.answer(w.asked(), version, fresh...)
			require.NoError(t, <-connected)
			w.next(client, event.Subscribed)
			require.False(t, w.hears(client, 7, "channel:20"))
			require.True(t, w.hears(client, 7, "channel:10"))
		})
	}
}

func TestJoiningAGroupLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.join(7, 1)
	w.keys.hold(true)
	w.change("user:7", event.JoinedGroup, event.Change{Kind: event.GroupJoined, UserID: 7, GroupID: 1, Channels: []int64{10}, Version: 2})
	w.keys.hold(false)
	w.settle(2, group(1, 5, 10))
	w.next(c, event.JoinedGroup)
	require.True(t, w.hears(c, 7, "channel:10"))
	require.True(t, w.hears(c, 7, "group:1"))
}

func TestLosses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change event.Change
		room   string
		lost   []string
		kept   []string
	}{
		"left the group": {
			event.Change{Kind: event.GroupLeft, UserID: 7, GroupID: 1, Version: 4}, "user:7",
			[]string{"group:1", "channel:10", "channel:11"}, []string{"group:2", "channel:20"},
		},
		"group deleted": {
			event.Change{Kind: event.GroupDeleted, GroupID: 1, Version: 6}, "group:1",
			[]string{"group:1", "channel:10", "channel:11"}, []string{"group:2", "channel:20"},
		},
		"channel deleted": {
			event.Change{Kind: event.ChannelsRemoved, GroupID: 1, Channels: []int64{10}, Version: 6}, "group:1",
			[]string{"channel:10"}, []string{"group:1", "channel:11", "channel:20"},
		},
		"out of a private channel": {
			event.Change{Kind: event.ChannelsRemoved, UserID: 7, GroupID: 1, Channels: []int64{11}, Version: 4}, "user:7",
			[]string{"channel:11"}, []string{"group:1", "channel:10"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.join(7, 3, group(1, 5, 10, 11), group(2, 1, 20))
			w.change(tc.room, "TOLD", tc.change)
			w.next(c, "TOLD")
			for _, room := range tc.lost {
				require.False(t, w.hears(c, 7, room), room)
				require.NotContains(t, w.keys.wanted(), room)
			}
			for _, room := range tc.kept {
				require.True(t, w.hears(c, 7, room), room)
			}
			require.Empty(t, w.requests, "nothing to ask for")
		})
	}
}

func TestGains(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.join(7, 3, group(1, 5, 10))
	ben := w.join8(group(1, 5, 10))
	w.keys.hold(true)
	w.change("group:1", event.ChannelCreated, event.Change{Kind: event.ChannelsAdded, GroupID: 1, Channels: []int64{11}, Version: 6})
	require.False(t, w.hears(ann, 7, "channel:11"), "not before it is bound")
	w.keys.hold(false)
	w.next(ann, event.ChannelCreated)
	w.next(ben, event.ChannelCreated)
	require.True(t, w.hears(ann, 7, "channel:11"))
	require.True(t, w.hears(ben, 8, "channel:11"))

	w.change("user:8", event.ChannelCreated, event.Change{Kind: event.ChannelsAdded, UserID: 8, GroupID: 1, Channels: []int64{12}, Version: 2})
	w.next(ben, event.ChannelCreated)
	require.True(t, w.hears(ben, 8, "channel:12"), "private, for one")
	require.False(t, w.hears(ann, 7, "channel:12"))
}

// join8 connects user 8, whose groups' keys are bound already.
func (w *world) join8(groups ...event.SnapshotGroup) *sockettest.Client {
	w.t.Helper()
	c := w.dial(8)
	connected := make(chan error, 1)
	go func() { connected <- c.Connect(w.t.Context()) }()
	w.answer(w.asked(), 1, groups...)
	require.NoError(w.t, <-connected)
	w.next(c, event.Subscribed)
	return c
}

// TestAGainOvertakenByALoss: the channel is deleted before its key is bound; nobody may end up in its room, nor hear of it any more.
func TestAGainOvertakenByALoss(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.join(7, 3, group(1, 5, 10))
	w.keys.hold(true)
	w.change("group:1", event.ChannelCreated, event.Change{Kind: event.ChannelsAdded, GroupID: 1, Channels: []int64{11}, Version: 6})
	w.change("group:1", event.ChannelDeleted, event.Change{Kind: event.ChannelsRemoved, GroupID: 1, Channels: []int64{11}, Version: 7})
	w.next(c, event.ChannelDeleted)
	w.keys.hold(false)
	require.Eventually(t, func() bool { return !slices.Contains(w.keys.wanted(), "channel:11") }, 10*time.Second, time.Millisecond)
	require.False(t, w.hears(c, 7, "channel:11"))
	w.emit("user:7", "NEXT", nil)
	w.next(c, "NEXT")
}

// TestAJoinOvertakenByALeave: somebody who has left does not hear afterwards of having joined.
func TestAJoinOvertakenByALeave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.join(7, 1)
	w.keys.hold(true)
	w.change("user:7", event.JoinedGroup, event.Change{Kind: event.GroupJoined, UserID: 7, GroupID: 1, Channels: []int64{10}, Version: 2})
	w.change("user:7", event.JoinedGroup, event.Change{Kind: event.GroupJoined, UserID: 7, GroupID: 2, Channels: []int64{20}, Version: 3})
	w.change("user:7", event.LeftGroup, event.Change{Kind: event.GroupLeft, UserID: 7, GroupID: 1, Version: 4})
	w.next(c, event.LeftGroup)
	w.keys.hold(false)
	w.settle(4, group(2, 1, 20))
	w.next(c, event.JoinedGroup)
	w.emit("user:7", "NEXT", nil)
	w.next(c, "NEXT")
	require.False(t, w.hears(c, 7, "channel:10"))
	require.True(t, w.hears(c, 7, "channel:20"))
}

func TestAGainInAGroupThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.join(7, 3, group(1, 5, 10), group(2, 1, 20))
	w.change("group:1", event.GroupRemoved, event.Change{Kind: event.GroupDeleted, GroupID: 1, Version: 6})
	w.next(c, event.GroupRemoved)
	w.change("user:7", event.ChannelCreated, event.Change{Kind: event.ChannelsAdded, UserID: 7, GroupID: 1, Channels: []int64{11}, Version: 4})
	w.next(c, event.ChannelCreated)
	require.False(t, w.hears(c, 7, "channel:11"))
	require.True(t, w.hears(c, 7, "channel:20"))
}

func TestAGapAsksForASnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.join(7, 3, group(1, 5, 10), group(2, 1, 20))
	// Version 4 got lost; 5 takes group 1 away at once all the same.
	w.change("user:7", event.LeftGroup, event.Change{Kind: event.GroupLeft, UserID: 7, GroupID: 1, Version: 5})
	w.next(c, event.LeftGroup)
	require.False(t, w.hears(c, 7, "channel:10"))
	w.answer(w.asked(), 5) // 4 had been: out of group 2
	require.Eventually(t, func() bool { return !w.hears(c, 7, "channel:20") }, 10*time.Second, time.Millisecond)

	// An overtaken change changes nothing.
	w.change("user:7", event.JoinedGroup, event.Change{Kind: event.GroupJoined, UserID: 7, GroupID: 2, Version: 4})
	require.Empty(t, w.requests)
	require.False(t, w.hears(c, 7, "channel:20"))

	// The same for a group's versions.
	w.change("user:7", event.JoinedGroup, event.Change{Kind: event.GroupJoined, UserID: 7, GroupID: 3, Version: 6})
	w.settle(6, group(3, 1, 30))
	w.next(c, event.JoinedGroup)
	w.change("group:3", event.ChannelCreated, event.Change{Kind: event.ChannelsAdded, GroupID: 3, Channels: []int64{32}, Version: 3})
	w.settle(6, group(3, 3, 30, 31, 32))
	require.Eventually(t, func() bool { return w.hears(c, 7, "channel:31") }, 10*time.Second, time.Millisecond)
}

// TestNothingIsHeardBeforeSubscribed: a message of one's own would look like the next one of its channel, although others were missed.
func TestNothingIsHeardBeforeSubscribed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.dial(7)
	connected := make(chan error, 1)
	go func() { connected <- c.Connect(t.Context()) }()
	w.answer(w.asked(), 1, group(1, 1, 10))
	require.NoError(t, <-connected)
	again := w.asked() // the keys had to be bound
	w.emit("user:7", event.MessageSent, nil)
	w.answer(again, 1, group(1, 1, 10))
	w.next(c, event.Subscribed)
	require.True(t, w.hears(c, 7, "user:7"))
}

// TestAResetSilencesUntilASnapshotSaysWhatIsStillTheirs: while the inbox was lost, user 7 was removed from group 1.
func TestAResetSilencesUntilASnapshotSaysWhatIsStillTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.join(7, 3, group(1, 5, 10), group(2, 1, 20))
	w.hub.Reset()
	for _, room := range []string{"user:7", "group:1", "channel:10", "group:2", "channel:20"} {
		require.Empty(t, w.server.In(room), room)
	}
	w.settle(4, group(2, 1, 20))
	e := w.next(c, event.Subscribed)
	require.JSONEq(t, `{"groupIds": [2], "channelIds": [20]}`, string(e.Payload))
	e = w.next(c, event.Resync)
	require.JSONEq(t, `{"reason": "broker_reconnected"}`, string(e.Payload))
	require.False(t, w.hears(c, 7, "channel:10"))
	require.True(t, w.hears(c, 7, "channel:20"))
}

func TestAResetInMidConnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.dial(7)
	connected := make(chan error, 1)
	go func() { connected <- c.Connect(t.Context()) }()
	lost := w.asked()
	w.hub.Reset()
	again := w.asked()
	w.answer(lost, 1, group(9, 1, 90)) // an answer to before
	w.answer(again, 1, group(1, 1, 10))
	require.NoError(t, <-connected)
	w.answer(w.asked(), 1, group(1, 1, 10))
	w.next(c, event.Subscribed)
	require.True(t, w.hears(c, 7, "channel:10"), "and no RESYNC: it has missed nothing")
}

func TestAuth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.join(7, 1)
	for payload, code := range map[string]string{
		`{"token": "7"}`: "",
		`{"token": "8"}`: "forbidden",
		`{"token": "x"}`: auth.ErrTokenInvalid.Code,
		`{"token": 7}`:   "malformed_request",
		`"7"`:            "malformed_request",
		`null`:           auth.ErrTokenInvalid.Code,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		answer, err := c.EmitAck(ctx, event.Auth, rawJSON(payload))
		cancel()
		require.NoError(t, err, payload)
		if code == "" {
			require.Contains(t, string(answer), `"ok":true`, payload)
		} else {
			require.Contains(t, string(answer), `"code":"`+code+`"`, payload)
		}
	}
}

// rawJSON encodes as it is.
type rawJSON string

// MarshalJSON implements json.Marshaler.
func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

func TestDrainTellsEveryoneAndLetsNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.join(7, 1)
	w.hub.Drain(t.Context())
	e := w.next(c, event.Drain)
	var body struct{ ReconnectInMs *int64 }
	require.NoError(t, e.Decode(&body))
	require.NotNil(t, body.ReconnectInMs)

	late := w.dial(8)
	err := late.Connect(t.Context())
	var refused *sockettest.ConnectError
	require.Error(t, err)
	require.NotErrorAs(t, err, &refused, "the transport ends, so that official clients come back by themselves")
}
