package loadtest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// poster sends messages. It does for them what http.Client does, at a fraction of the cost, which matters where the load
// generator shares a machine with the server: connections are kept and taken in turn, and a request is written, and its answer
// read, by the goroutine that wants it.
type poster struct {
	addr, host, path string
	tls              *tls.Config // nil for plain HTTP

	mu     sync.Mutex
	idle   []*postConn
	open   map[*postConn]bool
	closed bool
}

// postConn is a connection of a poster.
type postConn struct {
	net.Conn
	r     *bufio.Reader
	buf   []byte
	since time.Time // when it was last used, to a second
}

const (
	// idleTime is how long a connection is kept unused: less than any server keeps it.
	idleTime = 4 * time.Second
	// postBuffer holds the head of an answer.
	postBuffer = 2 << 10
)

// newPoster returns a poster to the API at base, which is a URL that was checked.
func newPoster(base string) *poster {
	p := &poster{open: make(map[*postConn]bool)}
	u, err := url.Parse(base)
	if err != nil {
		return p // not after the check; requests fail
	}
	p.host, p.path = u.Host, u.EscapedPath()+"/api/v1"
	port := u.Port()
	if port == "" {
		port = u.Scheme // a name that is known
	}
	p.addr = net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "https" {
		p.tls = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	}
	return p
}

var errPosterClosed = errors.New("no more is sent")

// post sends a message. An answer that is not 2xx is a *refusal.
func (p *poster) post(ctx context.Context, path, bearer string, body []byte) error {
	c, err := p.take(ctx)
	if err != nil {
		return err
	}
	again, err := c.exchange(p, path, bearer, body)
	if again {
		p.give(c)
	} else {
		p.drop(c)
	}
	return err
}

// exchange makes one request, and reports whether the connection can be used for another one.
func (c *postConn) exchange(p *poster, path, bearer string, body []byte) (again bool, err error) {
	now := time.Now()
	if now.Sub(c.since) > time.Second { // an old deadline does as long as it is not nearly over
		if err := c.SetDeadline(now.Add(requestTimeout)); err != nil {
			return false, err
		}
		c.since = now
	}
	c.buf = append(c.buf[:0], "POST "...)
	c.buf = append(append(c.buf, p.path...), path...)
	c.buf = append(append(c.buf, " HTTP/1.1\r\nHost: "...), p.host...)
	c.buf = append(append(c.buf, "\r\nAuthorization: "...), bearer...)
	c.buf = append(c.buf, "\r\nContent-Type: application/json\r\nContent-Length: "...)
	c.buf = append(strconv.AppendInt(c.buf, int64(len(body)), 10), "\r\n\r\n"...)
	c.buf = append(c.buf, body...)
	if _, err := c.Write(c.buf); err != nil {
		return false, err
	}
	answer, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		err = newRefusal(answer)
	}
	if _, drained := io.Copy(io.Discard, answer.Body); drained != nil {
		return false, errors.Join(err, drained)
	}
	return !answer.Close, err
}

// take returns a connection that nobody else uses: the one that was used last, so that those beyond the need fall out of use.
func (p *poster) take(ctx context.Context) (*postConn, error) {
	if c, err := p.takeIdle(); c != nil || err != nil {
		return c, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return nil, err
	}
	if p.tls != nil {
		secure := tls.Client(conn, p.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		conn = secure
	}
	c := &postConn{Conn: conn, r: bufio.NewReaderSize(conn, postBuffer)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errors.Join(errPosterClosed, c.Close())
	}
	p.open[c] = true
	return c, nil
}

// takeIdle returns nil if there is no connection that can still be used.
func (p *poster) takeIdle() (*postConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errPosterClosed
	}
	for n := len(p.idle) - 1; n >= 0; n-- {
		c := p.idle[n]
		p.idle = p.idle[:n]
		if time.Since(c.since) < idleTime {
			return c, nil
		}
		delete(p.open, c)
		_ = c.Close()
	}
	return nil, nil
}

func (p *poster) give(c *postConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
}

func (p *poster) drop(c *postConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
	_ = c.Close()
}

// close ends every connection, and what is under way over it.
func (p *poster) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for c := range p.open {
		_ = c.Close()
	}
	clear(p.open)
	p.idle = nil
}
