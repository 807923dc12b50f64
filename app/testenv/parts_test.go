package testenv

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRunGroupPassesTheExitCodeOn(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 128 + 9} {
		code, err := RunGroup(t.Context(), exec.Command("sh", "-c", script), time.Second)
		require.NoError(t, err)
		require.Equal(t, want, code, script)
	}
	_, err := RunGroup(t.Context(), exec.Command("/does/not/exist"), time.Second)
	require.ErrorContains(t, err, "starting the command")
}

func TestRunGroupLeavesNoChildren(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	cmd := exec.Command("sh", "-c", `sleep 600 & echo $! > "$0"`, file)
	code, err := RunGroup(t.Context(), cmd, time.Second)
	require.NoError(t, err)
	require.Zero(t, code)
	requireGone(t, pidIn(t, file))
}

func TestRunGroupEndsWhenInterrupted(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"willing":   `trap 'exit 3' INT; : > "$0"; while :; do sleep 0.02; done`,
		"unwilling": `trap '' INT; echo $$ > "$0"; while :; do sleep 0.02; done`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "started")
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				defer cancel()
				for ctx.Err() == nil {
					if _, err := os.Stat(file); err == nil {
						return
					}
					wait(ctx, 5*time.Millisecond)
				}
			}()
			code, err := RunGroup(ctx, exec.Command("sh", "-c", script, file), time.Second)
			require.NoError(t, err)
			if name == "willing" {
				require.Equal(t, 3, code)
				return
			}
			require.Equal(t, 128+int(syscall.SIGKILL), code)
			requireGone(t, pidIn(t, file))
		})
	}
}

func TestStaleDirectoriesAreRemoved(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	long := time.Now().Add(-time.Hour)
	for _, name := range []string{"parley-test-new", "parley-test-used", "parley-test-stale", "other"} {
		require.NoError(t, os.Mkdir(filepath.Join(base, name), 0o700))
	}
	lock, err := lockScratch(filepath.Join(base, "parley-test-used"))
	require.NoError(t, err)
	defer lock.Close()
	for _, name := range []string{"parley-test-used", "parley-test-stale", "other"} {
		require.NoError(t, os.Chtimes(filepath.Join(base, name), long, long))
	}

	removeStale(base)
	require.NoDirExists(t, filepath.Join(base, "parley-test-stale"))
	for _, name := range []string{"parley-test-new", "parley-test-used", "other"} {
		require.DirExists(t, filepath.Join(base, name))
	}
}

func TestFreePortIsOutsideTheEphemeralRange(t *testing.T) {
	t.Parallel()
	port, err := FreePort()
	require.NoError(t, err)
	require.Less(t, port, 32768)
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

func TestVersionIn(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{"/usr/lib/postgresql/15/bin": 15, "/usr/pgsql-9.6/bin": 9, "/usr/local/bin": 0} {
		require.Equal(t, want, versionIn(path), path)
	}
}

func TestEnvironmentWithout(t *testing.T) {
	t.Setenv("PGPORT", "1")
	t.Setenv("LC_ALL", "C")
	t.Setenv("KEPT", "PGPORT")
	left := environmentWithout("PG", "LC_")
	require.Contains(t, left, "KEPT=PGPORT")
	require.NotContains(t, left, "PGPORT=1")
	require.NotContains(t, left, "LC_ALL=C")
}

func TestLinkIntoKeepsTheFirstOfAName(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "links")
	require.NoError(t, linkInto(dir, []string{"/first/a.beam", "/second/a.beam", "/second/b.beam"}))
	target, err := os.Readlink(filepath.Join(dir, "a.beam"))
	require.NoError(t, err)
	require.Equal(t, "/first/a.beam", target)
	require.Error(t, linkInto(filepath.Join(dir, "a.beam"), nil))
}

// fakeDocker puts a docker into PATH that does what the script says, with its
// own directory as $dir, and notes in its file asked what it was asked.
func fakeDocker(t *testing.T, script string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	content := "#!/bin/sh\ndir='" + dir + "'\necho \"$*\" >> \"$dir/asked\"\n" + script + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "docker"), []byte(content), 0o700))
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	return dir
}

func TestSourceIsDockerOnlyIfAnEngineAnswers(t *testing.T) {
	t.Setenv("TEST_SERVICES", "")
	fakeDocker(t, "exit 1")
	from, err := source(t.Context())
	require.NoError(t, err)
	require.Equal(t, "installed", from)

	fakeDocker(t, "exit 0")
	from, err = source(t.Context())
	require.NoError(t, err)
	require.Equal(t, "docker", from)

	t.Setenv("TEST_SERVICES", "installed")
	from, err = source(t.Context())
	require.NoError(t, err)
	require.Equal(t, "installed", from)
}

func TestContainersAreRunKilledAndRemoved(t *testing.T) {
	// The engine's part is played by a process that waits for the signal of `docker kill`.
	dir := fakeDocker(t, `case $1 in
run) echo $$ > "$dir/pid.new"; mv "$dir/pid.new" "$dir/pid"; exec sleep 600 ;;
kill) pid=$(cat "$dir/pid"); rm "$dir/pid"; exec kill -9 "$pid" ;;
esac`)
	for _, k := range []kind{postgres(), rabbit()} {
		sp, err := k.container(volatile)
		require.NoError(t, err)
		sp.ready = func(context.Context) error { // there is no server in it to ask
			_, err := os.Stat(filepath.Join(dir, "pid"))
			return err
		}
		data, err := newScratch()
		require.NoError(t, err)
		s := &Server{spec: sp, dir: data}
		require.NoError(t, s.start(t.Context(), false))
		require.NoError(t, s.discard())
		require.NoDirExists(t, data.path)
	}
	asked, err := os.ReadFile(filepath.Join(dir, "asked"))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(asked)), "\n")
	require.Len(t, lines, 6)
	require.Regexp(t, `^run --rm --name (\S+) --publish 127\.0\.0\.1:\d+:5432 --volume \S+:/var/lib/postgresql/data `+
		`--env POSTGRES_HOST_AUTH_METHOD=trust postgres:\S+ postgres -c max_connections=300 `, lines[0])
	require.Regexp(t, `^kill parley-test-\w+$`, lines[1])
	require.Regexp(t, `^volume rm --force parley-test-\w+$`, lines[2])
	require.Regexp(t, `^run --rm .*:5672 .* --hostname parley-test rabbitmq:\S+$`, lines[3])
}

func pidIn(t *testing.T, file string) int {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	require.NoError(t, err)
	return pid
}
