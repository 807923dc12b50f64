package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// Services are the servers that all tests of one run share.
type Services struct {
	environment []string
	servers     []*Server
}

// Provide starts the servers whose address is not in the environment yet, and
// installs them before if they are missing and it may. It tells on out what it does.
func Provide(ctx context.Context, out io.Writer) (*Services, error) {
	kinds := wanted()
	if err := Prepare(ctx, out); err != nil {
		return nil, err
	}
	servers := make([]*Server, len(kinds))
	starting, startCtx := errgroup.WithContext(ctx)
	for i, k := range kinds {
		starting.Go(func() error {
			began := time.Now()
			s, err := newServer(startCtx, k, volatile)
			if err != nil {
				return fmt.Errorf("starting %s: %w", k.name, err)
			}
			servers[i] = s
			fmt.Fprintf(out, "%s started in %.1f s: %s\n", k.name, time.Since(began).Seconds(), s.URL())
			return nil
		})
	}
	err := starting.Wait()
	services := &Services{}
	for i, s := range servers {
		if s != nil {
			services.servers = append(services.servers, s)
			services.environment = append(services.environment, kinds[i].variable+"="+s.URL())
		}
	}
	if err != nil {
		return nil, errors.Join(err, services.Stop())
	}
	return services, nil
}

// Prepare installs what Provide would need and does not find.
func Prepare(ctx context.Context, out io.Writer) error {
	from, err := source(ctx)
	if err != nil || from == "docker" {
		return err
	}
	var packages []string
	var missing []error
	for _, k := range wanted() {
		if err := k.find(); err != nil {
			packages = append(packages, k.pkg)
			missing = append(missing, fmt.Errorf("%w, or set %s", err, k.variable))
		}
	}
	if len(packages) == 0 {
		return nil
	}
	if err := Install(ctx, out, packages...); err != nil {
		return errors.Join(append(missing, err)...)
	}
	return nil
}

// wanted lists the kinds of servers that are not there already.
func wanted() []kind {
	var kinds []kind
	for _, k := range []kind{postgres(), rabbit()} {
		if os.Getenv(k.variable) == "" {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// Environment returns the variables, as NAME=value, in which tests look for the servers.
func (s *Services) Environment() []string { return s.environment }

// Stop ends the servers and removes what they left.
func (s *Services) Stop() error {
	var failed []error
	for _, server := range s.servers {
		failed = append(failed, server.discard())
	}
	return errors.Join(failed...)
}
