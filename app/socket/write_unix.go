//go:build unix

package socket

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// attempt writes to a socket as much as it takes at once. The callback is made
// once for many writes, and so is not allocated for each.
type attempt struct {
	state *attemptState
	try   func(fd uintptr) bool
}

type attemptState struct {
	data    []byte
	written int
	err     error
}

func newAttempt() attempt {
	state := &attemptState{}
	return attempt{state: state, try: state.run}
}

// run is called by the network poller's file descriptor, which is locked for
// writing; returning true says not to wait until the socket can take more.
func (a *attemptState) run(fd uintptr) bool {
	for a.written < len(a.data) {
		n, err := syscall.Write(int(fd), a.data[a.written:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return true
		case err != nil:
			a.err = err
			return true
		}
		a.written += n
		if n == 0 {
			return true
		}
	}
	return true
}

// write returns how much of data has been written without waiting: nothing,
// if there is no socket underneath (TLS).
func (a attempt) write(raw syscall.RawConn, data []byte) (int, error) {
	if raw == nil {
		return 0, nil
	}
	*a.state = attemptState{data: data}
	err := raw.Write(a.try)
	written := a.state.written
	if err == nil {
		err = a.state.err
	}
	a.state.data = nil
	return written, err
}

// tryRead reads what there is. If there is nothing, it says to try again later.
func tryRead(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		n, err = syscall.Read(int(fd), p)
		switch { // not by errors.Is, which takes too much of the stack: see reader.wait
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return 0, true, nil
		case err != nil:
			return 0, false, err
		case n == 0:
			return 0, false, io.EOF
		}
		return n, false, nil
	}
}

// rawConn returns the socket under a connection, nil if there is none.
func rawConn(conn net.Conn) syscall.RawConn {
	if tcp, ok := conn.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}
