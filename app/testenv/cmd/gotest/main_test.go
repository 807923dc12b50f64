package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReport(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ events, want string }{
		"what passes is silent": {
			events: `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`,
			want: "ok  \tp\t0.1s\ntests: 1 passed, 0 failed, 0 skipped\n",
		},
		"what fails or is skipped tells why": {
			events: `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:1: not today\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: why\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
`,
			want: "    b_test.go:1: not today\n    a_test.go:1: why\nfailed: p.TestA\nskipped: p.TestB\n" +
				"tests: 0 passed, 1 failed, 1 skipped\n",
		},
		"a test whose process died has failed": {
			events: `{"Action":"output","Package":"p","Test":"TestA","Output":"started\n"}
{"Action":"output","Package":"p","Output":"signal: killed\n"}
{"Action":"fail","Package":"p"}
`,
			want: "signal: killed\nstarted\nfailed: p.TestA\ntests: 0 passed, 1 failed, 0 skipped\n",
		},
		"a package that does not build has failed": {
			events: `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: undefined: x\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p"}
`,
			want: "p.go:1: undefined: x\nFAIL\tp [build failed]\nfailed: p\ntests: 0 passed, 1 failed, 0 skipped\n",
		},
		"what is no event is passed on": {
			events: "warning\n{\"Action\":\"skip\",\"Package\":\"none\"}\nlast",
			want:   "warning\nlast\ntests: 0 passed, 0 failed, 0 skipped\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			r := newReport(&out)
			for _, half := range []string{tt.events[:len(tt.events)/2], tt.events[len(tt.events)/2:]} {
				n, err := r.Write([]byte(half))
				require.NoError(t, err)
				require.Equal(t, len(half), n)
			}
			r.close()
			require.Equal(t, tt.want, out.String())
		})
	}
}

func TestSkippedTestsFailUnderCI(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":      "module sample\n\ngo 1.26\n",
		"skp_test.go": "package sample\n\nimport \"testing\"\n\nfunc TestSkipped(t *testing.T) { t.Skip() }\n",
		"fl_test.go":  "package sample\n\nimport \"testing\"\n\nfunc TestFails(t *testing.T) { t.Fail() }\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	t.Chdir(dir)
	t.Setenv(testenv.PostgresVariable, "postgres://nobody.needs.it")
	t.Setenv(testenv.AMQPVariable, "amqp://nobody.needs.it")
	for _, tt := range []struct {
		run, err string
		ci       bool
		code     int
	}{
		{run: "Skipped", ci: false, code: 0},
		{run: "Skipped", ci: true, code: 1, err: "no test may be skipped: sample.TestSkipped"},
		{run: "Fails", ci: false, code: 1},
	} {
		var out, errOut bytes.Buffer
		code, err := run([]string{"-run", tt.run, "."}, &out, &errOut, tt.ci)
		require.Equal(t, tt.code, code, out.String()+errOut.String())
		if tt.err == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, tt.err)
		}
	}
}

func TestWithoutCompilerThereIsNoRaceDetector(t *testing.T) {
	goTool, err := exec.LookPath("go")
	require.NoError(t, err)
	path := t.TempDir() // a machine with go and nothing to install anything with
	require.NoError(t, os.Symlink(goTool, filepath.Join(path, "go")))
	t.Setenv("PATH", path)
	t.Setenv("GOOS", "linux")
	t.Setenv("CC", "no-such-compiler -pipe")

	args := []string{"-race", "./..."}
	var out bytes.Buffer
	got, err := withCompiler(t.Context(), args, &out, false)
	require.NoError(t, err)
	require.Equal(t, []string{"./..."}, got)
	require.Contains(t, out.String(), "WITHOUT the race detector")

	_, err = withCompiler(t.Context(), args, &out, true)
	require.ErrorContains(t, err, "no-such-compiler")
}
