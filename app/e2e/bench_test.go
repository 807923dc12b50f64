package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"parley/app/event"
	"parley/app/socket/sockettest"
)

// The audience of the benchmarks.
const (
	online   = 100 // members with a connection each
	channels = 5
	senders  = 64  // in the closed loop
	paced    = 200 // messages a second where latency is measured
)

// audience is a group whose members are all online.
type audience struct {
	people   []*person
	channels []channel
	got      atomic.Int64 // messages that arrived at a connection, sent or received
	faults   atomic.Int64 // arrivals out of order

	mu      sync.Mutex
	sentAt  map[string]time.Time // by hash
	latency []time.Duration      // from the beginning of a POST to each arrival
}

// audience connects everybody.
func (c *cluster) audience(b *testing.B) *audience {
	b.Helper()
	a := &audience{people: c.people(b, "member", online), sentAt: make(map[string]time.Time)}
	g := a.people[0].group("everyone", a.people[1:]...)
	a.channels = append(a.channels, g.Channels[0])
	for i := 1; i < channels; i++ {
		a.channels = append(a.channels, a.people[0].channel(g, fmt.Sprintf("channel-%d", i), false))
	}
	for i, p := range a.people {
		a.connect(b, p, i)
	}
	return a
}

func (a *audience) connect(b *testing.B, p *person, server int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	subscribed := make(chan struct{})
	last := make(map[int64]int64)
	conn, err := sockettest.Dial(ctx, p.c.socket(server), sockettest.Options{Token: p.token, OnEvent: func(e sockettest.Event) {
		switch e.Name {
		case event.Subscribed:
			close(subscribed)
		case event.MessageSent, event.MessageReceive:
			a.arrived(e.Payload, last)
		}
	}})
	require.NoError(b, err)
	b.Cleanup(conn.Close)
	select {
	case <-subscribed:
	case <-ctx.Done():
		b.Fatal("not subscribed")
	}
}

// arrived notes a message at one connection, which calls it for one after the other.
func (a *audience) arrived(payload json.RawMessage, last map[int64]int64) {
	now := time.Now()
	var m event.Message
	if json.Unmarshal(payload, &m) != nil || m.Seq != last[m.ChannelID]+1 {
		a.faults.Add(1)
	}
	last[m.ChannelID] = m.Seq
	a.mu.Lock()
	if at, ok := a.sentAt[m.Hash]; ok {
		a.latency = append(a.latency, now.Sub(at))
	}
	a.mu.Unlock()
	a.got.Add(1)
}

// send sends message number n and notes when, if latencies are wanted.
func (a *audience) send(ctx context.Context, n int, timed bool) error {
	hash := fmt.Sprintf("m-%d", n)
	if timed {
		a.mu.Lock()
		a.sentAt[hash] = time.Now()
		a.mu.Unlock()
	}
	return a.people[n%online].insist(ctx, a.channels[n%channels], hash, "A message of ordinary length, as people write them.")
}

// complete waits until n messages have arrived everywhere.
func (a *audience) complete(b *testing.B, n int) {
	b.Helper()
	require.Eventually(b, func() bool { return a.got.Load() >= int64(n*online) }, patience, time.Millisecond)
	require.Equal(b, int64(n*online), a.got.Load(), "each message once at each connection")
	require.Zero(b, a.faults.Load(), "arrivals out of order")
}

// BenchmarkThroughput is the closed loop: each of 64 senders sends its next message when the last one was accepted. It ends
// when every message has arrived at all 100 members.
func BenchmarkThroughput(b *testing.B) {
	for _, s := range setups() {
		b.Run(s.name, func(b *testing.B) {
			a := s.start(b, nil).audience(b)
			var next atomic.Int64
			b.ResetTimer()
			began := time.Now()
			var loop errgroup.Group
			for range senders {
				loop.Go(func() error {
					for n := int(next.Add(1)) - 1; n < b.N; n = int(next.Add(1)) - 1 {
						if err := a.send(b.Context(), n, false); err != nil {
							return err
						}
					}
					return nil
				})
			}
			require.NoError(b, loop.Wait())
			a.complete(b, b.N)
			seconds := time.Since(began).Seconds()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/seconds, "msgs/s")
			b.ReportMetric(float64(b.N*online)/seconds, "deliveries/s")
		})
	}
}

// BenchmarkLatency sends 200 messages a second and measures, for each of the 100 members, the time from the beginning of the
// request to the arrival of the message.
func BenchmarkLatency(b *testing.B) {
	for _, s := range setups() {
		b.Run(s.name, func(b *testing.B) {
			a := s.start(b, nil).audience(b)
			tick := time.NewTicker(time.Second / paced)
			defer tick.Stop()
			var sending errgroup.Group
			b.ResetTimer()
			for n := range b.N {
				<-tick.C
				sending.Go(func() error { return a.send(b.Context(), n, true) })
			}
			require.NoError(b, sending.Wait())
			a.complete(b, b.N)
			b.StopTimer()
			slices.Sort(a.latency)
			at := func(share float64) float64 {
				return float64(a.latency[int(share*float64(len(a.latency)-1))].Microseconds()) / 1000
			}
			b.ReportMetric(at(0.5), "p50-ms")
			b.ReportMetric(at(0.99), "p99-ms")
			b.ReportMetric(0, "ns/op") // the pace is given
		})
	}
}
