package web

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"parley/app/problem"
)

// headerRequestID names the request in the response and in the log.
const headerRequestID = "X-Request-Id"

// exchange is a request and what becomes of it. It is the writer of the answer, and the request's context,
// by which handlers find it.
type exchange struct {
	http.ResponseWriter
	context.Context

	id     string
	route  string // the registered pattern, "" for none
	status int    // 0 until something has been answered

	user   int64 // who is signed in, 0 for nobody
	family string
	read   bool // the body, to its end
}

type exchangeKey struct{}

// Value implements context.Context.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

// exchangeOf returns the exchange that the context belongs to; an empty one if there is none.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// RequestID is the id under which the request of this context is logged, or "".
func RequestID(ctx context.Context) string { return exchangeOf(ctx).id }

// ServeHTTP names, logs, counts and dispatches a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	x := &exchange{ResponseWriter: w, Context: r.Context(), id: requestID(r)}
	w.Header()[headerRequestID] = []string{x.id}
	api := r.URL.Path == Base || strings.HasPrefix(r.URL.Path, Base+"/")
	if api {
		var cancel context.CancelFunc
		x.Context, cancel = context.WithTimeout(r.Context(), s.opts.RequestTimeout)
		defer cancel()
	} else { // which has deadlines of its own; what an API request before it on this connection has left is not meant for it
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	}
	r = r.WithContext(x)
	r.RemoteAddr = s.clientAddr(r)
	defer func() {
		if cause := recover(); cause != nil {
			s.panicked(x, r, cause)
		}
		took := time.Since(begin)
		s.opts.Metrics.observe(answered{r.Method, x.route, x.status}, took)
		if s.log.Enabled(x, slog.LevelDebug) {
			s.log.DebugContext(x, "request", "method", r.Method, "path", r.URL.Path, "status", x.status,
				"took", took, "client", r.RemoteAddr, "request_id", x.id)
		}
	}()
	s.dispatch(x, r, api)
}

func (s *Server) dispatch(x *exchange, r *http.Request, api bool) {
	if !api && r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
		if m := s.find(r.URL.Path); m != nil {
			x.route = m.prefix
			m.handler.ServeHTTP(x, r)
			return
		}
	}
	if s.cors(x, r) {
		return
	}
	if r.Method == http.MethodHead { // answered as GET; net/http leaves the body out
		get := *r
		get.Method = http.MethodGet
		r = &get
	}
	s.echo.ServeHTTP(x, r)
}

// panicked logs a handler's panic and answers 500 if nothing has been answered yet.
func (s *Server) panicked(x *exchange, r *http.Request, cause any) {
	if cause == http.ErrAbortHandler { //nolint:errorlint // compared as net/http does
		panic(cause)
	}
	s.log.ErrorContext(r.Context(), "handler panicked", "method", r.Method, "path", r.URL.Path,
		"panic", fmt.Sprint(cause), "stack", string(debug.Stack()), "request_id", x.id)
	if x.status == 0 {
		WriteProblem(x, problem.Internal)
	}
}

// requestID takes over an id that a proxy has given, if it is a tame one.
func requestID(r *http.Request) string {
	id := r.Header.Get(headerRequestID)
	tame := func(c rune) bool {
		return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' || c == '_'
	}
	if id != "" && len(id) <= 64 && strings.TrimFunc(id, tame) == "" {
		return id
	}
	return rand.Text()
}

// clientAddr is the peer's address, or what trusted proxies say it is: the
// last address of X-Forwarded-For that is not itself a trusted proxy's.
func (s *Server) clientAddr(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !s.trusted(peer.Addr()) {
		return r.RemoteAddr
	}
	client := peer.Addr()
	hops := strings.Split(strings.Join(r.Header.Values(echo.HeaderXForwardedFor), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusted(client); i-- {
		hop, err := netip.ParseAddr(strings.Trim(strings.TrimSpace(hops[i]), "[]"))
		if err != nil {
			break // whatever stands before cannot be believed either
		}
		client = hop
	}
	return netip.AddrPortFrom(client.Unmap(), peer.Port()).String()
}

func (s *Server) trusted(addr netip.Addr) bool {
	addr = addr.Unmap()
	for _, p := range s.opts.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Values of headers that every answer of the API has.
var (
	noStore = []string{"no-store"}
	noSniff = []string{"nosniff"}
)

// prepare bounds how long the client of an API request may take, and marks the answer as nobody else's. What it
// returns is called when the request is done with.
func (s *Server) prepare(c echo.Context) (done func()) {
	// Slow clients may neither hold a request open by not sending its body, nor by not reading the answer.
	// Writers without deadlines are those of tests.
	rc := http.NewResponseController(c.Response())
	_ = rc.SetWriteDeadline(time.Now().Add(s.opts.RequestTimeout + answerTimeout))
	h := c.Response().Header()
	h["Cache-Control"], h["X-Content-Type-Options"] = noStore, noSniff
	r := c.Request()
	return func() {
		if r.Body != http.NoBody && !exchangeOf(r.Context()).read { // net/http reads what is left of it
			_ = rc.SetReadDeadline(time.Now().Add(headerTimeout))
		}
	}
}

// Unwrap gives http.ResponseController the writer of net/http.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= 200 { // 1xx are not the answer
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	return x.ResponseWriter.Write(b)
}

// Flush implements http.Flusher for handlers that look for it.
func (x *exchange) Flush() {
	_ = http.NewResponseController(x.ResponseWriter).Flush()
}

// Hijack implements http.Hijacker, which WebSocket libraries look for.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(x.ResponseWriter).Hijack()
	if err == nil {
		x.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}
