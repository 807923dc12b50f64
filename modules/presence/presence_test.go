package presence

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
)

func TestStatesOfAllServersTogether(t *testing.T) {
	t.Parallel()
	inWorld(t, 3, func(t *testing.T, w *world) {
		ann := w.nodes[0].connect(1)
		ann.watch(1, 2, 3, 1000)
		after(time.Second)
		require.Equal(t, []string{`{"ok":true,"presences":[{"userId":1,"state":"online"},{"userId":2,"state":"offline"},{"userId":3,"state":"offline"}]}`},
			ann.takeAcks(), "who does not exist is left out")

		phone := w.nodes[1].connect(2)
		laptop := w.nodes[2].connect(2)
		tablet := w.nodes[2].connect(2)
		after(pace)
		require.Equal(t, []string{"2 online"}, ann.takeHeard(), "told once")
		phone.set(event.UserAway)
		laptop.set(event.UserAway)
		after(pace)
		require.Empty(t, ann.takeHeard(), "the tablet is in use")
		tablet.set(event.UserAway)
		after(pace)
		require.Equal(t, []string{"2 away"}, ann.takeHeard())
		laptop.set(event.UserOnline)
		after(pace)
		require.Equal(t, []string{"2 online"}, ann.takeHeard())
		laptop.close()
		after(pace)
		require.Equal(t, []string{"2 away"}, ann.takeHeard(), "what is left is away")

		other := w.nodes[2].connect(3)
		other.watch(2)
		after(time.Second)
		require.Equal(t, []string{`{"ok":true,"presences":[{"userId":2,"state":"away"}]}`}, other.takeAcks())

		tablet.close()
		left := time.Now()
		phone.close()
		after(reloadGrace - time.Millisecond)
		require.Equal(t, []string{"3 online"}, ann.takeHeard(), "may be about to come back")
		after(10 * time.Millisecond)
		require.Equal(t, []string{"2 offline"}, ann.takeHeard(), "nobody waits any longer: its servers have")
		require.Equal(t, left.UnixMilli(), ann.view[2].LastSeen.UnixMilli())
		after(seenEvery)
		require.Equal(t, left.UnixMilli(), w.seen[2])
		ann.watch(2)
		after(0)
		at := left.UTC().Format("2006-01-02T15:04:05.000Z")
		require.JSONEq(t, fmt.Sprintf(`{"ok":true,"presences":[{"userId":2,"state":"offline","lastSeen":%q}]}`, at), ann.takeAcks()[0])
	})
}

func TestAReloadIsNotSeen(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, func(t *testing.T, w *world) {
		ann := w.nodes[0].connect(1)
		ben := w.nodes[1].connect(2)
		ann.watch(2)
		after(time.Minute)
		require.Empty(t, ann.takeHeard())
		for i := range 6 {
			ben.close()
			after(reloadGrace / 2)
			ben = w.nodes[i%2].connect(2) // to the same server, and to the other one
			after(probeEvery)
			require.Empty(t, ann.takeHeard())
			require.Equal(t, event.UserOnline, ann.sees(2))
		}
	})
}

func TestAServerIsKilled(t *testing.T) {
	t.Parallel()
	inWorld(t, 3, func(t *testing.T, w *world) {
		ann := w.nodes[0].connect(1)
		for user := range int64(3) {
			w.nodes[1].connect(2 + user)
		}
		w.nodes[2].connect(4)
		ann.watch(2, 3, 4)
		after(time.Second)
		w.nodes[1].kill()
		last := time.Now()
		after(time.Second)
		w.nodes[2].connect(3)
		after(checkEvery + doubt)
		require.Equal(t, []string{"2 offline"}, ann.takeHeard(), "the others came back in time, or had never been gone")
		require.WithinDuration(t, last, ann.view[2].LastSeen.Time, 2*time.Second, "as far as is known")
		after(seenEvery)
		require.Equal(t, ann.view[2].LastSeen.UnixMilli(), w.seen[2])

		w.start().connect(2)
		after(time.Second)
		require.Equal(t, []string{"2 online"}, ann.takeHeard())
	})
}

func TestWhatIdleWatchingCosts(t *testing.T) {
	t.Parallel()
	inWorld(t, 3, func(t *testing.T, w *world) {
		ann := w.nodes[0].connect(1)
		all := []int64{}
		for user := range int64(100) {
			all = append(all, 2+user)
			if user%2 == 0 {
				w.nodes[1].connect(2 + user)
			}
		}
		ann.watch(all...)
		after(time.Second)
		probes := w.bus.takeProbes()
		require.Len(t, probes[0], 100, "all at once")
		after(10 * probeEvery)
		users, servers := 0, 0
		for _, keys := range w.bus.takeProbes() {
			for _, key := range keys {
				if event.IsUserKey(key) {
					users++
				} else {
					servers++
				}
			}
		}
		require.InDelta(t, 10*50*4/3, users, 100, "those who are there, every 30 to 60 s")
		require.InDelta(t, float64(10*probeEvery/checkEvery), servers, 10, "one server, every 5 s")
		require.Empty(t, ann.takeHeard())
	})
}

func TestWhoPartsIsNotSeenAnyMore(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, func(t *testing.T, w *world) {
		ann, ben := w.nodes[0].connect(1), w.nodes[1].connect(2)
		w.nodes[1].connect(3)
		ann.watch(2, 3)
		ben.watch(1)
		after(time.Second)
		w.part(1, 2)
		after(time.Second)
		ben.set(event.UserAway)
		ann.set(event.UserAway)
		after(time.Minute)
		require.Empty(t, ann.takeHeard())
		require.Empty(t, ben.takeHeard())
		require.Empty(t, w.nodes[1].counts[event.PresenceKey(1)], "nobody watches")
		require.Len(t, w.nodes[0].socket.watch.users, 1)

		// If nobody had said a word, it would be found out nonetheless.
		w.mu.Lock()
		w.strangers[[2]int64{1, 3}] = true
		w.mu.Unlock()
		after(recheckEvery + time.Second)
		require.Empty(t, w.nodes[0].socket.watch.users)
		ann.watch(2, 3)
		after(time.Second)
		require.JSONEq(t, `{"ok":true,"presences":[]}`, ann.takeAcks()[1])
	})
}

// Somebody leaves after the worker has looked, and before its answer arrives.
func TestWhoPartsMeanwhileIsNotSeen(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, func(t *testing.T, w *world) {
		ann, ben := w.nodes[0].connect(1), w.nodes[1].connect(2)
		after(time.Second)
		ann.watch(2)
		_, _, _ = w.nodes[0].socket.takeAsk() // it is under way
		answer, err := event.Encode(event.ServerKey("server-0"), event.TypePresenceKnown,
			event.PresenceKnown{RequestID: 1, Answers: [][]event.LastSeen{{{UserID: 2}}}})
		require.NoError(t, err)
		w.part(2, 1)
		w.nodes[0].socket.known(t.Context(), answer)
		after(time.Second)
		require.Empty(t, w.nodes[0].socket.watch.users)
		ben.set(event.UserAway)
		after(time.Second)
		require.Empty(t, ann.takeHeard())
	})
}

func TestSubscribing(t *testing.T) {
	t.Parallel()
	inWorld(t, 1, func(t *testing.T, w *world) {
		ann := w.nodes[0].connect(1)
		w.nodes[0].connect(2)
		after(time.Second)
		refused := func(body, code string) {
			ann.n.socket.subscribe(ann, json.RawMessage(body), ann.acknowledged)
			acks := ann.takeAcks()
			require.Len(t, acks, 1)
			require.Contains(t, acks[0], `"code":"`+code+`"`)
		}
		for _, body := range []string{`null`, `"x"`, `{}`, `{"userIds": null}`, `{"userIds": ["1"]}`, `{"userIds": 1}`} {
			refused(body, "malformed_request")
		}
		many := make([]int64, MaxWatched+1)
		for i := range many {
			many[i] = int64(i + 1)
		}
		list, err := json.Marshal(map[string]any{"userIds": many})
		require.NoError(t, err)
		refused(string(list), "too_many_users")
		ann.watch(append(many[:MaxWatched:MaxWatched], 1, 2, 3)...)
		after(time.Second)
		require.Len(t, ann.view, MaxWatched)
		ann.takeAcks()

		ann.watch(1)
		ann.watch(2)
		ann.watch(2, 3)
		after(time.Second)
		acks := ann.takeAcks()
		require.Len(t, acks, 3)
		require.Contains(t, acks[0], "superseded")
		require.Contains(t, acks[1], "superseded")
		require.JSONEq(t, `{"ok":true,"presences":[{"userId":2,"state":"online"},{"userId":3,"state":"offline"}]}`, acks[2])
		require.Len(t, w.nodes[0].socket.watch.users, 2, "the list replaces the former one")

		w.mu.Lock()
		before := w.asks
		w.mu.Unlock()
		for range 1000 {
			ann.watch(2)
			after(time.Millisecond)
		}
		after(time.Second)
		w.mu.Lock()
		require.InDelta(t, 5, w.asks-before, 2, "a client cannot keep workers busy")
		w.mu.Unlock()

		ann.takeAcks()
		ann.watch()
		require.Equal(t, []string{`{"ok":true,"presences":[]}`}, ann.takeAcks())
		ann.close()
		require.Empty(t, w.nodes[0].socket.watch.watchers)
		require.Empty(t, w.nodes[0].socket.watch.users)
		for _, body := range []string{`null`, `{}`, `{"state": "offline"}`, `{"state": 1}`} {
			answer, err := json.Marshal(w.nodes[0].socket.state(ann, json.RawMessage(body)))
			require.NoError(t, err)
			require.Contains(t, string(answer), "malformed_request", body)
		}
	})
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	inWorld(t, 1, func(t *testing.T, w *world) {
		ann := w.nodes[0].connect(1)
		w.deaf = true
		ann.watch(2)
		after(ackTimeout + time.Second)
		require.Contains(t, ann.takeAcks()[0], `"unavailable"`)
		require.GreaterOrEqual(t, w.asks, 2, "asked again")
		w.mu.Lock()
		w.deaf = false
		w.mu.Unlock()
		ann.watch(2)
		after(workerTimeout + time.Second)
		require.Equal(t, []string{`{"ok":true,"presences":[{"userId":2,"state":"offline"}]}`}, ann.takeAcks())

		w.bus.set(true)
		ann.watch(3)
		after(ackTimeout + time.Second)
		require.Contains(t, ann.takeAcks()[0], `"unavailable"`)
		ann.watch(2, 3)
		w.bus.set(false)
		w.nodes[0].connect(3)
		after(5 * time.Second)
		require.Equal(t, []string{`{"ok":true,"presences":[{"userId":2,"state":"offline"},{"userId":3,"state":"online"}]}`}, ann.takeAcks())
	})
}

// A probe that has failed is made again, although a server has meanwhile said, by itself, that the user is away there: the
// user may be online on another one.
func TestAFailedProbeIsMadeAgain(t *testing.T) {
	t.Parallel()
	inWorld(t, 3, func(t *testing.T, w *world) {
		w.nodes[1].connect(2)
		phone := w.nodes[2].connect(2)
		ann := w.nodes[0].connect(1)
		after(pace)
		w.bus.failProbes(1)
		ann.watch(2)
		after(0)
		phone.set(event.UserAway)
		after(10 * time.Second)
		require.Equal(t, []string{`{"ok":true,"presences":[{"userId":2,"state":"away"}]}`}, ann.takeAcks())
		require.Equal(t, []string{"2 online"}, ann.takeHeard())
	})
}

// Announcements go together, and a device that changes its mind all the time is told of seldom.
func TestAnnouncementsAreFew(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, func(t *testing.T, w *world) {
		n := w.nodes[0]
		n.host.stop() // nothing is told meanwhile
		n.host = newHost()
		n.socket.host = n.host
		w.bus.events = nil
		for user := range int64(1000) {
			n.connect(user + 1)
		}
		require.NoError(t, n.socket.Start(t.Context()))
		after(time.Second)
		require.Len(t, w.bus.events, 1000/maxAnnounced)
		require.Len(t, w.bus.events[0].Also, maxAnnounced-1)
		after(10 * time.Second)
		require.Len(t, w.bus.events, 1000/maxAnnounced)
		require.Empty(t, n.socket.here.away)
		require.Empty(t, n.socket.here.changed)
		require.Zero(t, n.socket.here.recent, "nothing is kept of those who are just there")

		ann := w.nodes[1].connect(2000)
		ann.watch(1)
		after(pace)
		for i := range 1000 {
			n.clients[0].set([]event.UserState{event.UserAway, event.UserOnline}[i%2])
			after(10 * time.Millisecond)
		}
		n.clients[0].set(event.UserAway)
		after(pace)
		require.LessOrEqual(t, len(ann.takeHeard()), int(10*time.Second/pace)+2)
		require.Equal(t, event.UserAway, ann.sees(1))
	})
}
