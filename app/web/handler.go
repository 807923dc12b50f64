package web

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
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

type requestIDKey struct{}

// RequestID is the id under which the request of this context is logged, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// ServeHTTP names, logs and dispatches a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	id := requestID(r)
	w.Header().Set(headerRequestID, id)
	r = r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id))
	r.RemoteAddr = s.clientAddr(r)
	rec := &recorder{ResponseWriter: w}
	defer func() {
		if cause := recover(); cause != nil {
			s.panicked(rec, r, cause)
		}
		s.log.DebugContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "status", rec.status,
			"took", time.Since(begin), "client", r.RemoteAddr, "request_id", id)
	}()
	s.dispatch(rec, r)
}

func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	api := r.URL.Path == Base || strings.HasPrefix(r.URL.Path, Base+"/")
	if !api && r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
		if h := s.find(r.URL.Path); h != nil {
			h.ServeHTTP(w, r)
			return
		}
	}
	if s.cors(w, r) {
		return
	}
	if r.Method == http.MethodHead { // answered as GET; net/http leaves the body out
		get := *r
		get.Method = http.MethodGet
		r = &get
	}
	s.echo.ServeHTTP(w, r)
}

// panicked logs a handler's panic and answers 500 if nothing has been answered yet.
func (s *Server) panicked(w *recorder, r *http.Request, cause any) {
	if cause == http.ErrAbortHandler { //nolint:errorlint // compared as net/http does
		panic(cause)
	}
	s.log.ErrorContext(r.Context(), "handler panicked", "method", r.Method, "path", r.URL.Path,
		"panic", fmt.Sprint(cause), "stack", string(debug.Stack()), "request_id", RequestID(r.Context()))
	if w.status == 0 {
		WriteProblem(w, problem.Internal)
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

// prepare bounds an API request and marks its answer as nobody else's.
func (s *Server) prepare(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		ctx, cancel := context.WithTimeout(r.Context(), s.opts.RequestTimeout)
		defer cancel()
		defer c.SetRequest(r) // the error handler must see whether the client has gone, not that we are done
		c.SetRequest(r.WithContext(ctx))
		// Slow clients may neither hold a request open by not sending its body, nor by not reading the answer.
		// Writers without deadlines are those of tests.
		rc := http.NewResponseController(c.Response())
		_ = rc.SetWriteDeadline(time.Now().Add(s.opts.RequestTimeout + answerTimeout))
		defer func() { _ = rc.SetReadDeadline(time.Now().Add(headerTimeout)) }()
		h := c.Response().Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		return next(c)
	}
}

// recorder remembers the status for the log, and lets WebSocket take the connection over.
type recorder struct {
	http.ResponseWriter
	status int // 0 until something has been answered
}

// Unwrap gives http.ResponseController the writer of net/http.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 { // 1xx are not the answer
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Flush implements http.Flusher for handlers that look for it.
func (w *recorder) Flush() {
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack implements http.Hijacker, which WebSocket libraries look for.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}
