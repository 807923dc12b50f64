package socket

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"
)

// BenchmarkFanOut measures events per second from Broadcast to the clients' sockets, with the clients on the
// same machine: one operation is a burst that everyone has received in full.
func BenchmarkFanOut(b *testing.B) {
	for _, size := range []struct{ clients, burst, padding int }{{1, 1, 0}, {1, 1000, 0}, {500, 1, 0}, {500, 200, 0}, {500, 200, 300}} {
		b.Run(fmt.Sprintf("clients=%d/burst=%d/padding=%d", size.clients, size.burst, size.padding), func(b *testing.B) {
			padding := bytes.Repeat([]byte(" "), size.padding)
			f := newFixture(b, Options{PingInterval: time.Hour})
			all := newCrowd(b, f, size.clients)
			stream := numberStream(size.burst, padding...)
			var reading sync.WaitGroup
			for _, c := range all {
				go func() { // ends with the connection
					for buf := make([]byte, 16<<10); c.follow(stream, buf) == nil; reading.Done() {
						c.read = 0
					}
				}()
			}
			b.ReportAllocs()
			for b.Loop() {
				reading.Add(size.clients)
				for i := range size.burst {
					f.Broadcast("n", numberFrame(i, padding...), "")
				}
				reading.Wait()
			}
			b.ReportMetric(float64(b.N*size.clients*size.burst)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkBroadcast measures Broadcast alone: what the caller waits for. Nothing is written; the queues are emptied
// now and then, as the writers would, which is part of the measure.
func BenchmarkBroadcast(b *testing.B) {
	for _, clients := range []int{1, 100, 1000, 10_000} {
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
				if n%16 == 15 {
					for _, c := range conns {
						c.session.wrote(c.session.queue.frames)
						s.recycle(c.session.queue)
						c.session.queue = nil
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*clients), "ns/delivery")
		})
	}
}

// BenchmarkNewFrame encodes an event, which is done once whatever the number of receivers.
func BenchmarkNewFrame(b *testing.B) {
	for _, size := range []int{200, 4000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			payload := bytes.Repeat([]byte("1"), size)
			b.ReportAllocs()
			for b.Loop() {
				NewFrame("GROUP_MESSAGE_RECEIVE", payload)
			}
		})
	}
}
