package cli_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"parley/app/cli"
)

// terminal opens a pseudo-terminal: what the person types into, and what the program reads from.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err, "this test needs pseudo-terminals: mount devpts")
	t.Cleanup(func() { _ = person.Close() })
	fd := int(person.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

func TestPasswordFromTheTerminal(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	person, program := terminal(t)
	_, err := person.WriteString("correct horse\ncorrect horse\n")
	require.NoError(t, err)
	r := s.with(program, "user", "create", "alice")
	require.Zero(t, r.code, r.stderr)
	require.Equal(t, "created user alice with id 1\n", r.stdout)
	require.Equal(t, "Password: \nPassword again: \n", r.stderr)

	_, err = person.WriteString("correct horse\nwrong horse\n")
	require.NoError(t, err)
	r = s.with(program, "user", "set-password", "alice")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "the passwords differ; nothing was changed")
}

func TestInterruptWhileAsking(t *testing.T) {
	t.Parallel()
	person, program := terminal(t)
	before, err := term.GetState(int(program.Fd()))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var stdout bytes.Buffer
	var stderr notes
	done := make(chan int, 1)
	go func() {
		done <- cli.Execute(ctx, []string{"user", "create", "alice"}, cli.Process{
			Env: []string{"PARLEY_DATA_DIR=" + t.TempDir()}, Stdin: program, Stdout: &stdout, Stderr: &stderr,
		})
	}()
	echoes := func() bool {
		termios, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
		return err == nil && termios.Lflag&unix.ECHO != 0
	}
	require.Eventually(t, func() bool { return !echoes() }, 10*time.Second, time.Millisecond, "it asks")
	cancel()
	require.Equal(t, 1, <-done)
	require.Contains(t, stderr.String(), "context canceled")
	after, err := term.GetState(int(program.Fd()))
	require.NoError(t, err)
	require.Equal(t, before, after, "the terminal is as it was")
	_, err = person.WriteString("\n") // lets go of the goroutine that still reads
	require.NoError(t, err)
}

func TestPasswordFromStandardInput(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	for name, stdin := range map[string]string{
		"plain": "correct horse", "newline": "correct horse\n", "windows": "correct horse\r\n",
	} {
		r := s.with(strings.NewReader(stdin), "user", "create", name, "--password-stdin")
		require.Zero(t, r.code, r.stderr)
	}
	for want, stdin := range map[string]string{
		"has more than one line":   "correct horse\nbattery\n",
		"has no password":          "\n",
		"has more than 4096 bytes": strings.Repeat("x", 4097),
	} {
		r := s.with(strings.NewReader(stdin), "user", "create", "bob", "--password-stdin")
		require.Equal(t, 2, r.code)
		require.Contains(t, r.stderr, want)
		require.NotContains(t, r.stderr, "battery")
	}
	r := s.with(iotest.ErrReader(errors.New("gone")), "user", "create", "bob", "--password-stdin")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "read the password from standard input: gone")
}
