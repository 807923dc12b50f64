package web_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/app/problem"
	"parley/app/web"
)

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time          { return c.at }
func (c *clock) advance(d time.Duration) { c.at = c.at.Add(d) }

func newClock() *clock { return &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func TestLimiter(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := web.NewLimiter(0.5, 3, c.now)
	require.Zero(t, l.Wait("a"), "asking takes nothing")
	for range 3 {
		require.Zero(t, l.Allow("a"))
	}
	require.Equal(t, 2*time.Second, l.Allow("a"))
	require.Equal(t, 2*time.Second, l.Wait("a"))
	require.Zero(t, l.Allow("b"), "keys are independent")
	c.advance(time.Second)
	require.Equal(t, time.Second, l.Allow("a"))
	c.advance(time.Second)
	require.Zero(t, l.Allow("a"))
	require.NotZero(t, l.Allow("a"))
	c.advance(time.Hour)
	for range 3 {
		require.Zero(t, l.Allow("a"), "full again, and no fuller")
	}
	require.NotZero(t, l.Allow("a"))
	require.Zero(t, web.NewLimiter(1, 1, nil).Allow("x"))
}

// Whatever is dropped to save memory was full: a limiter decides as one that never drops anything.
func TestLimiterForgetsNothingThatMatters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const rate, burst = 2.0, 6
		c := newClock()
		l := web.NewLimiter(rate, burst, c.now)
		tokens, last := map[string]float64{}, map[string]time.Time{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			c.advance(time.Duration(rapid.IntRange(0, 1500).Draw(t, "ms")) * time.Millisecond)
			key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key")
			if _, known := last[key]; !known {
				tokens[key] = burst
				last[key] = c.at
			}
			tokens[key] = min(burst, tokens[key]+rate*c.at.Sub(last[key]).Seconds())
			last[key] = c.at
			if tokens[key] >= 1+1e-6 || tokens[key] < 1-1e-6 { // but for rounding
				require.Equal(t, tokens[key] >= 1, l.Allow(key) == 0)
				if tokens[key] >= 1 {
					tokens[key]--
				}
			}
		}
	})
}

func TestRateLimits(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := newServer(web.Options{Limits: true, Now: c.now})
	s.API().GET("/me", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	s.Public().POST("/auth/login", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	me := func(user, from string) call {
		x := as(user, call{method: "GET", path: "/api/v1/me"})
		x.from = from + ":1234"
		return x
	}
	login := call{method: "POST", path: "/api/v1/auth/login", from: "192.0.2.9:1"}

	for range 1000 {
		require.Equal(t, 204, me("alice", "192.0.2.1").do(s).Code)
	}
	w := me("alice", "192.0.2.2").do(s)
	refused(t, w, 429, "rate_limited")
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	require.Equal(t, 204, me("bob", "192.0.2.2").do(s).Code, "users are independent")
	c.advance(time.Second)
	require.Equal(t, 204, me("alice", "192.0.2.1").do(s).Code)

	for range 5000 {
		require.Equal(t, 204, login.do(s).Code)
	}
	refused(t, login.do(s), 429, "rate_limited")
	require.Equal(t, 200, call{method: "GET", path: "/healthz", from: "192.0.2.9:1"}.do(s).Code, "health is not limited")
}

// Whoever waits as long as told is let through, and is told the same in words.
func TestRetryAfterIsEnough(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		rate := 1 / rapid.Float64Range(0.0003, 20).Draw(t, "pause")
		l := web.NewLimiter(rate, rapid.IntRange(1, 10).Draw(t, "burst"), c.now)
		for range rapid.IntRange(11, 30).Draw(t, "calls") {
			c.advance(time.Duration(rapid.IntRange(0, 100).Draw(t, "ms")) * time.Millisecond)
			wait := l.Allow("a")
			if wait == 0 {
				continue
			}
			p := problem.From(web.TooMany(wait))
			require.Equal(t, fmt.Sprintf("Try again in %s.", p.RetryAfter), p.Detail)
			require.Zero(t, p.RetryAfter%time.Second, "the header has whole seconds")
			require.Less(t, p.RetryAfter-wait, time.Second, "and not more of them than needed")
			c.advance(p.RetryAfter)
			require.Zero(t, l.Allow("a"))
		}
	})
}

func TestLimitsCanBeOff(t *testing.T) {
	t.Parallel()
	s := newServer(web.Options{Now: newClock().now})
	s.API().GET("/me", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	for range 5100 {
		require.Equal(t, 204, as("alice", call{method: "GET", path: "/api/v1/me"}).do(s).Code)
	}
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	s := newServer(web.Options{TrustedProxies: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"),
	}})
	s.Public().GET("/ip", func(c echo.Context) error {
		return c.String(http.StatusOK, fmt.Sprint(c.RealIP(), " ", web.ClientKey(c)))
	})
	s.Mount("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.RemoteAddr) }))
	for name, tc := range map[string]struct{ from, forwarded, want string }{
		"direct":                {"192.0.2.1:5", "", "192.0.2.1 192.0.2.1"},
		"direct, lying":         {"192.0.2.1:5", "1.1.1.1", "192.0.2.1 192.0.2.1"},
		"private is not enough": {"192.168.0.1:5", "1.1.1.1", "192.168.0.1 192.168.0.1"},
		"proxied":               {"10.0.0.1:5", "1.1.1.1", "1.1.1.1 1.1.1.1"},
		"proxied, lying":        {"10.0.0.1:5", "6.6.6.6, 1.1.1.1", "1.1.1.1 1.1.1.1"},
		"two proxies":           {"10.0.0.1:5", "6.6.6.6, 1.1.1.1 , 10.0.0.2", "1.1.1.1 1.1.1.1"},
		"proxy alone":           {"10.0.0.1:5", "", "10.0.0.1 10.0.0.1"},
		"only proxies":          {"10.0.0.1:5", "10.0.0.3, 10.0.0.2", "10.0.0.3 10.0.0.3"},
		"rubbish":               {"10.0.0.1:5", "1.1.1.1, unknown", "10.0.0.1 10.0.0.1"},
		"rubbish further on":    {"10.0.0.1:5", "unknown, 10.0.0.2", "10.0.0.2 10.0.0.2"},
		"mapped":                {"[::ffff:10.0.0.1]:5", "1.1.1.1", "1.1.1.1 1.1.1.1"},
		"IPv6":                  {"[fd00::1]:5", "[2001:db8::1]", "2001:db8::1 2001:db8::/64"},
		"odd peer":              {"@", "1.1.1.1", " "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := call{method: "GET", path: "/api/v1/ip", from: tc.from, header: map[string]string{"X-Forwarded-For": tc.forwarded}}.do(s)
			require.Equal(t, tc.want, w.Body.String())
		})
	}
	w := call{method: "GET", path: "/x", from: "10.0.0.1:5", header: map[string]string{"X-Forwarded-For": "1.1.1.1"}}.do(s)
	require.Equal(t, "1.1.1.1:5", w.Body.String(), "mounts see it, too")
}

func TestCORS(t *testing.T) {
	t.Parallel()
	preflight := func(origin string) call {
		return call{method: "OPTIONS", path: "/api/v1/groups", header: map[string]string{
			"Origin": origin, "Access-Control-Request-Method": "PATCH",
		}}
	}
	const good, bad = "https://chat.example.com", "https://evil.example"
	s := api(web.Options{AllowedOrigins: []string{good}})
	s.Mount("/socket.io/", http.NotFoundHandler())

	w := preflight(good).do(s)
	require.Equal(t, 204, w.Code)
	require.Equal(t, good, w.Header().Get("Access-Control-Allow-Origin"))
	require.Contains(t, w.Header().Get("Access-Control-Allow-Methods"), "PATCH")
	require.Contains(t, w.Header().Get("Access-Control-Allow-Headers"), "Authorization")
	require.Empty(t, w.Header().Get("Access-Control-Allow-Credentials"))

	w = preflight(bad).do(s)
	require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, "Origin", w.Header().Get("Vary"))

	w = call{method: "GET", path: "/api/v1/groups", header: map[string]string{"Origin": good}}.do(s)
	refused(t, w, 401, "token_missing")
	require.Equal(t, good, w.Header().Get("Access-Control-Allow-Origin"), "scripts may read problems")
	require.Contains(t, w.Header().Get("Access-Control-Expose-Headers"), "Retry-After")

	x := preflight(good)
	x.path = "/socket.io/"
	require.Empty(t, x.do(s).Header().Get("Access-Control-Allow-Origin"), "mounts have their own")

	require.Equal(t, bad, preflight(bad).do(api(web.Options{AllowedOrigins: []string{"*"}})).Header().Get("Access-Control-Allow-Origin"))
	require.Empty(t, preflight(good).do(api(web.Options{})).Header().Get("Access-Control-Allow-Origin"), "same origin only")
}
