package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/problem"
	"parley/app/socket/sockettest"
)

// allTransports are the ways to connect; most scenarios must work with each.
var allTransports = []sockettest.Transport{sockettest.WebSocket, sockettest.Polling, sockettest.Upgrade}

// forEachTransport runs a subtest for each transport.
func forEachTransport(t *testing.T, run func(t *testing.T, transport sockettest.Transport)) {
	for _, transport := range allTransports {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			run(t, transport)
		})
	}
}

func TestEmitBroadcastAck(t *testing.T) {
	t.Parallel()
	forEachTransport(t, func(t *testing.T, transport sockettest.Transport) {
		f := newFixture(t, Options{}, func(s *Server) {
			s.On("echo", func(_ *Conn, payload json.RawMessage, ack func(any)) {
				ack(map[string]any{"got": payload})
				ack("a second answer is not sent")
			})
			s.On("unencodable", func(_ *Conn, _ json.RawMessage, ack func(any)) { ack(func() {}) })
		})
		client, conn := f.pair(t, sockettest.Options{Transport: transport, Token: "t"})
		conn.SetUser(7)
		conn.Join("room", "")
		require.Equal(t, int64(7), conn.UserID())
		require.Equal(t, []string{"room"}, conn.Rooms())
		require.Contains(t, conn.RemoteAddr(), "127.0.0.1:")
		require.Equal(t, []*Conn{conn}, f.Conns())

		conn.Emit(NewFrame("ONE", json.RawMessage(`{"a":"ü"}`)))
		conn.Emit(Frame{})
		require.Equal(t, 1, f.Broadcast("room", NewFrame("TWO", nil), ""))
		require.Equal(t, 1, f.BroadcastAll(NewFrame("THREE", nil)))
		require.Zero(t, f.BroadcastAll(Frame{}))
		require.NoError(t, conn.Flush(testContext(t)))
		for _, want := range []string{"ONE", "TWO", "THREE"} {
			e, err := client.Next(testContext(t))
			require.NoError(t, err)
			require.Equal(t, want, e.Name)
			if want == "ONE" {
				require.JSONEq(t, `{"a":"ü"}`, string(e.Payload))
			}
		}
		for event, want := range map[string]string{
			"echo":        `{"got":"x"}`,
			"unencodable": `{"error":{"code":"internal_error"}}`,
			"nothing":     `{"error":{"code":"unknown_event"}}`,
		} {
			answer, err := client.EmitAck(testContext(t), event, "x")
			require.NoError(t, err)
			require.JSONEq(t, want, string(answer))
		}
		require.NoError(t, client.Emit("nothing", nil), "not acknowledged: ignored")
		client.Close()
		require.Contains(t, []string{ReasonClientDisconnect, ReasonTransportClose}, f.reason(t, conn.ID()))
		conn.Emit(NewFrame("late", nil))
		conn.Join("late")
		require.NoError(t, conn.Flush(testContext(t)))
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	forEachTransport(t, func(t *testing.T, transport sockettest.Transport) {
		f := newFixture(t, Options{}, func(s *Server) {
			s.OnConnect(func(_ context.Context, c *Conn, token string) error {
				c.Join("room") // is left again if the client is refused
				c.Emit(NewFrame("early", nil))
				switch token {
				case "good":
					return nil
				case "later":
					return errors.New("something is away")
				case "":
					return fmt.Errorf("wrapped: %w", problem.New(401, "token_missing", "An access token is needed."))
				}
				return problem.New(401, "token_invalid", "The access token is not valid.").WithDetail("why: " + token)
			})
		})
		var refused *sockettest.ConnectError
		client, err := sockettest.Open(testContext(t), f.url, sockettest.Options{Transport: transport, Token: "bad"})
		require.NoError(t, err)
		defer client.Close()
		for range 2 { // refused, and, over the same transport, refused again
			require.ErrorAs(t, client.Connect(testContext(t)), &refused)
			require.Equal(t, "The access token is not valid.", refused.Message)
			require.JSONEq(t, `{"code":"token_invalid","detail":"why: bad"}`, string(refused.Data))
		}
		_, err = sockettest.Dial(testContext(t), f.url, sockettest.Options{Transport: transport, Auth: map[string]any{"token": 5}})
		require.ErrorAs(t, err, &refused)
		require.JSONEq(t, `{"code":"token_missing","detail":"An access token is needed."}`, string(refused.Data))

		_, err = sockettest.Dial(testContext(t), f.url, sockettest.Options{Transport: transport, Token: "later"})
		require.ErrorIs(t, err, sockettest.ErrClosed)
		require.ErrorContains(t, err, sockettest.TransportClose, "upon which official clients try again")

		_, err = sockettest.Dial(testContext(t), f.url, sockettest.Options{Transport: transport, Token: "good", Namespace: "/admin"})
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "Invalid namespace", refused.Message)
		require.Equal(t, "unknown_namespace", refused.Code())

		good := f.dial(t, sockettest.Options{Transport: transport, Token: "good"})
		e, err := good.Next(testContext(t))
		require.NoError(t, err)
		require.Equal(t, "early", e.Name, "what is emitted before the answer to CONNECT comes after it")
		require.Eventually(t, func() bool { return len(f.In("room")) == 1 }, patience, time.Millisecond)
	})
}

// The functions of one connection are called one after the other: connect,
// connected, events, disconnect, and the last exactly once.
func TestCallsAreInOrder(t *testing.T) {
	t.Parallel()
	forEachTransport(t, func(t *testing.T, transport sockettest.Transport) {
		var mu sync.Mutex
		var calls []string
		busy := false
		enter := func(name string) func() {
			mu.Lock()
			defer mu.Unlock()
			require.False(t, busy, "%s is called while another call goes on", name)
			busy = true
			calls = append(calls, name)
			return func() {
				mu.Lock()
				defer mu.Unlock()
				busy = false
			}
		}
		const events = 200
		server, err := New(Options{})
		require.NoError(t, err)
		server.OnConnect(func(context.Context, *Conn, string) error { defer enter("connect")(); return nil })
		server.OnConnected(func(*Conn) { defer enter("connected")() })
		server.OnDisconnect(func(*Conn, string) { defer enter("disconnect")() })
		server.On("n", func(_ *Conn, payload json.RawMessage, _ func(any)) { defer enter(string(payload))() })
		server.On("last", func(_ *Conn, _ json.RawMessage, ack func(any)) { ack(nil) })
		f := &fixture{Server: server, url: serveTest(t, server)}
		client := f.dial(t, sockettest.Options{Transport: transport})
		want := []string{"connect", "connected"}
		for i := range events {
			require.NoError(t, client.Emit("n", i))
			want = append(want, fmt.Sprint(i))
		}
		_, err = client.EmitAck(testContext(t), "last", nil)
		require.NoError(t, err)
		client.Close()
		want = append(want, "disconnect")
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(calls) >= len(want)
		}, patience, time.Millisecond)
		require.Equal(t, want, calls)
	})
}

// OnConnect waits for something; the client goes away, or the connect timeout comes.
func TestConnectIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]bool{"client leaves": true, "timeout": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entered, left := make(chan struct{}), make(chan error, 1)
			opts := Options{}
			if !leave {
				opts.ConnectTimeout = 50 * time.Millisecond
			}
			f := newFixture(t, opts, func(s *Server) {
				s.OnConnect(func(ctx context.Context, _ *Conn, _ string) error {
					close(entered)
					<-ctx.Done()
					left <- ctx.Err()
					return ctx.Err()
				})
			})
			client, result := enter(t, f, entered)
			if leave {
				client.Abort()
			}
			require.ErrorIs(t, <-result, sockettest.ErrClosed)
			require.ErrorIs(t, <-left, context.Canceled)
			require.Eventually(t, func() bool {
				f.mu.Lock()
				defer f.mu.Unlock()
				return len(f.ended) == 1 // OnDisconnect was called, as OnConnect was
			}, patience, time.Millisecond)
		})
	}
}

// enter connects a client until OnConnect has been entered: on a busy machine, the time to connect may be over before.
func enter(t *testing.T, f *fixture, entered <-chan struct{}) (*sockettest.Client, <-chan error) {
	t.Helper()
	for {
		client, err := sockettest.Open(testContext(t), f.url, sockettest.Options{})
		if err != nil {
			continue
		}
		t.Cleanup(client.Close)
		result := make(chan error, 1)
		go func() { result <- client.Connect(testContext(t)) }()
		select {
		case <-entered:
			return client, result
		case err := <-result:
			select {
			case <-entered: // and left at once
				result <- err
				return client, result
			default:
			}
		}
	}
}

// A transport that joins no namespace is closed.
func TestConnectTimeout(t *testing.T) {
	t.Parallel()
	forEachTransport(t, func(t *testing.T, transport sockettest.Transport) {
		f := newFixture(t, Options{ConnectTimeout: 50 * time.Millisecond})
		client, err := sockettest.Open(testContext(t), f.url, sockettest.Options{Transport: transport})
		require.NoError(t, err)
		defer client.Close()
		require.Contains(t, []string{sockettest.TransportClose, sockettest.TransportError}, waitDone(t, client))
	})
}

func TestCloseDropAndExpiry(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, reason, client string
		end                  func(*Conn)
	}{
		{"close", "user_disabled", sockettest.ServerDisconnect, func(c *Conn) { c.Close("user_disabled") }},
		{"drop", "moved", sockettest.TransportClose, func(c *Conn) { c.Drop("moved") }},
		{"expiry", ReasonTokenExpired, sockettest.ServerDisconnect, func(c *Conn) {
			c.ExpireAt(time.Now().Add(time.Hour))
			c.ExpireAt(time.Now().Add(20 * time.Millisecond))
		}},
		{"past expiry", ReasonTokenExpired, sockettest.ServerDisconnect, func(c *Conn) { c.ExpireAt(time.Now().Add(-time.Hour)) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			forEachTransport(t, func(t *testing.T, transport sockettest.Transport) {
				f := newFixture(t, Options{})
				client, conn := f.pair(t, sockettest.Options{Transport: transport})
				conn.Emit(NewFrame("before", nil))
				test.end(conn)
				require.Equal(t, test.client, waitDone(t, client))
				e, err := client.Next(testContext(t))
				require.NoError(t, err, "what was queued before still comes")
				require.Equal(t, "before", e.Name)
				require.Equal(t, test.reason, f.reason(t, conn.ID()))
				require.ErrorIs(t, conn.Context().Err(), context.Canceled)
				conn.Close("again")
				conn.ExpireAt(time.Now())
			})
		})
	}
}

// A later expiry replaces an earlier one, and the zero time none at all.
func TestExpiryIsReplaced(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	client, conn := f.pair(t, sockettest.Options{})
	conn.ExpireAt(time.Now().Add(50 * time.Millisecond))
	conn.ExpireAt(time.Time{})
	other, otherConn := f.pair(t, sockettest.Options{})
	otherConn.ExpireAt(time.Now().Add(100 * time.Millisecond))
	waitDone(t, other) // by now, the first would have expired
	require.Empty(t, client.Reason())
}

// A handler that panics costs its own client the connection, and nobody else.
func TestPanicInHandler(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{}, func(s *Server) {
		s.On("panic", func(*Conn, json.RawMessage, func(any)) { panic("oops") })
		s.On("fine", func(_ *Conn, _ json.RawMessage, ack func(any)) { ack("fine") })
	})
	victim, conn := f.pair(t, sockettest.Options{})
	other := f.dial(t, sockettest.Options{})
	require.NoError(t, victim.Emit("panic", nil))
	waitDone(t, victim)
	require.Equal(t, ReasonPanic, f.reason(t, conn.ID()))
	answer, err := other.EmitAck(testContext(t), "fine", nil)
	require.NoError(t, err)
	require.JSONEq(t, `"fine"`, string(answer))
}

// A client that sends events faster than they are handled is not read from
// any further: the server keeps a bounded number of them, and all are handled in the end.
func TestEventFlood(t *testing.T) {
	t.Parallel()
	forEachTransport(t, func(t *testing.T, transport sockettest.Transport) {
		release := make(chan struct{})
		handled := make(chan json.RawMessage, 1000)
		f := newFixture(t, Options{MaxEvents: 4}, func(s *Server) {
			s.On("n", func(_ *Conn, payload json.RawMessage, _ func(any)) {
				<-release
				handled <- payload
			})
		})
		client, conn := f.pair(t, sockettest.Options{Transport: transport})
		if transport == sockettest.Upgrade {
			<-client.Upgraded()
		}
		sent := make(chan error, 1)
		go func() {
			for i := range 100 {
				if err := client.Emit("n", i); err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		waiting := func() int {
			conn.work.mu.Lock()
			defer conn.work.mu.Unlock()
			return len(conn.work.tasks)
		}
		require.Eventually(t, func() bool { return waiting() == 4 }, patience, time.Millisecond)
		close(release)
		for i := range 100 {
			require.LessOrEqual(t, waiting(), 4)
			require.Equal(t, fmt.Sprint(i), string(<-handled))
		}
		require.NoError(t, <-sent)
	})
}

// A client that goes away while its events wait for a handler does not leave a reader behind that waits for ever.
func TestEventFloodAndLeave(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{MaxEvents: 1}, func(s *Server) {
		s.On("n", func(c *Conn, _ json.RawMessage, _ func(any)) { <-c.Context().Done() })
	})
	client, conn := f.pair(t, sockettest.Options{})
	for range 10 {
		require.NoError(t, client.Emit("n", nil))
	}
	conn.Drop("test")
	waitDone(t, client)
	require.Equal(t, "test", f.reason(t, conn.ID()))
}

func TestPingTimeout(t *testing.T) {
	t.Parallel()
	forEachTransport(t, func(t *testing.T, transport sockettest.Transport) {
		f := newFixture(t, Options{PingInterval: 50 * time.Millisecond, PingTimeout: 2 * time.Second})
		client, conn := f.pair(t, sockettest.Options{Transport: transport})
		other, _ := f.pair(t, sockettest.Options{Transport: transport})
		if transport == sockettest.Upgrade {
			<-client.Upgraded()
		}
		client.Pause()
		require.Equal(t, ReasonPingTimeout, f.reason(t, conn.ID()))
		client.Resume()
		waitDone(t, client)
		require.Empty(t, other.Reason(), "who answers pings stays")
	})
}

func TestFlush(t *testing.T) {
	t.Parallel()
	s := newLooseServer(t)
	c := newLooseConn(s)
	require.NoError(t, c.Flush(context.Background()), "nothing is queued")
	c.Emit(NewFrame("x", nil))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, c.Flush(ctx), context.Canceled)

	flushed := make(chan error, 2)
	for range 2 {
		go func() { flushed <- c.Flush(context.Background()) }()
	}
	require.Eventually(t, func() bool {
		c.session.mu.Lock()
		defer c.session.mu.Unlock()
		return len(c.session.waiters) == 3
	}, patience, time.Millisecond)
	frames := c.session.queue.frames
	c.Emit(NewFrame("later, not waited for", nil))
	c.session.wrote(frames)
	require.NoError(t, <-flushed)
	require.NoError(t, <-flushed)
}

// Flush of a connection whose CONNECT is not answered yet waits for what was held back.
func TestFlushBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	s := newLooseServer(t)
	c := newLooseConn(s)
	c.session.answered = false
	c.Emit(NewFrame("held", nil))
	require.Empty(t, pending(c))
	flushed := make(chan error, 1)
	go func() { flushed <- c.Flush(context.Background()) }()
	require.Eventually(t, func() bool {
		c.session.mu.Lock()
		defer c.session.mu.Unlock()
		return len(c.session.waiters) == 1
	}, patience, time.Millisecond)
	c.session.send(s.ping)
	c.session.wrote(c.session.queue.frames)
	c.session.queue = nil
	require.Empty(t, flushed)
	c.session.answer(newWire("40{}"))
	require.Equal(t, []string{"40{}", `42["held"]`}, pending(c))
	c.session.wrote(c.session.queue.frames[:1])
	require.Empty(t, flushed)
	c.session.wrote(c.session.queue.frames[1:])
	require.NoError(t, <-flushed)
	require.Zero(t, c.session.bytes)
}
