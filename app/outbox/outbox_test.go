package outbox_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errAway = errors.New("broker is away")

// shelf stands for the store and the bus at once.
type shelf struct {
	mu        sync.Mutex
	waiting   []bus.Message
	published []string
	sent      []bus.Message
	at        []time.Time // of each call of Outbox
	down      bool
	hold      chan struct{} // if set, publishing waits for it
}

func (s *shelf) put(keys ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		s.waiting = append(s.waiting, bus.Message{Key: k})
	}
}

func (s *shelf) set(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *shelf) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.published...)
}

func (s *shelf) OutboxLength(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.waiting)), nil
}

func (s *shelf) Outbox(ctx context.Context, limit int, publish func(context.Context, []bus.Message) error) (int, error) {
	s.mu.Lock()
	s.at = append(s.at, time.Now())
	msgs := append([]bus.Message{}, s.waiting[:min(limit, len(s.waiting))]...)
	s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if len(msgs) == 0 {
		return 0, nil
	}
	if err := publish(ctx, msgs); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = s.waiting[len(msgs):]
	return len(msgs), nil
}

func (s *shelf) Publish(ctx context.Context, msgs ...bus.Message) error {
	s.mu.Lock()
	down, hold := s.down, s.hold
	s.mu.Unlock()
	if down {
		return errAway
	}
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range msgs {
		s.published = append(s.published, m.Key)
	}
	return nil
}

func (s *shelf) Send(_ context.Context, msg bus.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errAway
	}
	s.sent = append(s.sent, msg)
	return nil
}

// node runs tasks as the registry does.
type node struct {
	ctx   context.Context
	end   context.CancelFunc
	tasks sync.WaitGroup
}

func newNode() *node {
	ctx, cancel := context.WithCancel(context.Background())
	return &node{ctx: ctx, end: cancel}
}

func (n *node) Logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (n *node) Go(_ string, run func(context.Context) error) {
	n.tasks.Go(func() { _ = run(n.ctx) })
}

// started runs a test with a relay in a bubble of its own time; it is stopped as a node would.
func started(t *testing.T, s *shelf, test func(t *testing.T, r *outbox.Relay)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r, n := outbox.New(s, s, outbox.NewMetrics(nil)), newNode()
		require.NoError(t, r.Init(n))
		require.NoError(t, r.Start(t.Context()))
		require.NoError(t, r.Start(t.Context()), "starting twice")
		synctest.Wait()
		test(t, r)
		n.end()
		require.NoError(t, r.Stop(context.Background()))
		require.NoError(t, r.Stop(context.Background()), "stopping twice")
		n.tasks.Wait()
	})
}

func TestKickPublishesAtOnce(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	s.put("before the start")
	started(t, s, func(t *testing.T, r *outbox.Relay) {
		require.Equal(t, []string{"before the start"}, s.taken())
		begin := time.Now()
		s.put("a", "b")
		r.Kick()
		r.Kick()
		synctest.Wait()
		require.Equal(t, []string{"before the start", "a", "b"}, s.taken())
		require.Zero(t, time.Since(begin))
	})
}

func TestOtherProcessesEventsAreFound(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	started(t, s, func(t *testing.T, _ *outbox.Relay) {
		s.put("a")
		<-time.After(499 * time.Millisecond)
		require.Empty(t, s.taken())
		<-time.After(2 * time.Millisecond)
		require.Equal(t, []string{"a"}, s.taken())
	})
}

func TestMoreThanOneBatch(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	var want []string
	for i := range 1000 {
		want = append(want, strconv.Itoa(i))
	}
	started(t, s, func(t *testing.T, r *outbox.Relay) {
		s.put(want...)
		require.NoError(t, r.Flush(t.Context()))
		require.Equal(t, want, s.taken())
	})
}

func TestFailuresAreTriedAgainWithGrowingPauses(t *testing.T) {
	t.Parallel()
	s := &shelf{down: true}
	started(t, s, func(t *testing.T, r *outbox.Relay) {
		s.put("a")
		s.mu.Lock()
		s.at = nil
		s.mu.Unlock()
		for range 60 { // a kick does not hurry a bus that is away
			r.Kick()
			<-time.After(500 * time.Millisecond)
		}
		s.mu.Lock()
		tries := len(s.at)
		last := s.at[tries-1].Sub(s.at[tries-2])
		s.mu.Unlock()
		require.Greater(t, tries, 15)
		require.Less(t, tries, 40)
		require.GreaterOrEqual(t, last, time.Second)
		require.LessOrEqual(t, last, 2*time.Second)

		s.set(false)
		require.NoError(t, r.Flush(t.Context()))
		require.Equal(t, []string{"a"}, s.taken())
	})
}

func TestFlushWaitsForTheBus(t *testing.T) {
	t.Parallel()
	s := &shelf{down: true}
	started(t, s, func(t *testing.T, r *outbox.Relay) {
		s.put("a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, r.Flush(ctx), context.DeadlineExceeded)

		time.AfterFunc(10*time.Second, func() { s.set(false) })
		begin := time.Now()
		require.NoError(t, r.Flush(t.Context()))
		require.Equal(t, []string{"a"}, s.taken())
		require.Less(t, time.Since(begin), 13*time.Second)
	})
}

// A pass that had begun before Flush may have missed what was committed since.
func TestFlushIsNotAnsweredByAnEarlierPass(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	started(t, s, func(t *testing.T, r *outbox.Relay) {
		first := make(chan struct{})
		s.mu.Lock()
		s.hold = first
		s.mu.Unlock()
		s.put("a")
		r.Kick()
		synctest.Wait() // publishing a

		second := make(chan struct{})
		s.mu.Lock()
		s.hold = second
		s.mu.Unlock()
		s.put("b")
		flushed := make(chan error, 1)
		go func() { flushed <- r.Flush(context.Background()) }()
		synctest.Wait()
		close(first)
		synctest.Wait()
		require.Empty(t, flushed, "b is still under way")
		close(second)
		require.NoError(t, <-flushed)
		require.Equal(t, []string{"a", "b"}, s.taken())
	})
}

func TestStopPublishesWhatIsLeft(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	started(t, s, func(_ *testing.T, _ *outbox.Relay) { s.put("a") })
	require.Equal(t, []string{"a"}, s.taken())
}

func TestStopDoesNotWaitForABusThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{hold: make(chan struct{})}
		r, n := outbox.New(s, s, outbox.NewMetrics(nil)), newNode()
		require.NoError(t, r.Init(n))
		require.NoError(t, r.Start(t.Context()))
		s.put("a")
		flushed := make(chan error, 1)
		go func() { flushed <- r.Flush(context.Background()) }()
		synctest.Wait()
		begin := time.Now()
		require.NoError(t, r.Stop(context.Background()), "even if the node has not ended the task")
		require.LessOrEqual(t, time.Since(begin), 2*time.Second)
		require.ErrorIs(t, <-flushed, bus.ErrUnavailable)
		require.ErrorIs(t, r.Flush(t.Context()), bus.ErrUnavailable, "after the end")
		n.end()
		n.tasks.Wait()
	})
}

func TestStopBeforeStart(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	r := outbox.New(s, s, outbox.NewMetrics(nil))
	require.Error(t, r.Start(t.Context()), "before Init")
	require.NoError(t, r.Init(newNode()))
	require.NoError(t, r.Stop(t.Context()))
}

// Whoever flushes before the start is served after it.
func TestFlushBeforeStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		s.put("a")
		r, n := outbox.New(s, s, outbox.NewMetrics(nil)), newNode()
		require.NoError(t, r.Init(n))
		flushed := make(chan error, 1)
		go func() { flushed <- r.Flush(context.Background()) }()
		synctest.Wait()
		require.Empty(t, flushed)
		require.NoError(t, r.Start(t.Context()))
		require.NoError(t, <-flushed)
		n.end()
		require.NoError(t, r.Stop(t.Context()))
		n.tasks.Wait()
	})
}

func TestAnnouncementsGoToTheirPartitionsTogether(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	started(t, s, func(t *testing.T, r *outbox.Relay) {
		announce := func(partition int, key string) bus.Message {
			msg, err := event.Announce(partition, bus.Message{Key: key, Type: event.TypeEmit, Body: []byte(`{}`)}, 0)
			require.NoError(t, err)
			return msg
		}
		s.mu.Lock()
		s.waiting = []bus.Message{announce(1, "a"), {Key: "group:1"}, announce(2, "b"), announce(1, "c")}
		s.mu.Unlock()
		require.NoError(t, r.Flush(t.Context()))
		require.Equal(t, []string{"group:1"}, s.taken())
		require.Len(t, s.sent, 2)
		for i, want := range [][]string{{"a", "c"}, {"b"}} {
			require.True(t, s.sent[i].Urgent, "it is promised already, however many messages wait")
			events, _, err := event.Announced(s.sent[i])
			require.NoError(t, err)
			var keys []string
			for _, e := range events {
				require.Equal(t, event.TypeEmit, e.Type)
				keys = append(keys, e.Key)
			}
			require.Equal(t, want, keys)
		}
		require.Equal(t, []string{"group.message.1", "group.message.2"}, []string{s.sent[0].Key, s.sent[1].Key})
	})
}
