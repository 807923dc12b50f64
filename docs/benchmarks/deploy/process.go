// Package deploy runs what is measured: real processes on ports of their own, with databases and broker objects of their own, and reads
// what they say and use.
package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a running child. It ends with this process at the latest.
type Process struct {
	Name  string // of the group that its CPU time counts for
	Addr  string // host and port of its public listener
	Admin string // host and port of its metrics; empty if it has none

	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// Spawn starts a command whose output goes into the file log; without one, where the command says.
func Spawn(name string, cmd *exec.Cmd, log string) (*Process, error) {
	p := &Process{Name: name, cmd: cmd, log: log, done: make(chan struct{})}
	if log != "" {
		out, err := os.Create(log) //nolint:gosec // in a throwaway directory
		if err != nil {
			return nil, err
		}
		defer out.Close() // the child has its own copy
		cmd.Stdout, cmd.Stderr = out, out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error, 1)
	go func() {
		defer close(p.done)
		// The death of the thread that started the child is what the kernel takes for the parent's.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ends is in the log
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return p, nil
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Kill ends the process as a crash would.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// Stop asks the process to end, and kills it if it does not.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.Kill()
	}
}

// Log returns the end of what the process has printed.
func (p *Process) Log() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(content[max(0, len(content)-2000):])
}

// Ready waits until the process answers path with 200.
func (p *Process) Ready(ctx context.Context, path string) error {
	return Until(ctx, time.Minute, func() error {
		select {
		case <-p.done:
			return Permanent(fmt.Errorf("%s ended before it was ready:\n%s", p.Name, p.Log()))
		default:
		}
		_, err := get(ctx, "http://"+p.Addr+path)
		return err
	})
}

// Metrics reads the process's Prometheus metrics: the sum over all labels of each name, and each series as it is written.
func (p *Process) Metrics(ctx context.Context) (map[string]float64, error) {
	body, err := get(ctx, "http://"+p.Admin+"/metrics")
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(body)) {
		series, number, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(series, "#") || strings.Contains(series, "_bucket{") {
			continue
		}
		v, err := strconv.ParseFloat(number, 64)
		if err != nil {
			continue // label values with spaces do not occur in what is asked for
		}
		name, _, labelled := strings.Cut(series, "{")
		values[name] += v
		if labelled {
			values[series] = v
		}
	}
	return values, nil
}

// Collect makes a Go process with a pprof listener collect its garbage.
func (p *Process) Collect(ctx context.Context) error {
	_, err := get(ctx, "http://"+p.Admin+"/debug/pprof/heap?gc=1")
	return err
}

func get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, resp.Status, bytes.TrimSpace(body))
	}
	return body, err
}

// permanent is an error that trying again does not help against.
type permanent struct{ error }

// Permanent makes Until give up.
func Permanent(err error) error { return permanent{err} }

// Until tries until it works, ctx ends or patience does.
func Until(ctx context.Context, patience time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		var final permanent
		if err == nil || errors.As(err, &final) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// FreeAddr returns an address on which nothing listens. It is below the range of outgoing connections' ports.
func FreeAddr() (string, error) {
	var err error
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(10000+rand.IntN(10000)))
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil { //nolint:noctx // does not wait
			return addr, l.Close()
		}
	}
	return "", err
}

// file is a path in the scratch directory.
func (l *Lab) file(name string) string { return filepath.Join(l.dir, name) }
