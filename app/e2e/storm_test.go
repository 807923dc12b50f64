package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"parley/app/event"
	"parley/app/socket/sockettest"
	"parley/app/store/storetest"
	"parley/app/testenv"
)

// The crowd of the connect storm: stormUsers in all, each in one group with stormChannels channels.
const (
	stormUsers    = 1000
	stormChannels = 20
)

// BenchmarkConnectStorm has 1,000 users connect at once to one socket server and, when that is killed, at once to another. It
// measures, for everyone, the time until SUBSCRIBED.
func BenchmarkConnectStorm(b *testing.B) {
	for _, shape := range []struct {
		name   string
		groups int
	}{{"one group", 1}, {"50 groups", 50}} {
		b.Run(shape.name, func(b *testing.B) {
			c := startSplit(b, services(b, testenv.AMQPURL(b), storetest.PostgresURL(b)), nil)
			people := c.crowd(b, shape.groups)
			var connect, reconnect []time.Duration
			b.ResetTimer()
			for range b.N {
				first, second := c.sockets[0], c.sockets[1]
				s := newStorm(b, people)
				began := time.Now()
				s.connect(first)
				connect = append(connect, s.await(began)...)
				began = time.Now()
				first.kill()
				s.connect(second)
				reconnect = append(reconnect, s.await(began)...)
				s.close()
				b.StopTimer()
				second.kill()
				first.restart()
				second.restart()
				b.StartTimer()
			}
			b.StopTimer()
			report(b, "connect", connect)
			report(b, "reconnect", reconnect)
			b.ReportMetric(0, "ns/op")
		})
	}
}

func report(b *testing.B, what string, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	for name, share := range map[string]float64{"p50": 0.5, "p99": 0.99, "last": 1} {
		b.ReportMetric(took[int(share*float64(len(took)-1))].Seconds(), what+"-"+name+"-s")
	}
}

// crowd signs everybody up and shares them out among groups.
func (c *cluster) crowd(b *testing.B, groups int) []*person {
	b.Helper()
	people := c.people(b, "storm", stormUsers)
	var making errgroup.Group
	making.SetLimit(8)
	for share := range slices.Chunk(people, stormUsers/groups) {
		making.Go(func() error {
			g := share[0].group("crowd")
			for i := 1; i < stormChannels; i++ {
				share[0].channel(g, fmt.Sprintf("channel-%d", i), false)
			}
			for _, p := range share[1:] {
				share[0].add(g, p)
			}
			return nil
		})
	}
	require.NoError(b, making.Wait())
	return people
}

// storm is everybody's connection, one after the other.
type storm struct {
	b      *testing.B
	people []*person

	mu         sync.Mutex
	conns      []*sockettest.Client
	subscribed []time.Time
	arrived    chan struct{}
}

func newStorm(b *testing.B, people []*person) *storm {
	b.Helper()
	s := &storm{b: b, people: people, arrived: make(chan struct{}, len(people))}
	b.Cleanup(s.close)
	return s
}

// connect has everybody come at once.
func (s *storm) connect(server *process) {
	s.b.Helper()
	s.close()
	ctx, cancel := context.WithTimeout(s.b.Context(), patience)
	defer cancel()
	conns := make([]*sockettest.Client, len(s.people))
	var coming errgroup.Group
	for i, p := range s.people {
		coming.Go(func() (err error) {
			conns[i], err = sockettest.Dial(ctx, server.url(), sockettest.Options{Token: p.token, OnEvent: s.heard})
			return err
		})
	}
	err := coming.Wait()
	s.conns = conns
	require.NoError(s.b, err)
}

// heard notes when somebody is subscribed.
func (s *storm) heard(e sockettest.Event) {
	if e.Name != event.Subscribed {
		return
	}
	s.mu.Lock()
	s.subscribed = append(s.subscribed, time.Now())
	s.mu.Unlock()
	s.arrived <- struct{}{}
}

// await waits until everybody is subscribed, and returns how long it took them.
func (s *storm) await(began time.Time) []time.Duration {
	s.b.Helper()
	timeout := time.After(patience)
	for i := range s.people {
		select {
		case <-s.arrived:
		case <-timeout:
			s.b.Fatalf("%d of %d are subscribed", i, len(s.people))
		}
	}
	for i, c := range s.conns {
		select {
		case <-c.Done():
			s.b.Fatalf("%s was dropped: %s", s.people[i].name, c.Reason())
		default:
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	took := make([]time.Duration, 0, len(s.subscribed))
	for _, at := range s.subscribed {
		took = append(took, at.Sub(began))
	}
	s.subscribed = nil
	return took
}

// close forgets the connections at hand, whose server may be gone.
func (s *storm) close() {
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}
