//go:build unix

package socket

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkIdleConnection measures what a client that is in 22 rooms and does nothing costs the server's process,
// which is one of its own: in resident memory right after the last has connected, and when garbage has been
// collected; and in heap and stacks then.
func BenchmarkIdleConnection(b *testing.B) {
	const clients = 2000
	for b.Loop() {
		child := startServer(b)
		for i := range 10 { // so that what is there once is there
			require.NoError(b, dialPlain(child.addr, i).Close())
		}
		child.await(b, 0)
		before := child.ask(b, "settle")
		conns := child.connect(b, clients)
		now, settled := child.ask(b, "now"), child.ask(b, "settle")
		b.ReportMetric((now.RSS-before.RSS)/clients, "RSS-B/conn")
		b.ReportMetric((settled.RSS-before.RSS)/clients, "settled-RSS-B/conn")
		b.ReportMetric((settled.Heap-before.Heap)/clients, "heap-B/conn")
		b.ReportMetric((settled.Stack-before.Stack)/clients, "stack-B/conn")
		closeAll(b, conns)
		child.stop(b)
	}
}

// BenchmarkConnectStorm has 1,000 clients connect to a server process at once, each let into 22 rooms, and measures
// how long that takes and what the server uses for each of them.
func BenchmarkConnectStorm(b *testing.B) {
	const clients = 1000
	child := startServer(b)
	var cpu time.Duration
	for b.Loop() {
		before := child.ask(b, "now")
		conns := child.connect(b, clients)
		cpu += child.ask(b, "now").CPU - before.CPU
		b.StopTimer()
		closeAll(b, conns)
		child.await(b, 0)
		b.StartTimer()
	}
	b.ReportMetric(cpu.Seconds()*1000/float64(b.N*clients), "server-cpu-ms/conn")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/storm")
	child.stop(b)
}

// BenchmarkHandshake connects one client after the other to a server in this process: what is allocated is what
// both ends allocate, of which the client's is next to nothing.
func BenchmarkHandshake(b *testing.B) {
	f := newFixture(b, Options{})
	f.OnDisconnect(func(*Conn, string) {})
	addr := strings.TrimPrefix(f.url, "http://")
	var conns []net.Conn
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		conns = append(conns, dialPlain(addr, i))
	}
	b.StopTimer()
	closeAll(b, conns)
}

// plainConn is a client's end of a WebSocket, at the least possible cost.
type plainConn struct {
	net.Conn
	err error
}

// Close closes the connection, and reports why it could not be used, too.
func (c plainConn) Close() error {
	if c.err != nil {
		return c.err
	}
	return c.Conn.Close()
}

// dialPlain connects as user number i, and returns when it has been let in.
func dialPlain(addr string, user int) net.Conn {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return plainConn{err: err}
	}
	_, err = io.WriteString(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: "+addr+
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	buf, n := make([]byte, 1024), 0
	await := func(text string) {
		for n = 0; err == nil && !bytes.Contains(buf[:n], []byte(text)); {
			var got int
			got, err = conn.Read(buf[n:])
			n += got
		}
	}
	await(`"maxPayload"`)
	packet := `40{"token":"` + strconv.Itoa(user) + `"}`
	if err == nil { // masked, with zero
		_, err = conn.Write(append([]byte{opText, 0x80 | byte(len(packet)), 0, 0, 0, 0}, packet...))
	}
	await(`40{"sid"`)
	return plainConn{conn, err}
}

func closeAll(b *testing.B, conns []net.Conn) {
	var err error
	for _, c := range conns {
		err = errors.Join(err, c.Close())
	}
	require.NoError(b, err)
}

// serverChild is a process that runs serveAlone.
type serverChild struct {
	cmd  *exec.Cmd
	addr string
	in   io.WriteCloser
	out  *bufio.Reader
}

func startServer(b *testing.B) *serverChild {
	c := &serverChild{cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), childMode+"=server")
	c.cmd.Stderr = os.Stderr
	var err error
	c.in, err = c.cmd.StdinPipe()
	require.NoError(b, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, c.cmd.Start())
	c.out = bufio.NewReader(out)
	line, err := c.out.ReadString('\n')
	require.NoError(b, err)
	c.addr = strings.TrimPrefix(strings.TrimSpace(line), "http://")
	return c
}

// ask has the process say what it has used.
func (c *serverChild) ask(b *testing.B, how string) use {
	_, err := fmt.Fprintln(c.in, how)
	require.NoError(b, err)
	line, err := c.out.ReadBytes('\n')
	require.NoError(b, err)
	var u use
	require.NoError(b, json.Unmarshal(line, &u))
	return u
}

// await waits until the process has so many connections.
func (c *serverChild) await(b *testing.B, connections int) {
	require.NoError(b, waitFor(b, func() bool { return c.ask(b, "now").Connections == connections }))
}

// connect connects clients, up to 1,000 of them at a time.
func (c *serverChild) connect(b *testing.B, clients int) []net.Conn {
	conns := make([]net.Conn, 0, clients)
	made := make(chan net.Conn)
	slots := make(chan struct{}, 1000)
	go func() {
		for i := range clients {
			slots <- struct{}{}
			go func() {
				conn := dialPlain(c.addr, i)
				<-slots
				made <- conn
			}()
		}
	}()
	for range clients {
		conns = append(conns, <-made)
	}
	c.await(b, clients)
	return conns
}

// stop ends the process.
func (c *serverChild) stop(b *testing.B) {
	require.NoError(b, c.in.Close())
	require.NoError(b, c.cmd.Wait())
}
