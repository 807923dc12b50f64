package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
)

// BenchmarkSendingWhilePeopleReact is how long a message takes from being sent until its sender hears that it is kept, one after the other, in a
// quiet channel and in one where 100 people react to the same message at once, again and again: each takes the reaction away with the next request.
func BenchmarkSendingWhilePeopleReact(b *testing.B) {
	const crowd = 100
	for _, s := range setups() {
		c := s.start(b, nil)
		people := c.people(b, "person", crowd)
		ann := people[0]
		general := ann.group("friends", people[1:]...).Channels[0]
		m := ann.said(general, "first")
		w := ann.watcher(0)
		sent := 0
		for _, reacting := range []int{0, crowd} {
			b.Run(fmt.Sprintf("%s/%d people", s.name, reacting), func(b *testing.B) {
				ctx, stop := context.WithCancel(b.Context())
				var wg sync.WaitGroup
				reacted := make([]int, reacting)
				for i, p := range people[:reacting] {
					wg.Go(func() {
						for n := 0; ctx.Err() == nil; n++ {
							method := []string{http.MethodPut, http.MethodDelete}[n%2]
							if a, err := p.request(ctx, method, reactionPath(m, "👍"), nil); err == nil && a.status < 300 {
								reacted[i]++
							}
						}
					})
				}
				took := make([]time.Duration, 0, b.N)
				b.ResetTimer()
				for range b.N {
					sent++
					hash := fmt.Sprint("h", sent)
					begin := time.Now()
					require.NoError(b, ann.insist(b.Context(), general, hash, "hello"))
					w.awaitSent(hash)
					took = append(took, time.Since(begin))
				}
				b.StopTimer()
				stop()
				wg.Wait()
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
				all := 0
				for _, n := range reacted {
					all += n
				}
				b.ReportMetric(float64(all)/b.Elapsed().Seconds(), "reactions/s")
			})
		}
	}
}

// awaitSent waits until the sender is told that a message is kept.
func (w *watcher) awaitSent(hash string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	for {
		e, err := w.conn.Await(ctx, event.MessageSent)
		require.NoError(w.t, err)
		var m event.Message
		require.NoError(w.t, e.Decode(&m))
		if m.Hash == hash {
			return
		}
	}
}
