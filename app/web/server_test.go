package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"parley/app/registry"
	"parley/app/web"
)

// running is a node with the given components, and how to end it.
type running struct {
	stop func() error
}

// run starts components and waits until they are ready.
func run(t *testing.T, log *slog.Logger, modules ...registry.Module) *running {
	t.Helper()
	n, err := registry.New(log, registry.AllRoles(), modules...)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- n.Run(ctx, registry.Options{ShutdownTimeout: 5 * time.Second, OnReady: func() { close(ready) }})
	}()
	select {
	case <-ready:
	case err := <-done:
		require.NoError(t, err)
	}
	r := &running{stop: sync.OnceValue(func() error { cancel(); return <-done })}
	t.Cleanup(func() { require.NoError(t, r.stop()) })
	return r
}

var quiet = slog.New(slog.DiscardHandler)

// client is an HTTP client whose connections end with the test.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := c.Do(r)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode, string(body)
}

func TestListens(t *testing.T) {
	t.Parallel()
	s := api(web.Options{Addr: "127.0.0.1:0", Log: quiet})
	require.Nil(t, s.Addr())
	require.Equal(t, "http", s.Name())
	r := run(t, quiet, s)
	url := "http://" + s.Addr().String()
	c := client(t)
	status, body := get(t, c, url+"/healthz")
	require.Equal(t, 200, status)
	require.JSONEq(t, `{"status":"ok"}`, body)

	// A HEAD has no body on the wire.
	conn, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	_, err = fmt.Fprint(conn, "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	raw, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Contains(t, string(raw), "HTTP/1.1 200 OK")
	require.True(t, strings.HasSuffix(string(raw), "\r\n\r\n"), "no body: %q", raw)

	c.CloseIdleConnections()
	require.NoError(t, r.stop())
	_, err = net.Dial("tcp", s.Addr().String())
	require.Error(t, err, "closed")
}

func TestBodiesOverTheWire(t *testing.T) {
	t.Parallel()
	s := newServer(web.Options{Addr: "127.0.0.1:0"})
	s.Public().POST("/echo", func(c echo.Context) error {
		var body struct {
			Name string `json:"name"`
		}
		if err := web.Bind(c, &body); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, body)
	})
	run(t, quiet, s)
	c := client(t)
	post := func(body io.Reader) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr().String()+"/api/v1/echo", body)
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		res, err := c.Do(r)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	for range 3 { // on one connection
		require.Equal(t, 200, post(strings.NewReader(`{"name":"x"}`)))
		require.Equal(t, 400, post(strings.NewReader(`{"nam":"x"}`)))
	}
	require.Equal(t, 413, post(strings.NewReader(strings.Repeat(" ", web.MaxBody+1))))
	require.Equal(t, 413, post(io.MultiReader(strings.NewReader(strings.Repeat(" ", web.MaxBody+1)))), "of unknown length")
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ln.Close()) })
	for key, m := range map[string]registry.Module{
		"http.addr":  web.New(web.Options{Addr: ln.Addr().String()}),
		"admin.addr": web.NewAdmin(ln.Addr().String(), http.NotFoundHandler()),
	} {
		n, err := registry.New(quiet, registry.AllRoles(), m)
		require.NoError(t, err)
		err = n.Run(t.Context(), registry.Options{})
		require.ErrorContains(t, err, "another program uses this port; stop it or set "+key)
		require.NoError(t, m.Stop(t.Context()), "after a failed start")
	}
}

func TestAddressesThatCannotBeListenedOn(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"192.0.2.1:0":        "this machine does not have that address; correct http.addr",
		"nowhere.invalid:80": "cannot listen on nowhere.invalid:80 (http.addr)",
	} {
		s := web.New(web.Options{Addr: addr})
		n, err := registry.New(quiet, registry.AllRoles(), s)
		require.NoError(t, err)
		require.ErrorContains(t, n.Run(t.Context(), registry.Options{}), want)
	}
}

func TestStopAndStartOutOfTurn(t *testing.T) {
	t.Parallel()
	for _, m := range []registry.Module{
		web.New(web.Options{Addr: "127.0.0.1:0"}), web.NewAdmin("127.0.0.1:0", http.NotFoundHandler()),
	} {
		require.NoError(t, m.Stop(t.Context()), "before start")
		require.ErrorContains(t, m.Start(t.Context()), "Start before Init")
		r := run(t, quiet, m)
		require.NoError(t, r.stop())
		require.NoError(t, m.Stop(t.Context()), "twice")
	}
}

func TestStopFinishesWhatIsAtHand(t *testing.T) {
	t.Parallel()
	s := newServer(web.Options{Addr: "127.0.0.1:0"})
	entered, release := make(chan struct{}), make(chan struct{})
	s.Public().GET("/slow", func(c echo.Context) error {
		close(entered)
		<-release
		return c.String(http.StatusOK, "done")
	})
	s.OnDrain(func(context.Context) { close(release) }) // the handler ends because the server stops
	r := run(t, quiet, s)
	stopped := make(chan error, 1)
	go func() {
		<-entered
		stopped <- r.stop()
	}()
	_, body := get(t, client(t), "http://"+s.Addr().String()+"/api/v1/slow")
	require.Equal(t, "done", body)
	require.NoError(t, <-stopped)
}

func TestStopInterruptsWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	s := newServer(web.Options{Addr: "127.0.0.1:0"})
	entered := make(chan struct{})
	s.Public().GET("/waiting", func(c echo.Context) error {
		close(entered)
		<-c.Request().Context().Done()
		return fmt.Errorf("wait for the broker: %w", c.Request().Context().Err())
	})
	r := run(t, quiet, s)
	stopped := make(chan error, 1)
	go func() {
		<-entered
		soon, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Second)
		defer cancel()
		stopped <- s.Stop(soon)
	}()
	status, body := get(t, client(t), "http://"+s.Addr().String()+"/api/v1/waiting")
	require.Equal(t, 503, status)
	require.Contains(t, body, "The server is stopping.")
	require.NoError(t, <-stopped, "nothing had to be cut off")
	require.NoError(t, r.stop())
}

func TestStopCutsOffAfterItsTime(t *testing.T) {
	t.Parallel()
	s := newServer(web.Options{Addr: "127.0.0.1:0"})
	entered := make(chan struct{})
	s.Public().GET("/stuck", func(c echo.Context) error {
		close(entered)
		<-c.Request().Context().Done() // until the connection is closed
		return nil
	})
	r := run(t, quiet, s)
	failed := make(chan error, 1)
	c := client(t)
	go func() {
		req, _ := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, "http://"+s.Addr().String()+"/api/v1/stuck", nil)
		res, err := c.Do(req)
		if err == nil {
			err = errors.Join(errors.New("answered"), res.Body.Close())
		}
		failed <- err
	}()
	<-entered
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, s.Stop(expired), "requests were cut off")
	require.ErrorContains(t, <-failed, "EOF")
	require.NoError(t, r.stop())
}

func TestWebSocketPassesThrough(t *testing.T) {
	t.Parallel()
	s := newServer(web.Options{Addr: "127.0.0.1:0"})
	closing := make(chan struct{})
	upgrader := websocket.Upgrader{}
	s.Mount("/socket.io/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		_, data, _ := conn.ReadMessage()
		_ = conn.WriteMessage(websocket.TextMessage, data)
		<-closing
		_ = conn.Close()
	}))
	r := run(t, quiet, s)
	conn, res, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+s.Addr().String()+"/socket.io/", nil)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte("hello")))
	_, data, err := conn.ReadMessage()
	require.NoError(t, err)
	require.Equal(t, "hello", string(data))
	require.NoError(t, r.stop(), "hijacked connections are not waited for")
	close(closing)
	_, _, err = conn.ReadMessage()
	require.Error(t, err)
	require.NoError(t, conn.Close())
}

func TestStreamsAreFlushed(t *testing.T) {
	t.Parallel()
	s := newServer(web.Options{Addr: "127.0.0.1:0"})
	release := make(chan struct{})
	s.Mount("/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "first")
		w.(http.Flusher).Flush()
		<-release
	}))
	run(t, quiet, s)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+"/", nil)
	require.NoError(t, err)
	res, err := client(t).Do(req)
	require.NoError(t, err)
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "first\n", line)
	close(release)
	require.NoError(t, res.Body.Close())
}

func TestListenerStartsLast(t *testing.T) {
	t.Parallel()
	s := web.New(web.Options{})
	admin := web.NewAdmin("", http.NotFoundHandler())
	names, err := registry.Plan([]registry.Role{registry.Socket}, s, admin)
	require.NoError(t, err)
	require.Equal(t, []string{"admin", "http"}, names)
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "parley_build_info 1") })
	a := web.NewAdmin("127.0.0.1:0", metrics)
	run(t, quiet, a)
	c, url := client(t), "http://"+a.Addr().String()
	for path, want := range map[string]string{
		"/metrics":                       "parley_build_info 1",
		"/debug/pprof/":                  "goroutine",
		"/debug/pprof/goroutine?debug=1": "goroutine profile",
		"/debug/pprof/cmdline":           "web.test",
		"/debug/pprof/symbol":            "num_symbols",
	} {
		status, body := get(t, c, url+path)
		require.Equal(t, 200, status, path)
		require.Contains(t, body, want)
	}
	status, _ := get(t, c, url+"/healthz")
	require.Equal(t, 404, status)
}

func TestAdminOff(t *testing.T) {
	t.Parallel()
	a := web.NewAdmin("", http.NotFoundHandler())
	r := run(t, quiet, a)
	require.Nil(t, a.Addr())
	require.NoError(t, r.stop())
}
