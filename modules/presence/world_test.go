package presence

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/bus/memory"
	"parley/app/event"
	"parley/app/registry"
)

// world is a deployment in a bubble of time: servers with connections, a broker that takes its time and is away at times, and the
// test as worker.
type world struct {
	t      *testing.T
	bus    *slowBus
	nodes  []*node
	worker *host

	mu        sync.Mutex
	strangers map[[2]int64]bool // who share no group
	asks      int               // that reached the worker
	deaf      bool              // the worker does not answer
	seen      map[int64]int64
}

// host runs tasks until its context ends.
type host struct {
	ctx   context.Context //nolint:containedctx // the life of the tasks
	end   context.CancelFunc
	tasks sync.WaitGroup
}

var _ registry.Host = (*host)(nil)

func newHost() *host {
	h := &host{}
	h.ctx, h.end = context.WithCancel(context.Background())
	return h
}

func (*host) Logger() *slog.Logger { return discard }

func (h *host) Go(_ string, run func(context.Context) error) {
	h.tasks.Go(func() { _ = run(h.ctx) })
}

func (h *host) stop() {
	h.end()
	h.tasks.Wait()
}

// newWorld is a world of so many servers. The seed decides how long everything takes, up to latency.
func newWorld(t *testing.T, servers int, seed uint64, latency time.Duration) *world {
	t.Helper()
	w := &world{
		t: t, worker: newHost(), strangers: make(map[[2]int64]bool), seen: make(map[int64]int64),
		bus: &slowBus{Bus: memory.New(memory.Options{}), rng: rand.New(rand.NewPCG(seed, 0)), latency: latency},
	}
	require.NoError(t, w.bus.Start(t.Context()))
	require.NoError(t, w.bus.Declare(t.Context(), queue))
	w.worker.Go("worker", func(ctx context.Context) error { return w.bus.Consume(ctx, queue, w) })
	for range servers {
		w.start()
	}
	return w
}

// close ends the world in good order.
func (w *world) close() {
	for _, n := range w.nodes {
		if n.alive {
			n.host.stop()
			require.NoError(w.t, n.socket.Stop(context.Background()))
			require.NoError(w.t, n.inbox.Close(context.Background()))
		}
	}
	w.worker.stop()
	require.NoError(w.t, w.bus.Stop(context.Background()))
}

// Work implements bus.Worker: the test knows who shares a group with whom.
func (w *world) Work(ctx context.Context, batch []bus.Message) error {
	for _, msg := range batch {
		if msg.Type == event.TypePresenceSeen {
			body, err := event.Decode[event.PresenceSeen](msg, msg.Type)
			require.NoError(w.t, err)
			w.mu.Lock()
			for _, u := range body.Users {
				w.seen[u.UserID] = max(w.seen[u.UserID], u.SeenAt)
			}
			w.mu.Unlock()
			continue
		}
		ask, err := event.Decode[event.PresenceAsk](msg, event.TypePresenceAsk)
		require.NoError(w.t, err)
		w.answer(ctx, ask)
	}
	return nil
}

func (w *world) answer(ctx context.Context, ask event.PresenceAsk) {
	known := event.PresenceKnown{RequestID: ask.RequestID}
	w.mu.Lock()
	w.asks++
	for _, wish := range ask.Asks {
		found := []event.LastSeen{}
		for _, id := range wish.UserIDs {
			if !w.strangers[[2]int64{wish.ViewerID, id}] && id < 1000 {
				found = append(found, event.LastSeen{UserID: id, SeenAt: w.seen[id]})
			}
		}
		known.Answers = append(known.Answers, found)
	}
	deaf := w.deaf
	w.mu.Unlock()
	if deaf {
		return
	}
	msg, err := event.Encode(event.ServerKey(ask.ServerID), event.TypePresenceKnown, known)
	require.NoError(w.t, err)
	require.NoError(w.t, w.bus.Bus.Publish(ctx, msg))
}

// GaveUp implements bus.Worker.
func (w *world) GaveUp(context.Context, bus.Message, error) error { return nil }

// part has two users share no group any more, of which all servers hear.
func (w *world) part(a, b int64) {
	w.mu.Lock()
	w.strangers[[2]int64{a, b}], w.strangers[[2]int64{b, a}] = true, true
	w.mu.Unlock()
	for _, n := range w.nodes {
		if n.alive {
			n.socket.memberLeft("group:1", json.RawMessage(fmt.Sprintf(`{"groupId": 1, "userId": %d}`, a)))
			n.socket.viewersLeft(event.UserKey(a), nil)
		}
	}
}

// node is a socket server.
type node struct {
	w      *world
	id     string
	alive  bool
	host   *host
	socket *Socket
	inbox  bus.Inbox

	handlers map[string]func(context.Context, bus.Message)

	mu      sync.Mutex
	counts  map[string]int
	rooms   map[string]map[*conn]struct{}
	clients []*conn
}

// start begins a new server.
func (w *world) start() *node {
	n := &node{
		w: w, id: "server-" + strconv.Itoa(len(w.nodes)), alive: true, host: newHost(),
		handlers: make(map[string]func(context.Context, bus.Message)), counts: make(map[string]int), rooms: make(map[string]map[*conn]struct{}),
	}
	n.socket = newSocket(n.id, n, w.bus, n, NewMetrics(nil), discard)
	n.socket.attach = func() { n.socket.receive(n) }
	inbox, err := w.bus.Open(w.t.Context(), "server."+n.id, n)
	require.NoError(w.t, err)
	n.inbox = inbox
	require.NoError(w.t, n.socket.Init(n.host))
	<-n.Acquire(event.ServerKey(n.id))
	require.NoError(w.t, n.socket.Start(w.t.Context()))
	w.nodes = append(w.nodes, n)
	return n
}

// kill ends it as a crash would.
func (n *node) kill() {
	n.alive = false
	require.NoError(n.w.t, n.inbox.Close(context.Background()))
	n.host.stop()
	n.clients = nil
}

// Handle, Overhear and OnReset implement Router. What is overheard, the test says itself.
func (n *node) Handle(typ string, h func(context.Context, bus.Message)) { n.handlers[typ] = h }

func (*node) Overhear(string, func(string, json.RawMessage)) {}

func (*node) OnReset(func()) {}

// Receive implements bus.Receiver.
func (n *node) Receive(ctx context.Context, msg bus.Message) {
	if n.w.bus.travel(ctx) != nil && ctx.Err() != nil {
		return
	}
	n.handlers[msg.Type](ctx, msg)
}

// Reset implements bus.Receiver; the in-process bus never does it.
func (n *node) Reset(context.Context) {}

// Acquire and Release implement Bindings.
func (n *node) Acquire(keys ...string) <-chan uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, key := range keys {
		if n.counts[key]++; n.counts[key] == 1 {
			_ = n.inbox.Bind(context.Background(), key)
		}
	}
	done := make(chan uint64, 1)
	n.host.Go("bind", func(ctx context.Context) error {
		_ = n.w.bus.travel(ctx)
		done <- 1
		return nil
	})
	return done
}

func (n *node) Release(keys ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, key := range keys {
		if n.counts[key]--; n.counts[key] == 0 {
			delete(n.counts, key)
			_ = n.inbox.Unbind(context.Background(), key)
		}
		if n.counts[key] < 0 {
			panic("released more often than acquired: " + key)
		}
	}
}

// loseBindings is what a lost connection to the broker does: no binding is left, and they are made again a while later.
func (n *node) loseBindings() {
	n.mu.Lock()
	var keys []string
	for key := range n.counts {
		keys = append(keys, key)
	}
	_ = n.inbox.Unbind(context.Background(), keys...)
	n.mu.Unlock()
	<-time.After(500 * time.Millisecond)
	n.mu.Lock()
	for key := range n.counts {
		_ = n.inbox.Bind(context.Background(), key)
	}
	n.mu.Unlock()
	n.socket.reset()
	for _, c := range n.clients {
		n.socket.arrived(c)
	}
}

func (n *node) members(room string) []client {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []client
	for c := range n.rooms[room] {
		all = append(all, c)
	}
	return all
}

func (n *node) broadcast(room, name string, body any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p, ok := body.(payload)
	require.True(n.w.t, ok && name == event.PresenceChanged)
	for c := range n.rooms[room] {
		c.hear(p)
	}
}

// conn is a connection. The test's goroutine and, under the server's lock, those of the server use it.
type conn struct {
	n    *node
	user int64
	away bool

	mu      sync.Mutex
	watches []int64
	view    map[int64]payload
	heard   []payload
	acks    []string
}

// connect has a user connect.
func (n *node) connect(user int64) *conn {
	c := &conn{n: n, user: user, view: make(map[int64]payload)}
	<-n.Acquire(event.UserKey(user))
	n.clients = append(n.clients, c)
	c.Join(event.UserKey(user))
	n.socket.arrived(c)
	return c
}

// close ends the connection.
func (c *conn) close() {
	n := c.n
	n.mu.Lock()
	for _, members := range n.rooms {
		delete(members, c)
	}
	last := len(n.rooms[event.UserKey(c.user)]) == 0
	n.mu.Unlock()
	n.clients = slices.DeleteFunc(n.clients, func(other *conn) bool { return other == c })
	n.socket.left(c, c.user, last)
	n.Release(event.UserKey(c.user))
}

// set says whether the device is in use.
func (c *conn) set(state event.UserState) {
	c.away = state == event.UserAway
	answer, err := json.Marshal(c.n.socket.state(c, json.RawMessage(fmt.Sprintf(`{"state": %q}`, state))))
	require.NoError(c.n.w.t, err)
	require.JSONEq(c.n.w.t, `{"ok": true}`, string(answer))
}

// watch watches users, without waiting for the acknowledgement.
func (c *conn) watch(users ...int64) {
	c.mu.Lock()
	c.watches = users
	c.mu.Unlock()
	body, err := json.Marshal(map[string][]int64{"userIds": append([]int64{}, users...)})
	require.NoError(c.n.w.t, err)
	c.n.socket.subscribe(c, body, c.acknowledged)
}

func (c *conn) acknowledged(answer any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := answer.(subscribed); ok {
		c.view = make(map[int64]payload)
		for _, p := range s.Presences {
			c.view[p.UserID] = p
		}
	}
	data, err := json.Marshal(answer)
	require.NoError(c.n.w.t, err)
	c.acks = append(c.acks, string(data))
}

func (c *conn) hear(p payload) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.view[p.UserID] = p
	c.heard = append(c.heard, p)
}

// sees is how the connection sees a user.
func (c *conn) sees(user int64) event.UserState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.view[user].State
}

// takeHeard returns the changes that it has been told since the last time.
func (c *conn) takeHeard() (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.heard {
		all = append(all, fmt.Sprint(p.UserID, " ", p.State))
	}
	c.heard = nil
	return all
}

// takeAcks returns the acknowledgements since the last time.
func (c *conn) takeAcks() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	acks := c.acks
	c.acks = nil
	return acks
}

// UserID, Join and Leave implement client.
func (c *conn) UserID() int64 { return c.user }

func (c *conn) Join(rooms ...string) {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	for _, room := range rooms {
		if c.n.rooms[room] == nil {
			c.n.rooms[room] = make(map[*conn]struct{})
		}
		c.n.rooms[room][c] = struct{}{}
	}
}

func (c *conn) Leave(rooms ...string) {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	for _, room := range rooms {
		delete(c.n.rooms[room], c)
	}
}

// inWorld runs a story in a world where everything takes no time, but for what waits on purpose.
func inWorld(t *testing.T, servers int, story func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, servers, 1, 0)
		defer w.close()
		story(t, w)
	})
}

// after waits in the bubble's time, and until all is quiet.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
