package socket

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRoomsBroadcast(t *testing.T) {
	t.Parallel()
	s := newLooseServer(t)
	a, b, c := newLooseConn(s), newLooseConn(s), newLooseConn(s)
	a.Join("room", "user:1")
	b.Join("room", "user:2")
	c.Join("other")
	c.Join("other") // again: nothing changes
	frame := NewFrame("x", nil)

	require.Equal(t, 2, s.Broadcast("room", frame, ""))
	require.Equal(t, 1, s.Broadcast("room", frame, "user:1"), "all but the members of the other room")
	require.Equal(t, 2, s.Broadcast("room", frame, "nobody"))
	require.Equal(t, 0, s.Broadcast("room", frame, "room"))
	require.Equal(t, 0, s.Broadcast("nowhere", frame, ""))
	require.Equal(t, 0, s.Broadcast("", frame, ""), "the room of everyone is not for callers")
	require.Equal(t, 0, s.Broadcast("room", Frame{}, ""), "nor is the empty frame for receivers")
	require.Len(t, pending(a), 2)
	require.Len(t, pending(b), 3)
	require.Empty(t, pending(c))
	require.ElementsMatch(t, []*Conn{a, b}, s.In("room"))
	require.Empty(t, s.In(""))
	require.Equal(t, 4, s.Stats().Rooms)
	require.Equal(t, uint64(5), s.Stats().Frames)
	require.Equal(t, uint64(5*frame.Size()), s.Stats().Bytes)

	// The frame is the same for all, not a copy.
	require.Same(t, a.session.queue.frames[0], b.session.queue.frames[0])

	a.Leave("room", "never joined")
	require.Equal(t, 1, s.Broadcast("room", frame, ""))
	require.Equal(t, []string{"user:1"}, a.Rooms())
}

func TestRoomsBroadcastBoth(t *testing.T) {
	t.Parallel()
	s := newLooseServer(t)
	a, b, c := newLooseConn(s), newLooseConn(s), newLooseConn(s)
	a.Join("user:1", "room")
	b.Join("user:1")
	c.Join("user:2", "room")
	frame := NewFrame("x", nil)
	require.Equal(t, 1, s.BroadcastBoth("user:1", "room", frame))
	require.Equal(t, 0, s.BroadcastBoth("user:3", "room", frame))
	require.Equal(t, 0, s.BroadcastBoth("user:1", "nowhere", frame))
	require.Equal(t, 0, s.BroadcastBoth("", "room", frame))
	require.Equal(t, 0, s.BroadcastBoth("user:1", "room", Frame{}))
	require.Len(t, pending(a), 1)
	require.Empty(t, pending(b))
	require.Empty(t, pending(c))
}

// Nothing of a connection that has ended is left behind, and it joins nothing any more.
func TestRoomsAfterTheEnd(t *testing.T) {
	t.Parallel()
	s := newLooseServer(t)
	c := newLooseConn(s)
	c.Join("a", "b")
	c.end("test")
	require.Zero(t, s.Stats().Rooms)
	c.Join("c")
	c.Leave("a")
	require.Zero(t, s.Stats().Rooms)
	require.Empty(t, c.Rooms())
	s.live.Wait()
}

// Whoever has left gets nothing of later broadcasts, whatever else goes on in the room.
func TestLeaveThenBroadcast(t *testing.T) {
	t.Parallel()
	s := newLooseServer(t)
	stop := make(chan struct{})
	var noise sync.WaitGroup
	for i := range 2 {
		noise.Go(func() {
			other := newLooseConn(s)
			for {
				select {
				case <-stop:
					return
				default:
					other.Join("room")
					s.Broadcast("room", NewFrame("noise", nil), "")
					other.Leave("room")
				}
			}
		})
		_ = i
	}
	for range 500 {
		c := newLooseConn(s)
		c.Join("room")
		c.Leave("room")
		before := len(pending(c))
		s.Broadcast("room", NewFrame("late", nil), "")
		require.Len(t, pending(c), before)
	}
	close(stop)
	noise.Wait()
}

// Connections join, leave and end at random while broadcasts go on. In the end, the table and the
// connections agree.
func TestRoomsStress(t *testing.T) {
	t.Parallel()
	s := newLooseServer(t)
	conns := make([]*Conn, 24)
	for i := range conns {
		conns[i] = newLooseConn(s)
	}
	var wg sync.WaitGroup
	for i, c := range conns {
		for worker := range 2 { // two goroutines contend for each connection
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(i), uint64(worker)))
				for step := range 400 {
					room := fmt.Sprint("room", rnd.IntN(6))
					switch rnd.IntN(4) {
					case 0, 1:
						c.Join(room, fmt.Sprint("room", rnd.IntN(6)))
					case 2:
						c.Leave(room)
					case 3:
						s.Broadcast(room, NewFrame("x", nil), fmt.Sprint("room", rnd.IntN(6)))
					}
					if step == 350 && i%3 == 0 {
						c.end("test")
					}
				}
			})
		}
	}
	wg.Wait()
	want := make(map[string]int)
	for i, c := range conns {
		if i%3 == 0 {
			require.Empty(t, c.Rooms())
		}
		for _, room := range c.Rooms() {
			want[room]++
			require.Contains(t, s.In(room), c)
		}
	}
	require.Equal(t, len(want), s.Stats().Rooms)
	for room, n := range want {
		require.Equal(t, n, s.Broadcast(room, NewFrame("x", nil), ""))
	}
	for _, c := range conns {
		c.end("test")
	}
	require.Zero(t, s.Stats().Rooms)
	s.live.Wait()
}

// Two broadcasts that take the same two stripes in opposite directions do not
// wait for each other, not even with someone joining in between.
func TestBroadcastsAcrossStripes(t *testing.T) {
	t.Parallel()
	s := newLooseServer(t)
	c := newLooseConn(s)
	c.Join("a", "b")
	var wg sync.WaitGroup
	for _, rooms := range [][2]string{{"a", "b"}, {"b", "a"}} {
		wg.Go(func() {
			for range 2000 {
				s.Broadcast(rooms[0], NewFrame("x", nil), rooms[1])
			}
		})
		wg.Go(func() {
			other := newLooseConn(s)
			for range 2000 {
				other.Join(rooms[0])
				other.Leave(rooms[0])
			}
		})
	}
	wg.Wait()
}
