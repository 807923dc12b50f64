package testenv

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// RunGroup runs cmd in a process group of its own and returns its exit code:
// 128 and the signal's number if a signal ended it. When ctx ends, the group
// is asked to stop and, after grace, killed. Nothing of the group outlives the call.
func RunGroup(ctx context.Context, cmd *exec.Cmd, grace time.Duration) (int, error) {
	p, err := spawn(cmd, syscall.SIGTERM)
	if err != nil {
		return 1, fmt.Errorf("starting the command: %w", err)
	}
	// Children of the command that are still there when it has ended: kill(2) reaches a group for as long as it has members.
	defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }()
	select {
	case <-p.done:
	case <-ctx.Done():
		if err := endGroup(p, grace); err != nil {
			return 1, err
		}
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		return 1, fmt.Errorf("running the command: %w", p.err)
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

func endGroup(p *process, grace time.Duration) error {
	if err := p.signal(syscall.SIGINT); err != nil {
		return fmt.Errorf("interrupting the command: %w", err)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
	}
	if err := p.kill(); err != nil {
		return fmt.Errorf("killing the command: %w", err)
	}
	<-p.done
	return nil
}
