package receipt

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/registry"
)

// fakeKeeper has ranges waiting, each of which takes a while.
type fakeKeeper struct {
	takes time.Duration

	mu      sync.Mutex
	waiting int
	err     error
	moved   []int // people in each batch
	settled []time.Time
}

func (k *fakeKeeper) move(_ context.Context, b *batch) error {
	k.moved = append(k.moved, len(b.people))
	return k.err
}

func (k *fakeKeeper) settle(context.Context) (progress, error) {
	<-time.After(k.takes)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil || k.waiting == 0 {
		return progress{}, k.err
	}
	k.settled = append(k.settled, time.Now())
	k.waiting--
	return progress{ranges: 1, messages: 10, waiting: k.waiting + 1}, nil
}

// set has ranges waiting, or the database away.
func (k *fakeKeeper) set(waiting int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting, k.err = waiting, err
}

// times are when ranges were settled.
func (k *fakeKeeper) times() []time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.settled
}

func TestTheBackgroundRestsAndGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h := &host{ctx: ctx}
		k := &fakeKeeper{waiting: 3, takes: 10 * time.Millisecond}
		w := NewWorker(k, NewWorkerMetrics(nil), discard)
		require.NoError(t, w.Stop(t.Context()), "legal before Start")
		require.NoError(t, w.Init(h))
		began := time.Now()
		require.NoError(t, w.Start(t.Context()))
		<-time.After(400 * time.Millisecond)
		require.Len(t, k.times(), 3)
		require.Equal(t, 250*time.Millisecond, k.times()[2].Sub(began), "a twelfth of the time")

		k.set(1, nil)
		_, err := w.Handle(t.Context(), nil)
		require.NoError(t, err)
		<-time.After(20 * time.Millisecond)
		require.Len(t, k.times(), 4, "woken by new receipts")
		k.set(1, nil)
		<-time.After(pollInterval + time.Second)
		require.Len(t, k.times(), 5, "what another process has left")

		k.set(1, errors.New("away"))
		w.kick()
		<-time.After(time.Minute)
		k.set(1, nil)
		<-time.After(2 * longestPause)
		require.Len(t, k.times(), 6)
		cancel()
		h.tasks.Wait()
		require.NoError(t, w.Stop(t.Context()))
	})
}

func TestHandleBoundsTransactions(t *testing.T) {
	t.Parallel()
	k := &fakeKeeper{}
	w := NewWorker(k, NewWorkerMetrics(nil), discard)
	var users []event.Receipt
	for i := range int64(2*maxPeople + 1) {
		users = append(users, event.Receipt{UserID: i + 1, Read: 1})
	}
	_, err := w.Handle(t.Context(), []bus.Message{receipts(t, 1, users...), receipts(t, 1, users[:10]...)})
	require.NoError(t, err)
	require.Equal(t, []int{maxPeople, maxPeople, 1}, k.moved, "each user once")
}

func TestHandleFails(t *testing.T) {
	t.Parallel()
	k := &fakeKeeper{err: errors.New("no")}
	w := NewWorker(k, NewWorkerMetrics(nil), discard)
	_, err := w.Handle(t.Context(), []bus.Message{receipts(t, 1, event.Receipt{UserID: 1, Read: 1})})
	require.ErrorIs(t, err, k.err)
	_, err = w.Handle(t.Context(), []bus.Message{{Type: event.TypeReceipts, Body: []byte("{")}})
	require.Error(t, err)
	events, err := w.GaveUp(t.Context(), bus.Message{Type: event.TypeReceipts, Body: []byte("{")})
	require.NoError(t, err)
	require.Empty(t, events)
	require.Equal(t, []registry.Role{registry.Worker}, w.Roles())
}
