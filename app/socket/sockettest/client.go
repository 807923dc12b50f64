// Package sockettest is a small Socket.IO client (protocol v5 on Engine.IO v4)
// for tests: WebSocket, long-polling, and the upgrade between them, done as the
// official client does them. It shares no code with the server, nor with the
// library that the server is built on.
package sockettest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Transport is how a client talks to the server.
type Transport string

// The transports. Upgrade begins with long-polling and changes to WebSocket, as official clients do by default.
const (
	WebSocket Transport = "websocket"
	Polling   Transport = "polling"
	Upgrade   Transport = "upgrade"
)

// Reasons for the end of a connection, in the words of the official client. Upon ServerDisconnect and
// ClientDisconnect it would stay away, upon the others reconnect by itself.
const (
	ServerDisconnect = "io server disconnect"
	ClientDisconnect = "io client disconnect"
	TransportClose   = "transport close"
	TransportError   = "transport error"
	PingTimeout      = "ping timeout"
)

// Event is an event that the server has sent.
type Event struct {
	Name    string
	Payload json.RawMessage // the first argument; nil if there is none
}

// Decode reads the payload into v.
func (e Event) Decode(v any) error { return json.Unmarshal(e.Payload, v) }

// ConnectError is the server's refusal to let the client into the namespace.
type ConnectError struct {
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

// Error is the server's message and the code in its data.
func (e *ConnectError) Error() string { return "connect error: " + e.Message + " " + e.Code() }

// Code is the data's code.
func (e *ConnectError) Code() string {
	var data struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(e.Data, &data)
	return data.Code
}

// StatusError is an HTTP answer other than the one that the protocol calls for.
type StatusError struct {
	Status int
	Body   string
}

// Error names status and body.
func (e *StatusError) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Body) }

// Options describe a client.
type Options struct {
	// Token goes into the handshake's auth object. Empty: left out.
	Token string
	// Auth is the whole auth object, in place of one with the token.
	Auth any
	// Transport defaults to WebSocket.
	Transport Transport
	// Namespace defaults to the main one, "/".
	Namespace string
	// Header is sent with every HTTP request, say to set an Origin.
	Header http.Header
	// OnEvent is called for each event, in order, from the goroutine that reads. Without it, events are kept for Next.
	OnEvent func(Event)
	// OnPacket sees each Engine.IO packet as it comes in, before it is handled.
	OnPacket func(packet string)
	// ReadBuffer is the size of the socket's receive buffer, for tests of slow clients. 0 leaves it to the system.
	ReadBuffer int
}

// Client is a connection. Its methods may be called from anywhere.
type Client struct {
	opts  Options
	base  *url.URL
	http  *http.Client
	hello hello

	send sync.Mutex      // one packet or POST at a time
	ws   *websocket.Conn // the transport, nil while polling; guarded by send

	mu       sync.Mutex
	id       string
	events   []Event
	arrived  chan struct{} // closed and replaced when an event arrives
	acks     map[uint64]chan json.RawMessage
	nextAck  uint64
	answers  chan error    // to CONNECT
	paused   chan struct{} // closed by Resume; nil if not paused
	socket   *websocket.Conn
	leaving  bool // polling is about to end
	reason   string
	done     chan struct{}
	upgraded chan struct{}
	wg       sync.WaitGroup
	ctx      context.Context //nolint:containedctx // the life of the client's own requests
	cancel   context.CancelFunc
}

// hello is what the server says when a transport opens.
type hello struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int      `json:"pingInterval"` // ms
	PingTimeout  int      `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

// silence is how long the server may send nothing at all.
func (h hello) silence() time.Duration {
	return time.Duration(h.PingInterval+h.PingTimeout) * time.Millisecond
}

// Dial opens a transport and joins the namespace. A refusal is a *ConnectError; the transport is closed then.
func Dial(ctx context.Context, baseURL string, opts Options) (*Client, error) {
	c, err := Open(ctx, baseURL, opts)
	if err != nil {
		return nil, err
	}
	if err := c.Connect(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Open opens a transport to the server at baseURL ("http://host:port") without joining a namespace.
func Open(ctx context.Context, baseURL string, opts Options) (*Client, error) {
	base, err := url.Parse(baseURL)
	if err != nil {
		return nil, err
	}
	base.Path = "/socket.io/"
	c := &Client{
		opts: opts, base: base,
		arrived:  make(chan struct{}),
		acks:     make(map[uint64]chan json.RawMessage),
		answers:  make(chan error, 1),
		done:     make(chan struct{}),
		upgraded: make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.http = &http.Client{Transport: &http.Transport{DialContext: c.dial, MaxIdleConnsPerHost: 2}}
	if opts.Transport == Polling || opts.Transport == Upgrade {
		err = c.openPolling(ctx)
	} else {
		err = c.openWebSocket(ctx)
	}
	if err != nil {
		c.cancel()
		c.http.CloseIdleConnections()
		return nil, err
	}
	return c, nil
}

// dial makes a TCP connection with the wanted receive buffer.
func (c *Client) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok && c.opts.ReadBuffer > 0 {
		if err := tcp.SetReadBuffer(c.opts.ReadBuffer); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

// address is the URL of a transport.
func (c *Client) address(transport, sid string) string {
	u := *c.base
	q := url.Values{"EIO": {"4"}, "transport": {transport}}
	if sid != "" {
		q.Set("sid", sid)
	}
	if transport == "websocket" {
		u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// namespace is the prefix of packets, empty for the main namespace.
func (c *Client) namespace() string {
	if c.opts.Namespace == "" || c.opts.Namespace == "/" {
		return ""
	}
	return c.opts.Namespace + ","
}

// Connect joins the namespace. It may be called again after a refusal.
func (c *Client) Connect(ctx context.Context) error {
	auth := c.opts.Auth
	if auth == nil && c.opts.Token != "" {
		auth = map[string]string{"token": c.opts.Token}
	}
	packet := "40" + c.namespace()
	if auth != nil {
		data, err := json.Marshal(auth)
		if err != nil {
			return err
		}
		packet += string(data)
	}
	if err := c.Send(packet); err != nil {
		return err
	}
	select {
	case err := <-c.answers:
		return err
	case <-c.done:
		select { // the answer may have come right before the end
		case err := <-c.answers:
			return err
		default:
			return c.ended()
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ErrClosed is why nothing more comes or goes, with the reason.
var ErrClosed = errors.New("connection closed")

func (c *Client) ended() error { return fmt.Errorf("%w: %s", ErrClosed, c.Reason()) }

// Emit sends an event. A nil payload is left out.
func (c *Client) Emit(event string, payload any) error { return c.emit(event, payload, "") }

// EmitAck sends an event and returns the server's answer to it, its first argument.
func (c *Client) EmitAck(ctx context.Context, event string, payload any) (json.RawMessage, error) {
	answer := make(chan json.RawMessage, 1)
	c.mu.Lock()
	id := c.nextAck
	c.nextAck++
	c.acks[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.acks, id)
		c.mu.Unlock()
	}()
	if err := c.emit(event, payload, strconv.FormatUint(id, 10)); err != nil {
		return nil, err
	}
	select {
	case a := <-answer:
		return a, nil
	case <-c.done:
		return nil, c.ended()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *Client) emit(event string, payload any, id string) error {
	args := []any{event}
	if payload != nil {
		args = append(args, payload)
	}
	data, err := json.Marshal(args)
	if err != nil {
		return err
	}
	return c.Send("42" + c.namespace() + id + string(data))
}

// Send sends one Engine.IO packet as it is.
func (c *Client) Send(packet string) error {
	c.send.Lock()
	defer c.send.Unlock()
	var err error
	if c.ws != nil {
		err = c.ws.WriteMessage(websocket.TextMessage, []byte(packet))
	} else {
		err = c.post(packet)
	}
	if err != nil && c.Reason() != "" {
		return c.ended()
	}
	return err
}

// SendBinary sends a binary WebSocket message.
func (c *Client) SendBinary(data []byte) error {
	c.send.Lock()
	defer c.send.Unlock()
	if c.ws == nil {
		return errors.New("binary messages need a WebSocket")
	}
	return c.ws.WriteMessage(websocket.BinaryMessage, data)
}

// Next returns the next event, waiting for it if need be. After the end of the connection, events that had
// arrived are returned first, and then an error that is ErrClosed.
func (c *Client) Next(ctx context.Context) (Event, error) {
	for {
		c.mu.Lock()
		if len(c.events) > 0 {
			e := c.events[0]
			c.events = c.events[1:]
			c.mu.Unlock()
			return e, nil
		}
		arrived := c.arrived
		c.mu.Unlock()
		select {
		case <-arrived:
		case <-c.done:
			c.mu.Lock()
			rest := len(c.events)
			c.mu.Unlock()
			if rest == 0 {
				return Event{}, c.ended()
			}
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

// Await returns the next event with the given name. Others before it are dropped.
func (c *Client) Await(ctx context.Context, name string) (Event, error) {
	for {
		e, err := c.Next(ctx)
		if err != nil || e.Name == name {
			return e, err
		}
	}
}

// ID is the Socket.IO id that the server has given the connection.
func (c *Client) ID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id
}

// Upgraded is closed once the client has changed from polling to WebSocket.
func (c *Client) Upgraded() <-chan struct{} { return c.upgraded }

// Done is closed when the connection has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Reason is why the connection has ended, empty as long as it has not.
func (c *Client) Reason() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

// Pause stops reading after the message that is being read. Pings are not answered meanwhile.
func (c *Client) Pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused == nil {
		c.paused = make(chan struct{})
	}
}

// Resume goes on reading.
func (c *Client) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused != nil {
		close(c.paused)
		c.paused = nil
	}
}

// Close disconnects and waits until nothing of the client is left.
func (c *Client) Close() {
	c.mu.Lock()
	joined := c.id != "" && c.reason == ""
	c.mu.Unlock()
	if joined {
		_ = c.Send("41" + c.namespace())
	}
	c.leave()
	c.finish(ClientDisconnect)
	c.wg.Wait()
}

// Abort breaks the connection without a word, as a client does whose machine dies.
func (c *Client) Abort() {
	c.finish(TransportError)
	c.wg.Wait()
}
