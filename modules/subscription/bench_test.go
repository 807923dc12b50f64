package subscription

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/auth"
	"parley/app/bus"
	"parley/app/event"
	"parley/app/socket"
)

// answering is a bus whose worker answers at once: everybody is in one of the groups, each of which has 20 channels.
type answering struct {
	Bus

	b      *testing.B
	groups int64
	hub    *Hub
	asked  int // requests
}

func (a *answering) Send(ctx context.Context, msg bus.Message) error {
	a.asked++
	r, err := event.Decode[event.SubscriptionRequest](msg, event.TypeRequest)
	require.NoError(a.b, err)
	all := event.Snapshots{RequestID: r.RequestID}
	listed := make(map[int64]bool)
	for _, id := range r.Users() {
		g := id % a.groups
		all.Users = append(all.Users, event.Snapshot{UserID: id, Version: 1, Groups: []int64{g}})
		if listed[g] {
			continue
		}
		listed[g] = true
		channels := make([]int64, 20)
		for i := range channels {
			channels[i] = 20*g + int64(i)
		}
		all.Groups = append(all.Groups, group(g, 1, channels...))
	}
	answer, err := event.Encode(event.ServerKey(r.ServerID), event.TypeSnapshot, all)
	require.NoError(a.b, err)
	a.hub.Snapshot(ctx, answer)
	return nil
}

// BenchmarkStorm brings 1,000 users to the point where they are live, with a worker and a broker that take no time, and
// measures what the hub keeps of each.
func BenchmarkStorm(b *testing.B) {
	const users = 1000
	for _, groups := range []int64{1, 50} {
		b.Run(fmt.Sprintf("%d groups", groups), func(b *testing.B) {
			var kept, asked float64
			b.ReportAllocs()
			for b.Loop() {
				conns := make([]socket.Conn, users)
				ctx, cancel := context.WithCancel(context.Background())
				h := &host{ctx: ctx}
				server, err := socket.New(socket.Options{})
				require.NoError(b, err)
				a := &answering{b: b, groups: groups}
				a.hub = NewHub("server-1", server, tokens{}, a, newKeyring(), NewMetrics(nil), discard)
				require.NoError(b, a.hub.Init(h))
				before := heap(b)
				require.NoError(b, a.hub.Start(ctx))
				var all []*user
				for i := range conns {
					u, err := a.hub.enter(&conns[i], auth.Claims{UserID: int64(i + 1)})
					require.NoError(b, err)
					all = append(all, u)
				}
				for _, u := range all {
					<-u.answered
				}
				kept, asked = heap(b)-before, float64(a.asked)
				cancel()
				h.tasks.Wait()
				for _, u := range all {
					require.Equal(b, live, u.phase)
				}
			}
			b.ReportMetric(kept/users, "B/user")
			b.ReportMetric(asked, "requests")
		})
	}
}

// heap is what is in use.
func heap(b *testing.B) float64 {
	b.Helper()
	b.StopTimer()
	defer b.StartTimer()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
