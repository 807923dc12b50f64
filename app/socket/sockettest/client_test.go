package sockettest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a server that plays one conversation over a WebSocket: lines that
// begin with > are expected from the client, those with < are sent to it.
func script(t *testing.T, lines ...string) string {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/socket.io/" || r.URL.RawQuery != "EIO=4&transport=websocket" {
			http.Error(w, r.URL.String(), http.StatusTeapot)
			return
		}
		ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		for _, line := range lines {
			if packet, send := strings.CutPrefix(line, "<"); send {
				_ = ws.WriteMessage(websocket.TextMessage, []byte(packet))
				continue
			}
			_, b, err := ws.ReadMessage()
			if err != nil || ">"+string(b) != line {
				t.Errorf("expected %q, got %q, %v", line, b, err)
				return
			}
		}
		_, _, _ = ws.ReadMessage() // until the client has gone
	}))
	t.Cleanup(h.Close)
	return h.URL
}

const open = `<0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}`

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestConversation(t *testing.T) {
	t.Parallel()
	url := script(t, open, `>40{"token":"t"}`, `<40{"sid":"id"}`,
		"<2", ">3", // ping, pong
		`<42["a"]`, `<42["b",{"x":1},2]`, `>42["c"]`, `>42["d",[1]]`,
		`>420["e"]`, `<430["answer"]`, `>421["f"]`, `<431[]`,
		"<41")
	c, err := Dial(testContext(t), url, Options{Token: "t"})
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, "id", c.ID())
	e, err := c.Next(testContext(t))
	require.NoError(t, err)
	require.Equal(t, Event{Name: "a"}, e)
	e, err = c.Await(testContext(t), "b")
	require.NoError(t, err)
	require.JSONEq(t, `{"x":1}`, string(e.Payload))
	var payload struct{ X int }
	require.NoError(t, e.Decode(&payload))
	require.Equal(t, 1, payload.X)
	require.NoError(t, c.Emit("c", nil))
	require.NoError(t, c.Emit("d", []int{1}))
	answer, err := c.EmitAck(testContext(t), "e", nil)
	require.NoError(t, err)
	require.JSONEq(t, `"answer"`, string(answer))
	answer, err = c.EmitAck(testContext(t), "f", nil)
	require.NoError(t, err)
	require.Nil(t, answer)
	_, err = c.Next(testContext(t))
	require.ErrorIs(t, err, ErrClosed)
	require.Equal(t, ServerDisconnect, c.Reason())
	_, err = c.EmitAck(testContext(t), "g", nil)
	require.Error(t, err)
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	url := script(t, open, `>40/admin,{"a":1}`, `<44/admin,{"message":"no","data":{"code":"c"}}`, `>40/admin,{"a":1}`, `<40/admin,{"sid":"id"}`,
		`>42/admin,["x"]`, ">41/admin,")
	c, err := Open(testContext(t), url, Options{Auth: map[string]int{"a": 1}, Namespace: "/admin"})
	require.NoError(t, err)
	var refused *ConnectError
	require.ErrorAs(t, c.Connect(testContext(t)), &refused)
	require.Equal(t, "c", refused.Code())
	require.EqualError(t, refused, "connect error: no c")
	require.NoError(t, c.Connect(testContext(t)))
	require.NoError(t, c.Emit("x", nil))
	c.Close()
	require.Equal(t, ClientDisconnect, c.Reason())
}

// The server says nothing for longer than its own ping interval and timeout.
func TestSilence(t *testing.T) {
	t.Parallel()
	c, err := Dial(testContext(t), script(t, strings.Replace(strings.Replace(open, "25000", "20", 1), "20000", "20", 1), ">40", `<40{"sid":"id"}`), Options{})
	require.NoError(t, err)
	defer c.Close()
	<-c.Done()
	require.Equal(t, PingTimeout, c.Reason())
}

func TestPause(t *testing.T) {
	t.Parallel()
	go1 := make(chan struct{})
	var got []string
	c, err := Dial(testContext(t), script(t, open, ">40", `<40{"sid":"id"}`, ">42[\"go\"]", `<42["a"]`, `<42["b"]`), Options{
		OnEvent: func(e Event) {
			if got = append(got, e.Name); len(got) == 2 {
				close(go1)
			}
		},
	})
	require.NoError(t, err)
	defer c.Close()
	c.Pause()
	c.Pause()
	require.NoError(t, c.Emit("go", nil))
	select {
	case <-go1:
		require.Fail(t, "read while paused")
	case <-time.After(20 * time.Millisecond):
	}
	c.Resume()
	c.Resume()
	<-go1
	require.Equal(t, []string{"a", "b"}, got)
}

// Polling and upgrade are tested against a scripted server: each request's answer depends on its number.
func TestPollingConversation(t *testing.T) {
	t.Parallel()
	gets := make(chan string, 10)
	gets <- strings.TrimPrefix(open, "<")
	posts := make(chan string, 10)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			b, _ := io.ReadAll(r.Body)
			posts <- r.URL.Query().Get("sid") + " " + string(b)
			_, _ = io.WriteString(w, "ok")
			return
		}
		select {
		case answer := <-gets:
			_, _ = io.WriteString(w, answer)
		case <-r.Context().Done():
		}
	}))
	defer h.Close()
	gets <- `40{"sid":"id"}`
	c, err := Dial(testContext(t), h.URL, Options{Transport: Polling})
	require.NoError(t, err)
	require.Equal(t, "s 40", <-posts)
	gets <- "2\x1e42[\"a\"]\x1e42[\"b\"]\x1e6"
	for _, want := range []string{"a", "b"} {
		e, err := c.Next(testContext(t))
		require.NoError(t, err)
		require.Equal(t, want, e.Name)
	}
	require.Equal(t, "s 3", <-posts)
	require.NoError(t, c.Emit("x", 1))
	require.Equal(t, `s 42["x",1]`, <-posts)
	gets <- "41\x1e1"
	<-c.Done()
	require.Equal(t, ServerDisconnect, c.Reason())
	c.Close()
	require.Equal(t, "s 1", <-posts)
}

func TestStatusError(t *testing.T) {
	t.Parallel()
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "go away", http.StatusServiceUnavailable)
	}))
	defer h.Close()
	for _, transport := range []Transport{WebSocket, Polling, Upgrade} {
		_, err := Dial(testContext(t), h.URL, Options{Transport: transport})
		var status *StatusError
		require.ErrorAs(t, err, &status)
		require.Equal(t, "status 503: go away\n", fmt.Sprint(status))
	}
}
