package message

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// merging is a keeper that keeps one batch after the other has arrived, until it is opened.
type merging struct {
	Keeper

	hold chan struct{}
	// batches is how many messages there were in each transaction.
	batches chan int
}

func (m merging) Persist(ctx context.Context, sends []event.Send) ([]Outcome, error) {
	m.batches <- len(sends)
	<-m.hold
	return m.Keeper.Persist(ctx, sends)
}

// together keeps the batches of several callers in one transaction.
func together(t *testing.T, s *Store, batches ...[]event.Send) [][]Outcome {
	t.Helper()
	m := merging{Keeper: s, hold: make(chan struct{}), batches: make(chan int, len(batches)+2)}
	c := NewCommitter(m)
	outcomes := make([][]Outcome, len(batches))
	errs := make([]error, len(batches)+1)
	var callers sync.WaitGroup
	callers.Go(func() { _, errs[len(batches)] = c.Persist(t.Context(), nil) })
	require.Zero(t, <-m.batches, "the first one is alone, and the others wait for it")
	all := 0
	for i, sends := range batches {
		all += len(sends)
		callers.Go(func() { outcomes[i], errs[i] = c.Persist(t.Context(), sends) })
		require.Eventually(t, func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.waiting) == i+1
		}, 10*time.Second, time.Millisecond)
	}
	close(m.hold)
	callers.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, all, <-m.batches)
	require.Empty(t, m.batches)
	return outcomes
}

func TestBatchesThatAreMergedComeToTheSame(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 1000)
		kept := persist(t, s, say(1, 1, "kept"))[0]
		outcomes := together(t, s,
			[]event.Send{say(1, 1, "kept"), say(1, 1, "a"), say(5, 1, "stranger")},
			[]event.Send{say(1, 2, "a"), say(3, 2, "stranger"), say(1, 2, "a")},
			[]event.Send{say(5, 3, "a"), say(1, 99, "nowhere")},
		)
		require.Equal(t, kept, outcomes[0][0])
		require.Equal(t, int64(2), outcomes[0][1].Message.Seq)
		require.ErrorIs(t, outcomes[0][2].Refused, ErrNotMember)
		require.Equal(t, int64(1), outcomes[1][0].Message.Seq)
		require.ErrorIs(t, outcomes[1][1].Refused, ErrNotMember)
		require.Equal(t, outcomes[1][0], outcomes[1][2])
		require.Equal(t, int64(1), outcomes[2][0].Message.Seq)
		require.ErrorIs(t, outcomes[2][1].Refused, ErrChannelNotFound)
		require.Equal(t, []int64{2, 3, 4}, recipients(t, s, outcomes[0][1].Message.MessageID))
		require.Equal(t, []int64{2}, recipients(t, s, outcomes[1][0].Message.MessageID))
	})
}

// TestTwoWorkersKeepTheSameBatch: a batch is handed to another worker while the first one is still at it.
func TestTwoWorkersKeepTheSameBatch(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := url(t)
			one := storetest.Open(t, address)
			stores := []*Store{open(t, one, 1000), NewStore(storetest.Open(t, address), 1000, nil)}
			const rounds = 20
			for round := range rounds {
				sends := []event.Send{say(1, 1, fmt.Sprint("a", round)), say(2, 2, fmt.Sprint("b", round)), say(2, 1, fmt.Sprint("c", round)), say(5, 1, "x")}
				outcomes, errs := make([][]Outcome, len(stores)), make([]error, len(stores))
				var workers sync.WaitGroup
				for i, s := range stores {
					workers.Go(func() { outcomes[i], errs[i] = NewCommitter(s).Persist(t.Context(), sends) })
				}
				workers.Wait()
				require.NoError(t, errs[0])
				require.NoError(t, errs[1])
				require.Equal(t, outcomes[0], outcomes[1])
			}
			require.Len(t, all(t, stores[0], 1), 2*rounds)
			require.Len(t, all(t, stores[0], 2), rounds)
			for _, m := range all(t, stores[0], 2) {
				require.Equal(t, []int64{1}, recipients(t, stores[0], m.MessageID))
			}
		})
	}
}

// TestPartitionsSideBySide: each of several partitions hands over its messages in batches, again when it was interrupted, and finds
// them kept once, in its order.
func TestPartitionsSideBySide(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		const partitions, batches, size, members = 8, 25, 3, 5
		crowd(t, db, members, partitions)
		s := NewStore(db, eagerReaders, nil)
		c := NewCommitter(s)
		var consumers sync.WaitGroup
		for p := range partitions {
			consumers.Go(func() {
				for n := range batches {
					sends := chatter(n, size, members)
					for i := range sends {
						sends[i].ChannelID = int64(p + 1)
					}
					for interrupted := rand.IntN(3) == 0; ; interrupted = false {
						ctx, cancel := context.WithCancel(t.Context())
						if interrupted {
							go cancel()
						}
						_, err := c.Persist(ctx, sends)
						cancel()
						if err == nil {
							break
						}
					}
				}
			})
		}
		consumers.Wait()
		for p := range partitions {
			kept := all(t, s, int64(p+1))
			require.Len(t, kept, batches*size)
			for i, m := range kept {
				require.Equal(t, int64(i+1), m.Seq)
				require.Equal(t, fmt.Sprintf("%d-%d", i/size, i%size), m.Hash)
				require.Len(t, recipients(t, s, m.MessageID), members-1)
			}
		}
	})
}

// TestStatementsDoNotGrow: what a batch costs in statements depends on nothing that grows.
func TestStatementsDoNotGrow(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		url  func(testing.TB) string
		want int
	}{
		"sqlite":   {storetest.SQLiteURL, 7}, // BEGIN, channels, what is known, messages, channels, recipients, COMMIT
		"postgres": {storetest.PostgresURL, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, members := range []int{10, 1000, eagerReaders + 1} {
				registry := prometheus.NewRegistry()
				db := storetest.OpenCounted(t, tc.url(t), store.NewMetrics(registry))
				crowd(t, db, members, crowdChannels)
				s := NewStore(db, eagerReaders, nil)
				for n, size := range []int{1, 2, 16} {
					before := statementsWritten(t, registry)
					persist(t, s, chatter(n, size, members)...)
					require.Equal(t, tc.want, statementsWritten(t, registry)-before, "%d messages to %d members", size, members)
				}
			}
		})
	}
}

func TestWhatBecomesOfMessagesIsCounted(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		registry := prometheus.NewRegistry()
		open(t, db, 1000)
		s := NewStore(db, 1000, NewWorkerMetrics(registry))
		persist(t, s, say(1, 1, "a"), say(1, 1, "a"), say(1, 2, "b"), say(5, 1, "x"), say(1, 99, "x"))
		persist(t, s, say(1, 1, "a"), say(2, 1, "c"))
		counts := make(map[string]int)
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, f := range families {
			for _, m := range f.GetMetric() {
				name := f.GetName()
				for _, l := range m.GetLabel() {
					name += " " + l.GetValue()
				}
				counts[name] = int(m.GetCounter().GetValue()) + int(m.GetHistogram().GetSampleCount())
			}
		}
		require.Equal(t, map[string]int{
			"parley_messages_persisted_total":                 3,
			"parley_messages_repeated_total":                  2,
			"parley_messages_refused_total not_a_member":      1,
			"parley_messages_refused_total channel_not_found": 1,
			"parley_messages_given_up_total":                  0,
			"parley_message_recipients_written_total":         3 + 1 + 3,
			"parley_message_batch_size":                       2,
			"parley_message_persist_duration_seconds":         2,
		}, counts)
	})
}

// TestAChannelOfAGroupThatIsBeingDeleted is locked for long, which holds up nobody else for long.
func TestAChannelOfAGroupThatIsBeingDeleted(t *testing.T) {
	t.Parallel()
	s := open(t, storetest.Open(t, storetest.PostgresURL(t)), 1000)
	c := NewCommitter(s)
	locked, release := make(chan struct{}), make(chan struct{})
	deleted := make(chan error, 1)
	go func() {
		deleted <- s.db.Write(context.Background(), func(tx *gorm.DB) error {
			if err := tx.Exec("SELECT id FROM channels WHERE id = 3 FOR UPDATE").Error; err != nil {
				return err
			}
			close(locked)
			<-release
			return tx.Exec("DELETE FROM channels WHERE id = 3").Error
		})
	}()
	<-locked
	refused := make(chan []Outcome, 1)
	go func() {
		outcomes, _ := c.Persist(context.Background(), []event.Send{say(5, 3, "late")})
		refused <- outcomes
	}()
	outcomes, err := c.Persist(t.Context(), []event.Send{say(1, 1, "a")})
	require.NoError(t, err)
	require.Equal(t, int64(1), outcomes[0].Message.Seq)
	close(release)
	require.NoError(t, <-deleted)
	outcomes = <-refused
	require.Len(t, outcomes, 1)
	require.ErrorIs(t, outcomes[0].Refused, ErrChannelNotFound)
}
