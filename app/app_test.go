package app

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/config"
	"parley/app/registry"
	"parley/app/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files anew")

// TestPlans pins which components a process starts for its roles, and in which order.
func TestPlans(t *testing.T) {
	t.Parallel()
	for _, roles := range [][]registry.Role{
		registry.AllRoles(), {registry.API}, {registry.Worker}, {registry.Socket}, {registry.API, registry.Worker}, {registry.Worker, registry.Socket},
	} {
		cfg := config.Default()
		cfg.Roles = roles
		cfg.DataDir = filepath.Join(t.TempDir(), "not made")
		if cfg.Split() {
			cfg.Bus.URL = "amqp://127.0.0.1:1/"
		}
		s, err := wire(cfg, []byte(strings.Repeat("s", 32)), telemetry.Build{}, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		require.NoDirExists(t, cfg.DataDir, "wiring does no I/O")

		names := s.node.Names()
		path := filepath.Join("testdata", "plan-"+strings.ReplaceAll(strings.Trim(fmt.Sprint(roles), "[]"), " ", "-")+".golden")
		got := strings.Join(names, "\n") + "\n"
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), got, "%v", roles)

		require.Equal(t, "http", names[len(names)-1], "opens last, closes first")
		if slices.Equal(roles, []registry.Role{registry.Socket}) {
			require.NotContains(t, names, "store", "the socket role has no database")
		}
	}
}
