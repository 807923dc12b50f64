package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNodeModulesSaysWhichNodeIsNeeded(t *testing.T) {
	t.Parallel()
	for engines, want := range map[string]string{
		">=99.1": "which tests would use, is older, too",
		"^20":    "must say which Node.js it needs, such as >=20.19",
		"":       "must say which Node.js it needs",
		">=1.2":  "package-lock.json", // which is looked for once there is a Node.js that is new enough
	} {
		folder := t.TempDir()
		text := `{"name": "a-program", "engines": {"node": "` + engines + `"}}`
		require.NoError(t, os.WriteFile(filepath.Join(folder, "package.json"), []byte(text), 0o600))
		_, err := NodeModules(t.Context(), folder)
		require.ErrorContains(t, err, want, engines)
		if strings.HasPrefix(engines, ">=99") {
			require.ErrorContains(t, err, "a-program needs Node.js 99.1 or newer and npm; this is v")
		}
	}
}

// A machine whose Node.js is too old gets another one, and keeps its own.
func TestOwnNode(t *testing.T) {
	if runtime.GOOS != "linux" {
		require.ErrorContains(t, useOwnNode(t.Context(), "20.19"), "there is none for")
		return
	}
	own, err := exec.LookPath("node")
	require.NoError(t, err)
	t.Setenv("PATH", os.Getenv("PATH")) // to have it back in the end
	require.NoError(t, useOwnNode(t.Context(), "20.19"))
	for _, program := range []string{"node", "npm"} {
		path, err := exec.LookPath(program)
		require.NoError(t, err)
		require.NotEqual(t, filepath.Dir(own), filepath.Dir(path))
		out, err := exec.CommandContext(t.Context(), program, "--version").CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

func TestChromiumIsSaidToBeMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // a machine with neither it nor anything to install it with
	if _, found := findChromium(); found {
		t.Log("it is where no PATH is needed")
		return
	}
	_, err := Chromium(t.Context())
	require.ErrorContains(t, err, "the tests of the web client need Chromium or Chrome: install chromium")
}
