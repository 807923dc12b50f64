package web

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// Limiter is a token bucket for each of any number of keys. It forgets a key
// that has not been used for as long as its bucket takes to fill up again, so its memory
// is bounded by what is used within twice that time.
type Limiter struct {
	rate  float64 // tokens a second
	burst float64
	now   func() time.Time

	mu      sync.Mutex
	rotated time.Time
	current map[string]bucket // used since rotated
	old     map[string]bucket // used in the period before
}

// bucket is how many tokens a key had left at a moment.
type bucket struct {
	tokens float64
	at     time.Time
}

// NewLimiter returns a limiter that allows burst at once and rate a second after that. A nil now is time.Now.
func NewLimiter(rate float64, burst int, now func() time.Time) *Limiter {
	if now == nil {
		now = time.Now
	}
	return &Limiter{rate: rate, burst: float64(burst), now: now, rotated: now(), current: make(map[string]bucket)}
}

// Allow takes a token. If there is none it returns how long until there is one; 0 means allowed.
func (l *Limiter) Allow(key string) (wait time.Duration) { return l.take(key, 1) }

// Wait is how long until there is a token, 0 if there is one now. It takes none.
func (l *Limiter) Wait(key string) time.Duration { return l.take(key, 0) }

func (l *Limiter) take(key string, n float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.rotate(now)
	b, ok := l.current[key]
	if !ok {
		b, ok = l.old[key]
	}
	if !ok {
		b = bucket{tokens: l.burst, at: now}
	}
	b.tokens = min(l.burst, b.tokens+l.rate*now.Sub(b.at).Seconds())
	b.at = now
	if b.tokens < 1 {
		l.current[key] = b
		return time.Duration((1 - b.tokens) / l.rate * float64(time.Second))
	}
	if n > 0 {
		b.tokens -= n
		l.current[key] = b
	}
	return 0
}

// rotate drops the keys whose buckets must be full by now.
func (l *Limiter) rotate(now time.Time) {
	full := time.Duration(l.burst / l.rate * float64(time.Second))
	age := now.Sub(l.rotated)
	if age < full {
		return
	}
	l.old = l.current
	if age >= 2*full {
		l.old = nil
	}
	l.current = make(map[string]bucket)
	l.rotated = now
}

// ClientKey is the client's address as a key for a Limiter: IPv6 clients have
// a whole /64 to choose addresses from, so they are counted by that.
func ClientKey(c echo.Context) string {
	ip := c.RealIP()
	addr, err := netip.ParseAddr(ip)
	if err != nil || addr.Unmap().Is4() {
		return ip
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return ip
	}
	return prefix.String()
}

func (s *Server) limitAddress(c echo.Context) error {
	if !s.opts.Limits {
		return nil
	}
	if wait := s.byAddr.Allow(ClientKey(c)); wait > 0 {
		return TooMany(wait)
	}
	return nil
}

func (s *Server) limitUser(c echo.Context) error {
	if !s.opts.Limits {
		return nil
	}
	if wait := s.byUser.Allow(strconv.FormatInt(UserID(c), 10)); wait > 0 {
		return TooMany(wait)
	}
	return nil
}

// TooMany is the problem that tells a client to wait, for whole seconds: not less than it must.
func TooMany(wait time.Duration) error {
	wait = time.Duration(math.Ceil(wait.Seconds())) * time.Second
	return ErrRateLimited.WithRetryAfter(wait).WithDetail(fmt.Sprintf("Try again in %s.", wait))
}
