package rabbit

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy stands between a bus and the broker, and makes trouble.
type proxy struct {
	t        testing.TB
	listener net.Listener
	broker   string
	running  sync.WaitGroup

	mu     sync.Mutex
	refuse bool
	pipes  map[*pipe]struct{}
}

// pipe is one connection through the proxy.
type pipe struct {
	client, broker net.Conn

	mu         sync.Mutex
	held       chan struct{} // not nil: nothing passes until it is closed
	publishing bool          // it says so when it introduces itself
}

func newProxy(t testing.TB) *proxy {
	t.Helper()
	u, err := url.Parse(testURL(t))
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{t: t, listener: l, broker: u.Host, pipes: make(map[*pipe]struct{})}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		p.running.Wait()
	})
	return p
}

// url is the test broker's URL by way of the proxy.
func (p *proxy) url() string {
	u, err := url.Parse(testURL(p.t))
	require.NoError(p.t, err)
	u.Host = p.listener.Addr().String()
	return u.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		refuse := p.refuse
		p.mu.Unlock()
		if refuse {
			_ = client.Close()
			continue
		}
		broker, err := net.Dial("tcp", p.broker)
		if err != nil {
			_ = client.Close()
			continue
		}
		pp := &pipe{client: client, broker: broker}
		p.mu.Lock()
		p.pipes[pp] = struct{}{}
		p.mu.Unlock()
		p.running.Go(pp.toBroker)
		p.running.Go(func() {
			pp.toClient()
			p.mu.Lock()
			delete(p.pipes, pp)
			p.mu.Unlock()
		})
	}
}

func (p *proxy) each(do func(*pipe)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pp := range p.pipes {
		do(pp)
	}
}

// cut breaks every connection.
func (p *proxy) cut() {
	p.each(func(pp *pipe) { pp.release(); pp.close() })
}

// setRefuse makes the broker seem to be away, or back, for new connections.
func (p *proxy) setRefuse(refuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
}

// hold makes the broker seem to hang: the connections stay open, but nothing passes.
func (p *proxy) hold() { p.each(func(pp *pipe) { pp.hold() }) }

// releaseAll ends hold.
func (p *proxy) releaseAll() { p.each(func(pp *pipe) { pp.release() }) }

// block makes the broker seem to have raised an alarm: it says so, and reads no more.
func (p *proxy) block(reason string) {
	p.each(func(pp *pipe) {
		if pp.isPublishing() {
			pp.inject(60, append([]byte{byte(len(reason))}, reason...)) // connection.blocked
		}
	})
}

func (p *proxy) unblock() {
	p.each(func(pp *pipe) {
		if pp.isPublishing() {
			pp.inject(61, nil) // connection.unblocked
		}
	})
}

func (pp *pipe) close() {
	_ = pp.client.Close()
	_ = pp.broker.Close()
}

func (pp *pipe) hold() {
	pp.mu.Lock()
	defer pp.mu.Unlock()
	pp.held = make(chan struct{})
}

func (pp *pipe) release() {
	pp.mu.Lock()
	defer pp.mu.Unlock()
	if pp.held != nil {
		close(pp.held)
		pp.held = nil
	}
}

func (pp *pipe) pass() {
	pp.mu.Lock()
	held := pp.held
	pp.mu.Unlock()
	if held != nil {
		<-held
	}
}

func (pp *pipe) isPublishing() bool {
	pp.mu.Lock()
	defer pp.mu.Unlock()
	return pp.publishing
}

func (pp *pipe) toBroker() {
	defer pp.close()
	buf := make([]byte, 64<<10)
	for {
		n, err := pp.client.Read(buf)
		if err != nil {
			pp.pass() // while nothing passes, nor does the news that the client is gone
			return
		}
		if bytes.Contains(buf[:n], []byte("test publishing")) {
			pp.mu.Lock()
			pp.publishing = true
			pp.mu.Unlock()
		}
		pp.pass()
		if _, err := pp.broker.Write(buf[:n]); err != nil {
			return
		}
	}
}

// toClient passes whole frames, so that others can be put between them.
func (pp *pipe) toClient() {
	defer pp.close()
	from := bufio.NewReader(pp.broker)
	for {
		header := make([]byte, 7) // type, channel, size
		if _, err := io.ReadFull(from, header); err != nil {
			return
		}
		rest := make([]byte, binary.BigEndian.Uint32(header[3:])+1) // payload and end mark
		if _, err := io.ReadFull(from, rest); err != nil {
			return
		}
		pp.pass()
		if err := pp.write(slices.Concat(header, rest)); err != nil {
			return
		}
	}
}

func (pp *pipe) write(frame []byte) error {
	pp.mu.Lock()
	defer pp.mu.Unlock()
	_, err := pp.client.Write(frame)
	return err
}

// inject sends the client a method of the connection class.
func (pp *pipe) inject(method byte, args []byte) {
	payload := append([]byte{0, 10, 0, method}, args...)
	frame := []byte{1, 0, 0}
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(payload)))
	frame = append(frame, payload...)
	_ = pp.write(append(frame, 0xCE))
}
