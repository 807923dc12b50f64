package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"

	"parley/app/registry"
)

// Admin is the component "admin": metrics and profiles for operators, on a
// listener of their own that is not meant for the public.
type Admin struct {
	addr    string
	handler http.Handler

	mu       sync.Mutex
	host     registry.Host
	listener net.Listener
	http     *http.Server
}

// NewAdmin returns a listener on addr that serves metrics at /metrics and
// profiles at /debug/pprof/. With an empty addr it does nothing.
func NewAdmin(addr string, metrics http.Handler) *Admin {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol) // go tool pprof asks so
	return &Admin{addr: addr, handler: mux}
}

// Name is "admin".
func (a *Admin) Name() string { return "admin" }

// Roles are all.
func (a *Admin) Roles() []registry.Role { return registry.AllRoles() }

// Needs nothing: it starts first, so that a start-up can be watched.
func (a *Admin) Needs() []string { return nil }

// Init keeps the host for Start.
func (a *Admin) Init(h registry.Host) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.host = h
	return nil
}

// Start listens and serves.
func (a *Admin) Start(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.addr == "" {
		return nil
	}
	if a.host == nil {
		return errors.New("admin: Start before Init")
	}
	ln, srv, err := listen(ctx, "admin.addr", a.addr, a.handler, a.host.Logger())
	if err != nil {
		return err
	}
	a.listener, a.http = ln, srv
	a.host.Go("serve", func(context.Context) error { return serve(srv, ln) })
	a.host.Logger().InfoContext(ctx, "serving metrics and profiles", slog.String("addr", ln.Addr().String()))
	return nil
}

// Stop closes the listener; a profile that is being taken is cut off when ctx ends.
func (a *Admin) Stop(ctx context.Context) error {
	a.mu.Lock()
	srv := a.http
	a.http = nil
	a.mu.Unlock()
	if srv == nil {
		return nil
	}
	return shutdown(ctx, srv)
}

// Addr is where it listens, or nil if it does not.
func (a *Admin) Addr() net.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.listener == nil {
		return nil
	}
	return a.listener.Addr()
}
