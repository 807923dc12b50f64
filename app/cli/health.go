package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"
)

// healthTimeout is shorter than the intervals in which containers are asked for their health.
const healthTimeout = 3 * time.Second

// health is for images without a shell or curl in them: the server's own binary asks the server beside it.
func (c *commands) health() *cobra.Command {
	cmd := &cobra.Command{
		Use:    "health",
		Short:  "Ask the server on this machine whether it is alive",
		Long:   "Asks /healthz of the server that was started with the same configuration. The exit code is 0 if it answers as it should.",
		Args:   noArgs,
		Hidden: true,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load(cmd)
			if err != nil {
				return err
			}
			return askHealth(cmd.Context(), cfg.HTTP.Addr)
		}),
	}
	c.roleFlags(cmd)
	return cmd
}

func askHealth(ctx context.Context, addr string) (err error) {
	local, err := localAddr(addr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+local+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	// A transport of its own: no proxy from the environment, and no connection left idle.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10)) // as much of it as came says enough
		return fmt.Errorf("the server answered %s: %s", answer.Status, text)
	}
	return nil
}

// localAddr returns where a listener's address is reached from this machine: one that listens on every interface, on the
// loopback one.
func localAddr(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("http.addr: %w", err)
	}
	if host == "" {
		return net.JoinHostPort("localhost", port), nil
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil || !ip.IsUnspecified(): // a name, or one interface
		return addr, nil //nolint:nilerr // a name is no error
	case ip.Is4():
		return net.JoinHostPort("127.0.0.1", port), nil
	default:
		return net.JoinHostPort("localhost", port), nil // :: listens on IPv4 and IPv6
	}
}
