package loadtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// postServer answers posts, and counts connections.
func postServer(t *testing.T, secure bool, handle http.HandlerFunc) (p *poster, dialled *atomic.Int64) {
	t.Helper()
	dialled = new(atomic.Int64)
	server := httptest.NewUnstartedServer(handle)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			dialled.Add(1)
		}
	}
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	p = newPoster(server.URL + "/below")
	t.Cleanup(p.close)
	if secure {
		pool := x509.NewCertPool()
		pool.AddCert(server.Certificate())
		p.tls = &tls.Config{RootCAs: pool, ServerName: "example.com"}
	}
	return p, dialled
}

func TestPost(t *testing.T) {
	t.Parallel()
	for name, secure := range map[string]bool{"http": false, "https": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, dialled := postServer(t, secure, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil || r.URL.Path != "/below/api/v1/x" || r.Header.Get("Authorization") != "Bearer t" || r.Header.Get("Content-Type") != "application/json" {
					w.WriteHeader(http.StatusTeapot)
					return
				}
				switch string(body) {
				case "refuse":
					w.Header().Set("Retry-After", "3")
					w.WriteHeader(http.StatusServiceUnavailable)
					_, _ = io.WriteString(w, `{"code":"overloaded","detail":"Later."}`)
				case "long":
					w.WriteHeader(http.StatusAccepted)
					for range 10_000 {
						_, _ = io.WriteString(w, "in chunks ")
					}
				case "close":
					w.Header().Set("Connection", "close")
					w.WriteHeader(http.StatusAccepted)
				default:
					w.WriteHeader(http.StatusAccepted)
				}
			})
			post := func(body string) error { return p.post(t.Context(), "/x", "Bearer t", []byte(body)) }
			for _, body := range []string{"", "a", "long", "b"} {
				require.NoError(t, post(body))
			}
			require.Equal(t, &refusal{503, "overloaded", "Later.", 3 * time.Second}, post("refuse"))
			require.NoError(t, post("after a refusal"))
			require.EqualValues(t, 1, dialled.Load(), "one connection for all")
			require.NoError(t, post("close"))
			require.NoError(t, post("after a close"))
			require.EqualValues(t, 2, dialled.Load())

			p.idle[0].since = time.Now().Add(-idleTime)
			require.NoError(t, post("after a while"))
			require.EqualValues(t, 3, dialled.Load(), "the server may have closed it")
			p.close()
			require.ErrorIs(t, post("after the end"), errPosterClosed)
		})
	}
}

// Closing ends what is under way, as an interrupt must.
func TestPostInterrupted(t *testing.T) {
	t.Parallel()
	began, end := make(chan struct{}), make(chan struct{})
	p, _ := postServer(t, false, func(http.ResponseWriter, *http.Request) {
		close(began)
		<-end
	})
	defer close(end)
	failed := make(chan error)
	go func() { failed <- p.post(context.Background(), "/x", "", nil) }()
	<-began
	p.close()
	require.Error(t, <-failed)
	require.Empty(t, p.open)
}

func TestPosterAddresses(t *testing.T) {
	t.Parallel()
	for base, want := range map[string][3]string{
		"http://host:8080":        {"host:8080", "host:8080", "/api/v1"},
		"http://host":             {"host:http", "host", "/api/v1"},
		"https://host/chat":       {"host:https", "host", "/chat/api/v1"},
		"https://[2001:db8::1]:9": {"[2001:db8::1]:9", "[2001:db8::1]:9", "/api/v1"},
	} {
		p := newPoster(base)
		require.Equal(t, want, [3]string{p.addr, p.host, p.path})
	}
}
