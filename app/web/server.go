// Package web is the public HTTP listener: the REST API's frame (routing,
// authentication, strict request bodies, problem+json, rate limits, CORS),
// health checks, and the handlers of other packages mounted beside it. A
// second small listener, Admin, serves metrics and profiles.
package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"parley/app/problem"
	"parley/app/registry"
)

// Base is the path under which the API lives.
const Base = "/api/v1"

// Request rate limits, per second and at once. They keep one client from starving the others, and are far
// above what people and their programs need; an address may be that of a whole office.
const (
	userRate, userBurst       = 200, 1000
	addressRate, addressBurst = 2000, 5000
)

// Options configure a Server.
type Options struct {
	// Addr is what to listen on, "host:port". Port 0 takes any free one; see Server.Addr.
	Addr string
	// AllowedOrigins may call the API from a browser, besides the server's own
	// origin: "https://chat.example.com", or "*" for all. Defaults to none.
	AllowedOrigins []string
	// TrustedProxies are those whose X-Forwarded-For is believed. Defaults to none.
	TrustedProxies []netip.Prefix
	// Limits turns on the request rate limits per user and per address.
	Limits bool
	// RequestTimeout ends the context of an API request. Defaults to 30 s.
	RequestTimeout time.Duration
	// Auth verifies access tokens; SetAuthenticator may set it later.
	Auth Authenticator
	// Translate makes a problem of an error that is none, or returns nil if it
	// does not know it. Defaults to knowing nothing.
	Translate func(error) *problem.Problem
	// Ready is asked by /readyz for what is missing, by component. Nil or empty
	// is ready. Defaults to always ready.
	Ready func(ctx context.Context) map[string]error
	// Needs are the names of the components that start before the listener and
	// stop after it. Defaults to every other active component.
	Needs []string
	// Log defaults to no log.
	Log *slog.Logger
	// Metrics count requests. Defaults to ones that nobody reads.
	Metrics *Metrics
	// Now is the clock of the rate limits. Defaults to time.Now.
	Now func() time.Time
}

// Server is the component "http".
type Server struct {
	opts   Options
	log    *slog.Logger
	echo   *echo.Echo
	api    *echo.Group
	public *echo.Group
	auth   Authenticator
	byUser *Limiter
	byAddr *Limiter
	health health

	mounts  []mount        // longest prefix first
	routes  map[route]bool // that Echo knows
	onDrain []func(context.Context)

	mu       sync.Mutex
	host     registry.Host
	addr     net.Addr
	listener *listener // while it serves
}

// route is a method and the pattern of an address.
type route struct{ method, path string }

// mount is a handler of another package and the paths it serves.
type mount struct {
	prefix  string
	handler http.Handler
}

// New returns a server that listens once it is started. ServeHTTP works without that.
func New(o Options) *Server {
	if o.RequestTimeout <= 0 {
		o.RequestTimeout = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Needs == nil {
		o.Needs = []string{registry.Everything}
	}
	s := &Server{
		opts:   o,
		log:    o.Log,
		echo:   echo.New(),
		auth:   o.Auth,
		routes: make(map[route]bool),
		health: health{ready: o.Ready, log: o.Log},
		byUser: NewLimiter(userRate, userBurst, o.Now),
		byAddr: NewLimiter(addressRate, addressBurst, o.Now),
	}
	s.route()
	return s
}

// route sets Echo up and attaches the routes that are always there.
func (s *Server) route() {
	e := s.echo
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(io.Discard)
	e.IPExtractor = echo.ExtractIPDirect() // ServeHTTP has put the client's address into RemoteAddr
	e.HTTPErrorHandler = s.fail
	e.OnAddRouteHandler = func(_ string, r echo.Route, _ echo.HandlerFunc, _ []echo.MiddlewareFunc) {
		if r.Method != echo.RouteNotFound {
			s.routes[route{r.Method, r.Path}] = true
		}
	}
	e.Use(s.known)
	e.GET("/healthz", s.health.alive)
	e.GET("/readyz", s.health.check)
	s.public = e.Group(Base, s.forEverybody)
	s.api = e.Group(Base, s.forUsers)
}

// API is where routes that need a signed-in user are attached, under Base.
func (s *Server) API() *echo.Group { return s.api }

// Public is where routes that anybody may call are attached, under Base.
func (s *Server) Public() *echo.Group { return s.public }

// Routes lists what is served below Base, as "GET /groups/:groupId", sorted. It is complete when every component is initialized.
func (s *Server) Routes() []string {
	var all []string
	for r := range s.routes {
		if below, ok := strings.CutPrefix(r.path, Base); ok {
			all = append(all, r.method+" "+below)
		}
	}
	slices.Sort(all)
	return all
}

// Mount serves every path below prefix, which ends in a slash, with h; the
// longest prefix wins. The API and the health checks go before any mount. The
// RemoteAddr that h sees is the client's as told by trusted proxies.
func (s *Server) Mount(prefix string, h http.Handler) {
	s.mounts = append(s.mounts, mount{prefix: prefix, handler: h})
	slices.SortStableFunc(s.mounts, func(a, b mount) int { return len(b.prefix) - len(a.prefix) })
}

// OnDrain adds a function that runs when the server begins to stop. It lets go of clients that would stay otherwise,
// such as long-polling ones, which may come once more meanwhile: the listener closes when it has returned. Its context ends
// after half of the time that there is, so that one slow client does not take up the time of everything that stops later.
func (s *Server) OnDrain(f func(context.Context)) { s.onDrain = append(s.onDrain, f) }

// Name is "http".
func (s *Server) Name() string { return "http" }

// Roles are all: health checks are served whatever the roles.
func (s *Server) Roles() []registry.Role { return registry.AllRoles() }

// Needs is everything else, so that the listener opens last and closes first.
func (s *Server) Needs() []string { return s.opts.Needs }

// Init keeps the host for Start.
func (s *Server) Init(h registry.Host) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.host = h
	s.log = h.Logger()
	s.health.log = s.log
	return nil
}

// Start listens and serves.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.host == nil {
		return errors.New("http: Start before Init")
	}
	l, err := listen(ctx, "http.addr", s.opts.Addr, s, s.log)
	if err != nil {
		return err
	}
	s.listener, s.addr = l, l.addr()
	s.host.Go("serve", l.serve)
	return nil
}

// Stop drains, closes the listener and waits, no longer than ctx, for requests at hand; those that take more than
// half of the time that is left are answered 503. Hijacked connections (WebSocket) are not its business.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	l := s.listener
	s.listener = nil
	s.mu.Unlock()
	if l == nil {
		return nil
	}
	s.drain(ctx)
	return l.shutdown(ctx)
}

// drain runs what OnDrain has added, and returns when all of it has.
func (s *Server) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, timeLeft(ctx)/2)
	defer cancel()
	var all sync.WaitGroup
	for _, f := range s.onDrain {
		all.Go(func() { f(ctx) })
	}
	all.Wait()
}

// Addr is where the server listens, or nil before Start.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// find returns the mount that serves path, if any.
func (s *Server) find(path string) *mount {
	for i, m := range s.mounts {
		if strings.HasPrefix(path, m.prefix) || path+"/" == m.prefix {
			return &s.mounts[i]
		}
	}
	return nil
}
