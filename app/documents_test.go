package app

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"parley/app/config"
	"parley/app/reference/referencetest"
	"parley/app/registry"
	"parley/app/telemetry"
)

// wireAlone is a process that plays every role by itself, and is not started.
func wireAlone(t *testing.T) *server {
	t.Helper()
	cfg := config.Default()
	cfg.DataDir, cfg.HTTP.Addr = t.TempDir(), "127.0.0.1:0"
	s, err := wire(cfg, []byte(strings.Repeat("s", 32)), telemetry.Build{}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return s
}

// TestEveryRouteIsDocumented compares the routes of a running server with the OpenAPI document.
func TestEveryRouteIsDocumented(t *testing.T) {
	t.Parallel()
	documents, err := referencetest.New()
	require.NoError(t, err)
	s := wireAlone(t)
	ctx, stop := context.WithCancel(t.Context())
	require.NoError(t, s.node.Run(ctx, registry.Options{ShutdownTimeout: s.cfg.ShutdownTimeout, OnReady: stop}))

	var served []string
	for _, route := range s.web.Routes() {
		served = append(served, regexp.MustCompile(`:(\w+)`).ReplaceAllString(route, "{$1}"))
	}
	require.Equal(t, documents.Operations(), served)
}

// TestEveryEventIsDocumented compares the names of events with the AsyncAPI document.
func TestEveryEventIsDocumented(t *testing.T) {
	t.Parallel()
	documents, err := referencetest.New()
	require.NoError(t, err)
	source, err := parser.ParseFile(token.NewFileSet(), "event/client.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var names []string
	ast.Inspect(source, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, v := range spec.Values {
			if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				name, err := strconv.Unquote(lit.Value)
				require.NoError(t, err)
				names = append(names, name)
			}
		}
		return true
	})
	documented := slices.DeleteFunc(documents.Events(), func(name string) bool {
		return strings.HasSuffix(name, "_ACK") || strings.HasSuffix(name, "_FROM_CLIENT")
	})
	require.ElementsMatch(t, documented, names)
}

// eventCodes are the codes of problems that clients hear of over Socket.IO alone.
var eventCodes = []string{"too_many_users", "superseded"}

// TestEveryProblemIsDocumented compares the codes of problems with the OpenAPI document, and with docs/api.md.
func TestEveryProblemIsDocumented(t *testing.T) {
	t.Parallel()
	documents, err := referencetest.New()
	require.NoError(t, err)
	var made []string
	for _, folder := range []string{"auth", "problem", "promise", "web", "../modules"} {
		require.NoError(t, filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				made = append(made, problemCodes(t, path)...)
			}
			return err
		}))
	}
	slices.Sort(made)
	made = slices.DeleteFunc(slices.Compact(made), func(code string) bool { return slices.Contains(eventCodes, code) })
	require.ElementsMatch(t, documents.Codes(), made)
	text, err := os.ReadFile("../docs/api.md")
	require.NoError(t, err)
	var missing []string
	for _, code := range append(made, eventCodes...) {
		if !strings.Contains(string(text), "`"+code+"`") {
			missing = append(missing, code)
		}
	}
	require.Empty(t, missing, "not in docs/api.md")
}

// problemCodes lists the second argument of each call of New, or problem.New, whose first one is a status.
func problemCodes(t *testing.T, path string) (codes []string) {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	ast.Inspect(source, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 3 {
			return true
		}
		name := ""
		switch fn := call.Fun.(type) {
		case *ast.Ident:
			name = fn.Name
		case *ast.SelectorExpr:
			name = fn.Sel.Name
		}
		if lit, ok := call.Args[1].(*ast.BasicLit); ok && name == "New" && lit.Kind == token.STRING {
			code, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			codes = append(codes, code)
		}
		return true
	})
	return codes
}

// TestEveryRouteIsInTheList compares the routes and events with docs/api.md.
func TestEveryRouteIsInTheList(t *testing.T) {
	t.Parallel()
	documents, err := referencetest.New()
	require.NoError(t, err)
	text, err := os.ReadFile("../docs/api.md")
	require.NoError(t, err)
	var missing []string
	for _, op := range documents.Operations() {
		method, path, _ := strings.Cut(op, " ")
		if !regexp.MustCompile(`(?m)^\| .*\b` + method + `\b.* ` + regexp.QuoteMeta(path) + `(\?| )`).Match(text) {
			missing = append(missing, op)
		}
	}
	for _, name := range documents.Events() {
		name = strings.TrimSuffix(strings.TrimSuffix(name, "_ACK"), "_FROM_CLIENT")
		if !regexp.MustCompile(`\b` + name + `\b`).Match(text) {
			missing = append(missing, name)
		}
	}
	require.Empty(t, missing, "not in docs/api.md")
}

// TestEveryMetricIsDocumented compares the metrics of a process with what docs/metrics.md lists, and with those
// that the dashboard asks for.
func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	descriptions := make(chan *prometheus.Desc)
	s := wireAlone(t)
	go func() {
		s.metrics.Describe(descriptions)
		close(descriptions)
	}()
	var registered []string
	for d := range descriptions {
		name := regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(d.String())[1]
		if strings.HasPrefix(name, "parley_") {
			registered = append(registered, name)
		}
	}
	slices.Sort(registered)
	registered = slices.Compact(registered)

	require.Equal(t, registered, named(t, "../docs/metrics.md"))
	for _, name := range named(t, "../configs/grafana-dashboard.json") {
		require.Contains(t, registered, name, "asked for by the dashboard")
	}
}

// named lists the metrics that a file names, sorted.
func named(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	names := regexp.MustCompile(`\bparley_\w+`).FindAllString(string(text), -1)
	for i, name := range names { // of a histogram
		names[i] = strings.TrimSuffix(name, "_bucket")
	}
	slices.Sort(names)
	return slices.Compact(names)
}
