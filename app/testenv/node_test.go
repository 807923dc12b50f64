package testenv

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNodeModulesSaysWhichNodeIsNeeded(t *testing.T) {
	t.Parallel()
	for engines, want := range map[string]string{
		">=99.1": "a-program needs Node.js 99.1 or newer and npm; this is v",
		"^20":    "must say which Node.js it needs, such as >=20.19",
		"":       "must say which Node.js it needs",
		">=1.2":  "package-lock.json", // which is looked for once there is a Node.js that is new enough
	} {
		folder := t.TempDir()
		text := `{"name": "a-program", "engines": {"node": "` + engines + `"}}`
		require.NoError(t, os.WriteFile(filepath.Join(folder, "package.json"), []byte(text), 0o600))
		_, err := NodeModules(t.Context(), folder)
		require.ErrorContains(t, err, want, engines)
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
