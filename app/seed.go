package app

import (
	"context"
	"fmt"
	"log/slog"

	"parley/app/config"
	"parley/app/store"
	"parley/modules/seed"
)

type (
	// SeedOptions say how much made-up data there shall be in all.
	SeedOptions = seed.Options
	// SeedReport is what Seed has added.
	SeedReport = seed.Report
)

// SeedPassword is what made-up users sign in with.
const SeedPassword = seed.Password

// Seed fills the database with made-up data. What it made before is kept and counted. Progress is told how much of what is done.
func Seed(
	ctx context.Context, cfg config.Config, log *slog.Logger, o SeedOptions, progress func(done, total int, what string),
) (added SeedReport, err error) {
	err = withStore(ctx, cfg, log, func(s *store.Store) error {
		added, err = seed.New(s, newPasswords(cfg), cfg.Message.EagerRecipients).Run(ctx, o, progress)
		if err != nil {
			return fmt.Errorf("seed: %w", err)
		}
		return nil
	})
	return added, err
}
