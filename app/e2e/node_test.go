package e2e

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/testenv"
)

// jsInstall bounds fetching the client and, if need be, installing Node.js.
const jsInstall = 10 * time.Minute

// pollPause is the time between two looks at something that happens elsewhere.
const pollPause = 20 * time.Millisecond

// jsFolder has the programs of these tests, and jsExamples those that docs/clients.md shows.
const (
	jsFolder   = "js"
	jsExamples = "../../docs/examples"
)

// jsModules are the folders with the modules that the programs of a folder need.
var jsModules = map[string]func() (string, error){
	jsFolder:   sync.OnceValues(func() (string, error) { return modulesOf(jsFolder) }),
	jsExamples: sync.OnceValues(func() (string, error) { return modulesOf(jsExamples) }),
}

// modulesOf is the folder with the modules in the versions that a folder's package-lock.json names. It is made once and kept in the
// user's cache.
func modulesOf(programs string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), jsInstall)
	defer cancel()
	if err := needNode(ctx); err != nil {
		return "", err
	}
	lock, err := os.ReadFile(filepath.Join(programs, "package-lock.json"))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(lock)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	folder := filepath.Join(cache, "parley-e2e", hex.EncodeToString(sum[:8]))
	modules := filepath.Join(folder, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules, nil
	}
	return modules, fetchModules(ctx, programs, folder)
}

// needNode makes sure that there is Node.js with npm.
func needNode(ctx context.Context) error {
	if err := needPrograms(ctx, map[string]string{"node": "nodejs", "npm": "npm"}); err != nil {
		return fmt.Errorf("the tests with the official Socket.IO client need Node.js 18 or newer and npm: %w", err)
	}
	out, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return fmt.Errorf("node --version: %w", err)
	}
	version := strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < 18 {
		return fmt.Errorf("the tests with the official Socket.IO client need Node.js 18 or newer; this is %s", version)
	}
	return nil
}

// needPrograms installs the packages of the programs that are missing.
func needPrograms(ctx context.Context, packages map[string]string) error {
	var missing []string
	for program, name := range packages {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := testenv.Install(ctx, os.Stderr, missing...); err != nil {
		return fmt.Errorf("install %s (on Debian and Ubuntu `sudo apt-get install %[1]s`): %w", strings.Join(missing, " "), err)
	}
	return nil
}

// fetchModules puts the modules into a folder, whole or not at all.
func fetchModules(ctx context.Context, programs, folder string) error {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(folder), "fetching-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := os.ReadFile(filepath.Join(programs, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(work, name), data, 0o600); err != nil {
			return err
		}
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = work
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	if err := os.Rename(work, folder); err != nil {
		if _, there := os.Stat(folder); there != nil { // nobody else was faster
			return err
		}
	}
	return nil
}

// TestLockFileNamesNoServers: modules come from the registry that is configured wherever the tests run, and are known by their hashes.
func TestLockFileNamesNoServers(t *testing.T) {
	t.Parallel()
	for folder := range jsModules {
		lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
		require.NoError(t, err)
		require.NotContains(t, string(lock), `"resolved"`, "write it with npm install --package-lock-only --omit-lockfile-registry-resolved")
		require.NotContains(t, string(lock), "://")
		require.Contains(t, string(lock), `"integrity"`)
	}
}

// jsClients are official clients, all in one Node.js process; see js/client.mjs for what they can be told.
type jsClients struct {
	t      testing.TB
	stdin  io.WriteCloser
	stderr lockedBuffer
	exited chan struct{}

	mu      sync.Mutex
	last    int
	waiting map[int]chan jsAnswer
}

type jsAnswer struct {
	ID     int
	Result json.RawMessage
	Error  string
}

// jsProgram puts files of JavaScript into a folder of their own, with the modules of the folder that the last one is from, and returns a
// command that runs the first one.
func jsProgram(t testing.TB, arguments []string, files ...string) *exec.Cmd {
	t.Helper()
	modules, err := jsModules[filepath.Dir(files[len(files)-1])]()
	require.NoError(t, err)
	dir := t.TempDir() // modules are looked for beside the program
	require.NoError(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	for _, name := range files {
		program, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(name)), program, 0o600))
	}
	cmd := exec.Command("node", append([]string{filepath.Base(files[0])}, arguments...)...)
	cmd.Dir, cmd.SysProcAttr = dir, dieWithParent()
	return cmd
}

// startJS runs js/client.mjs until the test ends.
func startJS(t testing.TB) *jsClients {
	t.Helper()
	return startDriver(t, filepath.Join(jsFolder, "client.mjs"))
}

// startDriver runs a program that takes commands until the test ends.
func startDriver(t testing.TB, files ...string) *jsClients {
	t.Helper()
	cmd := jsProgram(t, nil, files...)
	j := &jsClients{t: t, exited: make(chan struct{}), waiting: make(map[int]chan jsAnswer)}
	cmd.Stderr = &j.stderr
	var err error
	j.stdin, err = cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	go func() {
		defer close(j.exited)
		j.read(stdout)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-j.exited
		if t.Failed() {
			t.Logf("Node.js: %s", tail(j.stderr.String(), 30))
		}
	})
	return j
}

// read hands out answers.
func (j *jsClients) read(stdout io.Reader) {
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var a jsAnswer
		if err := json.Unmarshal(line, &a); err != nil {
			a.Error = fmt.Sprintf("unreadable answer %q: %v", line, err)
		}
		j.mu.Lock()
		if ch := j.waiting[a.ID]; ch != nil {
			ch <- a
			delete(j.waiting, a.ID)
		}
		j.mu.Unlock()
	}
}

// args are what a command is given.
type args map[string]any

// do has a command carried out, and decodes its result.
func (j *jsClients) do(command string, a args, into any) {
	j.t.Helper()
	answer, err := j.begin(command, a)
	require.NoError(j.t, err)
	select {
	case got := <-answer:
		require.Empty(j.t, got.Error, "%s %v", command, a)
		if into != nil {
			require.NoError(j.t, json.Unmarshal(got.Result, into), "%s", got.Result)
		}
	case <-j.exited:
		j.t.Fatalf("Node.js has ended during %s: %s", command, j.stderr.String())
	case <-time.After(patience):
		state := j.state(a)
		j.t.Fatalf("%s %v waits in vain; %s", command, a, state)
	}
}

func (j *jsClients) begin(command string, a args) (<-chan jsAnswer, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	answer := make(chan jsAnswer, 1)
	j.waiting[j.last] = answer
	all := args{"id": j.last, "do": command}
	for k, v := range a {
		all[k] = v
	}
	line, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	_, err = j.stdin.Write(append(line, '\n'))
	return answer, err
}

// state is what the client in question knows, for the log of a failed test.
func (j *jsClients) state(a args) string {
	answer, err := j.begin("report", args{"name": a["name"], "channel": a["channel"]})
	if err != nil {
		return err.Error()
	}
	select {
	case got := <-answer:
		if a["channel"] != nil {
			return string(got.Result)
		}
		var r jsReport
		err := json.Unmarshal(got.Result, &r)
		return fmt.Sprintf("known %d, transports %v, events %v, errors %v, ends %v %v", len(r.Known), r.Transports, r.Events, r.Errors, r.Ends, err)
	case <-time.After(patience / 10):
		return "and says nothing"
	}
}

// jsReport is what a client has seen.
type jsReport struct {
	Known      []event.Message
	Heard      [][]int64
	Transports [][]string
	// BeforeUpgrade is how many messages came over the transport that was given up for another one.
	BeforeUpgrade int
	Events        map[string]int
	Drain         *struct{ ReconnectInMs *int64 }
	Errors        []jsError
	Ends          []struct {
		Reason string
		Active bool // the client comes back by itself
	}
}

// jsError is a connect_error.
type jsError struct {
	Message string
	Data    *struct{ Code, Detail string }
	Active  bool
}

func (j *jsClients) report(name string) jsReport {
	j.t.Helper()
	var r jsReport
	j.do("report", args{"name": name}, &r)
	return r
}

// connect makes a client that must be let in.
func (j *jsClients) connect(name string, a args) {
	j.t.Helper()
	refused := j.try(name, a)
	require.Nil(j.t, refused, "%v", refused)
}

// try makes a client and returns why it is refused, if it is.
func (j *jsClients) try(name string, a args) *jsError {
	j.t.Helper()
	a["name"] = name
	var r struct{ Error *jsError }
	j.do("connect", a, &r)
	return r.Error
}
