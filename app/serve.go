package app

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"parley/app/config"
	"parley/app/telemetry"
)

// ServeOptions are what a server is started with.
type ServeOptions struct {
	Config config.Config
	Build  telemetry.Build
	Log    *slog.Logger
	// Out takes the start-up summary.
	Out io.Writer
	// Demo seeds demo data once and prints how to sign in.
	Demo bool
}

// Serve runs a server until ctx ends.
func Serve(ctx context.Context, o ServeOptions) error {
	return errors.New("not wired")
}
