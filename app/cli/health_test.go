package cli_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/cli"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		code   int
		stderr string
	}{
		"alive":       {status: http.StatusOK},
		"not well":    {status: http.StatusInternalServerError, code: 1, stderr: "answered 500"},
		"not Parley":  {status: http.StatusNotFound, code: 1, stderr: "answered 404"},
		"redirecting": {status: http.StatusNoContent, code: 1, stderr: "answered 204"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/healthz" {
					w.WriteHeader(tt.status)
				}
			}))
			defer server.Close()
			at, err := url.Parse(server.URL)
			require.NoError(t, err)
			for _, addr := range []string{at.Host, "0.0.0.0:" + at.Port(), ":" + at.Port(), "[::]:" + at.Port()} {
				code, stderr := askHealthOf(t, addr)
				require.Equal(t, tt.code, code, stderr)
				require.Contains(t, stderr, tt.stderr)
			}
		})
	}
}

func TestHealthOfNoServer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	server.Close()
	code, stderr := askHealthOf(t, at.Host)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "connection refused")
}

func askHealthOf(t *testing.T, addr string) (code int, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = cli.Execute(t.Context(), []string{"health", "--http-addr", addr}, cli.Process{Stdout: &out, Stderr: &errOut})
	require.Empty(t, out.String())
	return code, errOut.String()
}
