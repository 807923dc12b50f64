package testenv

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// scratch is a throwaway directory. It is locked while its owner lives, so
// that directories whose owner was killed can be told from those in use.
type scratch struct {
	path string
	lock *os.File
}

const (
	scratchPattern = "parley-test-*"
	scratchLock    = "lock"
)

// newScratch makes a directory which other accounts may pass through, because
// PostgreSQL does not run as root. It also removes what was left behind.
func newScratch() (*scratch, error) {
	base := scratchBase()
	removeStale(base)
	path, err := os.MkdirTemp(base, scratchPattern)
	if err != nil {
		return nil, fmt.Errorf("making a throwaway directory: %w", err)
	}
	lock, err := lockScratch(path)
	if err == nil {
		err = os.Chmod(path, 0o711)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("preparing a throwaway directory: %w", err), os.RemoveAll(path))
	}
	return &scratch{path: path, lock: lock}, nil
}

// remove deletes the directory and everything in it.
func (s *scratch) remove() error {
	return errors.Join(os.RemoveAll(s.path), s.lock.Close())
}

func lockScratch(path string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(path, scratchLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// scratchBase is the directory for temporary files, unless root keeps one that
// the account of PostgreSQL cannot enter.
func scratchBase() string {
	base := os.TempDir()
	if os.Geteuid() != 0 {
		return base
	}
	for dir := base; dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode()&0o001 == 0 {
			return "/tmp"
		}
	}
	return base
}

// removeStale removes directories whose owner died before it could. Another
// process may be about to lock one that is brand-new.
func removeStale(base string) {
	const brandNew = time.Minute
	paths, err := filepath.Glob(filepath.Join(base, scratchPattern))
	if err != nil {
		return // the pattern is a constant
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || time.Since(info.ModTime()) < brandNew {
			continue
		}
		lock, err := lockScratch(path)
		if err != nil {
			continue // in use, or another account's
		}
		_ = (&scratch{path: path, lock: lock}).remove() // the next start tries again
	}
}

// FreePort returns a port of the loopback interface on which nothing listens.
// It is below the range from which systems take ports for outgoing
// connections: else a client that keeps trying to reach a stopped server could
// be given the server's own port and keep it from starting again.
func FreePort() (int, error) {
	const low, high, tries = 20000, 30000, 100
	var err error
	for range tries {
		port := low + rand.IntN(high-low)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("finding a free port between %d and %d: %w", low, high, err)
}
