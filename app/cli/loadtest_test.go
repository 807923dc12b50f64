package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoadtestWrongUsage(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	const to = "loadtest --url http://127.0.0.1:1 "
	for line, want := range map[string]string{
		"loadtest":                        "required flag(s) \"url\" not set",
		"loadtest now":                    "parley loadtest takes no arguments, got \"now\"",
		"loadtest --url localhost":        "--url must be of the form http://host:port, not \"localhost\"",
		to + "--users 0":                  "--users must be more than 0",
		to + "--users -1":                 "--users must be at least 1",
		to + "--duration 0s":              "--duration must be more than 0",
		to + "--rate 0":                   "--rate must be more than 0",
		to + "--rate 5 --senders 5":       "if any flags in the group [senders rate] are set none of the others can be",
		to + "--messages 5 --duration 5s": "if any flags in the group [duration messages] are set none of the others can be",
		to + "--members 4 --groups 2":     "--members must be at least --users / --groups",
		to + "--users-file " + file("none", "# nobody\n\n"):        ": no users",
		to + "--users-file " + file("bad", "ann:secret\nben\n"):    "bad:2: must be username:password",
		to + "--users-file " + file("few", "ann:secret\nben:x:\n"): "the users file has 2 users, and 100 are needed",
		to + "--users-file " + filepath.Join(folder, "missing"):    "no such file",
	} {
		r := newShell(t).run(line)
		require.Equal(t, 2, r.code, "%s: %s", line, r.stderr)
		require.Contains(t, r.stderr, want)
		require.Empty(t, r.stdout)
	}
}

func TestLoadtestThatCannotBeCarriedOut(t *testing.T) {
	t.Parallel()
	r := newShell(t).run("loadtest --url http://127.0.0.1:1 --patience 10ms")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "connection refused")
	require.Empty(t, r.stdout)
}

// The verdict decides the exit code, and the report is printed whatever it says. This server lets people sign up, and nothing else.
func TestLoadtestOfSomethingElse(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/auth/register" {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"accessToken": "t", "expiresAt": "2100-01-01T00:00:00Z"})
	}))
	defer server.Close()
	r := newShell(t).run("loadtest --users 2 --cleanup --url " + server.URL)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "users: 1 of 1\n")
	require.Contains(t, r.stderr, "parley: GET /groups: status 404\n")
	require.Contains(t, r.stderr, "This server cannot delete users: the 2 with names from load-")
}
