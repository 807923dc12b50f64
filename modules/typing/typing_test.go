package typing

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeBus keeps what is published.
type fakeBus struct {
	mu   sync.Mutex
	msgs []bus.Message
	err  error
}

func (b *fakeBus) Publish(_ context.Context, msgs ...bus.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.msgs = append(b.msgs, msgs...)
	return b.err
}

// fakeServer keeps the handler.
type fakeServer struct{ event string }

func (s *fakeServer) On(event string, _ func(*socket.Conn, json.RawMessage, func(any))) {
	s.event = event
}

// host runs tasks for as long as a test.
type host struct {
	ctx   context.Context //nolint:containedctx // the life of the tasks
	tasks sync.WaitGroup
}

func (*host) Logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (h *host) Go(_ string, run func(context.Context) error) {
	h.tasks.Go(func() { _ = run(h.ctx) })
}

// conn is a connection in some rooms.
type conn struct {
	user  int64
	rooms []string
}

func (c conn) UserID() int64 { return c.user }

func (c conn) In(room string) bool {
	for _, r := range c.rooms {
		if r == room {
			return true
		}
	}
	return false
}

// world is a started component in a bubble of time.
type world struct {
	*Socket
	t   *testing.T
	bus *fakeBus
}

func inBubble(t *testing.T, run func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b, server, h := &fakeBus{}, &fakeServer{}, &host{ctx: ctx}
		w := &world{NewSocket(server, b, slog.New(slog.DiscardHandler)), t, b}
		require.NoError(t, w.Init(h))
		require.Equal(t, event.Typing, server.event)
		require.NoError(t, w.Start(t.Context()))
		run(w)
		cancel()
		require.NoError(t, w.Stop(context.Background()))
		require.Empty(t, w.states)
		h.tasks.Wait()
	})
}

// says has a user tell.
func (w *world) says(c conn, payload string) string {
	w.t.Helper()
	answer, err := json.Marshal(w.hear(c, json.RawMessage(payload)))
	require.NoError(w.t, err)
	return string(answer)
}

// told lists what has been published since the last time.
func (w *world) told() (all []string) {
	w.t.Helper()
	synctest.Wait()
	w.bus.mu.Lock()
	defer w.bus.mu.Unlock()
	for _, msg := range w.bus.msgs {
		e, err := event.Decode[event.Emit](msg, event.TypeEmit)
		require.NoError(w.t, err)
		require.Equal(w.t, "TYPING", e.Event)
		require.EqualValues(w.t, 7, e.ExceptUser)
		require.Equal(w.t, "channel:3", msg.Key)
		all = append(all, string(e.Payload))
	}
	w.bus.msgs = nil
	return all
}

var ann = conn{7, []string{"user:7", "channel:3"}}

const (
	on  = `{"channelId":3,"userId":7,"typing":true,"expiresInMs":8000}`
	off = `{"channelId":3,"userId":7,"typing":false}`
)

func TestTypingIsTold(t *testing.T) {
	t.Parallel()
	inBubble(t, func(w *world) {
		require.JSONEq(t, `{"ok": true}`, w.says(ann, `{"channelId": 3, "typing": true}`))
		require.Equal(t, []string{on}, w.told())
		w.says(ann, `{"channelId": 3, "typing": false}`)
		require.Equal(t, []string{off}, w.told())
		w.says(ann, `{"channelId": 3, "typing": false}`)
		require.Empty(t, w.told(), "known")
	})
}

func TestTypingEndsByItself(t *testing.T) {
	t.Parallel()
	inBubble(t, func(w *world) {
		w.says(ann, `{"channelId": 3, "typing": true}`)
		<-time.After(Life - time.Second)
		w.says(ann, `{"channelId": 3, "typing": true}`)
		require.Equal(t, []string{on, on}, w.told(), "told again, for those who have come meanwhile")
		<-time.After(Life - time.Second)
		require.Empty(t, w.told(), "confirmed a while ago")
		<-time.After(time.Second)
		require.Equal(t, []string{off}, w.told())
		require.Empty(t, w.states)
	})
}

// However fast a client toggles, the channel is told seldom, and ends up with what is so.
func TestTypingIsThrottled(t *testing.T) {
	t.Parallel()
	inBubble(t, func(w *world) {
		for range 100 {
			w.says(ann, `{"channelId": 3, "typing": true}`)
			w.says(ann, `{"channelId": 3, "typing": false}`)
		}
		require.Equal(t, []string{on, off}, w.told())
		<-time.After(pace)
		w.says(ann, `{"channelId": 3, "typing": true}`)
		w.says(ann, `{"channelId": 3, "typing": true}`)
		require.Equal(t, []string{on}, w.told())
	})
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	inBubble(t, func(w *world) {
		for payload, code := range map[string]string{
			`null`:                             "malformed_request",
			`"x"`:                              "malformed_request",
			`{"channelId": 3}`:                 "malformed_request",
			`{"channelId": "3", "typing": 1}`:  "malformed_request",
			`{"channelId": 4, "typing": true}`: "channel_not_found",
			`{"typing": true}`:                 "channel_not_found",
		} {
			require.Contains(t, w.says(ann, payload), `{"error":{"code":"`+code+`"`, payload)
		}
		require.Empty(t, w.told())
	})
}

func TestABusThatIsAwayIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	inBubble(t, func(w *world) {
		w.bus.err = errors.New("away")
		for range 2 * backlog {
			require.JSONEq(t, `{"ok": true}`, w.says(ann, `{"channelId": 3, "typing": true}`))
			<-time.After(pace)
		}
		w.bus.mu.Lock()
		w.bus.msgs, w.bus.err = nil, nil
		w.bus.mu.Unlock()
		w.says(ann, `{"channelId": 3, "typing": false}`)
		require.Equal(t, []string{off}, w.told())
	})
}
