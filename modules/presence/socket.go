package presence

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/problem"
	"parley/app/registry"
	"parley/app/socket"
)

// Bus is what is needed of the bus.
type Bus interface {
	Publish(ctx context.Context, msgs ...bus.Message) error
	Probe(ctx context.Context, msgs ...bus.Message) (reached []bool, err error)
	Send(ctx context.Context, msg bus.Message) error
}

// Bindings keep the server's inbox bound to the keys that are acquired. The channel gets a value once they are.
type Bindings interface {
	Acquire(keys ...string) <-chan uint64
	Release(keys ...string)
}

// Router hands on what arrives in the server's inbox.
type Router interface {
	Handle(typ string, h func(context.Context, bus.Message))
	Overhear(event string, h func(key string, payload json.RawMessage))
	OnReset(h func())
}

// Server is the Socket.IO server. Everybody is in the room of the own user key.
type Server interface {
	On(event string, h func(c *socket.Conn, payload json.RawMessage, ack func(any)))
	In(room string) []*socket.Conn
	Broadcast(room string, f socket.Frame, exceptRoom string) int
}

// Socket is the component "presence.socket".
type Socket struct {
	id       string // of this server
	rooms    rooms
	attach   func()
	bus      Bus
	bindings Bindings
	metrics  *Metrics
	log      *slog.Logger
	host     registry.Host

	mu    sync.Mutex
	here  here
	watch watch
	asks  asks
	seen  map[int64]int64 // when users were seen last, to be noted by a worker

	tellWake, probeWake, askWake, seenWake chan struct{}
}

// client is what is needed of a connection.
type client interface {
	UserID() int64
	Join(rooms ...string)
	Leave(rooms ...string)
}

// rooms is what is needed of the Server once it runs.
type rooms interface {
	members(room string) []client
	broadcast(room, event string, payload any)
}

// NewSocket makes the component of the server with that id.
func NewSocket(id string, server Server, router Router, b Bus, bindings Bindings, m *Metrics, log *slog.Logger) *Socket {
	s := newSocket(id, served{server, log}, b, bindings, m, log)
	s.attach = func() {
		s.receive(router)
		server.On(event.PresenceSubscribe, func(c *socket.Conn, payload json.RawMessage, ack func(any)) { s.subscribe(c, payload, ack) })
		server.On(event.PresenceChanged, func(c *socket.Conn, payload json.RawMessage, ack func(any)) { ack(s.state(c, payload)) })
	}
	return s
}

func newSocket(id string, r rooms, b Bus, bindings Bindings, m *Metrics, log *slog.Logger) *Socket {
	wake := func() chan struct{} { return make(chan struct{}, 1) }
	return &Socket{
		id: id, rooms: r, bus: b, bindings: bindings, metrics: m, log: log.With("component", "presence.socket"),
		here: newHere(), watch: newWatch(), asks: newAsks(), seen: make(map[int64]int64),
		tellWake: wake(), probeWake: wake(), askWake: wake(), seenWake: wake(),
	}
}

// Name implements registry.Module.
func (s *Socket) Name() string { return "presence.socket" }

// Roles implements registry.Module.
func (s *Socket) Roles() []registry.Role { return []registry.Role{registry.Socket} }

// Needs implements registry.Module.
func (s *Socket) Needs() []string {
	return []string{"bus", "socket", "routing.socket", "subscription.socket"}
}

// Init listens for what clients and other servers say.
func (s *Socket) Init(h registry.Host) error {
	s.host = h
	s.attach()
	return nil
}

// receive takes part in what the server's inbox brings.
func (s *Socket) receive(r Router) {
	r.Handle(event.TypePresenceProbe, s.probed)
	r.Handle(event.TypePresenceStates, s.told)
	r.Handle(event.TypePresenceKnown, s.known)
	r.Overhear(event.MemberLeft, s.memberLeft)
	r.Overhear(event.LeftGroup, s.viewersLeft)
	r.Overhear(event.GroupRemoved, s.viewersLeft)
	r.OnReset(s.reset)
}

// Start begins to tell and to ask.
func (s *Socket) Start(context.Context) error {
	s.host.Go("tell", s.tell)
	s.host.Go("probe", s.probe)
	s.host.Go("ask", s.ask)
	s.host.Go("seen", s.noteSeen)
	return nil
}

// Stop has workers note, if they can soon, when users were seen last. That they are gone, other servers find out by themselves.
func (s *Socket) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, retryAfter)
	defer cancel()
	if err := s.sendSeen(ctx); err != nil {
		s.log.Debug("it is not noted when users were last seen", "error", err)
	}
	return nil
}

// state takes what a client says of its device, and returns what is acknowledged.
func (s *Socket) state(c client, payload json.RawMessage) any {
	var body struct {
		State event.UserState `json:"state"`
	}
	err := json.Unmarshal(payload, &body)
	if err != nil || body.State != event.UserOnline && body.State != event.UserAway {
		return socket.Refusal(problem.Malformed.WithDetail(`PRESENCE takes {state}, which is "online" or "away".`))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setAway(c, body.State == event.UserAway)
	return map[string]bool{"ok": true}
}

// served makes rooms of a Server.
type served struct {
	server Server
	log    *slog.Logger
}

func (r served) members(room string) []client {
	conns := r.server.In(room)
	clients := make([]client, len(conns))
	for i, c := range conns {
		clients[i] = c
	}
	return clients
}

func (r served) broadcast(room, event string, payload any) {
	data, err := json.Marshal(payload)
	if err != nil {
		r.log.Error("an event could not be encoded", "error", err)
		return
	}
	r.server.Broadcast(room, socket.NewFrame(event, data), "")
}

// Here implements subscription's Observer.
func (s *Socket) Here(c *socket.Conn) { s.arrived(c) }

// Gone implements subscription's Observer.
func (s *Socket) Gone(c *socket.Conn, userID int64, last bool) { s.left(c, userID, last) }

// nudge wakes a task.
func nudge(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// await returns when there is news, after d (never, if that is 0), or when ctx ends.
func await(ctx context.Context, wake <-chan struct{}, d time.Duration) {
	var timeout <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-wake:
	case <-timeout:
	case <-ctx.Done():
	}
}
