package rabbit

import (
	"context"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

func TestURLs(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"amqp://guest:guest@localhost:5672/":       "amqp://localhost:5672",
		"amqp://localhost":                         "amqp://localhost:5672",
		"amqps://u:p@broker.example.org":           "amqps://broker.example.org:5671",
		"amqp://u:p%40ss%2Fword@[::1]:5673/parley": "amqp://[::1]:5673/parley",
		"amqp://u:p@host/%2Fvhost?heartbeat=10":    "amqp://host:5672//vhost",
	} {
		e, err := parseURL(raw)
		require.NoError(t, err, raw)
		require.Equal(t, want, e.String())
	}
}

func TestBadURLs(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"":                                  "must begin with amqp://",
		"http://u:secret@host/":             "must begin with amqp://",
		"host:5672":                         "must begin with amqp://",
		"amqp://u:sec/ret@host:5672/":       "percent-encoded",
		"amqp://u:secret@host:port/":        "percent-encoded",
		"amqp://u:sec%ret@host/":            "percent-encoded",
		"amqp://u:secret@host/ x":           "whitespace",
		"amqp://u:secret@host/?heartbeat=x": "heartbeat",
	} {
		_, err := New(Options{URL: raw})
		require.ErrorContains(t, err, want, raw)
		require.NotContains(t, err.Error(), "sec", "an error must not repeat the password")
	}
}

// What the broker, or the network, refuses is explained, without the password.
func TestRefusals(t *testing.T) {
	t.Parallel()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = nobody.Close() })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())

	tests := []struct {
		name    string
		change  func(*url.URL)
		want    string
		timeout time.Duration
	}{
		{"wrong password", func(u *url.URL) { u.User = url.UserPassword("guest", "secret") }, `user name or password of "guest" were refused`, 9 * time.Second},
		{"unknown user", func(u *url.URL) { u.User = url.UserPassword("nobody", "secret") }, `user name or password of "nobody" were refused`, 9 * time.Second},
		{"unknown vhost", func(u *url.URL) { u.Path = "/nowhere" }, `vhost "nowhere"`, 9 * time.Second},
		{"nobody listens", func(u *url.URL) { u.Host = closed.Addr().String() }, "refused", 9 * time.Second},
		{"not a broker", func(u *url.URL) { u.Host = nobody.Addr().String() }, "gave up waiting", 100 * time.Millisecond},
		{"unknown host", func(u *url.URL) { u.Host = "host.invalid:5672" }, "host.invalid", 9 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(testURL(t))
			require.NoError(t, err)
			tt.change(u)
			b, err := New(Options{URL: u.String(), Prefix: "test-refused"})
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), tt.timeout) // the broker lets the wrong wait
			defer cancel()
			err = b.Start(ctx)
			require.ErrorIs(t, err, bus.ErrUnavailable)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "secret")
			require.NoError(t, b.Stop(t.Context()))
		})
	}
}
