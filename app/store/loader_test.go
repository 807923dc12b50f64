package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/app/store"
)

// ledger is a database whose one value counts the changes to it. It answers with the value as it was when the query began.
type ledger struct {
	changes atomic.Int64
	took    func(query int) time.Duration // of each query
	fails   func(query int) bool

	mu      sync.Mutex
	now     int // queries under way
	most    int // of them at once
	queries [][]int
	ended   []error // of the contexts of those that were cut short
}

var errQuery = errors.New("the query failed")

func (l *ledger) query(ctx context.Context, keys []int) (map[int]int64, error) {
	l.mu.Lock()
	l.now++
	l.most = max(l.most, l.now)
	number := len(l.queries)
	l.queries = append(l.queries, keys)
	l.mu.Unlock()
	seen := l.changes.Load()
	select {
	case <-time.After(l.took(number)):
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now--
	if err := ctx.Err(); err != nil {
		l.ended = append(l.ended, err)
		return nil, err
	}
	if l.fails(number) {
		return nil, fmt.Errorf("%w: number %d", errQuery, number)
	}
	answers := make(map[int]int64)
	for _, k := range keys {
		answers[k] = seen<<8 | int64(k)
	}
	return answers, nil
}

func (l *ledger) loader() *store.Loader[int, int64] {
	if l.took == nil {
		l.took = func(int) time.Duration { return time.Millisecond }
	}
	if l.fails == nil {
		l.fails = func(int) bool { return false }
	}
	return store.NewLoader(l.query)
}

// caller is one call of a random history.
type caller struct {
	at, patience time.Duration
	key          int
}

// Whatever comes when, takes how long, fails or is given up: every call that is waited for is answered, with its own key's value, as it
// was when the call came in or later; and there is one query at a time.
func TestLoaderNeverAnswersWithAnythingOld(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		millis := func(most int) *rapid.Generator[time.Duration] {
			return rapid.Map(rapid.IntRange(0, most), func(n int) time.Duration { return time.Duration(n) * time.Millisecond })
		}
		callers := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) caller {
			c := caller{at: millis(50).Draw(rt, "at"), patience: time.Hour, key: rapid.IntRange(0, 9).Draw(rt, "key")}
			if rapid.IntRange(0, 3).Draw(rt, "impatient") == 0 {
				c.patience = millis(20).Draw(rt, "patience")
			}
			return c
		}), 1, 60).Draw(rt, "callers")
		took := rapid.SliceOfN(millis(15), 8, 8).Draw(rt, "took")
		failing := rapid.SliceOfN(rapid.IntRange(0, 4), 8, 8).Draw(rt, "failing")
		var wrong []string
		synctest.Test(t, func(t *testing.T) { wrong = history(t, callers, took, failing) })
		if len(wrong) > 0 {
			rt.Fatalf("%v", wrong)
		}
	})
}

// history runs the calls, and a change in every millisecond, and returns what was wrong.
func history(t *testing.T, callers []caller, took []time.Duration, failing []int) (wrong []string) {
	t.Helper()
	db := &ledger{
		took:  func(query int) time.Duration { return took[query%len(took)] },
		fails: func(query int) bool { return failing[query%len(failing)] == 0 },
	}
	loader := db.loader()
	var mu sync.Mutex
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		wrong = append(wrong, fmt.Sprintf(format, args...))
	}
	stop := make(chan struct{})
	var changing, calling sync.WaitGroup
	changing.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				db.changes.Add(1)
			}
		}
	})
	for i, c := range callers {
		calling.Go(func() {
			<-time.After(c.at)
			ctx, cancel := context.WithTimeout(t.Context(), c.patience)
			defer cancel()
			before, begin := db.changes.Load(), time.Now()
			answer, err := loader.Load(ctx, c.key)
			switch {
			case errors.Is(err, errQuery):
			case err != nil && ctx.Err() != nil && time.Since(begin) == c.patience:
			case err != nil:
				note("call %d failed after %s: %v", i, time.Since(begin), err)
			case answer&0xff != int64(c.key):
				note("call %d for %d got the answer for %d", i, c.key, answer&0xff)
			case answer>>8 < before:
				note("call %d came after change %d and was told of %d", i, before, answer>>8)
			}
		})
	}
	calling.Wait()
	synctest.Wait()
	close(stop)
	changing.Wait()
	if db.most > 1 || db.now != 0 {
		note("%d queries at once, %d not ended", db.most, db.now)
	}
	return wrong
}

func TestLoaderAnswersTogetherWhatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &ledger{}
		loader := db.loader()
		var all sync.WaitGroup
		for i := range 600 {
			all.Go(func() {
				if i > 0 {
					<-time.After(time.Microsecond) // the first one's query is under way
				}
				answer, err := loader.Load(t.Context(), i%200)
				require.NoError(t, err)
				require.Equal(t, int64(i%200), answer)
			})
		}
		all.Wait()
		var sizes []int
		for _, keys := range db.queries {
			sizes = append(sizes, len(keys))
		}
		require.Equal(t, []int{1, 256, 256, 87}, sizes)
	})
}

func TestLoaderFailsThoseWhoAskedTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &ledger{fails: func(query int) bool { return query == 1 }}
		loader := db.loader()
		var all sync.WaitGroup
		ask := func(after time.Duration, want error) {
			all.Go(func() {
				<-time.After(after)
				_, err := loader.Load(t.Context(), 1)
				require.ErrorIs(t, err, want)
			})
		}
		ask(0, nil)
		for range 3 {
			ask(100*time.Microsecond, errQuery)
			ask(1100*time.Microsecond, nil)
		}
		all.Wait()
		require.Len(t, db.queries, 3)
	})
}

func TestLoaderEndsWhatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &ledger{took: func(int) time.Duration { return time.Minute }}
		loader := db.loader()
		patience := func(d time.Duration) context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			t.Cleanup(cancel)
			return ctx
		}
		var all sync.WaitGroup
		begin := time.Now()
		for _, d := range []time.Duration{2 * time.Second, 3 * time.Second} {
			all.Go(func() {
				<-time.After(time.Second) // the first query is under way
				_, err := loader.Load(patience(d), 1)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, time.Second+d, time.Since(begin))
			})
		}
		_, err := loader.Load(patience(5*time.Second), 1)
		require.ErrorIs(t, err, store.ErrUnavailable)
		all.Wait()
		synctest.Wait()
		require.Equal(t, []error{context.Canceled}, db.ended, "the second query never began")
		require.Equal(t, 5*time.Second, time.Since(begin))

		// One that the database keeps is given up for everybody.
		_, err = loader.Load(t.Context(), 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 15*time.Second, time.Since(begin))
		synctest.Wait()
	})
}

func TestLoaderOutlivesAPanic(t *testing.T) {
	t.Parallel()
	first := true
	loader := store.NewLoader(func(context.Context, []int) (map[int]string, error) {
		if first {
			first = false
			panic("a bug")
		}
		return nil, nil
	})
	_, err := loader.Load(t.Context(), 1)
	require.ErrorContains(t, err, "a bug")
	answer, err := loader.Load(t.Context(), 1)
	require.NoError(t, err)
	require.Empty(t, answer, "what the query leaves out is empty")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = loader.Load(ended, 1)
	require.ErrorIs(t, err, context.Canceled)
}
