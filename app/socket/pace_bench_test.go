//go:build unix

package socket

import (
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkPaced sends events at a steady rate to 100 clients, with and without gathering. One operation is one
// event. It reports writes and processor time for each delivery, the latter of server and clients together as both
// are in this process, and how long an event takes to the last client.
func BenchmarkPaced(b *testing.B) {
	const clients = 100
	for _, rate := range []int{200, 1500} {
		for _, gather := range []time.Duration{time.Nanosecond, 2 * time.Millisecond, 4 * time.Millisecond, 6 * time.Millisecond} {
			b.Run(fmt.Sprintf("rate=%d/gather=%v", rate, gather), func(b *testing.B) {
				f := newFixture(b, Options{PingInterval: time.Hour, GatherTime: gather})
				all := newCrowd(b, f, clients)
				p := newPacer(b.N)
				var reading sync.WaitGroup
				for i, c := range all {
					reading.Go(func() { p.read(b, c, i == clients-1) })
				}
				writes, cpu := f.Stats().Writes, processorTime(b)
				b.ResetTimer()
				p.send(f, rate)
				reading.Wait()
				b.StopTimer()
				deliveries := float64(b.N * clients)
				b.ReportMetric(float64(f.Stats().Writes-writes)/deliveries, "writes/delivery")
				b.ReportMetric(float64(processorTime(b)-cpu)/deliveries, "cpu-ns/delivery")
				slices.Sort(p.latency)
				b.ReportMetric(float64(p.latency[b.N/2].Microseconds()), "p50-µs")
				b.ReportMetric(float64(p.latency[b.N*99/100].Microseconds()), "p99-µs")
			})
		}
	}
}

// pacer sends numbered events at a steady rate, and knows when each was sent.
type pacer struct {
	stream  []byte
	ends    []int // of each event, in the stream
	sent    []time.Time
	latency []time.Duration
}

func newPacer(n int) *pacer {
	p := &pacer{sent: make([]time.Time, n), latency: make([]time.Duration, 0, n), stream: numberStream(n)}
	for i, end := 0, 0; i < n; i++ {
		end += numberFrame(i).Size()
		p.ends = append(p.ends, end)
	}
	return p
}

func (p *pacer) send(f *fixture, rate int) {
	begin := time.Now()
	for i := range p.sent {
		<-time.After(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		p.sent[i] = time.Now()
		f.Broadcast("n", numberFrame(i), "")
	}
}

// read reads the whole stream, and notes how long each event has taken if that is wanted.
func (p *pacer) read(b *testing.B, c *counter, measure bool) {
	buf := make([]byte, 16<<10)
	for n := 0; c.read < len(p.stream); {
		got, err := c.conn.Read(buf)
		if err != nil {
			b.Error(err)
			return
		}
		c.read += got
		for now := time.Now(); measure && n < len(p.ends) && p.ends[n] <= c.read; n++ {
			p.latency = append(p.latency, now.Sub(p.sent[n]))
		}
	}
}

// processorTime is what the process has used.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
