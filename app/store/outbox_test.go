package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/bus"
	"parley/app/store"
	"parley/app/store/storetest"
)

func note(key string, n int) bus.Message {
	return bus.Message{Key: key, Type: "note", Body: []byte(strconv.Itoa(n))}
}

// wire is a publisher that keeps what it is given.
type wire struct {
	mu    sync.Mutex
	taken []bus.Message
	batch []int
	busy  bool
	fail  func() error
}

func (w *wire) publish(_ context.Context, msgs []bus.Message) error {
	w.mu.Lock()
	if w.busy {
		w.mu.Unlock()
		return errors.New("two relays publish at the same time")
	}
	w.busy = true
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.busy = false
		w.mu.Unlock()
	}()
	if w.fail != nil {
		if err := w.fail(); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken = append(w.taken, msgs...)
	w.batch = append(w.batch, len(msgs))
	return nil
}

func appendNotes(t *testing.T, s *store.Store, msgs ...bus.Message) {
	t.Helper()
	require.NoError(t, s.Write(t.Context(), func(tx *gorm.DB) error { return store.Append(tx, msgs...) }))
}

func TestOutbox(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for _, tc := range []struct {
		name  string
		write func(t *testing.T, s *store.Store)
		limit int
		fail  error
		batch []int // sizes of what each of three calls published
		notes []int // what was published, in order
	}{
		{name: "nothing there", write: func(*testing.T, *store.Store) {}, limit: 10},
		{name: "no messages appended", write: func(t *testing.T, s *store.Store) { appendNotes(t, s) }, limit: 10},
		{
			name: "in order, at most limit at a time", limit: 2, batch: []int{2, 2, 1}, notes: []int{1, 2, 3, 4, 5},
			write: func(t *testing.T, s *store.Store) {
				appendNotes(t, s, note("a", 1), note("b", 2), note("a", 3))
				appendNotes(t, s, note("a", 4), note("b", 5))
			},
		},
		{
			name: "exactly limit", limit: 2, batch: []int{2}, notes: []int{1, 2},
			write: func(t *testing.T, s *store.Store) { appendNotes(t, s, note("a", 1), note("b", 2)) },
		},
		{
			name: "rolled back", limit: 10, batch: []int{1}, notes: []int{2},
			write: func(t *testing.T, s *store.Store) {
				err := s.Write(t.Context(), func(tx *gorm.DB) error {
					return errors.Join(store.Append(tx, note("a", 1)), boom)
				})
				require.ErrorIs(t, err, boom)
				appendNotes(t, s, note("a", 2))
			},
		},
		{
			name: "kept while it cannot be published", limit: 10, fail: boom,
			write: func(t *testing.T, s *store.Store) { appendNotes(t, s, note("a", 1)) },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T, s *store.Store) {
				tc.write(t, s)
				w := &wire{fail: func() error { return tc.fail }}
				for range 3 {
					n, err := s.Outbox(t.Context(), tc.limit, w.publish)
					if tc.fail != nil {
						require.Equal(t, tc.fail, err, "publish's error, as it is")
						require.Zero(t, n)
						continue
					}
					require.NoError(t, err)
				}
				require.Equal(t, tc.batch, w.batch)
				var notes []int
				for _, m := range w.taken {
					n, err := strconv.Atoi(string(m.Body))
					require.NoError(t, err)
					require.Equal(t, "note", m.Type)
					require.NotEmpty(t, m.Key)
					notes = append(notes, n)
				}
				require.Equal(t, tc.notes, notes)
				waiting, err := s.OutboxLength(t.Context())
				require.NoError(t, err)
				require.Equal(t, tc.fail != nil, waiting == 1)
				if tc.fail != nil {
					n, err := s.Outbox(t.Context(), 10, (&wire{}).publish)
					require.NoError(t, err)
					require.Equal(t, 1, n, "it is still there")
				}
			})
		})
	}
}

// Several relays, some of whose publishing fails, while events are written: each is published once, in the order of its key.
func TestOutboxWithRacingRelays(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		const writers, perWriter, relays = 4, 25, 4
		ctx := t.Context()
		w := &wire{fail: func() error {
			if rand.N(4) == 0 {
				return errors.New("broker is away")
			}
			return nil
		}}
		var writing, relaying sync.WaitGroup
		failures := make(chan error, writers*perWriter+relays)
		for k := range writers {
			writing.Go(func() {
				for n := range perWriter {
					failures <- s.Write(ctx, func(tx *gorm.DB) error { return store.Append(tx, note(fmt.Sprintf("k%d", k), n)) })
				}
			})
		}
		written := make(chan struct{})
		for range relays {
			relaying.Go(func() {
				for {
					done := false
					select {
					case <-written:
						done = true // whatever is there now is all there will be
					default:
					}
					n, err := s.Outbox(ctx, 7, w.publish)
					if err == nil && n < 7 && done {
						return
					}
					if err != nil && err.Error() != "broker is away" {
						failures <- err
						return
					}
				}
			})
		}
		writing.Wait()
		close(written)
		relaying.Wait()
		close(failures)
		for err := range failures {
			require.NoError(t, err)
		}
		next := map[string]int{}
		for _, m := range w.taken {
			require.Equal(t, strconv.Itoa(next[m.Key]), string(m.Body), m.Key)
			next[m.Key]++
		}
		require.Len(t, w.taken, writers*perWriter)
	})
}

// A relay that returns promises that what was committed before has been published, even if another one is still at it.
func TestOutboxWaitsForTheOtherRelay(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		appendNotes(t, s, note("a", 1))
		publishing, release := make(chan struct{}), make(chan struct{})
		first, second := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := s.Outbox(context.Background(), 10, func(context.Context, []bus.Message) error {
				close(publishing)
				<-release
				return nil
			})
			first <- err
		}()
		<-publishing
		// The one that publishes does not stand in the way of those who write.
		appendNotes(t, s, note("a", 2))
		w := &wire{}
		go func() {
			_, err := s.Outbox(context.Background(), 10, w.publish)
			second <- err
		}()
		select {
		case err := <-second:
			t.Fatal("the second relay did not wait", err)
		default:
		}
		close(release)
		require.NoError(t, <-first)
		require.NoError(t, <-second)
		require.Equal(t, []bus.Message{note("a", 2)}, w.taken)
	})
}

// If the deletion fails after events were published, they come again: nothing is lost.
func TestOutboxPublishesAgainAfterALostCommit(t *testing.T) {
	t.Parallel()
	s, direct, p := throughProxy(t)
	appendNotes(t, direct, note("a", 1))
	p.mode.Store(int32(cutBefore))
	w := &wire{}
	_, err := s.Outbox(t.Context(), 10, w.publish)
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = direct.Outbox(t.Context(), 10, w.publish)
	require.NoError(t, err)
	require.Equal(t, []bus.Message{note("a", 1), note("a", 1)}, w.taken)
}
