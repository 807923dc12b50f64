// Command withservices runs a command with a PostgreSQL server and a RabbitMQ
// broker at its side, whose addresses it puts into TEST_POSTGRES_URL and
// TEST_AMQP_URL:
//
//	go run ./app/testenv/cmd/withservices -- go test ./...
//
// A server whose variable is set already is left alone. The command's exit
// code is passed on. What was started is stopped and removed when the command
// ends, or when withservices is interrupted. The command reads nothing: it
// runs in a process group of its own, without the terminal's input.
//
// With -install, it only installs what tests need and do not find: the servers, Node.js, and Chromium.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"parley/app/testenv"
)

// grace is how long an interrupted command may take to end by itself.
const grace = 15 * time.Second

func main() {
	install := flag.Bool("install", false, "only install what tests need and do not find")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: withservices [-install] [--] [command [argument ...]]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *install != (flag.NArg() == 0) {
		flag.Usage()
		os.Exit(2)
	}
	code, err := run(*install, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "withservices:", err)
	}
	os.Exit(code)
}

// run returns the exit code of the command, or 1 and the error that kept it from running.
func run(installOnly bool, command []string) (code int, err error) {
	if err := testenv.EndWithParent(); err != nil {
		return 1, fmt.Errorf("asking to be told when the parent ends: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if installOnly {
		if err := prepare(ctx); err != nil {
			return 1, err
		}
		return 0, nil
	}
	services, err := testenv.Provide(ctx, os.Stderr)
	if err != nil {
		return 1, err
	}
	defer func() {
		if stopErr := services.Stop(); stopErr != nil {
			code, err = max(code, 1), errors.Join(err, stopErr)
		}
	}()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), services.Environment()...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return testenv.RunGroup(ctx, cmd, grace)
}

// prepare installs what is missing now, rather than when the first test asks for it.
func prepare(ctx context.Context) error {
	if err := testenv.Prepare(ctx, os.Stderr); err != nil {
		return err
	}
	if err := testenv.NeedPrograms(ctx, map[string]string{"node": "nodejs", "npm": "npm"}); err != nil {
		return err
	}
	_, err := testenv.Chromium(ctx)
	return err
}
