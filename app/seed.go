package app

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"parley/app/config"
)

// SeedOptions say how much data Seed makes.
type SeedOptions struct {
	Users, Groups, Channels, Messages int
	// Progress takes the progress bar.
	Progress io.Writer
}

// Seed fills the database with made-up data. What is there already is kept and counted.
func Seed(ctx context.Context, cfg config.Config, log *slog.Logger, o SeedOptions) error {
	return errors.New("not wired")
}
