package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parley/app/auth"
	"parley/app/config"
	"parley/app/store"
	"parley/modules/user"
)

// closeTimeout is how long closing the database may take once a command is done.
const closeTimeout = 10 * time.Second

// Migrate changes the schema of the configured database and returns the steps that it took.
func Migrate(ctx context.Context, cfg config.Config, log *slog.Logger, d store.Direction) (steps []store.Migration, err error) {
	s, err := newStore(cfg, log, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeStore(ctx, s)) }()
	return s.Migrate(ctx, d)
}

// MigrationStatus lists every migration and whether it has been applied. It changes nothing.
func MigrationStatus(ctx context.Context, cfg config.Config, log *slog.Logger) (all []store.Migration, err error) {
	s, err := newStore(cfg, log, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeStore(ctx, s)) }()
	return s.MigrationStatus(ctx)
}

// Account is a person as operators see one.
type Account = user.Account

// CreateUser makes an account, also when registration is closed. An empty displayName is the username.
func CreateUser(ctx context.Context, cfg config.Config, log *slog.Logger, username, displayName, password string) (made Account, err error) {
	err = withUsers(ctx, cfg, log, nil, func(users *user.Service) error {
		made, err = users.Create(ctx, username, displayName, password)
		return err
	})
	return made, err
}

// ListUsers returns every account, the oldest first.
func ListUsers(ctx context.Context, cfg config.Config, log *slog.Logger) (all []Account, err error) {
	err = withUsers(ctx, cfg, log, nil, func(users *user.Service) error {
		all, err = users.List(ctx)
		return err
	})
	return all, err
}

// DisableUser refuses a user everywhere from now on, or lets the user in again.
func DisableUser(ctx context.Context, cfg config.Config, log *slog.Logger, nameOrID string, disabled bool) (changed Account, err error) {
	err = withUsers(ctx, cfg, log, nil, func(users *user.Service) error {
		if disabled {
			changed, err = users.Disable(ctx, nameOrID)
		} else {
			changed, err = users.Enable(ctx, nameOrID)
		}
		return err
	})
	return changed, err
}

// SetPassword sets a user's password, and ends every sign-in of the user.
func SetPassword(ctx context.Context, cfg config.Config, log *slog.Logger, nameOrID, password string) (changed Account, err error) {
	err = withUsers(ctx, cfg, log, nil, func(users *user.Service) error {
		changed, err = users.SetPassword(ctx, nameOrID, password)
		return err
	})
	return changed, err
}

// CreateToken makes an access token for a user. A ttl of 0 is the configured one.
func CreateToken(ctx context.Context, cfg config.Config, log *slog.Logger, nameOrID string, ttl time.Duration) (token string, err error) {
	secret, err := tokenSecret(cfg)
	if err != nil {
		return "", err
	}
	tokens, err := auth.NewTokens(secret, cfg.Auth.AccessTTL, time.Now)
	if err != nil {
		return "", fmt.Errorf("auth.jwt_secret: %w", err)
	}
	err = withUsers(ctx, cfg, log, tokens, func(users *user.Service) error {
		token, _, err = users.Token(ctx, nameOrID, ttl)
		return err
	})
	return token, err
}

// withUsers runs a command on the accounts. Only what makes tokens needs tokens: others must not have a secret made.
func withUsers(ctx context.Context, cfg config.Config, log *slog.Logger, tokens *auth.Tokens, run func(*user.Service) error) error {
	return withStore(ctx, cfg, log, func(s *store.Store) error {
		return run(user.New(s, tokens, newPasswords(cfg), user.Options{}))
	})
}

// withStore runs a command on the open database, with its schema checked or brought up to date as a server does it.
func withStore(ctx context.Context, cfg config.Config, log *slog.Logger, run func(*store.Store) error) (err error) {
	s, err := newStore(cfg, log, nil)
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
func newStore(cfg config.Config, log *slog.Logger, metrics *store.Metrics) (*store.Store, error) {
	s, err := store.New(store.Options{
		URL:         cfg.Database.URL,
		DataDir:     cfg.DataDir,
		AutoMigrate: cfg.Database.AutoMigrate,
		Log:         log,
		Metrics:     metrics,
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
