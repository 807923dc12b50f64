package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// outcome is what a command has come to.
type outcome struct {
	code           int
	stdout, stderr string
}

// command runs the executable to its end, whatever that is.
func command(t testing.TB, env map[string]string, stdin string, args ...string) outcome {
	t.Helper()
	o, err := runCommand(t.Context(), env, stdin, args...)
	require.NoError(t, err)
	return o
}

// runCommand is command for other goroutines than the test's.
func runCommand(ctx context.Context, env map[string]string, stdin string, args ...string) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = cleanEnv()
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return outcome{}, fmt.Errorf("parley %s does not end: %s%s", strings.Join(args, " "), &stdout, &stderr)
	}
	if exit := (&exec.ExitError{}); err != nil && !errors.As(err, &exit) {
		return outcome{}, err
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}, nil
}

// inEachSetupWith runs a scenario everywhere, with some of the configuration changed.
func inEachSetupWith(t *testing.T, env map[string]string, scenario func(t *testing.T, c *cluster)) {
	t.Helper()
	for _, s := range setups() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			scenario(t, s.start(t, env))
		})
	}
}
