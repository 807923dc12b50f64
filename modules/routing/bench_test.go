package routing

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"parley/app/event"
	"parley/app/socket"
)

// nobody is rooms without members.
type nobody struct{}

func (nobody) Broadcast(string, socket.Frame, string) int     { return 0 }
func (nobody) BroadcastBoth(string, string, socket.Frame) int { return 0 }

// BenchmarkReceive is what a socket server does with a bus message, but for the connections.
func BenchmarkReceive(b *testing.B) {
	for _, n := range []int{1, 32} {
		b.Run(fmt.Sprintf("%d messages", n), func(b *testing.B) {
			r := NewRouter("server-1", nil, nobody{}, time.Second, NewMetrics(nil), slog.New(slog.DiscardHandler))
			p := event.NewPost(34)
			for seq := range n {
				_ = p.Add(event.Message{
					MessageID: 123_456, GroupID: 12, ChannelID: 34, Seq: int64(seq + 1), SenderID: 90,
					Content: "A message of ordinary length, as people write them.", Hash: "5c8f1e0a-7a35-4d27-9a4b-2f0f3a1f5a10",
				}, time.Now())
			}
			msg := p.Message()
			b.ReportAllocs()
			for b.Loop() {
				r.emitted = newWatermarks(watermarksKept)
				r.Receive(context.Background(), msg)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/message")
		})
	}
}

// obedient is a broker that does at once what it is told.
type obedient struct{}

func (obedient) Bind(context.Context, ...string) error   { return nil }
func (obedient) Unbind(context.Context, ...string) error { return nil }

// BenchmarkBindings has 1,000 connections need 20 keys each, waits until all are bound, and has them gone and all unbound:
// once with the same keys for all, once with different ones.
func BenchmarkBindings(b *testing.B) {
	for name, shared := range map[string]bool{"shared": true, "own": false} {
		b.Run(name, func(b *testing.B) {
			needs := make([][]string, 1000)
			for i := range needs {
				for k := range 20 {
					id := int64(k)
					if !shared {
						id += int64(20 * i)
					}
					needs[i] = append(needs[i], event.ChannelKey(id))
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				bindings := NewBindings(0, NewMetrics(nil), slog.New(slog.DiscardHandler))
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan struct{})
				go func() {
					defer close(done)
					_ = bindings.Run(ctx, obedient{})
				}()
				waits := make([]<-chan uint64, 0, len(needs))
				for _, keys := range needs {
					waits = append(waits, bindings.Acquire(keys...))
				}
				for _, bound := range waits {
					<-bound
				}
				for _, keys := range needs {
					bindings.Release(keys...)
				}
				for _, confirmed := bindings.Counts(); confirmed > 0; _, confirmed = bindings.Counts() {
					bindings.nudge()
				}
				cancel()
				<-done
			}
		})
	}
}
