package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parley/app/config"
	"parley/app/store"
)

// closeTimeout is how long closing the database may take once a command is done.
const closeTimeout = 10 * time.Second

// Migrate changes the schema of the configured database and returns the steps that it took.
func Migrate(ctx context.Context, cfg config.Config, log *slog.Logger, d store.Direction) (steps []store.Migration, err error) {
	s, err := newStore(cfg, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeStore(ctx, s)) }()
	return s.Migrate(ctx, d)
}

// MigrationStatus lists every migration and whether it has been applied. It changes nothing.
func MigrationStatus(ctx context.Context, cfg config.Config, log *slog.Logger) (all []store.Migration, err error) {
	s, err := newStore(cfg, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeStore(ctx, s)) }()
	return s.MigrationStatus(ctx)
}

// withStore runs a command on the open database, with its schema checked or brought up to date as a server does it.
func withStore(ctx context.Context, cfg config.Config, log *slog.Logger, run func(*store.Store) error) (err error) {
	s, err := newStore(cfg, log)
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() { err = errors.Join(err, closeStore(ctx, s)) }()
	return run(s)
}

// newStore makes the store of a configuration; what is wrong with its URL is the configuration's fault.
func newStore(cfg config.Config, log *slog.Logger) (*store.Store, error) {
	s, err := store.New(store.Options{
		URL:         cfg.Database.URL,
		DataDir:     cfg.DataDir,
		AutoMigrate: cfg.Database.AutoMigrate,
		Log:         log,
	})
	if err != nil {
		return nil, &config.Error{Problems: []config.Problem{{
			Key: "database.url", Source: cfg.Source("database.url"), Message: err.Error(),
		}}}
	}
	return s, nil
}

// closeStore closes the database even when the command was interrupted.
func closeStore(ctx context.Context, s *store.Store) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}
