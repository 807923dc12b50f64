package socket

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkFanOut measures events per second from Broadcast to the clients' sockets, with the clients on the
// same machine: one operation is a burst that everyone has received in full.
func BenchmarkFanOut(b *testing.B) {
	for _, size := range []struct{ clients, burst int }{{1, 1}, {1, 1000}, {500, 1}, {500, 200}} {
		b.Run(fmt.Sprintf("clients=%d/burst=%d", size.clients, size.burst), func(b *testing.B) {
			f := newFixture(b, Options{PingInterval: time.Hour})
			all := newCrowd(b, f, size.clients)
			stream := numberStream(size.burst)
			b.ReportAllocs()
			for b.Loop() {
				done := make(chan error, 1)
				for _, c := range all {
					c.read = 0
				}
				go func() { done <- all.follow(stream) }()
				for i := range size.burst {
					f.Broadcast("n", numberFrame(i), "")
				}
				require.NoError(b, <-done)
			}
			b.ReportMetric(float64(b.N*size.clients*size.burst)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkBroadcast measures Broadcast alone: what the caller waits for.
func BenchmarkBroadcast(b *testing.B) {
	for _, clients := range []int{1, 100, 10_000} {
		b.Run(strconv.Itoa(clients), func(b *testing.B) {
			s := newLooseServer(b)
			conns := make([]*Conn, clients)
			for i := range conns {
				conns[i] = newLooseConn(s)
				conns[i].Join("room")
			}
			frame := numberFrame(1)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				s.Broadcast("room", frame, "")
				if n%1000 == 999 {
					for _, c := range conns {
						c.session.wrote(c.session.queue.frames)
						s.recycle(c.session.queue)
						c.session.queue = nil
					}
				}
			}
		})
	}
}

// BenchmarkIdle measures what a connection that does nothing costs the server's process, with the clients in another one.
func BenchmarkIdle(b *testing.B) {
	const clients = 2000
	for b.Loop() {
		f := newFixture(b, Options{})
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childMode+"=idle-clients", "URL="+f.url, "CLIENTS="+strconv.Itoa(clients))
		child.Stderr = os.Stderr
		stop, err := child.StdinPipe()
		require.NoError(b, err)
		require.NoError(b, child.Start())
		require.NoError(b, waitFor(b, func() bool { return f.Stats().Connections == clients }))
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&after)
		heap := after.HeapInuse - before.HeapInuse
		stack := after.StackInuse - before.StackInuse
		b.ReportMetric(float64(heap+stack)/clients, "B/conn")
		b.ReportMetric(float64(heap)/clients, "heap-B/conn")
		b.ReportMetric(float64(stack)/clients, "stack-B/conn")
		require.NoError(b, stop.Close())
		require.NoError(b, child.Wait())
	}
}
