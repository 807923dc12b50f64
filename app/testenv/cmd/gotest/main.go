// Command gotest runs the tests, by default all of them:
//
//	go run ./app/testenv/cmd/gotest [arguments of go test]
//
// It is `go test`, and prints what go test prints without -v, but
//
//   - a PostgreSQL server and a RabbitMQ broker are there for as long as the tests run, see package testenv;
//   - under CI=true a skipped test fails the run: a test that does not run proves nothing;
//   - -race gets the C compiler it needs: one is installed if that is allowed; else -race is left out with a notice, or,
//     under CI=true, the run fails;
//   - the number of tests comes last.
//
// Without arguments they are -race -timeout=40m ./..., and -json and -v are not for it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"parley/app/testenv"
)

// grace is how long interrupted tests may take to end by themselves.
const grace = 15 * time.Second

func main() {
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"-race", "-timeout=40m", "./..."}
	}
	code, err := run(args, os.Stdout, os.Stderr, os.Getenv("CI") == "true")
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
	}
	os.Exit(code)
}

// run returns the exit code, and an error if it is not the tests that failed.
func run(args []string, stdout, stderr io.Writer, ci bool) (code int, err error) {
	if err := testenv.EndWithParent(); err != nil {
		return 1, fmt.Errorf("asking to be told when the parent ends: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	args, err = withCompiler(ctx, args, stderr, ci)
	if err != nil {
		return 1, err
	}
	services, err := testenv.Provide(ctx, stderr)
	if err != nil {
		return 1, err
	}
	defer func() {
		if stopErr := services.Stop(); stopErr != nil {
			code, err = max(code, 1), errors.Join(err, stopErr)
		}
	}()

	results := newReport(stdout)
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Env = append(os.Environ(), services.Environment()...)
	cmd.Stdout, cmd.Stderr = results, stderr
	cmd.WaitDelay = grace // for children of a test that keep its output open
	code, err = testenv.RunGroup(ctx, cmd, grace)
	results.close()
	if err == nil && code == 0 && ci && len(results.skipped) > 0 {
		return 1, errors.New("under CI=true no test may be skipped: " + strings.Join(results.skipped, ", "))
	}
	return code, err
}

// withCompiler returns the arguments without -race if that cannot be had.
func withCompiler(ctx context.Context, args []string, out io.Writer, ci bool) ([]string, error) {
	if !slices.Contains(args, "-race") {
		return args, nil
	}
	missing, err := compilerMissing(ctx)
	if err != nil || missing == "" {
		return args, err
	}
	installErr := testenv.Install(ctx, out, "gcc", "libc6-dev")
	if installErr == nil {
		return args, nil
	}
	if ci {
		return nil, fmt.Errorf("-race needs the C compiler %s: %w", missing, installErr)
	}
	fmt.Fprintf(out, "gotest: running WITHOUT the race detector, which needs the C compiler %s: %v\n", missing, installErr)
	return slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "-race" }), nil
}

// compilerMissing returns the name of the C compiler that -race needs and that is not there.
func compilerMissing(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOOS", "CC").Output()
	if err != nil {
		return "", fmt.Errorf("asking go for its C compiler: %w", err)
	}
	goos, compiler, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	program, _, _ := strings.Cut(compiler, " ")
	if goos == "darwin" || program == "" { // the race detector needs none there
		return "", nil
	}
	if _, err := exec.LookPath(program); err == nil {
		return "", nil
	}
	return program, nil
}
