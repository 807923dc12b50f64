package testenv

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"
)

// process is a running child with a process group of its own, so that a Ctrl-C
// in the terminal does not reach it before whoever uses it has ended.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once the child has ended
	err  error         // how it ended; to be read after done
}

// spawn starts cmd. Where the system can, the child gets the signal orphan
// when this process dies without having ended it.
func spawn(cmd *exec.Cmd, orphan syscall.Signal) (*process, error) {
	cmd.SysProcAttr = inOwnGroup(cmd.SysProcAttr, orphan)
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(p.done)
		// Linux sends the orphan signal when the thread that started the child ends, not the process: the thread is kept for
		// as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, err
	}
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// ended returns how the process ended; never nil, because it was not meant to.
func (p *process) ended() error {
	if p.err == nil {
		return errors.New("exit status 0")
	}
	return p.err
}

// signal sends sig to the process and to those of its children that stayed in its group.
func (p *process) signal(sig syscall.Signal) error {
	if !p.running() {
		return nil
	}
	err := syscall.Kill(-p.cmd.Process.Pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		return nil // it ended in the meantime
	}
	return err
}

// kill ends the process and all its descendants, those in groups of their own included.
func (p *process) kill() error {
	family := descendants(p.cmd.Process.Pid)
	err := p.signal(syscall.SIGKILL)
	for _, pid := range family {
		_ = syscall.Kill(pid, syscall.SIGKILL) // most of them notice by themselves that their parent is gone
	}
	return err
}
