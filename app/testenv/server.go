package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const (
	// stopTimeout is how long a server may take to shut down in good order.
	stopTimeout = time.Minute
	// pollInterval is how often a starting server is asked whether it is ready.
	pollInterval = 50 * time.Millisecond
)

// spec says how one server is run: everything that differs between programs,
// and between an installed program and a container.
type spec struct {
	name    string
	url     string
	command func() *exec.Cmd                // a fresh command for each start; it stays in the foreground
	ready   func(ctx context.Context) error // nil once clients are served
	stop    syscall.Signal                  // asks for a shutdown in good order
	orphan  syscall.Signal                  // what it gets when the process that started it dies
	kill    func() error                    // nil: SIGKILL to the process and its children
	discard func() error                    // nil: nothing but the directory is left behind
}

// Server is a PostgreSQL or RabbitMQ server that a test has to itself.
type Server struct {
	spec spec
	dir  *scratch

	mu   sync.Mutex
	proc *process // nil while it is stopped
}

// URL returns the server's address, which stays the same over restarts.
func (s *Server) URL() string { return s.spec.url }

// Start starts the server again after Stop or Kill, on the same address and
// with the same data, and returns when it serves clients.
func (s *Server) Start() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return s.start(ctx, true)
}

// Stop shuts the server down in good order and returns when it has ended.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return nil
	}
	if err := s.proc.signal(s.spec.stop); err != nil {
		return fmt.Errorf("stopping %s: %w", s.spec.name, err)
	}
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	select {
	case <-s.proc.done:
		s.proc = nil
		return nil
	case <-timeout.C:
		err := fmt.Errorf("%s did not stop within %s and was killed", s.spec.name, stopTimeout)
		return errors.Join(err, s.killLocked())
	}
}

// Kill ends the server at once, as a crash would, and returns when it is gone.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.killLocked()
}

func (s *Server) killLocked() error {
	if s.proc == nil {
		return nil
	}
	kill := s.spec.kill
	if kill == nil {
		kill = s.proc.kill
	}
	if err := kill(); err != nil {
		return fmt.Errorf("killing %s: %w", s.spec.name, err)
	}
	<-s.proc.done
	s.proc = nil
	return nil
}

// discard ends the server and removes everything it left.
func (s *Server) discard() error {
	err := s.Kill()
	if s.spec.discard != nil {
		err = errors.Join(err, s.spec.discard())
	}
	return errors.Join(err, s.dir.remove())
}

// start runs the server and waits until it serves clients. After a crash a
// server may refuse to start while remains of its former self are still
// around; again makes it try until ctx ends.
func (s *Server) start(ctx context.Context, again bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil && s.proc.running() {
		return fmt.Errorf("%s is running already", s.spec.name)
	}
	for {
		err := s.startOnce(ctx)
		if err == nil || !again || ctx.Err() != nil {
			return err
		}
		if !wait(ctx, pollInterval) {
			return err
		}
	}
}

func (s *Server) startOnce(ctx context.Context) error {
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own copy
	cmd := s.spec.command()
	cmd.Stdout, cmd.Stderr = log, log
	proc, err := spawn(cmd, s.spec.orphan)
	if err != nil {
		return fmt.Errorf("starting %s: %w", s.spec.name, err)
	}
	if err := s.waitReady(ctx, proc); err != nil {
		s.proc = proc
		return errors.Join(err, s.killLocked())
	}
	s.proc = proc
	return nil
}

func (s *Server) waitReady(ctx context.Context, proc *process) error {
	var last error
	for {
		if last = s.askReady(ctx); last == nil {
			return nil
		}
		poll := time.NewTimer(pollInterval)
		select {
		case <-poll.C:
		case <-proc.done:
			poll.Stop()
			return fmt.Errorf("%s ended while starting: %w", s.spec.name, proc.ended())
		case <-ctx.Done():
			poll.Stop()
			return fmt.Errorf("%s did not become ready: %w (%w)", s.spec.name, ctx.Err(), last)
		}
	}
}

func (s *Server) askReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return s.spec.ready(ctx)
}

func (s *Server) logPath() string { return filepath.Join(s.dir.path, "log") }

// logTail returns the end of what the server has printed.
func (s *Server) logTail() string {
	const lines = 30
	content, err := os.ReadFile(s.logPath())
	if err != nil {
		return err.Error()
	}
	all := bytes.SplitAfter(content, []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], nil))
}

// wait pauses for d; false if ctx ended before.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
