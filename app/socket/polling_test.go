package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"parley/app/socket/sockettest"
)

// request makes one HTTP request of the polling protocol.
func request(t testing.TB, method, url, body string, header ...string) (status int, answer string) {
	r := roundTrip(testContext(t), method, url, body, header...)
	require.NoError(t, r.err)
	return r.status, r.answer
}

// response is what comes of a request.
type response struct {
	status int
	answer string
	err    error
}

// roundTrip is request for other goroutines than the test's.
func roundTrip(ctx context.Context, method, url, body string, header ...string) response {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return response{err: err}
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return response{err: err}
	}
	b, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, strings.TrimSpace(string(b)), errors.Join(err, resp.Body.Close())}
}

// openPolling does the handshake and returns the URL for the session's requests.
func openPolling(t testing.TB, base string) string {
	url := base + "/socket.io/?EIO=4&transport=polling"
	status, answer := request(t, http.MethodGet, url, "")
	require.Equal(t, http.StatusOK, status)
	var hello struct {
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int      `json:"pingInterval"`
		PingTimeout  int      `json:"pingTimeout"`
		MaxPayload   int      `json:"maxPayload"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer[1:]), &hello))
	require.Equal(t, []string{"websocket"}, hello.Upgrades)
	require.Equal(t, []int{25_000, 20_000, 65_536}, []int{hello.PingInterval, hello.PingTimeout, hello.MaxPayload})
	return url + "&sid=" + hello.SID
}

// joinPolling also joins the namespace.
func joinPolling(t testing.TB, base string) string {
	url := openPolling(t, base)
	status, answer := request(t, http.MethodPost, url, "40")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "ok", answer)
	status, answer = request(t, http.MethodGet, url, "")
	require.Equal(t, http.StatusOK, status)
	require.True(t, strings.HasPrefix(answer, "40{"), answer)
	return url
}

// Many packets in one payload, and what was emitted while no poll was waiting, arrive in order.
func TestPollingPayloads(t *testing.T) {
	t.Parallel()
	var got []string
	f := newFixture(t, Options{}, func(s *Server) {
		s.On("n", func(_ *Conn, payload json.RawMessage, ack func(any)) {
			got = append(got, string(payload))
			ack(len(got))
		})
	})
	url := joinPolling(t, f.url)
	require.NoError(t, waitFor(t, func() bool { return len(f.Conns()) == 1 }))
	conn := f.Conns()[0]
	for i := range 3 {
		conn.Emit(numberFrame(i))
	}
	_, answer := request(t, http.MethodGet, url, "")
	require.Equal(t, "42[\"n\",0]\x1e42[\"n\",1]\x1e42[\"n\",2]", answer)

	status, _ := request(t, http.MethodPost, url, "420[\"n\",7]\x1e421[\"n\",8]")
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, waitFor(t, func() bool { return f.Stats().Frames == 5 }))
	_, answer = request(t, http.MethodGet, url, "")
	require.Equal(t, "430[1]\x1e431[2]", answer)
	require.Equal(t, []string{"7", "8"}, got)

	status, _ = request(t, http.MethodPost, url, "1")
	require.Equal(t, http.StatusOK, status)
	status, answer = request(t, http.MethodGet, url, "")
	require.Equal(t, http.StatusBadRequest, status)
	require.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, answer)
}

func waitFor(t testing.TB, condition func() bool) error {
	for ctx := testContext(t); !condition(); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// 10,000 broadcasts reach clients that poll, complete and in order.
func TestPollingBroadcasts(t *testing.T) {
	t.Parallel()
	const broadcasts, clients = 10_000, 10
	f := newFixture(t, Options{})
	all := make([]*sequence, clients)
	for i := range all {
		all[i] = &sequence{done: make(chan struct{}), want: broadcasts}
		f.dial(t, sockettest.Options{Transport: sockettest.Polling, OnEvent: all[i].add})
	}
	require.NoError(t, waitFor(t, func() bool { return len(f.Conns()) == clients }))
	for i := range broadcasts {
		require.Equal(t, clients, f.BroadcastAll(numberFrame(i)))
	}
	for _, s := range all {
		s.wait(t)
	}
}

// sequence checks that events are numbered 0, 1, 2 …
type sequence struct {
	mu   sync.Mutex
	next int
	want int
	err  error
	done chan struct{}
}

func (s *sequence) add(e sockettest.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next >= s.want || s.err != nil {
		return
	}
	if got := string(e.Payload); got != fmt.Sprint(s.next) {
		s.err = fmt.Errorf("expected %d, got %s", s.next, got)
		close(s.done)
		return
	}
	if s.next++; s.next == s.want {
		close(s.done)
	}
}

func (s *sequence) wait(t testing.TB) {
	select {
	case <-s.done:
	case <-time.After(patience):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NoError(t, s.err)
	require.Equal(t, s.want, s.next)
}

// While messages pour in both ways, clients change from polling to WebSocket. Nothing is lost or overtaken.
func TestUpgradeUnderLoad(t *testing.T) {
	t.Parallel()
	const clients, before, after = 20, 100, 100 // events before and after the upgrade, at least
	up := newTally()
	var pouring sync.WaitGroup // until every client is being emitted to
	pouring.Add(clients)
	server, err := New(Options{})
	require.NoError(t, err)
	server.On("up", func(c *Conn, payload json.RawMessage, ack func(any)) { ack(up.add(c.ID(), string(payload))) })
	server.OnConnected(func(c *Conn) {
		go func() { // as fast as the client takes it, so that there is always something under way
			left := after
			for i := 0; left > 0; i++ {
				if i == before {
					pouring.Done()
				}
				c.Emit(numberFrame(i))
				if i%10 == 0 && c.Flush(c.Context()) != nil {
					return
				}
				if upgraded(c) {
					left--
				}
			}
			c.Emit(NewFrame("end", nil))
		}()
	})
	f := &fixture{Server: server, url: serveTest(t, server, func(r *http.Request) {
		if websocket.IsWebSocketUpgrade(r) {
			pouring.Wait()
		}
	})}
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			down, ended := newTally(), make(chan struct{})
			client := f.dial(t, sockettest.Options{Transport: sockettest.Upgrade, OnEvent: func(e sockettest.Event) {
				if e.Name == "end" {
					close(ended)
					return
				}
				down.add("", string(e.Payload))
			}})
			n := 0
			for left := after; left > 0 && !t.Failed(); n++ {
				if err := client.Emit("up", n); err != nil {
					t.Errorf("event %d of client %d: %v", n, i, err)
				}
				select {
				case <-client.Upgraded():
					left--
				default:
				}
			}
			if answer, err := client.EmitAck(testContext(t), "up", n); err != nil || string(answer) != `""` {
				t.Errorf("client %d sent %d: %s %v", i, n, answer, err)
			}
			select {
			case <-ended:
			case <-time.After(patience):
			}
			if wrong := down.wrong(""); wrong != "" || down.count("") < before+after {
				t.Errorf("client %d received %d: %s", i, down.count(""), wrong)
			}
		})
	}
	wg.Wait()
}

// upgraded reports whether a connection uses a WebSocket.
func upgraded(c *Conn) bool {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	return c.session.ws != nil
}

// tally checks that senders count 0, 1, 2 …
type tally struct {
	mu     sync.Mutex
	next   map[string]int
	errors map[string]string
}

func newTally() *tally { return &tally{next: make(map[string]int), errors: make(map[string]string)} }

// add notes a sender's next number, and returns what is wrong so far.
func (c *tally) add(sender, number string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if want := fmt.Sprint(c.next[sender]); number != want && c.errors[sender] == "" {
		c.errors[sender] = "expected " + want + ", got " + number
	}
	c.next[sender]++
	return c.errors[sender]
}

func (c *tally) wrong(sender string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.errors[sender]
}

func (c *tally) count(sender string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next[sender]
}

// Two polls, or two POSTs, of one client at a time end its session; others go on.
func TestPollingOverlap(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	f := newFixture(t, Options{MaxEvents: 1}, func(s *Server) {
		s.On("wait", func(c *Conn, _ json.RawMessage, _ func(any)) {
			select {
			case entered <- struct{}{}:
			case <-c.Context().Done():
			}
			<-c.Context().Done()
		})
	})
	bystander := f.dial(t, sockettest.Options{Transport: sockettest.Polling})

	url := joinPolling(t, f.url)
	first := make(chan response, 1)
	go func() { first <- roundTrip(testContext(t), http.MethodGet, url, "") }()
	sess := f.session(url[strings.LastIndex(url, "=")+1:])
	require.NoError(t, waitFor(t, func() bool { sess.mu.Lock(); defer sess.mu.Unlock(); return sess.poll != nil }))
	status, answer := request(t, http.MethodGet, url, "")
	require.Equal(t, http.StatusBadRequest, status)
	require.JSONEq(t, `{"code":3,"message":"Bad request"}`, answer)
	require.Equal(t, response{http.StatusOK, "1", nil}, <-first, "the poll that was waiting is told")

	url = joinPolling(t, f.url)
	post := make(chan response, 1)
	go func() { // waits, as the first event is being handled and the second is all that may wait
		post <- roundTrip(testContext(t), http.MethodPost, url, strings.Repeat("42[\"wait\"]\x1e", 5)+"3")
	}()
	<-entered
	status, _ = request(t, http.MethodPost, url, "3")
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, response{http.StatusOK, "ok", nil}, <-post)
	require.Empty(t, bystander.Reason())
}

// An upgrade that does not succeed leaves the session polling.
func TestFailedUpgrade(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{UpgradeTimeout: 2 * time.Second})
	url := joinPolling(t, f.url)
	require.NoError(t, waitFor(t, func() bool { return len(f.Conns()) == 1 }))
	ws := strings.Replace(strings.Replace(url, "http", "ws", 1), "polling", "websocket", 1)
	for name, packets := range map[string][]string{
		"closed":           nil,
		"not a probe":      {"40"},
		"not an upgrade":   {"2probe", "40"},
		"no upgrade":       {"2probe", ""},
		"upgrade unprobed": {"5"},
	} {
		client := dialURL(t, ws)
		for _, p := range packets {
			if p != "" {
				require.NoError(t, client.WriteMessage(1, []byte(p)))
			}
			if p == "2probe" {
				require.Equal(t, "3probe", readText(t, client))
			}
		}
		if packets == nil {
			require.NoError(t, client.Close())
		} else {
			_, _, err := client.ReadMessage()
			require.Error(t, err, name)
		}
		sess := f.session(url[strings.LastIndex(url, "=")+1:])
		require.NoError(t, waitFor(t, func() bool { sess.mu.Lock(); defer sess.mu.Unlock(); return sess.probe == nil }))
		f.BroadcastAll(NewFrame(name, nil))
		_, answer := request(t, http.MethodGet, url, "")
		require.Equal(t, `42["`+name+`"]`, answer)
	}

	// A second probe while there is one is turned away; after the upgrade, so is polling.
	client := dialURL(t, ws)
	require.NoError(t, client.WriteMessage(1, []byte("2probe")))
	require.Equal(t, "3probe", readText(t, client))
	second := dialURL(t, ws)
	_, _, err := second.ReadMessage()
	require.ErrorContains(t, err, "no upgrade is possible")
	_, answer := request(t, http.MethodGet, url, "")
	require.Equal(t, "6", answer, "a poll during the upgrade is answered with nothing")
	require.NoError(t, client.WriteMessage(1, []byte("5")))
	require.NoError(t, client.WriteMessage(1, []byte("42[\"x\"]")))
	f.BroadcastAll(NewFrame("over WebSocket", nil))
	require.Equal(t, `42["over WebSocket"]`, readText(t, client))
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		status, _ := request(t, method, url, "3")
		require.Equal(t, http.StatusBadRequest, status)
	}
}

// A poll that the client gives up ends the session: what would have been in its answer may be lost.
func TestAbortedPoll(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	url := joinPolling(t, f.url)
	require.NoError(t, waitFor(t, func() bool { return len(f.Conns()) == 1 }))
	conn := f.Conns()[0]
	ctx, cancel := context.WithCancel(testContext(t))
	done := make(chan response, 1)
	go func() { done <- roundTrip(ctx, http.MethodGet, url, "") }()
	sess := conn.session
	require.NoError(t, waitFor(t, func() bool { sess.mu.Lock(); defer sess.mu.Unlock(); return sess.poll != nil }))
	cancel()
	require.ErrorIs(t, (<-done).err, context.Canceled)
	require.Equal(t, ReasonTransportClose, f.reason(t, conn.ID()))
}
