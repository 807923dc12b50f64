package e2e

import (
	"bytes"
	"context"
	"errors"
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
func command(t *testing.T, env map[string]string, stdin string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
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
	exit := &exec.ExitError{}
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	require.NoError(t, ctx.Err(), "parley %s does not end\n%s%s", strings.Join(args, " "), &stdout, &stderr)
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
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
