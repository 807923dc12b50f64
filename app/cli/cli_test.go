package cli_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/cli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// result is what a command line has come to.
type result struct {
	code           int
	stdout, stderr string
}

// shell runs command lines in one place: a data directory and variables of their own.
type shell struct {
	t   *testing.T
	env []string
}

func newShell(t *testing.T, env ...string) *shell {
	t.Helper()
	cheap := []string{"PARLEY_AUTH_ARGON2_MEMORY_KIB=8", "PARLEY_AUTH_ARGON2_TIME=1"}
	return &shell{t, append(append(cheap, "PARLEY_DATA_DIR="+t.TempDir()), env...)}
}

// run runs a command line, which is split at spaces.
func (s *shell) run(line string) result { return s.with(nil, strings.Fields(line)...) }

// with runs a command with something on standard input.
func (s *shell) with(stdin io.Reader, args ...string) result {
	s.t.Helper()
	if stdin == nil {
		stdin = strings.NewReader("")
	}
	var stdout, stderr bytes.Buffer
	code := cli.Execute(s.t.Context(), args, cli.Process{
		Version: "v1.2.3", Env: s.env, Stdin: stdin, Stdout: &stdout, Stderr: &stderr,
	})
	return result{code, stdout.String(), stderr.String()}
}

// ok runs a command line that must succeed, and returns what it printed.
func (s *shell) ok(line string) string {
	s.t.Helper()
	r := s.run(line)
	require.Zero(s.t, r.code, r.stderr)
	require.Empty(s.t, r.stderr)
	return r.stdout
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"nope":                            "parley: unknown command \"nope\" for \"parley\"\nSee 'parley --help'.\n",
		"serv":                            "Did you mean this?\n\tserve",
		"serve now":                       "parley serve takes no arguments, got \"now\"\nSee 'parley serve --help'.\n",
		"serve --nope":                    "unknown flag: --nope\nSee 'parley serve --help'.\n",
		"serve --demo=maybe":              "invalid argument \"maybe\" for \"--demo\"",
		"serve --config":                  "flag needs an argument: --config",
		"config":                          "say what to do: check, print\nSee 'parley config --help'.\n",
		"config prnt":                     "unknown command \"prnt\" for \"parley config\"; did you mean print?\nSee 'parley config --help'.\n",
		"migrate":                         "say what to do: down, status, up",
		"migrate sideways":                "unknown command \"sideways\" for \"parley migrate\"\n",
		"version --json":                  "unknown flag: --json",
		"seed --users many":               "invalid argument \"many\"",
		"seed --users -1":                 "--users must not be negative\nSee 'parley seed --help'.\n",
		"user":                            "say what to do: create, disable, enable, list, set-password",
		"user create":                     "parley user create takes one argument, the name; got 0",
		"user create a b":                 "parley user create takes one argument, the name; got 2",
		"user create a":                   "there is no terminal to ask for the password on; give it on standard input with --password-stdin",
		"user create a --password x":      "unknown flag: --password",
		"user create a --password-stdin":  "standard input has no password",
		"user disable":                    "takes one argument, a user's name or id",
		"user list x":                     "takes no arguments",
		"token":                           "say what to do: create",
		"token create":                    "required flag(s) \"user\" not set",
		"token create --user=":            "--user must be a user's name or id",
		"token create --user a --ttl 0s":  "--ttl must be longer than nothing, not 0s",
		"token create --user a --ttl 5":   "invalid argument \"5\"",
		"token create --user a --ttl -5m": "--ttl must be longer than nothing, not -5m0s",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			r := newShell(t).run(line)
			require.Equal(t, 2, r.code, r.stderr)
			require.Contains(t, r.stderr, want)
			require.True(t, strings.HasPrefix(r.stderr, "parley: "))
			require.Empty(t, r.stdout)
		})
	}
}

func TestWrongConfiguration(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "parley.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("htp: 1\nbus: {prefix: ''}\n"), 0o600))
	for _, line := range []string{
		"serve", "config print", "config check", "migrate up", "migrate down", "migrate status", "seed",
		"user list", "user disable a", "user enable a", "user create a --password-stdin", "user set-password a --password-stdin",
		"token create --user a",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			r := newShell(t, "PARLEY_CONFIG="+broken, "PARLEY_NOPE=1").run(line)
			require.Equal(t, 2, r.code)
			require.Equal(t, "parley: the configuration has 3 problems:\n"+
				"  PARLEY_NOPE: unknown variable\n"+
				"  htp: unknown key (parley.yaml:1)\n"+
				"  bus.prefix: must be 1 to 64 letters, digits, dots, hyphens or underscores (parley.yaml:2)\n", r.stderr)
			require.Empty(t, r.stdout)
		})
	}
}

func TestSplitRolesInProcessAreRefused(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"serve --roles=api", "serve --roles api,socket", "config check --roles worker"} {
		r := newShell(t).run(line)
		require.Equal(t, 2, r.code)
		require.Contains(t, r.stderr, "while bus.url is memory://, which no other process can reach")
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"", "help", "--help", "serve --help", "help user create", "token --help"} {
		r := newShell(t).run(line)
		require.Zero(t, r.code, line)
		require.Contains(t, r.stdout, "Usage:")
		require.Empty(t, r.stderr)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^parley v1\.2\.3 \(.*go1\..*/.*\)\n$`, newShell(t).ok("version"))
}

func TestConfigPrintAndCheck(t *testing.T) {
	t.Parallel()
	s := newShell(t, "PARLEY_AUTH_JWT_SECRET=hunter2hunter2hunter2hunter2hunter2")
	require.Equal(t, "The configuration is valid.\n", s.ok("config check"))
	printed := s.ok("config print --http-addr :9999 --roles=socket,api,worker")
	require.Contains(t, printed, "roles: [socket, api, worker] # --roles\n")
	require.Contains(t, printed, "addr: :9999 # --http-addr\n")
	require.Contains(t, printed, "jwt_secret: xxxxx # PARLEY_AUTH_JWT_SECRET\n")
	require.Contains(t, printed, "argon2_time: 1 # PARLEY_AUTH_ARGON2_TIME\n")
	require.Contains(t, printed, "url: memory:// # default\n")
	require.NotContains(t, printed, "hunter2")

	file := filepath.Join(t.TempDir(), "parley.yaml")
	require.NoError(t, os.WriteFile(file, []byte(printed), 0o600))
	r := newShell(t).run("config check --config " + file)
	require.Contains(t, r.stderr, "auth.jwt_secret: must have at least 32 bytes", "a mask is no secret")
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	require.Regexp(t, `^VERSION +NAME +APPLIED\n1 +00001_initial\.sql +pending\n`, s.ok("migrate status"))
	require.Regexp(t, `^applied 00001_initial\.sql in \d+m?s\n`, s.ok("migrate up"))
	require.Equal(t, "The schema is up to date.\n", s.ok("migrate up"))
	require.Regexp(t, `00001_initial\.sql +20\d\d-\d\d-\d\dT`, s.ok("migrate status"))
	for range strings.Count(s.ok("migrate status"), ".sql") {
		require.Contains(t, s.ok("migrate down"), "took back ")
	}
	require.Equal(t, "There is no migration to take back.\n", s.ok("migrate down"))
}

func TestFailuresAtRunTime(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	s := newShell(t, "PARLEY_DATABASE_URL=sqlite://"+file+"/parley.db")
	for _, line := range []string{"migrate up", "migrate down", "migrate status", "user list", "seed", "serve --http-addr 127.0.0.1:0"} {
		r := s.run(line)
		require.Equal(t, 1, r.code, "%s: %s", line, r.stderr)
		require.True(t, strings.HasPrefix(r.stderr, "parley: "), r.stderr)
		require.NotContains(t, r.stderr, "--help", "usage is not the problem")
	}
}

func TestDatabaseThatOnlyTheStoreRefuses(t *testing.T) {
	t.Parallel()
	r := newShell(t, "PARLEY_DATABASE_URL=postgres://db/x?sslmode=nonsense").run("migrate status")
	require.Equal(t, 2, r.code)
	require.Contains(t, r.stderr, "configuration: database.url: ")
	require.Contains(t, r.stderr, "sslmode")
}

func TestInterruptedCommand(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	code := cli.Execute(ctx, []string{"migrate", "up"}, cli.Process{
		Env: []string{"PARLEY_DATA_DIR=" + t.TempDir()}, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &stderr,
	})
	require.Equal(t, 1, code)
	require.Contains(t, stderr.String(), "context canceled")
}
