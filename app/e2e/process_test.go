package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/testenv"
)

// binary is the path of the executable under test, built once by TestMain.
var binary string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "parley-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "parley")
	args := append([]string{"build", "-o", binary}, buildFlags...)
	build := exec.Command("go", append(args, "parley")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building parley: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// patience bounds every wait for something that must happen soon. It is long because the machine may be busy with
// other tests; nothing waits that long unless it fails.
const patience = 60 * time.Second

// pollEvery is the time between two looks at something outside of this process.
const pollEvery = 10 * time.Millisecond

// process is one running parley.
type process struct {
	t    testing.TB
	name string
	args []string
	env  []string
	addr string // of its HTTP listener

	cmd    *exec.Cmd
	exited chan struct{}
	err    error // of Wait; valid after exited
	log    lockedBuffer
}

// lockedBuffer collects a process's output.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// cleanEnv is the environment without any configuration of Parley.
func cleanEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PARLEY_") {
			env = append(env, v)
		}
	}
	return env
}

// serve starts `parley serve` with the given configuration and flags, and waits until it is ready.
func serve(t testing.TB, name string, env map[string]string, flags ...string) *process {
	t.Helper()
	p := launch(t, name, env, flags...)
	p.ready()
	return p
}

// launch is serve without the wait.
func launch(t testing.TB, name string, env map[string]string, flags ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, args: append([]string{"serve"}, flags...), env: cleanEnv(), addr: freeAddr(t)}
	for k, v := range env {
		p.env = append(p.env, k+"="+v)
	}
	p.env = append(p.env, "PARLEY_HTTP_ADDR="+p.addr)
	p.start()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, tail(p.log.String(), 60))
		}
	})
	return p
}

// start runs the executable; the log goes on where it was.
func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(binary, p.args...)
	p.cmd.Env = p.env
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = dieWithParent()
	p.exited = make(chan struct{})
	require.NoError(p.t, p.cmd.Start())
	go func(cmd *exec.Cmd, exited chan struct{}) {
		p.err = cmd.Wait()
		close(exited)
	}(p.cmd, p.exited)
}

// ready waits until /readyz says so.
func (p *process) ready() {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		select {
		case <-p.exited:
			p.t.Fatalf("%s ended before it was ready: %v\n%s", p.name, p.err, p.log.String())
		default:
		}
		if status(p.url()+"/readyz") == http.StatusOK {
			return
		}
		pause(p.t.Context(), 20*time.Millisecond)
	}
	p.t.Fatalf("%s did not become ready\n%s", p.name, tail(p.log.String(), 60))
}

func (p *process) url() string { return "http://" + p.addr }

// kill ends the process as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// stop asks the process to end and expects it to do so cleanly.
func (p *process) stop() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.exited:
		require.NoError(p.t, p.err, "%s must exit with 0\n%s", p.name, tail(p.log.String(), 60))
	case <-time.After(patience):
		p.t.Fatalf("%s did not end after SIGTERM\n%s", p.name, tail(p.log.String(), 60))
	}
}

// restart starts the process anew at the same address and waits until it is ready.
func (p *process) restart() {
	p.t.Helper()
	p.start()
	p.ready()
}

// parley runs a command to its end and returns what it printed on standard output.
func parley(t testing.TB, env map[string]string, stdin string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = cleanEnv()
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "parley %s\n%s%s", strings.Join(args, " "), &stdout, &stderr)
	return stdout.String()
}

// freeAddr finds an address that nothing listens on.
func freeAddr(t testing.TB) string {
	t.Helper()
	port, err := testenv.FreePort()
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

func status(url string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// pause waits between two looks at something that happens outside of this process.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
