package web_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"parley/app/web"
)

// within is a context with that much time left.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), d)
	t.Cleanup(cancel)
	return ctx
}

// dialServer opens a connection and sends the beginning of a request.
func dialServer(t *testing.T, s *web.Server, begin string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprint(conn, begin)
	require.NoError(t, err)
	return conn
}

func TestStopDrainsBeforeTheListenerCloses(t *testing.T) {
	t.Parallel()
	s := newServer(web.Options{Addr: "127.0.0.1:0"})
	drained := make(chan int, 1)
	s.OnDrain(func(context.Context) { // whoever is told to go away may come once more to hear it
		status, _ := get(t, client(t), "http://"+s.Addr().String()+"/healthz")
		drained <- status
	})
	r := run(t, quiet, s)
	require.NoError(t, r.stop())
	require.Equal(t, http.StatusOK, <-drained)
}

func TestStopLeavesTimeWhenDrainingTakesTooLong(t *testing.T) {
	t.Parallel()
	s := newServer(web.Options{Addr: "127.0.0.1:0"})
	s.OnDrain(func(ctx context.Context) { <-ctx.Done() })
	r := run(t, quiet, s)
	ctx := within(t, 4*time.Second)
	require.NoError(t, s.Stop(ctx))
	require.NoError(t, ctx.Err(), "what stops later has time, too")
	require.NoError(t, r.stop())
}

func TestStopAnswersBodiesThatDoNotCome(t *testing.T) {
	t.Parallel()
	s := newServer(web.Options{Addr: "127.0.0.1:0"})
	s.Public().POST("/hello", func(c echo.Context) error {
		var body struct{}
		if err := web.Bind(c, &body); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	r := run(t, quiet, s)
	conn := dialServer(t, s, "POST /api/v1/hello HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{")
	answers := bufio.NewReader(conn)
	reading, err := http.ReadResponse(answers, nil)
	require.NoError(t, err)
	require.NoError(t, reading.Body.Close())
	require.Equal(t, http.StatusContinue, reading.StatusCode)

	ctx := within(t, 4*time.Second)
	require.NoError(t, s.Stop(ctx), "nothing had to be cut off")
	require.NoError(t, ctx.Err())
	answer, err := http.ReadResponse(answers, nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	require.NoError(t, r.stop())
}

func TestStopDoesNotWaitForConnectionsThatAskForNothing(t *testing.T) {
	t.Parallel()
	s := newServer(web.Options{Addr: "127.0.0.1:0"})
	r := run(t, quiet, s)
	dialServer(t, s, "")
	dialServer(t, s, "GET /api/v1/hel")
	get(t, client(t), "http://"+s.Addr().String()+"/healthz") // after which the others have been accepted
	ctx := within(t, 4*time.Second)
	require.NoError(t, s.Stop(ctx))
	require.NoError(t, ctx.Err())
	require.NoError(t, r.stop())
}
