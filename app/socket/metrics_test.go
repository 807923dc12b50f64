package socket

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"parley/app/socket/sockettest"
)

// gathered is what a registry holds: values by name, with labels behind it.
func gathered(t *testing.T, r *prometheus.Registry) map[string]int {
	families, err := r.Gather()
	require.NoError(t, err)
	values := make(map[string]int)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetName() + "=" + label.GetValue()
			}
			values[name] = int(m.GetCounter().GetValue() + m.GetGauge().GetValue())
		}
	}
	return values
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	metrics := NewMetrics(registry)
	names := []string{
		"parley_socket_bytes_total", "parley_socket_connections", "parley_socket_frames_total",
		"parley_socket_overflows_total", "parley_socket_queued_bytes", "parley_socket_write_timeouts_total",
		"parley_socket_writes_total",
	}
	want := make(map[string]int)
	for _, name := range names {
		want[name] = 0
	}
	require.Equal(t, want, gathered(t, registry), "before there is a server")

	f := newFixture(t, Options{Metrics: metrics})
	client, conn := f.pair(t, sockettest.Options{})
	polling, other := f.pair(t, sockettest.Options{Transport: sockettest.Polling})
	conn.Join("room")
	frame := NewFrame("x", nil)
	f.Broadcast("room", frame, "")
	require.NoError(t, conn.Flush(testContext(t)))
	require.NoError(t, waitFor(t, func() bool { return f.queuedBytes() == 0 }), "the polling client has its answers")
	held := newLooseConn(f.Server) // no transport takes what is queued for it
	f.Server.mu.Lock()
	f.sessions["held"] = held.session
	f.Server.mu.Unlock()
	held.Emit(frame)
	want["parley_socket_connections"] = 2
	want["parley_socket_frames_total"] = 2
	want["parley_socket_bytes_total"] = 2 * frame.Size()
	want["parley_socket_queued_bytes"] = frame.Size()
	want["parley_socket_writes_total"] = 3 // the handshake's two packets, and the event
	require.Equal(t, want, gathered(t, registry))

	f.Server.mu.Lock()
	delete(f.sessions, "held")
	f.Server.mu.Unlock()
	held.end("test")
	conn.Drop("test")
	other.Close(ReasonTokenExpired)
	waitDone(t, client)
	waitDone(t, polling)
	f.reason(t, conn.ID())
	f.reason(t, other.ID())
	values := gathered(t, registry)
	require.Equal(t, 1, values["parley_socket_disconnects_total reason=test"])
	require.Equal(t, 1, values["parley_socket_disconnects_total reason=token_expired"])
	require.Zero(t, values["parley_socket_connections"])
}
