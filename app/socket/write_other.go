//go:build !unix

package socket

import (
	"net"
	"syscall"
)

// attempt never writes here, so each connection is written to by a goroutine
// of its own while there is something to write.
type attempt struct{}

func newAttempt() attempt { return attempt{} }

func (attempt) write(syscall.RawConn, []byte) (int, error) { return 0, nil }

func rawConn(net.Conn) syscall.RawConn { return nil }
