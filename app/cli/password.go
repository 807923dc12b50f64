package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxPassword is how much of standard input is read as a password, in bytes; more than any password may have.
const maxPassword = 4096

// password takes a new password from standard input, or asks for it twice on
// the terminal. It is never an argument: those can be seen by other users of the machine.
func (c *commands) password(ctx context.Context, fromStdin bool) (string, error) {
	if fromStdin {
		return firstLine(c.Stdin)
	}
	tty, ok := c.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(tty.Fd())) {
		return "", usagef("there is no terminal to ask for the password on; give it on standard input with --password-stdin")
	}
	first, err := c.ask(ctx, tty, "Password: ")
	if err != nil {
		return "", err
	}
	again, err := c.ask(ctx, tty, "Password again: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", errors.New("the passwords differ; nothing was changed")
	}
	return first, nil
}

// firstLine reads a password that a file or another program gives.
func firstLine(r io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxPassword+1))
	if err != nil {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	if len(data) > maxPassword {
		return "", usagef("standard input has more than %d bytes; that is no password", maxPassword)
	}
	line, rest, _ := strings.Cut(string(data), "\n")
	if rest != "" {
		return "", usagef("standard input has more than one line; give the password alone")
	}
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", usagef("standard input has no password")
	}
	return line, nil
}

// ask reads a line without showing it. When ctx ends, the terminal is put back as it was.
func (c *commands) ask(ctx context.Context, tty *os.File, prompt string) (string, error) {
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	_, _ = fmt.Fprint(c.Stderr, prompt)
	defer func() { _, _ = fmt.Fprintln(c.Stderr) }()
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		if l.err != nil {
			return "", fmt.Errorf("read the password: %w", l.err)
		}
		return string(l.text), nil
	case <-ctx.Done(): // reading cannot be interrupted; the process ends now anyway
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}
