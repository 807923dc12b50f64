package socket

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zishang520/engine.io/v2/types"
	sio "github.com/zishang520/socket.io/v2/socket"
	"go.uber.org/goleak"

	"parley/app/socket/sockettest"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		os.Exit(runChild(mode))
	}
	goleak.VerifyTestMain(m)
}

// patience is how long tests wait for something that is going to happen.
const patience = time.Minute

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// fixture is a server on a port of its own, with what its connections did.
type fixture struct {
	*Server
	url string

	mu    sync.Mutex
	conns map[string]*Conn
	ended map[string]string // reasons by connection id
}

// newFixture serves a Server that lets everyone in, unless set says otherwise.
func newFixture(t testing.TB, opts Options, set ...func(*Server)) *fixture {
	server, err := New(opts)
	require.NoError(t, err)
	f := &fixture{Server: server, conns: make(map[string]*Conn), ended: make(map[string]string)}
	server.OnConnected(func(c *Conn) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.conns[c.ID()] = c
	})
	server.OnDisconnect(func(c *Conn, reason string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.ended[c.ID()] += reason // twice would show
		delete(f.conns, c.ID())
	})
	for _, s := range set {
		s(server)
	}
	f.url = serveTest(t, server)
	return f
}

// serveTest serves s, and drains it in the end. Each request waits for gate to return.
func serveTest(t testing.TB, s *Server, gate ...func(*http.Request)) string {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, wait := range gate {
			wait(r)
		}
		s.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, s.Drain(ctx))
		require.Zero(t, s.Stats().Sessions)
		require.Zero(t, s.Stats().Rooms)
		require.Zero(t, s.Stats().Connections)
	})
	return h.URL
}

func (f *fixture) dial(t testing.TB, opts sockettest.Options) *sockettest.Client {
	c, err := sockettest.Dial(testContext(t), f.url, opts)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// conn is the server's side of a client.
func (f *fixture) conn(t testing.TB, c *sockettest.Client) *Conn {
	var conn *Conn
	require.Eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		conn = f.conns[c.ID()]
		return conn != nil
	}, patience, time.Millisecond)
	return conn
}

// pair is a client and the server's side of it.
func (f *fixture) pair(t testing.TB, opts sockettest.Options) (*sockettest.Client, *Conn) {
	c := f.dial(t, opts)
	return c, f.conn(t, c)
}

// reason waits for the end of a connection, and returns what the application was told.
func (f *fixture) reason(t testing.TB, id string) string {
	var reason string
	require.Eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		reason = f.ended[id]
		return reason != ""
	}, patience, time.Millisecond)
	return reason
}

func waitDone(t testing.TB, c *sockettest.Client) string {
	select {
	case <-c.Done():
	case <-time.After(patience):
		require.Fail(t, "the connection did not end")
	}
	return c.Reason()
}

// newLooseServer is a server for connections without clients.
func newLooseServer(t testing.TB) *Server {
	s, err := newServer(Options{MaxQueueBytes: 1 << 30})
	require.NoError(t, err)
	return s
}

// newLooseConn is a connection whose session has no transport, so that frames stay in its queue.
func newLooseConn(s *Server) *Conn {
	sess := &session{server: s, answered: true}
	sess.lib = &engineSocket{EventEmitter: types.NewEventEmitter(), session: sess}
	c := &Conn{server: s, session: sess}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	s.live.Add(1)
	sess.conn = c
	return c
}

// pending returns the packets that wait in a loose connection's queue.
func pending(c *Conn) []string {
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil {
		return nil
	}
	var packets []string
	for _, w := range s.queue.frames {
		packets = append(packets, string(w.packet()))
	}
	return packets
}

// The library's names for what it keeps of a connection.
type (
	sioSocket   = sio.Socket
	sioSocketID = sio.SocketId
)
