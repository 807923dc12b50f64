package subscription

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/auth"
	"parley/app/bus"
	"parley/app/bus/memory"
	"parley/app/event"
	"parley/app/registry"
	"parley/app/socket"
	"parley/app/socket/sockettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

// host runs tasks until the test ends.
type host struct {
	ctx   context.Context //nolint:containedctx // the life of the test
	tasks sync.WaitGroup
}

func (h *host) Logger() *slog.Logger { return discard }

func (h *host) Go(_ string, run func(context.Context) error) {
	h.tasks.Go(func() { _ = run(h.ctx) })
}

var _ registry.Host = (*host)(nil)

// tokens takes a user's id for a token, with or without a sign-in: "7", "7/phone".
type tokens struct{}

func (tokens) Verify(token string) (auth.Claims, error) {
	user, family, _ := strings.Cut(token, "/")
	id, err := strconv.ParseInt(user, 10, 64)
	if err != nil {
		return auth.Claims{}, auth.ErrTokenInvalid
	}
	return auth.Claims{UserID: id, Family: family, ExpiresAt: time.Now().Add(time.Hour)}, nil
}

// keyring is the Bindings of the tests. It stands in for the routing module's: keys are bound when the test says so.
type keyring struct {
	mu      sync.Mutex
	clock   uint64
	counts  map[string]int
	since   map[string]uint64
	waiters []waiter
	held    bool // bind nothing for now
}

type waiter struct {
	keys []string
	done chan uint64
}

func newKeyring() *keyring {
	return &keyring{counts: make(map[string]int), since: make(map[string]uint64)}
}

func (k *keyring) Acquire(keys ...string) <-chan uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := waiter{keys: keys, done: make(chan uint64, 1)}
	for _, key := range keys {
		k.counts[key]++
	}
	k.waiters = append(k.waiters, w)
	k.settleLocked()
	return w.done
}

func (k *keyring) Release(keys ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range keys {
		if k.counts[key]--; k.counts[key] < 0 {
			panic("released more often than acquired: " + key)
		}
		if k.counts[key] == 0 {
			delete(k.counts, key)
			delete(k.since, key)
		}
	}
}

func (k *keyring) Clock() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.clock
}

// hold keeps keys from being bound, or lets them.
func (k *keyring) hold(yes bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held = yes
	k.settleLocked()
}

func (k *keyring) settleLocked() {
	if k.held {
		return
	}
	for _, w := range k.waiters {
		var since uint64
		for _, key := range w.keys {
			if k.counts[key] > 0 && k.since[key] == 0 {
				k.clock++
				k.since[key] = k.clock
			}
			since = max(since, k.since[key])
		}
		w.done <- since
	}
	k.waiters = nil
}

// wanted lists the keys somebody needs.
func (k *keyring) wanted() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var keys []string
	for key := range k.counts {
		keys = append(keys, key)
	}
	return keys
}

// world is one socket server, with the test as the worker and as the broker.
type world struct {
	t        *testing.T
	hub      *Hub
	server   *socket.Server
	url      string
	keys     *keyring
	requests chan event.SubscriptionRequest
	probes   int
	told     *observer
}

// observer records what it is told.
type observer struct {
	mu   sync.Mutex
	told []string
}

func (o *observer) Here(c *socket.Conn) { o.note(fmt.Sprint("here ", c.UserID())) }

func (o *observer) Gone(_ *socket.Conn, user int64, last bool) {
	o.note(fmt.Sprint("gone ", user, " ", last))
}

func (o *observer) note(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = append(o.told, what)
}

// requireTold waits until the observer has been told these things, and nothing else.
func (w *world) requireTold(what ...string) {
	w.t.Helper()
	told := func() []string {
		w.told.mu.Lock()
		defer w.told.mu.Unlock()
		return slices.Clone(w.told.told)
	}
	require.Eventually(w.t, func() bool { return len(told()) >= len(what) }, 10*time.Second, time.Millisecond)
	require.Equal(w.t, what, told())
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server, err := socket.New(socket.Options{Log: discard})
	require.NoError(t, err)
	w := &world{t: t, server: server, keys: newKeyring(), requests: make(chan event.SubscriptionRequest, 100), told: &observer{}}
	b := memory.New(memory.Options{Log: discard})
	require.NoError(t, b.Start(t.Context()))
	require.NoError(t, b.Declare(t.Context(), queue))
	ctx, cancel := context.WithCancel(context.Background())
	h := &host{ctx: ctx}
	w.hub = NewHub("server-1", server, tokens{}, b, w.keys, NewMetrics(nil), discard)
	w.hub.Observe(w.told)
	require.NoError(t, w.hub.Init(h))
	require.NoError(t, w.hub.Start(ctx))
	h.Go("worker", func(ctx context.Context) error { return b.Consume(ctx, queue, w) })
	front := httptest.NewServer(server.Handler())
	w.url = front.URL
	t.Cleanup(func() {
		stop, end := context.WithTimeout(context.Background(), 10*time.Second)
		defer end()
		require.NoError(t, w.hub.Stop(stop))
		require.NoError(t, server.Drain(stop))
		front.Close()
		cancel()
		h.tasks.Wait()
		require.NoError(t, b.Stop(stop))
		require.Empty(t, w.keys.wanted(), "every key must have been released")
	})
	return w
}

// Work implements bus.Worker: it hands requests to the test.
func (w *world) Work(_ context.Context, batch []bus.Message) error {
	for _, msg := range batch {
		r, err := event.Decode[event.SubscriptionRequest](msg, event.TypeRequest)
		if err != nil {
			return err
		}
		for _, id := range r.Users() {
			w.requests <- event.SubscriptionRequest{UserID: id, ServerID: r.ServerID, RequestID: r.RequestID}
		}
	}
	return nil
}

// GaveUp implements bus.Worker.
func (w *world) GaveUp(context.Context, bus.Message, error) error { return nil }

// asked waits for the next request.
func (w *world) asked() event.SubscriptionRequest {
	w.t.Helper()
	select {
	case r := <-w.requests:
		return r
	case <-time.After(10 * time.Second):
		w.t.Fatal("no snapshot was asked for")
		panic("unreachable")
	}
}

// answer answers a request: the user has these groups.
func (w *world) answer(r event.SubscriptionRequest, version int64, groups ...event.SnapshotGroup) {
	w.t.Helper()
	snap := event.Snapshot{UserID: r.UserID, Version: version}
	for _, g := range groups {
		snap.Groups = append(snap.Groups, g.ID)
	}
	w.snapshots(event.Snapshots{RequestID: r.RequestID, Users: []event.Snapshot{snap}, Groups: groups})
}

func (w *world) snapshots(all event.Snapshots) {
	w.t.Helper()
	msg, err := event.Encode(event.ServerKey("server-1"), event.TypeSnapshot, all)
	require.NoError(w.t, err)
	w.hub.Snapshot(w.t.Context(), msg)
}

// settle answers the user's requests alike until no more come: the first one, and if there were keys to bind, the one that follows.
func (w *world) settle(version int64, groups ...event.SnapshotGroup) {
	w.t.Helper()
	w.answer(w.asked(), version, groups...)
	if len(groups) > 0 {
		w.answer(w.asked(), version, groups...)
	}
}

// change applies a change, and broadcasts its event as the router does.
func (w *world) change(room, name string, c event.Change) {
	w.hub.Apply(c, func() { w.emit(room, name, nil) })
}

func (w *world) emit(room, name string, payload any) {
	data, err := json.Marshal(payload)
	require.NoError(w.t, err)
	w.server.Broadcast(room, socket.NewFrame(name, data), "")
}

// dial connects a user in the background, since the connection waits for a snapshot.
func (w *world) dial(user int64) *sockettest.Client {
	w.t.Helper()
	return w.dialWith(strconv.FormatInt(user, 10))
}

func (w *world) dialWith(token string) *sockettest.Client {
	w.t.Helper()
	c, err := sockettest.Open(w.t.Context(), w.url, sockettest.Options{Token: token})
	require.NoError(w.t, err)
	w.t.Cleanup(c.Close)
	return c
}

// join connects a user and brings it to SUBSCRIBED with one snapshot's content.
func (w *world) join(user, version int64, groups ...event.SnapshotGroup) *sockettest.Client {
	w.t.Helper()
	c := w.dial(user)
	connected := make(chan error, 1)
	go func() { connected <- c.Connect(w.t.Context()) }()
	w.settle(version, groups...)
	require.NoError(w.t, <-connected)
	w.next(c, event.Subscribed)
	return c
}

// next expects the named event to be the client's next one.
func (w *world) next(c *sockettest.Client, name string) sockettest.Event {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	e, err := c.Next(ctx)
	require.NoError(w.t, err, "waiting for %s", name)
	require.Equal(w.t, name, e.Name)
	return e
}

// hears says whether the client is in the room: what is broadcast there comes before what is sent to it alone.
func (w *world) hears(c *sockettest.Client, user int64, room string) bool {
	w.t.Helper()
	w.probes++ // others in the room get the probe, too, and read it later
	probe := "PROBE-" + strconv.Itoa(w.probes)
	w.emit(room, probe, nil)
	w.emit(event.UserKey(user), "END", nil)
	heard := false
	for {
		ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
		e, err := c.Next(ctx)
		cancel()
		require.NoError(w.t, err)
		switch e.Name {
		case probe:
			heard = true
		case "END":
			return heard
		}
	}
}

func group(id, version int64, channels ...int64) event.SnapshotGroup {
	return event.SnapshotGroup{ID: id, Version: version, Channels: channels}
}
