package subscription

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"parley/app/auth"
	"parley/app/bus"
	"parley/app/event"
	"parley/app/problem"
	"parley/app/registry"
	"parley/app/socket"
)

// Verifier checks access tokens.
type Verifier interface {
	Verify(token string) (auth.Claims, error)
}

// Bindings keep the server's inbox bound to the keys that are acquired. See the
// routing module for the exact meaning of the clock.
type Bindings interface {
	Acquire(keys ...string) <-chan uint64
	Release(keys ...string)
	Clock() uint64
}

// Bus carries requests to the workers, and answers to fences.
type Bus interface {
	Send(ctx context.Context, msg bus.Message) error
	Reply(ctx context.Context, to bus.Message, body []byte) error
}

// Server is the Socket.IO server whose connections the hub looks after.
type Server interface {
	OnConnect(func(ctx context.Context, c *socket.Conn, token string) error)
	OnConnected(func(c *socket.Conn))
	OnDisconnect(func(c *socket.Conn, reason string))
	On(event string, h func(c *socket.Conn, payload json.RawMessage, ack func(any)))
}

// Observer is told who is connected. It is called under the hub's lock: it must be quick and not call the hub.
type Observer interface {
	// Here says that a connection hears everything that it is to hear: the first time, after each loss of the bus, and
	// whenever it has shown a fresh token.
	Here(c *socket.Conn)
	// Gone says that a connection of the user has ended, and whether it was the last one on this server.
	Gone(c *socket.Conn, userID int64, last bool)
}

// Hub holds what the connected users of one socket server hear.
type Hub struct {
	serverID string
	tokens   Verifier
	bus      Bus
	bindings Bindings
	server   Server
	metrics  *Metrics
	log      *slog.Logger
	host     registry.Host
	wake     chan struct{} // somebody is due
	observer Observer      // nil if nobody wants to know

	mu       sync.Mutex
	users    map[int64]*user
	conns    map[*socket.Conn]*user
	members  map[int64]map[*user]struct{} // by group
	sets     map[int64]*set               // by group with members: its public channels, to be shared
	versions map[int64]int64              // by group: the highest that has passed by in a change
	pending  map[*notice]struct{}         // events that wait until what they tell of is in place
	due      []*user                      // snapshots are to be asked for, as soon as the request before is sent
	round    int64                        // numbers requests
	draining bool
	// partitions is how many there are, as workers have told; 0: they have not yet.
	partitions int
}

// NewHub makes the component "subscription.socket".
func NewHub(serverID string, server Server, tokens Verifier, b Bus, bindings Bindings, m *Metrics, log *slog.Logger) *Hub {
	return &Hub{
		serverID: serverID,
		tokens:   tokens,
		bus:      b,
		bindings: bindings,
		server:   server,
		metrics:  m,
		log:      log.With("component", "subscription.socket"),
		wake:     make(chan struct{}, 1),
		users:    make(map[int64]*user),
		conns:    make(map[*socket.Conn]*user),
		members:  make(map[int64]map[*user]struct{}),
		sets:     make(map[int64]*set),
		versions: make(map[int64]int64),
		pending:  make(map[*notice]struct{}),
	}
}

// Partitions is how many partitions of channels there are; 0 before anybody has been subscribed.
func (h *Hub) Partitions() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.partitions
}

// Observe has o told who is connected. Call it before Start.
func (h *Hub) Observe(o Observer) { h.observer = o }

// Name implements registry.Module.
func (h *Hub) Name() string { return "subscription.socket" }

// Roles implements registry.Module.
func (h *Hub) Roles() []registry.Role { return []registry.Role{registry.Socket} }

// Needs implements registry.Module.
func (h *Hub) Needs() []string { return []string{"bus", "socket", "routing.socket"} }

// Init attaches the hub to the Socket.IO server.
func (h *Hub) Init(host registry.Host) error {
	h.host = host
	h.server.OnConnect(h.connect)
	h.server.OnConnected(h.connected)
	h.server.OnDisconnect(h.disconnect)
	h.server.On(event.Auth, h.authenticate)
	return nil
}

// Start implements registry.Module.
func (h *Hub) Start(context.Context) error {
	h.host.Go("requests", h.request)
	return nil
}

// Stop implements registry.Module.
func (h *Hub) Stop(ctx context.Context) error {
	h.Drain(ctx)
	return nil
}

// connect lets a connection in: its token is good, and a worker has said that
// its user exists and is not disabled. It waits for that answer for as long as ctx allows.
func (h *Hub) connect(ctx context.Context, c *socket.Conn, token string) error {
	claims, err := h.tokens.Verify(token)
	if err != nil {
		return err
	}
	u, err := h.enter(c, claims)
	if err != nil {
		return err
	}
	select {
	case <-u.answered:
	case <-ctx.Done():
		return ctx.Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if u.disabled {
		return auth.ErrUserDisabled
	}
	c.SetUser(u.id)
	c.ExpireAt(claims.ExpiresAt)
	return nil
}

// errDraining is no problem.Problem: its connection is closed, and the client comes back to another server by itself.
var errDraining = errors.New("this server is going away")

// enter counts a connection in, and with the user's first one begins to subscribe.
func (h *Hub) enter(c *socket.Conn, claims auth.Claims) (*user, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining {
		return nil, errDraining
	}
	userID := claims.UserID
	u := h.users[userID]
	if u == nil {
		u = &user{id: userID, answered: make(chan struct{})}
		h.users[userID] = u
		h.metrics.users[asking].Inc()
		h.bindings.Acquire(event.UserKey(userID))
		h.ask(u)
	}
	u.conns = append(u.conns, connection{Conn: c, since: time.Now(), family: claims.Family})
	h.conns[c] = u
	return u, nil
}

// connected is called when the client has been told that it is connected.
func (h *Hub) connected(c *socket.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := h.conns[c]
	if u == nil {
		return // gone already
	}
	if u.disabled {
		c.Close(auth.ErrUserDisabled.Code)
		return
	}
	known := u.connection(c)
	if known.ended {
		c.Close(reasonSessionEnded)
		return
	}
	known.connected = true
	if u.phase == live {
		h.welcome(u, known)
	}
}

// disconnect counts a connection out; after the user's last one nothing of it is left.
func (h *Hub) disconnect(c *socket.Conn, reason string) {
	if reason == socket.ReasonSlowClient {
		h.log.Info("a client that did not read was disconnected", "user", c.UserID(), "remote", c.RemoteAddr(), "reason", reason)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	u := h.conns[c]
	if u == nil {
		return // refused before it was counted in
	}
	delete(h.conns, c)
	known := u.connection(c).connected
	u.conns = slices.DeleteFunc(u.conns, func(e connection) bool { return e.Conn == c })
	if known && h.observer != nil {
		h.observer.Gone(c, u.id, !slices.ContainsFunc(u.conns, func(e connection) bool { return e.connected }))
	}
	if len(u.conns) > 0 {
		return
	}
	h.drop(u)
	u.endRound()
	delete(h.users, u.id)
	h.bindings.Release(event.UserKey(u.id))
	h.enterPhase(u, gone)
}

// authenticate takes a fresh token for a connection whose old one is about to expire.
func (h *Hub) authenticate(c *socket.Conn, payload json.RawMessage, ack func(any)) {
	var body struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(payload, &body); err != nil {
		ack(socket.Refusal(problem.Malformed.WithDetail("AUTH takes {token}.")))
		return
	}
	claims, err := h.tokens.Verify(body.Token)
	if err != nil {
		ack(socket.Refusal(problem.From(err)))
		return
	}
	if claims.UserID != c.UserID() {
		ack(socket.Refusal(problem.Forbidden.WithDetail("The token is another user's; open a new connection for it.")))
		return
	}
	c.ExpireAt(claims.ExpiresAt)
	h.mu.Lock()
	if u := h.conns[c]; u != nil {
		known := u.connection(c)
		known.family = claims.Family
		if known.subscribed {
			h.here(c)
		}
	}
	h.mu.Unlock()
	ack(map[string]any{"ok": true, "expiresAt": event.At(claims.ExpiresAt)})
}

func (h *Hub) here(c *socket.Conn) {
	if h.observer != nil {
		h.observer.Here(c)
	}
}

// drainSpread is the time over which the clients of a server that goes away come
// back to others, so that these are not all asked at once.
const drainSpread = 5 * time.Second

// Drain tells every client that the server is going away and lets no new one in. It returns when they
// have been told, or ctx ends.
func (h *Hub) Drain(ctx context.Context) {
	h.mu.Lock()
	first := !h.draining
	h.draining = true
	conns := h.connections(0)
	h.mu.Unlock()
	if !first {
		return
	}
	for _, c := range conns {
		delay := rand.Int64N(drainSpread.Milliseconds())
		c.Emit(frame(event.Drain, map[string]int64{"reconnectInMs": delay}))
	}
	flush(ctx, conns)
}

// connections lists those of one user, or with 0 all of them.
func (h *Hub) connections(userID int64) []*socket.Conn {
	var conns []*socket.Conn
	if userID == 0 {
		for c := range h.conns {
			conns = append(conns, c)
		}
	} else if u := h.users[userID]; u != nil {
		for _, c := range u.conns {
			conns = append(conns, c.Conn)
		}
	}
	return conns
}

// flushTimeout is how long a fence, or a drain, waits for slow clients.
const flushTimeout = time.Second

// flush waits until what was emitted to the connections has been written.
func flush(ctx context.Context, conns []*socket.Conn) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	for _, c := range conns {
		_ = c.Flush(ctx) // a client that does not read must not hold up others
	}
}

// Fence answers once what arrived before it has been handled, which it has, as
// messages are received one by one, and been written out to the connections concerned.
func (h *Hub) Fence(_ context.Context, msg bus.Message) {
	body, err := event.Decode[event.Fence](msg, event.TypeFence)
	if err != nil {
		h.log.Error("a fence could not be read", "error", err)
		return
	}
	h.mu.Lock()
	conns := h.connections(body.UserID)
	h.mu.Unlock()
	h.host.Go("fence", func(ctx context.Context) error {
		flush(ctx, conns)
		if err := h.bus.Reply(ctx, msg, nil); err != nil {
			h.log.Warn("a fence could not be answered", "error", err)
		}
		return nil
	})
}

// frame encodes an event of the hub's own.
func frame(name string, payload any) socket.Frame {
	data, err := json.Marshal(payload)
	if err != nil { // maps of numbers and strings always encode
		data = []byte("{}")
	}
	return socket.NewFrame(name, data)
}
