package figures

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func sample() *Results {
	r, _ := Load("there is no such file")
	r.Begin("row")
	for _, v := range []float64{1500, 1000, 1200} {
		r.Add("row", "one", 10, "messages/s", v)
	}
	r.Add("row", "two", 10, "p99, ms", 3.14159)
	r.Note("row", "A peer is %s.", "missing")
	return r
}

func TestTable(t *testing.T) {
	t.Parallel()
	require.Equal(t, `| what | members | messages/s | p99, ms |
| --- | --- | --- | --- |
| one | 10 | 1,200 (1,000–1,500) |  |
| two | 10 |  | 3.14 |

A peer is missing.
`, sample().Table("row", "members"))
}

func TestBeginForgets(t *testing.T) {
	t.Parallel()
	r := sample()
	r.Begin("row")
	require.Empty(t, r.Table("row", ""))
}

func TestSavedAndPlotted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.json")
	require.NoError(t, sample().Save(path))
	r, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, sample().Figures, r.Figures)

	svg := filepath.Join(t.TempDir(), "row.svg")
	require.NoError(t, r.Plot(Curve{Row: "row", Metric: "messages/s", LogX: true, LogY: true}, svg))
	content, err := os.ReadFile(svg)
	require.NoError(t, err)
	require.Contains(t, string(content), "<svg")
}

func TestReplace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "report.md")
	require.NoError(t, os.WriteFile(path, []byte("a\n<!-- x -->\nold\n<!-- end of x -->\nb\n"), 0o600))
	require.NoError(t, Replace(path, "x", "new\n"))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "a\n<!-- x -->\nnew\n<!-- end of x -->\nb\n", string(content))
	require.ErrorContains(t, Replace(path, "y", ""), "no place marked y")
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 1.236: "1.24", 12.36: "12.4", 999.7: "1,000", 1234567: "1,234,567", -1500: "-1,500"} {
		require.Equal(t, want, Number(v))
	}
}
