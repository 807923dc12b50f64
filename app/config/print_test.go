package config_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/config"
)

var update = flag.Bool("update", false, "write golden files, docs and examples anew")

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "%s is out of date; run: go test ./app/config -update", path)
}

func printed(t *testing.T, c config.Config) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, c.Print(&b))
	return b.String()
}

func TestPrintDefaults(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/default.yaml", printed(t, config.Default()))
}

func TestPrintMasksSecrets(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{
		File:  write(t, "auth:\n  jwt_secret: hunter2hunter2hunter2hunter2hunter2\n"),
		Env:   []string{"PARLEY_BUS_URL=amqp://parley:hunter2@mq/v", "PARLEY_HTTP_TRUSTED_PROXIES=10.0.0.0/8,::1"},
		Flags: map[string]string{"database.url": "postgres://parley:hunter2@db/parley?sslmode=require&sslpassword=hunter2"},
	})
	require.NoError(t, err)
	got := printed(t, c)
	require.NotContains(t, got, "hunter2")
	golden(t, "testdata/masked.yaml", got)
}

func TestMasked(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"memory://":                              "memory://",
		"sqlite://{data_dir}/parley.db":          "sqlite://{data_dir}/parley.db",
		"amqp://u:p@h:1/v":                       "amqp://u:xxxxx@h:1/v",
		"amqp://u:p:@p@h/":                       "amqp://u:xxxxx@h/",
		"amqp://:p@h/":                           "amqp://:xxxxx@h/",
		"amqp://u@h/":                            "amqp://u@h/",
		"postgres://h/db?user=u&password=p&a=b":  "postgres://h/db?user=u&password=xxxxx&a=b",
		"postgres://u:p%zz@h/db":                 "xxxxx",
		"postgres://u:12/3@h/db":                 "xxxxx",
		"postgres://u:a@h/db?password=b#c":       "postgres://u:xxxxx@h/db?password=xxxxx#c",
		"postgres:///db?host=/run&sslpassword=p": "postgres:///db?host=/run&sslpassword=xxxxx",
	} {
		require.Equal(t, want, config.Masked(in))
	}
}

// What is printed is a configuration file again, with the same meaning.
func TestPrintedDefaultsLoad(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{File: write(t, printed(t, config.Default()))})
	require.NoError(t, err)
	require.Equal(t, values(printed(t, config.Default())), values(printed(t, c)))
}

// values drops the comments.
func values(text string) string { return regexp.MustCompile(`(?m) *#.*$`).ReplaceAllString(text, "") }

func TestExample(t *testing.T) {
	t.Parallel()
	const path = "../../configs/parley.example.yaml"
	golden(t, path, config.Example())
	require.Empty(t, problems(t, config.Sources{File: path}), "as it is")

	// Prose begins with "# ", a key that is commented out with "#key".
	uncommented := regexp.MustCompile(`(?m)^( *)#(\S)`).ReplaceAllString(config.Example(), "$1$2")
	c, err := config.Load(config.Sources{File: write(t, uncommented)})
	require.NoError(t, err)
	require.Equal(t, values(printed(t, config.Default())), values(printed(t, c)))
	for line := range strings.Lines(printed(t, c)) {
		require.NotContains(t, line, "default", "every key is in the example")
	}
}

func TestDocumentationIsCurrent(t *testing.T) {
	t.Parallel()
	const path, begin, end = "../../docs/configuration.md", "<!-- keys -->\n", "<!-- end of keys -->\n"
	doc, err := os.ReadFile(path)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(doc), begin)
	require.True(t, ok)
	_, tail, ok := strings.Cut(rest, end)
	require.True(t, ok)
	golden(t, path, head+begin+config.Table()+end+tail)
}
