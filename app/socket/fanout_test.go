package socket

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// counter is the cheapest possible client: it compares what comes out of the
// socket with what is to come. Hundreds of them share the machine with the server.
type counter struct {
	ws   *websocket.Conn
	conn net.Conn
	read int // bytes
}

// newCounter connects to a server, and leaves the numbered events to read.
func newCounter(url string) (*counter, error) {
	ws, _, err := websocket.DefaultDialer.Dial( //nolint:bodyclose // a WebSocket's response has none
		strings.Replace(url, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		return nil, err
	}
	if err := ws.WriteMessage(websocket.TextMessage, []byte("40")); err != nil {
		return nil, errors.Join(err, ws.Close())
	}
	for range 2 { // the OPEN packet and the answer to CONNECT
		if _, _, err := ws.ReadMessage(); err != nil {
			return nil, errors.Join(err, ws.Close())
		}
	}
	return &counter{ws: ws, conn: ws.NetConn()}, nil
}

// numberFrame is an event that carries a number, and padding.
func numberFrame(n int, padding ...byte) Frame {
	return NewFrame("n", append(json.RawMessage(strconv.Itoa(n)), padding...))
}

// numberStream is what a client receives of the events 0 to n-1: unmasked text frames.
func numberStream(n int, padding ...byte) []byte {
	var stream []byte
	for i := range n {
		packet := fmt.Sprintf(`42["n",%d%s]`, i, padding)
		if len(packet) < 126 {
			stream = append(stream, 0x81, byte(len(packet)))
		} else {
			stream = append(stream, 0x81, 126, byte(len(packet)>>8), byte(len(packet)))
		}
		stream = append(stream, packet...)
	}
	return stream
}

// follow reads until the whole stream has come.
func (c *counter) follow(stream, buf []byte) error {
	_ = c.conn.SetReadDeadline(time.Now().Add(4 * time.Minute))
	for c.read < len(stream) {
		n, err := c.conn.Read(buf)
		if err != nil {
			return fmt.Errorf("after %d of %d bytes: %w", c.read, len(stream), err)
		}
		if n > len(stream)-c.read || !bytes.Equal(buf[:n], stream[c.read:c.read+n]) {
			return fmt.Errorf("after %d of %d bytes: unexpected %q", c.read, len(stream), buf[:n])
		}
		c.read += n
	}
	return nil
}

// crowd is a number of counters in the room "n".
type crowd []*counter

func newCrowd(t testing.TB, f *fixture, n int) crowd {
	all := make(crowd, n)
	var wg sync.WaitGroup
	errs := make(chan error, n)
	slots := make(chan struct{}, 50)
	for i := range all {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			c, err := newCounter(f.url)
			all[i] = c
			errs <- err
		})
	}
	wg.Wait()
	for range all {
		require.NoError(t, <-errs)
	}
	t.Cleanup(func() {
		for _, c := range all {
			_ = c.ws.Close()
		}
	})
	require.Eventually(t, func() bool { return f.Stats().Connections == n }, patience, time.Millisecond)
	for _, c := range f.Conns() {
		c.Join("n")
	}
	return all
}

// follow has all counters read the stream.
func (all crowd) follow(stream []byte) error {
	errs := make(chan error, len(all))
	for _, c := range all {
		go func() { errs <- c.follow(stream, make([]byte, 16<<10)) }()
	}
	var err error
	for range all {
		err = errors.Join(err, <-errs)
	}
	return err
}

// All of 10,000 broadcasts in a row arrive in order. Nothing paces them: a frame
// takes some 15 bytes, so that even if nothing was written meanwhile, all of
// them would fit into a client's queue of 1 MiB, the default.
func TestTenThousandBroadcasts(t *testing.T) {
	t.Parallel()
	const broadcasts = 10_000
	stream := numberStream(broadcasts)
	for _, clients := range []int{1, 500} {
		t.Run(fmt.Sprint(clients), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, Options{PingInterval: time.Hour}) // a ping is not in the stream
			all := newCrowd(t, f, clients)
			begin := time.Now()
			done := make(chan error, 1)
			go func() { done <- all.follow(stream) }()
			for i := range broadcasts {
				if n := f.Broadcast("n", numberFrame(i), ""); n != clients {
					require.Equal(t, clients, n, "broadcast %d", i)
				}
			}
			require.NoError(t, <-done)
			t.Logf("%.0f deliveries/s", float64(clients*broadcasts)/time.Since(begin).Seconds())
			require.Zero(t, f.Stats().Overflows)
			require.EqualValues(t, clients*broadcasts, f.Stats().Frames)
		})
	}
}
