package rabbit

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

const patience = 30 * time.Second

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, 5*time.Millisecond, what)
}

// ledger notes what a worker handles.
type ledger struct {
	hook func(ctx context.Context, batch []bus.Message) error

	mu      sync.Mutex
	handled []string
	batches [][]string
}

func (l *ledger) Work(ctx context.Context, batch []bus.Message) error {
	var bodies []string
	for _, m := range batch {
		bodies = append(bodies, string(m.Body))
	}
	if l.hook != nil {
		if err := l.hook(ctx, batch); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handled = append(l.handled, bodies...)
	l.batches = append(l.batches, bodies)
	return nil
}

func (l *ledger) GaveUp(context.Context, bus.Message, error) error { return nil }

func (l *ledger) seen() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.handled)
}

// rebinder binds its keys in Reset, as a socket server does.
type rebinder struct {
	keys  []string
	inbox bus.Inbox

	mu     sync.Mutex
	got    []string
	resets int
	early  int // events received between the loss and the end of Reset
	inside bool
}

func (r *rebinder) Receive(_ context.Context, msg bus.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inside {
		r.early++
	}
	r.got = append(r.got, string(msg.Body))
}

func (r *rebinder) Reset(ctx context.Context) {
	r.mu.Lock()
	r.inside = true
	r.mu.Unlock()
	err := r.inbox.Bind(ctx, r.keys...) // if it fails, the inbox is lost again and so reset again
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inside = false
	if err == nil {
		r.resets++
	}
}

func (r *rebinder) count() (resets int, got []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.resets, slices.Clone(r.got)
}

func consuming(t *testing.T, b *Bus, q bus.Queue, w bus.Worker) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Consume(ctx, q, w) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

// sendAll sends 0…n-1, each until it is confirmed.
func sendAll(t *testing.T, b *Bus, key string, n int) {
	t.Helper()
	for i := range n {
		for {
			err := b.Send(t.Context(), bus.Message{Key: key, Body: []byte(strconv.Itoa(i))})
			if err == nil {
				break
			}
			if !errors.Is(err, bus.ErrUnavailable) {
				t.Errorf("message %d: %v", i, err)
				return
			}
		}
	}
}

// requireInOrder checks that 0…n-1 were handled in order. Some may have been handled again, but then with everything that
// had come after them: nothing was left out, and nothing overtaken.
func requireInOrder(t *testing.T, handled []string, n int) {
	t.Helper()
	last, highest := -1, -1
	for i, body := range handled {
		got, err := strconv.Atoi(body)
		require.NoError(t, err)
		require.LessOrEqual(t, got, last+1, "message %d was handled right after %d, at place %d", got, last, i)
		last, highest = got, max(highest, got)
	}
	require.Equal(t, n-1, highest, "not all messages were handled")
}
