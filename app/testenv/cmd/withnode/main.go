// Command withnode runs a command with npm and the Node.js that a folder's package.json asks for, whatever the machine has:
//
//	go run ./app/testenv/cmd/withnode modules/web/ui bash .ci/web-client
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"parley/app/testenv"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "withnode:", err)
		os.Exit(1)
	}
}

// run becomes the command, and returns only if it cannot.
func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: withnode folder command [argument ...]")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := testenv.NeedNode(ctx, args[0]); err != nil {
		return err
	}
	program, err := exec.LookPath(args[1])
	if err != nil {
		return err
	}
	return syscall.Exec(program, args[1:], os.Environ())
}
