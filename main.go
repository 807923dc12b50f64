// Parley is a self-hosted group-chat server. See parley help.
package main

import (
	"context"
	"os"

	"parley/app/cli"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version string

func main() {
	ctx, release := cli.Signals(context.Background(), os.Stderr, os.Exit)
	code := cli.Execute(ctx, os.Args[1:], cli.Process{
		Version: version,
		Env:     os.Environ(),
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
	})
	release()
	os.Exit(code)
}
