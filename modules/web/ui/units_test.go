// Package ui_test runs the unit tests of the web client, which are in TypeScript, so that one command runs all tests that there are.
package ui_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/testenv"
)

// TestUnits is `npm test`.
func TestUnits(t *testing.T) {
	t.Parallel()
	modules, err := testenv.NodeModules(t.Context(), ".")
	require.NoError(t, err)
	root := t.TempDir() // modules are looked for beside what needs them
	dir := filepath.Join(root, "web", "ui")
	copySources(t, dir)
	reactions, err := filepath.Abs("../../reaction") // whose emoji a test compares with those that can be picked
	require.NoError(t, err)
	require.NoError(t, os.Symlink(reactions, filepath.Join(root, "reaction")))
	require.NoError(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	cmd := exec.CommandContext(t.Context(), filepath.Join("node_modules", ".bin", "vitest"), "run")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "passed")
}

// copySources copies the client's sources, without modules that somebody who works on them has there.
func copySources(t *testing.T, to string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "node_modules":
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		case !d.Type().IsRegular(): // a link to modules
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), data, 0o600)
	}))
}
