package telemetry

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLogger(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"text": `level=WARN msg=hot degrees=40 after=1.5s` + "\n",
		"json": `"level":"WARN","msg":"hot","degrees":40,"after":"1.5s"}` + "\n",
		"auto": `"level":"WARN","msg":"hot","degrees":40,"after":"1.5s"}` + "\n", // a buffer is no terminal
	} {
		var b bytes.Buffer
		log := NewLogger(&b, slog.LevelWarn, format)
		log.Info("warm", "degrees", 20)
		log.Warn("hot", "degrees", 40, "after", 1500*time.Millisecond)
		require.NotContains(t, b.String(), "warm", format)
		require.Contains(t, b.String(), want, format)
	}
}

func TestFilesAreNoTerminals(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	require.NoError(t, err)
	NewLogger(f, slog.LevelInfo, "auto").Info("hello")
	require.NoError(t, f.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, json.Valid(data))
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	r := NewMetrics(Build{Version: "v1.2.3", Revision: "abc", Go: "go1.26"})
	w := httptest.NewRecorder()
	MetricsHandler(r).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, 200, w.Code)
	for _, want := range []string{
		`parley_build_info{go="go1.26",revision="abc",version="v1.2.3"} 1`,
		"go_goroutines ", "process_open_fds ", "promhttp_metric_handler_errors_total",
	} {
		require.Contains(t, w.Body.String(), want)
	}
	NewMetrics(Build{}) // two of them do not get into each other's way
}

func TestBuild(t *testing.T) {
	t.Parallel()
	settings := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{
			{Key: "GOOS", Value: "linux"},
			{Key: "vcs.revision", Value: "4f2a"},
			{Key: "vcs.time", Value: "2026-01-02T03:04:05Z"},
			{Key: "vcs.modified", Value: modified},
		}
	}
	for name, tc := range map[string]struct {
		version  string
		info     debug.BuildInfo
		want     string
		revision string
	}{
		"linker":   {"v1.2.3", debug.BuildInfo{Main: debug.Module{Version: "v0"}, Settings: settings("false")}, "v1.2.3", "4f2a"},
		"recorded": {"", debug.BuildInfo{Main: debug.Module{Version: "v0.9"}, Settings: settings("true")}, "v0.9", "4f2a+changes"},
		"devel":    {"", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "dev", ""},
		"nothing":  {"", debug.BuildInfo{}, "dev", ""},
	} {
		b := read(tc.version, &tc.info)
		require.Equal(t, tc.want, b.Version, name)
		require.Equal(t, tc.revision, b.Revision, name)
		require.NotEmpty(t, b.Go)
		require.Contains(t, b.Platform, "/")
	}
	require.NotEmpty(t, ReadBuild("").Version)
	require.Equal(t, "parley v1 (4f2a, go1.26)", Build{Version: "v1", Revision: "4f2a", Go: "go1.26"}.String())
}
