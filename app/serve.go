package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"parley/app/auth"
	"parley/app/config"
	"parley/app/registry"
	"parley/app/store"
	"parley/app/telemetry"
	"parley/modules/seed"
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
	secret, err := tokenSecret(o.Config)
	if err != nil {
		return err
	}
	s, err := wire(o.Config, secret, o.Build, o.Log)
	if err != nil {
		return err
	}
	if o.Demo {
		if err := demo(ctx, o.Config, o.Log, o.Out); err != nil {
			return err
		}
	}
	return s.node.Run(ctx, registry.Options{
		ShutdownTimeout: o.Config.ShutdownTimeout,
		OnReady:         func() { summarize(o.Out, o.Config, s) },
	})
}

// tokenSecret is the configured key of access tokens, or the one that is generated for a process that runs alone.
func tokenSecret(cfg config.Config) ([]byte, error) {
	if cfg.Auth.JWTSecret != "" {
		return []byte(cfg.Auth.JWTSecret), nil
	}
	secret, err := auth.Secret(cfg.SecretFile())
	if err != nil {
		return nil, fmt.Errorf("auth.jwt_secret is not set, and a generated one cannot be kept: %w", err)
	}
	return secret, nil
}

// summarize says what has been started, for whoever looks at the terminal or at the beginning of a log.
func summarize(out io.Writer, cfg config.Config, s *server) {
	database := "none (not needed by these roles)"
	if cfg.Has(registry.API) || cfg.Has(registry.Worker) {
		database = s.store.Where()
	}
	roles := make([]string, 0, len(cfg.Roles))
	for _, r := range cfg.Roles {
		roles = append(roles, string(r))
	}
	address := "http://" + s.web.Addr().String()
	_, _ = fmt.Fprintf(out, "Parley %s is ready.\n  roles     %s\n  bus       %s\n  database  %s\n  address   %s\n",
		s.build.Version, strings.Join(roles, ", "), s.bus.Name(), database, address)
	if cfg.Admin.Addr != "" {
		_, _ = fmt.Fprintf(out, "  metrics   http://%s/metrics\n", cfg.Admin.Addr)
	}
}

// demo seeds what --demo promises, and says how to sign in.
func demo(ctx context.Context, cfg config.Config, log *slog.Logger, out io.Writer) error {
	return withStore(ctx, cfg, log, func(s *store.Store) error {
		login, err := seed.New(s, newPasswords(cfg), cfg.Message.EagerRecipients).Demo(ctx)
		if err != nil {
			return fmt.Errorf("seed the demo: %w", err)
		}
		_, _ = fmt.Fprintf(out, "Demo: sign in as %s, with the password %s\n", strings.Join(login.Usernames, ", "), login.Password)
		return nil
	})
}
