// Package tinode runs a Tinode server (https://github.com/tinode/chat) and drives it with the load that Parley is measured with: clients
// that speak its WebSocket JSON protocol.
package tinode

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"parley/docs/benchmarks/deploy"
)

// Module is what is built, in the version that peers/tinode/go.mod names.
const Module = "github.com/tinode/chat"

// apiKey goes with the salt of Tinode's example configuration.
const (
	apiKey = "AQEAAAABAAD_rAp4DJh05a1HAwFT3A6K" //nolint:gosec // published with Tinode
	salt   = "T713/rYYgW7g4m3vG6zGRh7+FM1t0T8j13koXScOAj4="
)

// Install builds the server and the program that creates its database, and returns where they are.
func Install(ctx context.Context, module, cache string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(cache, "tinode"))
	if err != nil {
		return "", err
	}
	for _, program := range []string{"server", "tinode-db"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-C", module, "-tags", "postgres", "-o", filepath.Join(dir, program), Module+"/"+program) //nolint:gosec // no input from outside
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building %s/%s: %w\n%s", Module, program, err, out)
		}
	}
	return dir, nil
}

// Server is a running Tinode server with a database of its own.
type Server struct {
	*deploy.Process
	dir, config string
	drop        func()
}

// Start creates a database and starts the server.
func Start(ctx context.Context, lab *deploy.Lab, dir string) (*Server, error) {
	database, drop, err := lab.Named(ctx, deploy.Random("bench_")) // tinode-db wants to create it
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, config: filepath.Join(dir, "tinode.conf"), drop: drop}
	if err := writeConfig(s.config, database); err != nil {
		return nil, err
	}
	create := exec.CommandContext(ctx, filepath.Join(dir, "tinode-db"), "--reset", "--config", s.config) //nolint:gosec // no input from outside
	if out, err := create.CombinedOutput(); err != nil {
		drop()
		return nil, fmt.Errorf("tinode-db: %w\n%s", err, out)
	}
	if err := s.Restart(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// Restart starts the server, anew if it runs.
func (s *Server) Restart(ctx context.Context) error {
	if s.Process != nil {
		s.Kill()
	}
	addr, err := deploy.FreeAddr()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(s.dir, "server"), "--config", s.config, "--listen", addr, "--static_data", "-", "--expvar", "-") //nolint:gosec // no input from outside
	if s.Process, err = deploy.Spawn("all roles", cmd, filepath.Join(s.dir, "server.log")); err != nil {
		return err
	}
	s.Addr = addr
	return deploy.Until(ctx, 20*time.Second, func() error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, s.Log())
		}
		return conn.Close()
	})
}

// Stop ends the server and drops its database.
func (s *Server) Stop() {
	if s.Process != nil {
		s.Kill()
	}
	s.drop()
}

// writeConfig writes Tinode's example configuration without what is not needed: no files, no push, no validation of e-mail addresses. Topics
// may have as many subscribers as Parley's groups have members.
func writeConfig(path, database string) error {
	u, err := url.Parse(database)
	if err != nil {
		return err
	}
	postgres := map[string]any{"dsn": database, "DBName": u.Path[1:], "max_open_conns": 50, "max_idle_conns": 50, "conn_max_lifetime": 60, "sql_timeout": 10}
	content, err := json.MarshalIndent(map[string]any{
		"api_path":                "/",
		"ws_compression_disabled": true,
		"static_mount":            "-",
		"grpc_listen":             "",
		"api_key_salt":            salt,
		"max_message_size":        131072,
		"max_subscriber_count":    100_000,
		"max_tag_count":           16,
		"push":                    []any{},
		"auth_config": map[string]any{
			"basic": map[string]any{"add_to_tags": true, "min_login_length": 4, "min_password_length": 6},
			"token": map[string]any{"expire_in": 1209600, "serial_num": 1, "key": "wfaY2RgF2S1OQI/ZlK+LSrp1KB2jwAdGAIHQ7JZn+Kc="},
			"code":  map[string]any{"expire_in": 900, "max_retries": 3, "code_length": 6},
		},
		"store_config": map[string]any{
			"uid_key": "la6YsO+bNX/+XIkOqc5Svw==", "max_results": 1024, "use_adapter": "",
			"adapters": map[string]any{"postgres": postgres},
		},
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}
