package socket

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/socket/sockettest"
)

// bulk is a frame of about 64 KiB.
func bulk() Frame {
	return NewFrame("bulk", json.RawMessage(`"`+strings.Repeat("x", 64<<10)+`"`))
}

// A client that does not read is closed when its queue overflows. Nobody else waits for it, or loses anything.
func TestSlowClientOverflows(t *testing.T) {
	t.Parallel()
	forEachTransport(t, func(t *testing.T, transport sockettest.Transport) {
		f := newFixture(t, Options{MaxQueueBytes: 512 << 10})
		slow, conn := f.pair(t, sockettest.Options{Transport: transport})
		received := make(chan sockettest.Event, 10_000)
		fast, fastConn := f.pair(t, sockettest.Options{OnEvent: func(e sockettest.Event) { received <- e }})
		if transport == sockettest.Upgrade {
			<-slow.Upgraded()
		}
		conn.Join("room")
		fastConn.Join("room")
		slow.Pause()
		frame, sent := bulk(), 0
		for slowly := 2; slowly == 2; sent++ {
			require.Less(t, sent, 5000)
			slowly = f.Broadcast("room", frame, "")
			require.NoError(t, fastConn.Flush(testContext(t)), "the fast client does not wait for the slow one")
		}
		require.Equal(t, ReasonSlowClient, f.reason(t, conn.ID()))
		require.EqualValues(t, 1, f.Stats().Overflows)
		require.Equal(t, []*Conn{fastConn}, f.In("room"))
		require.Equal(t, 1, f.Broadcast("room", NewFrame("end", nil), ""))
		for range sent {
			require.Equal(t, "bulk", (<-received).Name)
		}
		require.Equal(t, "end", (<-received).Name)
		require.Empty(t, fast.Reason())
		slow.Resume()
		require.Contains(t, []string{sockettest.TransportClose, sockettest.TransportError}, waitDone(t, slow), "comes back by itself")
	})
}

// A client that reads nothing for too long is closed, though its queue has room.
func TestSlowClientTimesOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{MaxQueueBytes: 1 << 30, WriteTimeout: 200 * time.Millisecond})
	slow, conn := f.pair(t, sockettest.Options{})
	slow.Pause()
	frame := bulk()
	for range 500 {
		conn.Emit(frame)
	}
	require.Equal(t, ReasonSlowClient, f.reason(t, conn.ID()))
	require.EqualValues(t, 1, f.Stats().WriteTimeouts)
	require.Zero(t, f.Stats().Overflows)
}

// A client that is slow, but reads, gets everything, through a goroutine of its own.
func TestSlowClientCatchesUp(t *testing.T) {
	t.Parallel()
	const frames = 300
	f := newFixture(t, Options{MaxQueueBytes: 1 << 30})
	seq := &sequence{done: make(chan struct{}), want: 2 * frames}
	slow, conn := f.pair(t, sockettest.Options{OnEvent: func(e sockettest.Event) {
		if e.Name == "n" {
			seq.add(e)
		}
	}})
	slow.Pause()
	frame := bulk()
	for i := range frames {
		conn.Emit(numberFrame(i))
		conn.Emit(frame)
	}
	require.NoError(t, waitFor(t, func() bool { // the writers have handed it over
		f.out.mu.Lock()
		defer f.out.mu.Unlock()
		return f.out.slow == 1 && f.out.running == 0
	}))
	for i := range frames {
		conn.Emit(numberFrame(frames + i))
	}
	slow.Resume()
	seq.wait(t)
	require.NoError(t, conn.Flush(testContext(t)))
	conn.session.mu.Lock()
	defer conn.session.mu.Unlock()
	require.Zero(t, conn.session.bytes)
	require.Nil(t, conn.session.queue, "an idle connection keeps no buffers")
}

// A single frame is sent whatever its size; only what waits besides is bounded.
func TestLargeFrame(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{MaxQueueBytes: 1000})
	client, conn := f.pair(t, sockettest.Options{})
	require.NoError(t, conn.Flush(testContext(t)))
	text := strings.Repeat("x", 3<<20)
	conn.Emit(NewFrame("large", json.RawMessage(`"`+text+`"`)))
	e, err := client.Next(testContext(t))
	require.NoError(t, err)
	require.Len(t, e.Payload, len(text)+2)
}
