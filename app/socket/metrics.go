package socket

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are what a Server counts, for Prometheus. Except for the disconnects, they are read from the server when
// they are asked for, so that an event costs nothing more for them.
type Metrics struct {
	server      atomic.Pointer[Server] // nil until it is made
	disconnects *prometheus.CounterVec // by reason
}

// NewMetrics registers the metrics of one server with r; nil counts without telling anyone.
func NewMetrics(r prometheus.Registerer) *Metrics {
	with := promauto.With(r)
	m := &Metrics{disconnects: with.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_socket_disconnects_total",
		Help: "Clients' transports that have ended, and clients that were refused, by reason.",
	}, []string{"reason"})}
	gauge := func(name, help string, read func(*Server) float64) {
		with.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, m.reader(read))
	}
	counter := func(name, help string, read func(*Server) float64) {
		with.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, m.reader(read))
	}
	gauge("parley_socket_connections", "Clients that are connected and have been let in.",
		func(s *Server) float64 { return float64(s.rooms.count(everyone)) })
	gauge("parley_socket_queued_bytes", "Bytes that wait to be written to clients, or are being written.",
		func(s *Server) float64 { return float64(s.queuedBytes()) })
	counter("parley_socket_frames_total", "Events queued for clients, counted once for each receiver.",
		func(s *Server) float64 { return float64(s.stats.frames.Load()) })
	counter("parley_socket_bytes_total", "Bytes of the events queued for clients, counted once for each receiver.",
		func(s *Server) float64 { return float64(s.stats.bytes.Load()) })
	counter("parley_socket_writes_total", "Writes to clients' WebSockets, each of one or more events.",
		func(s *Server) float64 { return float64(s.stats.writes.Load()) })
	counter("parley_socket_overflows_total", "Clients given up because too much waited for them.",
		func(s *Server) float64 { return float64(s.stats.overflows.Load()) })
	counter("parley_socket_write_timeouts_total", "Clients given up because they did not read in time.",
		func(s *Server) float64 { return float64(s.stats.writeTimeouts.Load()) })
	return m
}

// reader is the function that reads a number from the server.
func (m *Metrics) reader(read func(*Server) float64) func() float64 {
	return func() float64 {
		if s := m.server.Load(); s != nil {
			return read(s)
		}
		return 0
	}
}

// disconnected counts the end of a connection.
func (m *Metrics) disconnected(reason string) { m.disconnects.WithLabelValues(reason).Inc() }
