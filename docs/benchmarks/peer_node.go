package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"parley/docs/benchmarks/deploy"
)

const nodeTitle = "Node.js, the same design"

// node is the peer in peers/node, running: an api, a worker and two socket processes.
type node struct {
	lab       *deploy.Lab
	dir       string
	env       []string
	processes []*deploy.Process
	cleanup   []func()
}

// withNode measures the Node.js peer. If it cannot be had, the row says so.
func (b *bench) withNode(ctx context.Context, measure func(t target) error) error {
	dir, err := installNode(ctx, b.lab.Cache)
	if err != nil {
		b.results.Note(b.row, "The Node.js peer could not be installed: %v", err)
		return nil
	}
	n, err := startNode(ctx, b.lab, dir)
	if err != nil {
		return fmt.Errorf("the Node.js peer: %w", err)
	}
	defer n.Stop()
	if err := measure(n); err != nil {
		return fmt.Errorf("the Node.js peer: %w", err)
	}
	return nil
}

// installNode copies the peer into the cache, and fetches what its lock file names, once.
func installNode(ctx context.Context, cache string) (string, error) {
	source, dir := filepath.Join("peers", "node"), filepath.Join(cache, "node")
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // nothing secret
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(source, "*.*"))
	if err != nil {
		return "", err
	}
	var lock []byte
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // a file of this repository
		if err != nil {
			return "", err
		}
		if filepath.Base(file) == "package-lock.json" {
			lock = content
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), content, 0o644); err != nil { //nolint:gosec // nothing secret
			return "", err
		}
	}
	mark, wanted := filepath.Join(dir, "installed"), fmt.Appendf(nil, "%x", sha256.Sum256(lock))
	if done, err := os.ReadFile(mark); err == nil && bytes.Equal(done, wanted) { //nolint:gosec // in the cache
		return dir, nil
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return dir, os.WriteFile(mark, wanted, 0o600) //nolint:gosec // in the cache
}

func startNode(ctx context.Context, lab *deploy.Lab, dir string) (*node, error) {
	database, drop, err := lab.Database(ctx)
	if err != nil {
		return nil, err
	}
	prefix := deploy.Random("bench-node-")
	n := &node{lab: lab, dir: dir, cleanup: []func(){drop, func() { lab.Sweep(prefix, 16) }}}
	n.env = append(os.Environ(), "NODE_ENV=production", "DATABASE_URL="+database, "AMQP_URL="+lab.AMQP, "PREFIX="+prefix)
	schema, err := os.ReadFile(filepath.Join(dir, "schema.sql")) //nolint:gosec // in the cache
	if err == nil {
		err = deploy.Execute(ctx, database, string(schema))
	}
	for _, role := range []string{"api", "worker", "socket", "socket"} {
		if err == nil {
			err = n.add(ctx, role)
		}
	}
	if err != nil {
		n.Stop()
		return nil, err
	}
	return n, nil
}

func (n *node) add(ctx context.Context, role string) error {
	addr, err := deploy.FreeAddr()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "node", role+".mjs") //nolint:gosec // no input from outside
	cmd.Dir = n.dir
	cmd.Env = append(slices.Clone(n.env), "PORT="+addr[strings.LastIndexByte(addr, ':')+1:])
	p, err := deploy.Spawn(role, cmd, filepath.Join(n.dir, fmt.Sprintf("%s-%d.log", role, len(n.processes))))
	if err != nil {
		return err
	}
	p.Addr = addr
	if role == "worker" {
		p.Admin = addr // counts what it has kept
	}
	n.processes = append(n.processes, p)
	return p.Ready(ctx, "/readyz")
}

// RestartSockets replaces the socket processes.
func (n *node) RestartSockets(ctx context.Context) error {
	var kept []*deploy.Process
	sockets := 0
	for _, p := range n.processes {
		if p.Name == "socket" {
			p.Kill()
			sockets++
		} else {
			kept = append(kept, p)
		}
	}
	n.processes = kept
	var errs []error
	for range sockets {
		errs = append(errs, n.add(ctx, "socket"))
	}
	return errors.Join(errs...)
}

// Title is what reports call it.
func (*node) Title() string { return nodeTitle }

// All returns all processes.
func (n *node) All() []*deploy.Process { return n.processes }

// API is the address for requests.
func (n *node) API() string { return "http://" + n.processes[0].Addr }

// Sockets are the addresses for connections.
func (n *node) Sockets() []string {
	var urls []string
	for _, p := range n.processes {
		if p.Name == "socket" {
			urls = append(urls, "http://"+p.Addr)
		}
	}
	return urls
}

// Stop ends all processes and removes what they have stored.
func (n *node) Stop() {
	for _, p := range n.processes {
		p.Kill()
	}
	for _, clean := range n.cleanup {
		clean()
	}
}
