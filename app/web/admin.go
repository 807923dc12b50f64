package web

import (
	"context"
	"errors"
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
	bound    net.Addr
	listener *listener // while it serves
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
	l, err := listen(ctx, "admin.addr", a.addr, a.handler, a.host.Logger())
	if err != nil {
		return err
	}
	a.listener, a.bound = l, l.addr()
	a.host.Go("serve", l.serve)
	a.host.Logger().InfoContext(ctx, "serving metrics and profiles", "addr", a.bound.String())
	return nil
}

// Stop closes the listener; a profile that is being taken is cut off when ctx ends.
func (a *Admin) Stop(ctx context.Context) error {
	a.mu.Lock()
	l := a.listener
	a.listener = nil
	a.mu.Unlock()
	if l == nil {
		return nil
	}
	return l.shutdown(ctx)
}

// Addr is where it listens, or nil if it never did.
func (a *Admin) Addr() net.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bound
}
