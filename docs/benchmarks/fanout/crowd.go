package fanout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"parley/docs/benchmarks/wire"
)

// Crowd is a number of clients that one goroutine reads for.
type Crowd struct {
	epoll   int
	clients map[int32]*client
	buf     []byte
	events  []unix.EpollEvent
}

// client is one connection.
type client struct {
	file   *os.File // keeps the descriptor open
	reader wire.Reader
	last   int // number of the last event
	got    int
	faults int // events that came out of turn
}

// Connect connects n clients to a server.
func Connect(ctx context.Context, server Server, url string, n int) (*Crowd, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	c := &Crowd{epoll: epoll, clients: make(map[int32]*client, n), buf: make([]byte, 256<<10), events: make([]unix.EpollEvent, n)}
	for range n {
		if err := c.add(ctx, server, url); err != nil {
			c.Close()
			return nil, fmt.Errorf("client %d: %w", len(c.clients), err)
		}
	}
	return c, nil
}

// Close ends all connections.
func (c *Crowd) Close() {
	for _, one := range c.clients {
		_ = one.file.Close() // it was only read
	}
	_ = unix.Close(c.epoll)
}

func (c *Crowd) add(ctx context.Context, server Server, url string) error {
	conn, err := join(ctx, server, url)
	if err != nil {
		return err
	}
	// The descriptor is taken away from Go's own poller, whose wake-ups would cost more than the reading.
	tcp, ok := conn.Conn.(interface{ File() (*os.File, error) })
	if !ok {
		return errors.New("not a TCP connection")
	}
	file, err := tcp.File()
	if err != nil {
		return err
	}
	_ = conn.Close()
	fd := int(file.Fd())
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	c.clients[int32(fd)] = &client{file: file, reader: conn.Reader}
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

// join connects one client and waits until it is in the room.
func join(ctx context.Context, server Server, url string) (*wire.Conn, error) {
	path, hello, answers := "/connection/websocket", `{"id":1,"connect":{}}`, 1
	if server == Parley {
		path, hello, answers = "/socket.io/?EIO=4&transport=websocket", "40", 2
	}
	conn, err := wire.Dial(ctx, url+path)
	if err != nil {
		return nil, err
	}
	if err := conn.WriteText([]byte(hello)); err != nil {
		return nil, err
	}
	for range answers {
		if _, err := conn.Expect(); err != nil {
			return nil, err
		}
	}
	return conn, nil
}

// Len is the number of clients.
func (c *Crowd) Len() int { return len(c.clients) }

// Collect reads until every client has n more events. It returns how many were missing when patience ended, and how many came out of turn.
func (c *Crowd) Collect(n int, patience time.Duration) (missing, disordered int, err error) {
	waiting := 0
	for _, one := range c.clients {
		one.got -= n
		one.faults = 0
		if one.got < 0 {
			waiting++
		}
	}
	deadline := time.Now().Add(patience)
	for waiting > 0 && time.Now().Before(deadline) {
		ready, err := unix.EpollWait(c.epoll, c.events, 100)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return 0, 0, err
		}
		for _, e := range c.events[:max(0, ready)] {
			one := c.clients[e.Fd]
			before := one.got
			if err := c.read(int(e.Fd), one); err != nil {
				return 0, 0, err
			}
			if before < 0 && one.got >= 0 {
				waiting--
			}
		}
	}
	for _, one := range c.clients {
		missing += max(0, -one.got)
		disordered += one.faults
		one.got = 0
	}
	return missing, disordered, nil
}

func (c *Crowd) read(fd int, one *client) error {
	n, err := unix.Read(fd, c.buf)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return nil
	}
	if err == nil && n == 0 {
		err = errors.New("the server closed the connection")
	}
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	return one.reader.Feed(c.buf[:n], one.count)
}

var marker = []byte(`"seq":`)

// count counts the events of a message: servers may put several into one.
func (o *client) count(message []byte) error {
	for {
		at := bytes.Index(message, marker)
		if at < 0 {
			return nil
		}
		message = message[at+len(marker):]
		end := bytes.IndexByte(message, ',')
		if end < 0 {
			return fmt.Errorf("an event is cut off: %q", message)
		}
		seq, err := strconv.Atoi(string(message[:end]))
		if err != nil {
			return err
		}
		if seq != o.last+1 {
			o.faults++
		}
		o.last = seq
		o.got++
	}
}
