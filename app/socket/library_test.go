package socket

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"github.com/zishang520/engine.io-go-parser/packet"
	"github.com/zishang520/engine.io/v2/engine"
	enginetransports "github.com/zishang520/engine.io/v2/transports"
	"github.com/zishang520/engine.io/v2/types"
	sio "github.com/zishang520/socket.io/v2/socket"

	"parley/app/socket/sockettest"
)

// The tests of this file say why the package has an engine and rooms of its
// own. Each runs a scenario against the library as it is and against ours.
// Where the library fails by chance, its unlucky moment is brought about, by
// means that change nothing but the timing.

// libraryServer is the library with its own engine and adapter. Listeners of
// the engine's "connection" event that are given here come before the library's.
func libraryServer(t *testing.T, opts *sio.ServerOptions, first ...func()) (*sio.Server, string) {
	io := sio.NewServer(nil, opts)
	eng := engine.NewServer(opts)
	for _, fn := range first {
		require.NoError(t, eng.On("connection", func(...any) { fn() }))
	}
	io.Bind(eng)
	h := httptest.NewServer(eng)
	t.Cleanup(h.Close)
	t.Cleanup(func() { io.Close(nil) })
	return io, h.URL
}

// libraryTransport connects a WebSocket client to a transport of the library, with nothing else around it.
func libraryTransport(t *testing.T) (enginetransports.Transport, *websocket.Conn) {
	made := make(chan enginetransports.Transport, 1)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		ctx := types.NewHttpContext(w, r)
		ctx.Websocket = &types.WebSocketConn{EventEmitter: types.NewEventEmitter(), Conn: ws}
		made <- enginetransports.NewWebSocket(ctx)
	}))
	t.Cleanup(h.Close)
	client, _, err := websocket.DefaultDialer.Dial(strings.Replace(h.URL, "http", "ws", 1)+"/?EIO=4", nil) //nolint:bodyclose // has none
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	transport := <-made
	t.Cleanup(func() { transport.Close() })
	return transport, client
}

func readText(t testing.TB, ws *websocket.Conn) string {
	require.NoError(t, ws.SetReadDeadline(time.Now().Add(patience)))
	_, b, err := ws.ReadMessage()
	require.NoError(t, err)
	return string(b)
}

// 1. A batch ends at its first broadcast packet.
func TestLibraryDropsTheRestOfABatch(t *testing.T) {
	t.Parallel()
	t.Run("library", func(t *testing.T) {
		t.Parallel()
		transport, client := libraryTransport(t)
		drained := make(chan struct{}, 2)
		require.NoError(t, transport.On("drain", func(...any) { drained <- struct{}{} }))
		var batch []*packet.Packet
		for _, s := range []string{"4one", "4two", "4three"} {
			batch = append(batch, &packet.Packet{Type: packet.MESSAGE, Options: &packet.Options{WsPreEncodedFrame: types.NewStringBufferString(s)}})
		}
		transport.Send(batch)
		<-drained
		transport.Send([]*packet.Packet{{Type: packet.MESSAGE, Data: types.NewStringBufferString("end")}})
		require.Equal(t, "4one", readText(t, client))
		require.Equal(t, "4end", readText(t, client), "two and three have vanished")
		<-drained
	})
	t.Run("ours", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, Options{})
		client, conn := f.pair(t, sockettest.Options{})
		inOneBatch(conn, func() {
			for _, name := range []string{"one", "two", "three"} {
				conn.Emit(NewFrame(name, nil))
			}
		})
		conn.Emit(NewFrame("end", nil))
		for _, want := range []string{"one", "two", "three", "end"} {
			e, err := client.Next(testContext(t))
			require.NoError(t, err)
			require.Equal(t, want, e.Name)
		}
	})
}

// inOneBatch keeps the writers away from a connection while it is emitted to.
func inOneBatch(c *Conn, emit func()) {
	s := c.session
	for idle := false; !idle; runtime.Gosched() {
		s.mu.Lock()
		idle = !s.scheduled
		s.scheduled = true
		s.mu.Unlock()
	}
	emit()
	c.server.out.wake(s, handOver)
}

// 2. A CONNECT packet that is read before the library listens is lost.
func TestLibraryLosesAnEarlyConnect(t *testing.T) {
	t.Parallel()
	t.Run("library", func(t *testing.T) {
		t.Parallel()
		late := make(chan struct{})
		opts := sio.DefaultServerOptions()
		opts.SetConnectTimeout(100 * time.Millisecond)
		_, url := libraryServer(t, opts, func() { <-late }) // as if the scheduler had taken the goroutine away
		client := dialRaw(t, url)
		// The answer to the ping shows that the server has read, and dropped, what was sent before it.
		client.SetPongHandler(func(string) error { close(late); return nil })
		require.NoError(t, client.WriteMessage(websocket.TextMessage, []byte("40")))
		require.NoError(t, client.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)))
		require.True(t, strings.HasPrefix(readText(t, client), "0"))
		_, answer, err := client.ReadMessage()
		require.Error(t, err, "no answer comes, until the connect timeout ends the wait: %q", answer)
	})
	t.Run("ours", func(t *testing.T) {
		t.Parallel()
		late := make(chan struct{})
		server, err := newServer(Options{})
		require.NoError(t, err)
		require.NoError(t, server.lib.engine.On("connection", func(...any) { <-late }))
		server.lib.bind()
		client := dialRaw(t, serveTest(t, server))
		require.NoError(t, client.WriteMessage(websocket.TextMessage, []byte("40")))
		close(late)
		require.True(t, strings.HasPrefix(readText(t, client), "0"))
		require.True(t, strings.HasPrefix(readText(t, client), "40{"), "CONNECT is answered")
	})
}

// joinLibrary connects to the library. As CONNECT may get lost there (see 2.), it tries more than once.
func joinLibrary(t *testing.T, url string) *websocket.Conn {
	var client *websocket.Conn
	require.Eventually(t, func() bool {
		client = dialRaw(t, url)
		require.True(t, strings.HasPrefix(readText(t, client), "0"))
		require.NoError(t, client.WriteMessage(websocket.TextMessage, []byte("40")))
		require.NoError(t, client.SetReadDeadline(time.Now().Add(3*time.Second)))
		_, answer, err := client.ReadMessage()
		return err == nil && strings.HasPrefix(string(answer), "40{")
	}, patience, time.Millisecond)
	return client
}

// dialRaw opens a WebSocket to a server, without saying anything.
func dialRaw(t testing.TB, url string) *websocket.Conn {
	return dialURL(t, strings.Replace(url, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket")
}

func dialURL(t testing.TB, url string) *websocket.Conn {
	ws, _, err := websocket.DefaultDialer.Dial(url, nil) //nolint:bodyclose // has none
	require.NoError(t, err)
	t.Cleanup(func() { _ = ws.Close() })
	return ws
}

// 3. A room is dropped while someone joins it: between looking the room up and
// adding itself to it, another's leaving removes it from the table.
func TestLibraryDropsARoomThatIsBeingJoined(t *testing.T) {
	t.Parallel()
	t.Run("library", func(t *testing.T) {
		t.Parallel()
		rooms := sio.NewAdapter(sio.NewServer(nil, nil).Sockets())
		require.NoError(t, rooms.On("create-room", func(...any) { rooms.Del("leaver", "room") }))
		rooms.AddAll("joiner", types.NewSet[sio.Room]("room"))
		require.True(t, rooms.SocketRooms("joiner").Has("room"), "the joiner believes to be in the room")
		_, exists := rooms.Rooms().Load("room")
		require.False(t, exists, "which no broadcast can find")
	})
	t.Run("ours", func(t *testing.T) {
		t.Parallel()
		// There is no moment in between to be brought about, so chance has to try: one connection stays,
		// others come and go. The one that stays must receive every broadcast.
		s := newLooseServer(t)
		stays := newLooseConn(s)
		for range 2000 {
			var wg sync.WaitGroup
			for range 3 {
				c := newLooseConn(s)
				c.Join("room")
				wg.Go(func() { c.Leave("room"); c.Leave("room") })
			}
			wg.Go(func() { stays.Join("room") })
			wg.Wait()
			require.Equal(t, 1, s.Broadcast("room", NewFrame("x", nil), ""))
			stays.Leave("room")
			require.Zero(t, s.Stats().Rooms)
		}
	})
}

// 4. What a client does not read is kept without limit: 25 MiB here, of which
// the operating system's buffers hold a few.
func TestLibraryQueuesWithoutBound(t *testing.T) {
	t.Parallel()
	const (
		size  = 256 << 10
		count = 100
	)
	payload := strings.Repeat("x", size)
	t.Run("library", func(t *testing.T) {
		t.Parallel()
		io, url := libraryServer(t, sio.DefaultServerOptions())
		sockets := make(chan *sio.Socket, 100)
		require.NoError(t, io.On("connection", func(args ...any) { sockets <- args[0].(*sio.Socket) }))
		client := joinLibrary(t, url)
		socket := <-sockets
		for range count {
			require.NoError(t, socket.Emit("x", payload))
		}
		require.True(t, socket.Connected())
		for range count { // all of it is there still
			readText(t, client)
		}
	})
	t.Run("ours", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, Options{})
		client, conn := f.pair(t, sockettest.Options{})
		client.Pause()
		data, err := json.Marshal(payload)
		require.NoError(t, err)
		frame := NewFrame("x", data)
		for range count {
			conn.Emit(frame)
		}
		require.Equal(t, ReasonSlowClient, f.reason(t, conn.ID()))
		require.EqualValues(t, 1, f.Stats().Overflows)
	})
}

// 5. Each event of a client is handled in a goroutine of its own.
func TestLibraryHandlesEventsInAnyOrder(t *testing.T) {
	t.Parallel()
	t.Run("library", func(t *testing.T) {
		t.Parallel()
		io, url := libraryServer(t, sio.DefaultServerOptions())
		second := make(chan struct{})
		done := make(chan struct{})
		var order []string
		require.NoError(t, io.On("connection", func(args ...any) {
			socket := args[0].(*sio.Socket)
			_ = socket.On("first", func(...any) {
				<-second // takes its time
				order = append(order, "first")
				close(done)
			})
			_ = socket.On("second", func(...any) {
				order = append(order, "second")
				close(second)
			})
			_ = socket.Emit("ready")
		}))
		client := joinLibrary(t, url)
		require.Equal(t, `42["ready"]`, readText(t, client))
		require.NoError(t, client.WriteMessage(websocket.TextMessage, []byte(`42["first"]`)))
		require.NoError(t, client.WriteMessage(websocket.TextMessage, []byte(`42["second"]`)))
		<-done
		require.Equal(t, []string{"second", "first"}, order)
	})
	t.Run("ours", func(t *testing.T) {
		t.Parallel()
		release := make(chan struct{})
		entered := make(chan struct{})
		done := make(chan struct{})
		var order []string
		f := newFixture(t, Options{}, func(s *Server) {
			s.On("first", func(*Conn, json.RawMessage, func(any)) {
				close(entered)
				<-release
				order = append(order, "first")
			})
			s.On("second", func(*Conn, json.RawMessage, func(any)) {
				order = append(order, "second")
				close(done)
			})
		})
		client, conn := f.pair(t, sockettest.Options{})
		require.NoError(t, client.Emit("first", nil))
		require.NoError(t, client.Emit("second", nil))
		<-entered
		require.Eventually(t, func() bool { // the second event has come, and waits
			conn.work.mu.Lock()
			defer conn.work.mu.Unlock()
			return len(conn.work.tasks) == 1
		}, patience, time.Millisecond)
		close(release)
		<-done
		require.Equal(t, []string{"first", "second"}, order)
	})
}

// Long-polling: what finds a poll waiting sends to it, and two may find the
// same one, as the upgrade's timer and a message do. The loser's packets are
// lost, and the connection with them.
func TestLibraryAnswersAPollTwice(t *testing.T) {
	t.Parallel()
	t.Run("library", func(t *testing.T) {
		t.Parallel()
		failed := make(chan struct{}, 1)
		h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := types.NewHttpContext(w, r)
			transport := enginetransports.NewPolling(ctx)
			_ = transport.On("error", func(...any) { failed <- struct{}{} })
			transport.OnRequest(ctx)
			// Both have seen transport.Writable().
			transport.Send([]*packet.Packet{{Type: packet.NOOP}})
			transport.Send([]*packet.Packet{{Type: packet.MESSAGE, Data: types.NewStringBufferString("hello")}})
			<-ctx.Done()
		}))
		t.Cleanup(h.Close)
		resp, err := http.Get(h.URL + "/?EIO=4&transport=polling")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		<-failed
	})
	t.Run("ours", func(t *testing.T) {
		t.Parallel()
		c := newLooseConn(newLooseServer(t))
		s := c.session
		poll := make(chan struct{}, 1)
		require.Nil(t, s.beginPoll(poll))
		s.probed = true
		c.Emit(NewFrame("hello", nil)) // at the moment when the upgrade asks for an empty answer
		answer, _ := s.takePoll(poll, true)
		require.Equal(t, `42["hello"]`, string(payload(answer.batch.frames)))
		require.Nil(t, s.poll, "nobody finds the poll any more")
	})
}
