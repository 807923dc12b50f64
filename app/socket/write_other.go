//go:build !unix

package socket

import (
	"errors"
	"net"
	"syscall"
)

// attempt never writes here, so each connection is written to by a goroutine
// of its own while there is something to write.
type attempt struct{}

func newAttempt() attempt { return attempt{} }

func (attempt) write(syscall.RawConn, []byte) (int, error) { return 0, nil }

// tryRead is not used here either: there is no raw connection.
func tryRead(uintptr, []byte) (n int, again bool, err error) { return 0, false, errors.ErrUnsupported }

func rawConn(net.Conn) syscall.RawConn { return nil }
