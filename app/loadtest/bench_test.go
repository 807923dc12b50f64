package loadtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/gorilla/websocket"
)

// benchRun is a run with one member who listens to one channel, in which nothing was sent yet.
func benchRun(b *testing.B) *client {
	b.Helper()
	o, err := Options{URL: "http://localhost", Users: 1}.withDefaults()
	if err != nil {
		b.Fatal(err)
	}
	r := newRun(o)
	r.measuredFrom.Store(0)
	m := &member{id: 1, channels: []*channel{{id: 42}}}
	c := newClient(r, m, 0)
	r.clients = []*client{c}
	return c
}

// benchPacket is message n as a client gets it.
func benchPacket(l *ledger, n int64) []byte {
	return []byte(fmt.Sprintf(`42["GROUP_MESSAGE_RECEIVE",{"messageId":%d,"groupId":7,"channelId":42,"seq":%d,"senderId":99,`+
		`"content":"A message of ordinary length, as people write them.","hash":"%s","createdAt":"2026-11-23T21:00:00.123Z"}]`, n+1000, n+1, l.hash(n)))
}

// BenchmarkArrival is what one delivery costs once it is in memory: reading it, checking its place, counting its latency.
func BenchmarkArrival(b *testing.B) {
	c := benchRun(b)
	packets := make([][]byte, b.N)
	for n := range packets {
		packets[n] = benchPacket(c.run.ledger, c.run.ledger.addBelow(maxMessages))
	}
	conn := &conn{raw: &stamped{}}
	b.ReportAllocs()
	b.ResetTimer()
	for _, p := range packets {
		if err := c.packet(conn, p, 0); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if c.known.Load() != int64(b.N) || c.faults.Total() > 0 {
		b.Fatal("not everything was understood")
	}
}

// BenchmarkReceive is a delivery from the socket on, of messages that the server has sent one by one, or several at once. A time
// is that of both ends.
func BenchmarkReceive(b *testing.B) {
	for _, together := range []int{1, 8, 64} {
		b.Run("together="+strconv.Itoa(together), func(b *testing.B) { benchmarkReceive(b, together) })
	}
}

func benchmarkReceive(b *testing.B, together int) {
	c := benchRun(b)
	for range b.N {
		c.run.ledger.addBelow(maxMessages)
	}
	writes := framesOf(c.run.ledger, b.N, together)
	begin := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		_ = ws.WriteMessage(websocket.TextMessage, []byte(`0{"pingInterval":25000,"pingTimeout":20000}`))
		_, _, _ = ws.ReadMessage()
		_ = ws.WriteMessage(websocket.TextMessage, []byte(`40{"sid":"s"}`))
		<-begin
		for _, frames := range writes {
			if _, err := ws.NetConn().Write(frames); err != nil {
				return
			}
		}
		_, _, _ = ws.ReadMessage()
	}))
	defer server.Close()
	conn, err := dialConn(b.Context(), server.URL, "token", c.run.clock, &c.run.buffers)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.close()
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	close(begin)
	for range b.N {
		packet, err := conn.next()
		if err == nil {
			err = c.packet(conn, packet, 0)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
	if c.known.Load() != int64(b.N) || c.faults.Total() > 0 {
		b.Fatal("not everything was understood")
	}
}

// framesOf are messages as text frames, some in each write.
func framesOf(l *ledger, n, together int) [][]byte {
	var writes [][]byte
	var frames []byte
	for i := range n {
		packet := benchPacket(l, int64(i))
		frames = append(frames, 0x81, 126, byte(len(packet)>>8), byte(len(packet)))
		frames = append(frames, packet...)
		if (i+1)%together == 0 || i == n-1 {
			writes = append(writes, frames)
			frames = nil
		}
	}
	return writes
}
