package routing

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/bus/memory"
	"parley/app/event"
	"parley/app/socket"
)

// rooms records broadcasts.
type rooms struct {
	mu   sync.Mutex
	sent []string // room, and who is left out
}

func (r *rooms) Broadcast(room string, _ socket.Frame, except string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if except != "" {
		room += " but " + except
	}
	r.sent = append(r.sent, room)
	return 1
}

func (r *rooms) BroadcastBoth(room, other string, f socket.Frame) int {
	return r.Broadcast(room+" in "+other, f, "")
}

func (r *rooms) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.sent...)
}

// subscriptions records changes and emits at once.
type subscriptions struct {
	mu      sync.Mutex
	changes []event.ChangeKind
	resets  int
}

func (s *subscriptions) Apply(c event.Change, emit func()) {
	s.mu.Lock()
	s.changes = append(s.changes, c.Kind)
	s.mu.Unlock()
	emit()
}

func (s *subscriptions) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resets++
}

// taskHost runs tasks until its context ends.
type taskHost struct {
	ctx   context.Context //nolint:containedctx // the life of the test
	tasks sync.WaitGroup
}

func (h *taskHost) Logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (h *taskHost) Go(_ string, run func(context.Context) error) {
	h.tasks.Go(func() { _ = run(h.ctx) })
}

func emit(t *testing.T, key string, e event.Emit) bus.Message {
	t.Helper()
	e.Payload = json.RawMessage(`{}`)
	msg, err := event.NewEmit(key, e, nil)
	require.NoError(t, err)
	return msg
}

// posted is messages of a channel, as seq and sender of each.
func posted(t *testing.T, channel int64, numbers ...int64) bus.Message {
	t.Helper()
	p := event.NewPost(channel)
	for pair := range slices.Chunk(numbers, 2) {
		require.NoError(t, p.Add(event.Message{ChannelID: channel, Seq: pair[0], SenderID: pair[1]}, time.Now()))
	}
	return p.Message()
}

func TestRouterBringsEventsToTheRoomOfTheirKey(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	b := memory.New(memory.Options{})
	require.NoError(t, b.Start(t.Context()))
	r, s := &rooms{}, &subscriptions{}
	router := NewRouter("server-1", b, r, time.Second, NewMetrics(nil), log)
	router.Subscribe(s)
	asked := make(chan bus.Message, 1)
	router.Handle(event.TypeFence, func(_ context.Context, msg bus.Message) { asked <- msg })
	var overheard []string
	router.Overhear("D", func(key string, payload json.RawMessage) { overheard = append(overheard, key+string(payload)) })
	lost := 0
	router.OnReset(func() {
		require.Equal(t, 1, s.resets, "told before")
		lost++
	})

	ctx, cancel := context.WithCancel(context.Background())
	h := &taskHost{ctx: ctx}
	require.NoError(t, router.Stop(t.Context()), "legal before Start")
	require.NoError(t, router.Init(h))
	require.NoError(t, router.Start(t.Context()))
	t.Cleanup(func() {
		cancel()
		h.tasks.Wait()
		require.NoError(t, router.Stop(context.Background()))
		require.NoError(t, router.Stop(context.Background()))
		require.NoError(t, b.Stop(context.Background()))
	})
	<-router.Bindings().Acquire("channel:1", "user:2")

	broken := bus.Message{Key: "channel:1", Type: event.TypeEmit, Body: []byte("{")}
	unknown := bus.Message{Key: "channel:1", Type: "of a later version", Body: []byte("{}")}
	require.NoError(t, b.Publish(t.Context(),
		broken, unknown,
		posted(t, 1, 1, 2),
		emit(t, "user:2", event.Emit{Event: "B"}),
		emit(t, "channel:9", event.Emit{Event: "nobody here"}),
		posted(t, 1, 1, 2, 2, 3), // a worker's repeat, and something new
		bus.Message{Key: "channel:1", Type: event.TypePosted, Body: []byte("not of this form")},
		emit(t, "channel:1", event.Emit{Event: "C", ExceptUser: 5}),
		emit(t, "user:2", event.Emit{Event: "B"}),
		emit(t, "user:2", event.Emit{Change: &event.Change{Kind: event.UserDisabled}}),
		emit(t, "user:2", event.Emit{Event: "D", Change: &event.Change{Kind: event.GroupLeft}}),
		bus.Message{Key: event.ServerKey("server-1"), Type: event.TypeFence},
	))
	<-asked
	require.Equal(t, []string{
		"user:2", "channel:1 but user:2", // 1
		"user:2",
		"user:2", "user:3", "channel:1 but user:3", // 1 again, for its sender alone, and 2
		"channel:1 but user:5", "user:2", "user:2",
	}, r.all())
	require.Equal(t, []event.ChangeKind{event.UserDisabled, event.GroupLeft}, s.changes)

	router.Reset(t.Context())
	require.Equal(t, 1, s.resets)
	require.Equal(t, 1, lost)
	require.Equal(t, []string{"user:2{}"}, overheard)
	first, second := NewServerID(), NewServerID()
	require.NotEqual(t, first, second)
}
