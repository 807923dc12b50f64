package rabbit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"parley/app/bus"
)

const (
	// connectTimeout bounds one attempt to connect, up to and including the declaration of the topology.
	connectTimeout = 10 * time.Second
	// defaultHeartbeat is what Parley asks for; the broker or the URL may ask for something else. The library gives
	// a silent broker up after one and a half of it; the broker gives a silent Parley up after about two.
	defaultHeartbeat = 8 * time.Second
)

// endpoint is where the broker is, and how to get in.
type endpoint struct {
	url string // as configured: never shown, it holds the password
	uri amqp.URI

	heartbeat time.Duration
}

// parseURL never repeats the URL, nor a part of it that may be a piece of the password: a slash or an @ in the
// password, not encoded, makes the rest of it look like the host or the port.
func parseURL(raw string) (endpoint, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return endpoint{}, errors.New("the AMQP URL cannot be read: it must look like amqp://user:password@host:5672/vhost, " +
			"with special characters in user, password and vhost percent-encoded")
	}
	if u.Scheme != "amqp" && u.Scheme != "amqps" {
		return endpoint{}, fmt.Errorf("the AMQP URL must begin with amqp:// or amqps://, not %s://", u.Scheme)
	}
	uri, err := amqp.ParseURI(raw)
	if err != nil {
		return endpoint{}, fmt.Errorf("the AMQP URL cannot be used: %w", err)
	}
	return endpoint{url: raw, uri: uri, heartbeat: defaultHeartbeat}, nil
}

// String shows the endpoint without its password.
func (e endpoint) String() string {
	vhost := ""
	if e.uri.Vhost != "/" {
		vhost = "/" + e.uri.Vhost
	}
	return e.uri.Scheme + "://" + net.JoinHostPort(e.uri.Host, strconv.Itoa(e.uri.Port)) + vhost
}

// errSetUp marks that the broker could be reached, but did not do what was asked of it.
var errSetUp = errors.New("set up the connection")

// connect makes a connection and has setUp put on it what it is for. The connection has a name that the broker's
// tools show. The caller closes it.
func (e endpoint) connect(ctx context.Context, name string, background *sync.WaitGroup, setUp func(*conn) error) (*conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, fmt.Errorf("no answer within %v", connectTimeout))
	defer cancel()
	var raw *wire
	unwatch := func() bool { return true }
	connection, err := amqp.DialConfig(e.url, amqp.Config{
		Heartbeat:  e.heartbeat,
		Properties: amqp.Table{"product": "Parley", "connection_name": name},
		Dial: func(network, addr string) (net.Conn, error) {
			tcp, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			raw = newWire(tcp)
			unwatch = context.AfterFunc(ctx, raw.cut) // nothing else ends a handshake
			return raw, nil
		},
	})
	if err != nil {
		unwatch()
		if raw != nil {
			raw.cut() // the library leaves it open when the handshake fails
		}
		return nil, e.refusal(ctx, err)
	}
	c := newConn(connection, raw, background)
	err = setUp(c)
	if !unwatch() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("%w: %w", errSetUp, e.refusal(ctx, err))
	}
	return c, nil
}

// refusal explains why connecting failed.
func (e endpoint) refusal(ctx context.Context, err error) error {
	var reason string
	var refused *amqp.Error
	switch {
	case ctx.Err() != nil:
		reason = "gave up waiting: " + context.Cause(ctx).Error()
	case errors.Is(err, amqp.ErrCredentials):
		reason = fmt.Sprintf("user name or password of %q were refused", e.uri.Username)
	case errors.As(err, &refused) && refused.Code == amqp.NotAllowed, errors.Is(err, amqp.ErrVhost):
		reason = fmt.Sprintf("user %q may not use vhost %q, or it does not exist: %v", e.uri.Username, e.uri.Vhost, err)
	default:
		reason = err.Error()
	}
	return fmt.Errorf("%w: connect to %s: %s", bus.ErrUnavailable, e, reason)
}
