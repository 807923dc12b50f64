package fanout

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"parley/docs/benchmarks/deploy"
)

// ServeArgument makes this program be a server: ServeArgument NAME.
const ServeArgument = "fanout-server"

// child is a server process with its crowd.
type child struct {
	*deploy.Process
	server Server
	url    string
	in     io.WriteCloser
	out    *bufio.Reader
}

// start starts a server in a process of its own.
func start(server Server) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), self, ServeArgument, string(server)) //nolint:gosec // no input from outside
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// The pipe is made here because exec's own would be closed under the reader when the process ends.
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = write, os.Stderr
	process, err := deploy.Spawn(string(server), cmd, "")
	_ = write.Close() // the child has its own copy
	if err != nil {
		return nil, err
	}
	c := &child{Process: process, server: server, in: in, out: bufio.NewReader(read)}
	line, err := c.out.ReadString('\n')
	c.url = strings.TrimSpace(line)
	return c, err
}

// burst makes the server broadcast n events, and waits until everybody has them.
func (c *child) burst(crowd *Crowd, n int) error {
	if _, err := fmt.Fprintf(c.in, "burst %d\n", n); err != nil {
		return err
	}
	missing, disordered, err := crowd.Collect(n, 10*time.Second)
	if err == nil && missing+disordered > 0 {
		err = fmt.Errorf("%s: %d events lost, %d out of turn", c.server.Title(), missing, disordered)
	}
	return err
}

// Throughput is what one run of bursts came to.
type Throughput struct {
	Server     Server
	Deliveries float64 // a second
	CPU        float64 // of the server, in microseconds a delivery
}

// pair is a server process and its clients.
type pair struct {
	*child
	*Crowd
}

// meet starts a server and connects clients to it.
func meet(ctx context.Context, server Server, clients int) (pair, error) {
	c, err := start(server)
	if err != nil {
		return pair{}, err
	}
	crowd, err := Connect(ctx, server, c.url, clients)
	if err != nil {
		c.Kill()
		return pair{}, err
	}
	return pair{c, crowd}, nil
}

// Compare measures each server with the same crowd and bursts, in turn, several times: each of the runs goes on for about the given time. An
// event lost or out of turn ends it.
func Compare(ctx context.Context, all []Server, clients, burst, runs int, each time.Duration, report func(Throughput)) error {
	var pairs []pair
	defer func() {
		for _, p := range pairs {
			p.Close()
			p.Kill()
		}
	}()
	for _, server := range all {
		p, err := meet(ctx, server, clients)
		if err != nil {
			return fmt.Errorf("%s: %w", server.Title(), err)
		}
		pairs = append(pairs, p)
		for range 5 { // to warm up
			if err := p.burst(p.Crowd, burst); err != nil {
				return err
			}
		}
	}
	for range runs {
		for _, p := range pairs {
			began, used, events := time.Now(), p.CPU(), 0
			for time.Since(began) < each {
				if err := p.burst(p.Crowd, burst); err != nil {
					return err
				}
				events += burst
			}
			took, deliveries := time.Since(began), float64(events*clients)
			report(Throughput{p.server, deliveries / took.Seconds(), float64((p.CPU() - used).Microseconds()) / deliveries})
		}
	}
	return ctx.Err()
}

// Idle returns the memory that one connection which does nothing adds to the server's process, in KiB.
func Idle(ctx context.Context, server Server, clients int) (float64, error) {
	c, err := start(server)
	if err != nil {
		return 0, err
	}
	defer c.Kill()
	before, err := c.resident()
	if err != nil {
		return 0, err
	}
	crowd, err := Connect(ctx, server, c.url, clients)
	if err != nil {
		return 0, err
	}
	defer crowd.Close()
	after, err := c.resident()
	return (after - before) / float64(clients) / 1024, err
}

// resident collects the server's garbage several times, since stacks shrink by half at a time, and returns what is left.
func (c *child) resident() (float64, error) {
	for range 4 {
		if _, err := io.WriteString(c.in, "collect 0\n"); err != nil {
			return 0, err
		}
		if _, err := c.out.ReadString('\n'); err != nil {
			return 0, err
		}
	}
	return c.Resident()
}
