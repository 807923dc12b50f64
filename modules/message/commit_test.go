package message

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/store"
)

// slowKeeper keeps one batch after the other when it is told to, and answers each message with its hash.
type slowKeeper struct {
	mu      sync.Mutex
	began   []string                                       // the hashes of each transaction
	verdict func(ctx context.Context, hashes string) error // waits, and says how a transaction ends
}

func (k *slowKeeper) Persist(ctx context.Context, sends []event.Send) ([]Outcome, error) {
	var hashes []string
	var outcomes []Outcome
	for _, s := range sends {
		hashes = append(hashes, s.Hash)
		outcomes = append(outcomes, Outcome{Message: event.Message{Hash: s.Hash}})
	}
	all := strings.Join(hashes, " ")
	k.mu.Lock()
	k.began = append(k.began, all)
	k.mu.Unlock()
	if err := k.verdict(ctx, all); err != nil {
		return nil, err
	}
	return outcomes, nil
}

// submit persists messages in a goroutine of its own, and hands out the error when it is known.
func submit(ctx context.Context, t *testing.T, c *Committer, hashes ...string) <-chan error {
	t.Helper()
	var sends []event.Send
	for _, h := range hashes {
		sends = append(sends, event.Send{Hash: h})
	}
	result := make(chan error, 1)
	go func() {
		outcomes, err := c.Persist(ctx, sends)
		if err == nil {
			for i, o := range outcomes {
				if o.Message.Hash != hashes[i] {
					err = fmt.Errorf("outcome %d of %v is that of %s", i, hashes, o.Message.Hash)
				}
			}
			if len(outcomes) != len(hashes) {
				err = fmt.Errorf("%d outcomes for %d messages", len(outcomes), len(hashes))
			}
		}
		result <- err
	}()
	synctest.Wait() // it is in line
	return result
}

// while returns a verdict that waits for one transaction to be released, and leaves the others to next.
func while(first string, release <-chan struct{}, next func(string) error) func(context.Context, string) error {
	return func(ctx context.Context, hashes string) error {
		if hashes == first {
			select {
			case <-release:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return next(hashes)
	}
}

func fine(string) error { return nil }

func TestWhatWaitsIsKeptTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		k := &slowKeeper{verdict: while("a", release, fine)}
		c := NewCommitter(k)
		results := []<-chan error{
			submit(t.Context(), t, c, "a"), submit(t.Context(), t, c, "b1", "b2"), submit(t.Context(), t, c, "c"), submit(t.Context(), t, c, "d1", "d2"),
		}
		close(release)
		for _, r := range results {
			require.NoError(t, <-r)
		}
		require.Equal(t, []string{"a", "b1 b2 c d1 d2"}, k.began, "nobody waits for company, and those who wait go together")
		require.NoError(t, <-submit(t.Context(), t, c, "e"))
		require.Equal(t, "e", k.began[2])
	})
}

func TestTransactionsStayBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		k := &slowKeeper{verdict: while("a", release, fine)}
		c := NewCommitter(k)
		half := strings.Split(strings.Repeat("x", maxTransaction/2), "")
		results := []<-chan error{submit(t.Context(), t, c, "a")}
		for range 4 {
			results = append(results, submit(t.Context(), t, c, half...))
		}
		results = append(results, submit(t.Context(), t, c, slices.Concat(half, half, half)...))
		close(release)
		for _, r := range results {
			require.NoError(t, <-r)
		}
		var sizes []int
		for _, hashes := range k.began {
			sizes = append(sizes, len(strings.Fields(hashes)))
		}
		require.Equal(t, []int{1, maxTransaction, maxTransaction, 3 * maxTransaction / 2}, sizes, "a batch is never cut")
	})
}

func TestABadBatchFailsAlone(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	for name, fail := range map[string]func() error{
		"an error": func() error { return bad },
		"a panic":  func() error { panic(bad) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				k := &slowKeeper{verdict: while("a", release, func(hashes string) error {
					if strings.Contains(hashes, "bad") {
						return fail()
					}
					return nil
				})}
				c := NewCommitter(k)
				a, b, poison, d := submit(t.Context(), t, c, "a"), submit(t.Context(), t, c, "b"), submit(t.Context(), t, c, "bad"), submit(t.Context(), t, c, "d")
				close(release)
				require.NoError(t, <-a)
				require.NoError(t, <-b)
				require.ErrorContains(t, <-poison, "bad")
				require.NoError(t, <-d)
				require.Equal(t, []string{"a", "b bad d", "b", "bad", "d"}, k.began)
			})
		})
	}
}

func TestADatabaseThatIsAwayIsAskedAgainByEachAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		away := true
		k := &slowKeeper{verdict: while("a", release, func(string) error {
			if away {
				return store.ErrUnavailable
			}
			return nil
		})}
		c := NewCommitter(k)
		a, b, d := submit(t.Context(), t, c, "a"), submit(t.Context(), t, c, "b"), submit(t.Context(), t, c, "d")
		close(release)
		for _, r := range []<-chan error{a, b, d} {
			require.ErrorIs(t, <-r, store.ErrUnavailable)
		}
		require.Equal(t, []string{"a", "b d"}, k.began)

		away = false
		again := make(chan struct{})
		k.verdict = while("f", again, fine)
		f, g, h, i := submit(t.Context(), t, c, "f"), submit(t.Context(), t, c, "g"), submit(t.Context(), t, c, "h"), submit(t.Context(), t, c, "i")
		close(again)
		for _, r := range []<-chan error{f, g, h, i} {
			require.NoError(t, <-r)
		}
		require.Equal(t, []string{"f", "g", "h i"}, k.began[2:], "as many alone as failed together")
	})
}

func TestWhoLeavesFailsNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second := make(chan struct{}), make(chan struct{})
		var ended error
		k := &slowKeeper{}
		k.verdict = func(ctx context.Context, hashes string) error {
			wait := second
			if hashes == "a" {
				wait = first
			}
			select {
			case <-wait:
				return nil
			case <-ctx.Done():
				ended = ctx.Err()
				return ctx.Err()
			}
		}
		c := NewCommitter(k)
		a := submit(t.Context(), t, c, "a")
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		withdrawn := submit(ctx, t, c, "withdrawn")
		leave()
		require.ErrorIs(t, <-withdrawn, context.Canceled)

		ctx, leave = context.WithCancel(t.Context())
		defer leave()
		b, d := submit(ctx, t, c, "b"), submit(t.Context(), t, c, "d")
		close(first)
		require.NoError(t, <-a)
		synctest.Wait()
		require.Equal(t, []string{"a", "b d"}, k.began)
		leave()
		require.ErrorIs(t, <-b, context.Canceled)
		require.NoError(t, ended, "somebody still waits")
		close(second)
		require.NoError(t, <-d)
		require.NoError(t, ended)

		ctx, leave = context.WithCancel(t.Context())
		second = make(chan struct{})
		last := submit(ctx, t, c, "e")
		leave()
		require.ErrorIs(t, <-last, context.Canceled)
		require.ErrorIs(t, ended, context.Canceled, "it was rolled back before its last caller returned")

		_, err := c.Persist(ctx, []event.Send{{Hash: "f"}})
		require.ErrorIs(t, err, context.Canceled)
		require.Len(t, k.began, 3)
	})
}

func TestALockedChannelHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		k := &slowKeeper{verdict: func(ctx context.Context, hashes string) error {
			if !strings.Contains(hashes, "locked") {
				return nil
			}
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return store.Map(ctx.Err())
			}
		}}
		c := NewCommitter(k)
		begin := time.Now()
		locked, b := submit(t.Context(), t, c, "locked1"), submit(t.Context(), t, c, "b")
		require.NoError(t, <-b)
		require.Equal(t, patience, time.Since(begin), "one takes its place")
		require.NoError(t, <-submit(t.Context(), t, c, "d"))
		require.Equal(t, patience, time.Since(begin), "and nobody waits for it from then on")
		close(release)
		require.NoError(t, <-locked)

		// Merged with others, it takes them along for a while.
		release = make(chan struct{})
		hold := make(chan struct{})
		verdict := k.verdict
		k.verdict = func(ctx context.Context, hashes string) error {
			if hashes == "first" {
				<-hold
			}
			return verdict(ctx, hashes)
		}
		first, e, locked := submit(t.Context(), t, c, "first"), submit(t.Context(), t, c, "e"), submit(t.Context(), t, c, "locked2")
		f := submit(t.Context(), t, c, "f")
		begin = time.Now()
		close(hold)
		require.NoError(t, <-first)
		require.NoError(t, <-e)
		require.Equal(t, maxMerged, time.Since(begin))
		require.NoError(t, <-f)
		require.Less(t, time.Since(begin), maxMerged+2*patience)
		close(release)
		require.NoError(t, <-locked)
	})
}
