package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/problem"
	"parley/app/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeAuth takes tokens of the form "user 7", whose family is the token itself.
type fakeAuth struct{}

func (fakeAuth) Authenticate(_ context.Context, token string) (int64, string, error) {
	switch token {
	case "alice":
		return 1, "family-of-alice", nil
	case "bob":
		return 2, "family-of-bob", nil
	case "away":
		return 0, "", problem.Unavailable
	}
	return 0, "", problem.New(http.StatusUnauthorized, "token_invalid", "The access token is not valid.")
}

// logged is a log that tests can read.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// call is a request to a server that does not listen.
type call struct {
	method, path string
	body         string
	header       map[string]string
	from         string // remote address
}

func (c call) do(s http.Handler) *httptest.ResponseRecorder {
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	r := httptest.NewRequest(c.method, c.path, body)
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	if c.from != "" {
		r.RemoteAddr = c.from
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// as is a call with a user's token.
func as(user string, c call) call {
	c.header = map[string]string{"Authorization": "Bearer " + user}
	return c
}

// answer is a problem as a client reads it.
type answer struct {
	Type   string          `json:"type"`
	Title  string          `json:"title"`
	Status int             `json:"status"`
	Detail string          `json:"detail"`
	Code   string          `json:"code"`
	Errors []problem.Field `json:"errors"`
}

// refused expects a problem with a status and code, and returns it.
func refused(t *testing.T, w *httptest.ResponseRecorder, status int, code string) answer {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body.String())
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	require.NotEmpty(t, w.Header().Get("X-Request-Id"))
	var a answer
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a))
	require.Equal(t, code, a.Code)
	require.Equal(t, status, a.Status)
	require.Equal(t, "urn:parley:problem:"+code, a.Type)
	require.NotEmpty(t, a.Title)
	return a
}

var errOdd = errors.New("odd")

func newServer(o web.Options) *web.Server {
	if o.Auth == nil {
		o.Auth = fakeAuth{}
	}
	return web.New(o)
}
