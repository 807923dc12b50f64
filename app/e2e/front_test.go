package e2e

import (
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// front is what stands before a deployment: one address for the API and the socket servers, whose connections can be cut.
type front struct {
	listener net.Listener
	url      string

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// front starts a reverse proxy for a deployment. A client stays at one socket server for as long as that answers.
func (c *cluster) front(t *testing.T) *front {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &front{listener: listener, url: "http://" + listener.Addr().String(), conns: make(map[net.Conn]bool)}
	var mu sync.Mutex
	socket := 0
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			to := c.api.url()
			if strings.HasPrefix(r.In.URL.Path, "/socket.io/") {
				mu.Lock()
				to = c.socket(socket)
				mu.Unlock()
			}
			target, err := url.Parse(to)
			require.NoError(t, err)
			r.SetURL(target)
			r.Out.Host = r.In.Host // which has to be where a browser's page is from
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, _ error) {
			if strings.HasPrefix(r.URL.Path, "/socket.io/") {
				mu.Lock()
				socket++
				mu.Unlock()
			}
			w.WriteHeader(http.StatusBadGateway)
		},
		ErrorLog: log.New(t.Output(), "", 0),
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Else the rest of a request's body is closed as soon as its answer begins; if the proxy then looks whether it has ended, it takes
		// that for a failure, and cuts the answer off.
		_ = http.NewResponseController(w).EnableFullDuplex()
		proxy.ServeHTTP(w, r)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(f)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		f.cut()
		<-served
	})
	return f
}

// Accept implements net.Listener.
func (f *front) Accept() (net.Conn, error) {
	conn, err := f.listener.Accept()
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := &frontConn{Conn: conn, front: f}
	f.conns[kept] = true
	return kept, nil
}

// Addr implements net.Listener.
func (f *front) Addr() net.Addr { return f.listener.Addr() }

// Close implements net.Listener.
func (f *front) Close() error { return f.listener.Close() }

// cut ends every connection, in the middle of whatever it carries.
func (f *front) cut() {
	f.mu.Lock()
	var all []net.Conn
	for conn := range f.conns {
		all = append(all, conn)
	}
	f.mu.Unlock()
	for _, conn := range all {
		_ = conn.Close()
	}
}

// frontConn is forgotten when it is closed.
type frontConn struct {
	net.Conn

	front *front
}

// Close implements net.Conn.
func (c *frontConn) Close() error {
	c.front.mu.Lock()
	delete(c.front.conns, c)
	c.front.mu.Unlock()
	return c.Conn.Close()
}
