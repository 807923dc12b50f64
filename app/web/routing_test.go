package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"parley/app/problem"
	"parley/app/web"
)

// api is a server with a few routes of each kind.
func api(o web.Options) *web.Server {
	s := newServer(o)
	s.Public().POST("/auth/login", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	groups := s.API().Group("/groups")
	groups.GET("", func(c echo.Context) error {
		return c.JSON(http.StatusOK, map[string]any{"user": web.UserID(c), "family": web.Family(c)})
	})
	groups.PATCH("/:id", func(c echo.Context) error {
		id, err := web.PathID(c, "id")
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, id)
	})
	groups.DELETE("/:id/members/:user", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	return s
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	s := api(web.Options{})
	for name, tc := range map[string]struct {
		call   call
		status int
		code   string // of a problem
		allow  string
	}{
		"signed in":               {as("alice", call{method: "GET", path: "/api/v1/groups"}), 200, "", ""},
		"HEAD is GET":             {as("alice", call{method: "HEAD", path: "/api/v1/groups"}), 200, "", ""},
		"public":                  {call{method: "POST", path: "/api/v1/auth/login"}, 204, "", ""},
		"no token":                {call{method: "GET", path: "/api/v1/groups"}, 401, "token_missing", ""},
		"bad token":               {as("mallory", call{method: "GET", path: "/api/v1/groups"}), 401, "token_invalid", ""},
		"cannot verify":           {as("away", call{method: "GET", path: "/api/v1/groups"}), 503, "unavailable", ""},
		"unknown, no token":       {call{method: "GET", path: "/api/v1/nope"}, 404, "not_found", ""},
		"unknown below a group":   {call{method: "GET", path: "/api/v1/groups/1/nope"}, 404, "not_found", ""},
		"base itself":             {call{method: "GET", path: "/api/v1"}, 404, "not_found", ""},
		"outside":                 {call{method: "GET", path: "/elsewhere"}, 404, "not_found", ""},
		"doubled slash":           {call{method: "GET", path: "/api/v1//groups"}, 404, "not_found", ""},
		"trailing slash":          {call{method: "GET", path: "/api/v1/groups/"}, 404, "not_found", ""},
		"other method":            {call{method: "PUT", path: "/api/v1/groups"}, 405, "method_not_allowed", "GET, HEAD, OPTIONS"},
		"other method, public":    {call{method: "GET", path: "/api/v1/auth/login"}, 405, "method_not_allowed", "POST, OPTIONS"},
		"other method, parameter": {call{method: "GET", path: "/api/v1/groups/7"}, 405, "method_not_allowed", "PATCH, OPTIONS"},
		"unheard-of method":       {call{method: "BREW", path: "/api/v1/groups"}, 405, "method_not_allowed", "GET, HEAD, OPTIONS"},
		"health, other method":    {call{method: "POST", path: "/healthz"}, 405, "method_not_allowed", "GET, HEAD, OPTIONS"},
		"OPTIONS":                 {call{method: "OPTIONS", path: "/api/v1/groups/7/members/8"}, 204, "", "DELETE, OPTIONS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := tc.call.do(s)
			if tc.code != "" {
				refused(t, w, tc.status, tc.code)
			}
			require.Equal(t, tc.status, w.Code)
			require.Equal(t, tc.allow, w.Header().Get("Allow"))
			require.Equal(t, tc.status == 401, w.Header().Get("WWW-Authenticate") == "Bearer")
		})
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	s := api(web.Options{})
	w := call{method: "GET", path: "/api/v1/groups", header: map[string]string{"Authorization": "bearer  bob "}}.do(s)
	require.JSONEq(t, `{"user":2,"family":"family-of-bob"}`, w.Body.String())
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	for _, header := range []string{"", "Basic YTpi", "Bearer", "Bearer ", "alice"} {
		w := call{method: "GET", path: "/api/v1/groups", header: map[string]string{"Authorization": header}}.do(s)
		refused(t, w, 401, "token_missing")
	}
}

func TestNoAuthenticatorLetsNobodyIn(t *testing.T) {
	t.Parallel()
	s := web.New(web.Options{})
	s.API().GET("/me", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	refused(t, as("alice", call{method: "GET", path: "/api/v1/me"}).do(s), 500, "internal_error")
	s.SetAuthenticator(fakeAuth{})
	require.Equal(t, 204, as("alice", call{method: "GET", path: "/api/v1/me"}).do(s).Code)
}

func TestPathID(t *testing.T) {
	t.Parallel()
	s := api(web.Options{})
	for id, status := range map[string]int{
		"1": 200, "9007199254740991": 200,
		"9007199254740992": 404, "0": 404, "-1": 404, "+1": 404, "01": 404, "1.0": 404, "x": 404, "1e3": 404, "%31": 404,
		"99999999999999999999": 404, "1%20": 404, "%00": 404,
	} {
		require.Equal(t, status, as("alice", call{method: "PATCH", path: "/api/v1/groups/" + id}).do(s).Code, id)
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	type read struct {
		Limit int
		After int64
		Text  string
		Has   bool
		Since int64
	}
	s := newServer(web.Options{})
	s.API().GET("/q", func(c echo.Context) error {
		q := web.NewQuery(c)
		got := read{q.Int("limit", 50, 1, 200), q.Number("after", -1), q.Text("q", 5), q.Has("all"), 0}
		if at, ok := q.Time("since"); ok {
			got.Since = at.UnixMilli()
		}
		if got.Text == "never" {
			q.Wrong("q", "must not be that")
		}
		if err := q.Err(); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, got)
	})
	for query, want := range map[string]string{
		"":                               `{"Limit":50,"After":-1,"Text":"","Has":false,"Since":0}`,
		"limit=200&after=0&q=%C3%A9&all": `{"Limit":200,"After":0,"Text":"é","Has":true,"Since":0}`,
		"since=1970-01-01T00:00:01.5Z":   `{"Limit":50,"After":-1,"Text":"","Has":false,"Since":1500}`,
		"since=1970-01-01":               `[{"field":"since","message":"must be a time such as 2006-01-02T15:04:05Z"}]`,
		"since=":                         `[{"field":"since","message":"must be a time such as 2006-01-02T15:04:05Z"}]`,
		"q=never":                        `[{"field":"q","message":"must not be that"}]`,
		"limit=0":                        `[{"field":"limit","message":"must be a whole number from 1 to 200"}]`,
		"limit=201":                      `[{"field":"limit","message":"must be a whole number from 1 to 200"}]`,
		"limit=":                         `[{"field":"limit","message":"must be a whole number from 1 to 200"}]`,
		"limit=1&limit=2":                `[{"field":"limit","message":"must be given once"}]`,
		"after=-1":                       `[{"field":"after","message":"must be a whole number, not negative"}]`,
		"after=9007199254740992":         `[{"field":"after","message":"must be a whole number, not negative"}]`,
		"q=123456":                       `[{"field":"q","message":"must have at most 5 characters"}]`,
		"q=%00":                          `[{"field":"q","message":"must be UTF-8 text without NUL"}]`,
		"q=%ff":                          `[{"field":"q","message":"must be UTF-8 text without NUL"}]`,
		"foo=1&bar":                      `[{"field":"bar","message":"is not a known parameter"},{"field":"foo","message":"is not a known parameter"}]`,
		"a%00%ff":                        `[{"field":"a��","message":"is not a known parameter"}]`,
		"a;b":                            `[{"field":"query","message":"is not a valid query string"}]`,
		"%zz":                            `[{"field":"query","message":"is not a valid query string"}]`,
	} {
		w := as("alice", call{method: "GET", path: "/api/v1/q?" + query}).do(s)
		if want[0] == '{' {
			require.Equal(t, 200, w.Code, query)
			require.JSONEq(t, want, w.Body.String())
			continue
		}
		refused(t, w, 400, "validation_failed")
		require.Contains(t, w.Body.String(), `"errors":`+want, query)
	}
}

func TestErrorsBecomeProblems(t *testing.T) {
	t.Parallel()
	var log logged
	errAway := errors.New("connection refused")
	s := newServer(web.Options{Log: log.logger(), Translate: func(err error) *problem.Problem {
		if errors.Is(err, errAway) {
			return problem.Unavailable.WithRetryAfter(1500 * time.Millisecond)
		}
		return nil
	}})
	answers := map[string]error{
		"as-it-is":   problem.Forbidden.WithDetail("Only owners may."),
		"wrapped":    fmt.Errorf("rename: %w", problem.NotFound.WithCause(errOdd)),
		"translated": fmt.Errorf("read: %w", errAway),
		"odd":        fmt.Errorf("read: %w", errOdd),
		"deadline":   fmt.Errorf("read: %w", context.DeadlineExceeded),
	}
	for name, err := range answers {
		s.API().GET("/"+name, func(echo.Context) error { return err })
	}
	s.API().GET("/panic", func(echo.Context) error { panic("oh no") })
	s.API().GET("/late", func(c echo.Context) error {
		_ = c.String(http.StatusOK, "partly")
		return errOdd
	})
	get := func(name string) *answerer {
		return &answerer{t, as("alice", call{method: "GET", path: "/api/v1/" + name}), s}
	}

	require.Equal(t, "Only owners may.", get("as-it-is").refused(403, "forbidden").Detail)
	get("wrapped").refused(404, "not_found")
	get("translated").refused(503, "unavailable")
	require.Equal(t, "2", get("translated").call.do(s).Header().Get("Retry-After"), "rounded up")
	require.NotContains(t, get("odd").refused(500, "internal_error").Detail, "odd", "causes are not shown")
	require.Contains(t, log.String(), `level=ERROR msg="request failed" method=GET path=/api/v1/odd code=internal_error error="read: odd"`)
	get("deadline").refused(503, "unavailable")
	get("panic").refused(500, "internal_error")
	require.Contains(t, log.String(), `msg="handler panicked"`)
	require.Contains(t, log.String(), "oh no")
	require.Equal(t, "partly", get("late").call.do(s).Body.String())
	require.Contains(t, log.String(), `msg="handler failed after it had answered"`)
}

// answerer sends a call and expects a problem.
type answerer struct {
	t    *testing.T
	call call
	s    http.Handler
}

func (a *answerer) refused(status int, code string) answer {
	a.t.Helper()
	return refused(a.t, a.call.do(a.s), status, code)
}

func TestRequestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(web.Options{RequestTimeout: time.Minute})
		s.API().GET("/slow", func(c echo.Context) error {
			<-c.Request().Context().Done()
			return c.Request().Context().Err()
		})
		refused(t, as("alice", call{method: "GET", path: "/api/v1/slow"}).do(s), 503, "unavailable")
	})
}

func TestClientThatHasGone(t *testing.T) {
	t.Parallel()
	var log logged
	s := newServer(web.Options{Log: log.logger()})
	s.Public().GET("/slow", func(c echo.Context) error { return c.Request().Context().Err() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/slow", nil)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Equal(t, 499, w.Code)
	require.NotContains(t, log.String(), "level=ERROR")
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	var log logged
	s := newServer(web.Options{Log: log.logger()})
	s.Public().GET("/id", func(c echo.Context) error { return c.String(http.StatusOK, web.RequestID(c.Request().Context())) })
	for given, taken := range map[string]bool{
		"abc-DEF_123": true, "": false, "with space": false, "é": false,
		"0123456789012345678901234567890123456789012345678901234567890123":  true,
		"01234567890123456789012345678901234567890123456789012345678901234": false,
	} {
		w := call{method: "GET", path: "/api/v1/id", header: map[string]string{"X-Request-Id": given}}.do(s)
		id := w.Header().Get("X-Request-Id")
		require.NotEmpty(t, id)
		require.Equal(t, taken, id == given, given)
		require.Equal(t, id, w.Body.String())
		require.Contains(t, log.String(), "request_id="+id)
	}
	require.Contains(t, log.String(), "level=DEBUG msg=request method=GET path=/api/v1/id status=200")
	require.Empty(t, web.RequestID(t.Context()))
}

func TestHealth(t *testing.T) {
	t.Parallel()
	var log logged
	var missing map[string]error
	s := newServer(web.Options{Log: log.logger(), Ready: func(context.Context) map[string]error { return missing }})
	require.JSONEq(t, `{"status":"ok"}`, call{method: "GET", path: "/healthz"}.do(s).Body.String())
	require.JSONEq(t, `{"status":"ready"}`, call{method: "GET", path: "/readyz"}.do(s).Body.String())

	missing = map[string]error{"store": errOdd, "bus": errOdd}
	for range 2 {
		w := call{method: "GET", path: "/readyz"}.do(s)
		require.Equal(t, 503, w.Code)
		require.JSONEq(t, `{"status":"not ready","missing":["bus","store"]}`, w.Body.String())
	}
	require.Contains(t, log.String(), `level=WARN msg="not ready" missing=bus error=odd`)
	require.Equal(t, 200, call{method: "GET", path: "/healthz"}.do(s).Code, "alive all the same")

	missing = nil
	require.Equal(t, 200, call{method: "HEAD", path: "/readyz"}.do(s).Code)
	require.Contains(t, log.String(), "level=INFO msg=ready")

	require.Equal(t, 200, call{method: "GET", path: "/readyz"}.do(web.New(web.Options{})).Code, "nothing to ask")
}

func TestMounts(t *testing.T) {
	t.Parallel()
	var log logged
	s := api(web.Options{Log: log.logger()})
	show := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("panic") {
				panic(name)
			}
			_, _ = fmt.Fprint(w, name, " ", r.URL.Path)
		})
	}
	s.Mount("/", show("client"))
	s.Mount("/socket.io/", show("socket"))
	for path, want := range map[string]string{
		"/":              "client /",
		"/app.js":        "client /app.js",
		"/socket.io":     "socket /socket.io",
		"/socket.io/":    "socket /socket.io/",
		"/socket.io/x":   "socket /socket.io/x",
		"/socket.iox":    "client /socket.iox",
		"/api":           "client /api",
		"/api/v2/groups": "client /api/v2/groups",
	} {
		require.Equal(t, want, call{method: "GET", path: path}.do(s).Body.String())
	}
	refused(t, call{method: "GET", path: "/api/v1/nope"}.do(s), 404, "not_found")
	require.Equal(t, 200, call{method: "GET", path: "/healthz"}.do(s).Code)
	refused(t, call{method: "GET", path: "/socket.io/?panic"}.do(s), 500, "internal_error")
	require.Contains(t, log.String(), "panic=socket")
}

func TestAbortIsPassedOn(t *testing.T) {
	t.Parallel()
	s := newServer(web.Options{})
	s.Mount("/", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { call{method: "GET", path: "/"}.do(s) })
}
