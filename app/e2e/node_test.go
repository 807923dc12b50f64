package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/testenv"
)

// pollPause is the time between two looks at something that happens elsewhere.
const pollPause = 20 * time.Millisecond

// jsFolder has the programs of these tests, and jsExamples those that docs/clients.md shows.
const (
	jsFolder   = "js"
	jsExamples = "../../docs/examples"
)

// jsModules are the folders with the modules that the programs of a folder need.
var jsModules = map[string]func() (string, error){
	jsFolder:      modulesOf(jsFolder),
	jsExamples:    modulesOf(jsExamples),
	browserFolder: modulesOf(browserFolder),
}

// modulesOf finds a folder's modules when it is called for the first time.
func modulesOf(folder string) func() (string, error) {
	return sync.OnceValues(func() (string, error) { return testenv.NodeModules(context.Background(), folder) })
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
	lock, err := os.ReadFile("../../modules/web/ui/package-lock.json") // which has links of those who may be paid for it
	require.NoError(t, err)
	require.NotContains(t, string(lock), `"resolved"`)
	require.Contains(t, string(lock), `"integrity"`)
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

// jsAnswer is what a program says about a command: its result, or its error, or first what it wants to have done before it goes on.
type jsAnswer struct {
	ID     int
	Result json.RawMessage
	Error  string
	Wish   *jsWish
}

// jsWish is what a command needs done that only these tests can do. It is answered with its number, as {wish, result} or {wish, error}.
type jsWish struct {
	ID    int
	Do    string
	Given json.RawMessage
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
		ch := j.waiting[a.ID]
		if a.Wish == nil {
			delete(j.waiting, a.ID)
		}
		j.mu.Unlock()
		if ch != nil {
			ch <- a
		}
	}
}

// args are what a command is given.
type args map[string]any

// do has a command carried out, and decodes its result.
func (j *jsClients) do(command string, a args, into any) {
	j.t.Helper()
	j.doMeanwhile(j.t, command, a, into, patience, nil)
}

// doMeanwhile is do for a test t that grants what the command wishes, in t's own goroutine.
func (j *jsClients) doMeanwhile(t testing.TB, command string, a args, into any, limit time.Duration, grant func(jsWish) (any, error)) {
	t.Helper()
	answers, err := j.begin(command, a)
	require.NoError(t, err)
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		select {
		case got := <-answers:
			if got.Wish != nil {
				result, err := grant(*got.Wish)
				require.NoError(t, j.granted(got.Wish.ID, result, err))
				continue
			}
			require.Empty(t, got.Error, "%s %v", command, a)
			if into != nil {
				require.NoError(t, json.Unmarshal(got.Result, into), "%s", got.Result)
			}
			return
		case <-j.exited:
			t.Fatalf("Node.js has ended during %s: %s", command, j.stderr.String())
		case <-timeout.C:
			state := j.state(a)
			t.Fatalf("%s %v waits in vain; %s", command, a, state)
		}
	}
}

// granted tells the program what has become of a wish.
func (j *jsClients) granted(id int, result any, err error) error {
	line := args{"wish": id, "result": result}
	if err != nil {
		line["error"] = err.Error()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.write(line)
}

// write gives the program a line to read.
func (j *jsClients) write(line args) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = j.stdin.Write(append(text, '\n'))
	return err
}

func (j *jsClients) begin(command string, a args) (<-chan jsAnswer, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	answer := make(chan jsAnswer, 8) // more than a command wishes at once
	j.waiting[j.last] = answer
	all := args{"id": j.last, "do": command}
	for k, v := range a {
		all[k] = v
	}
	return answer, j.write(all)
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
