package subscription

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"parley/app/telemetry"
)

// Metrics count the subscriptions of a socket server.
type Metrics struct {
	users    [gone]prometheus.Gauge // by phase
	duration prometheus.Histogram
	requests prometheus.Counter
}

// NewMetrics registers the metrics with r; nil registers them nowhere.
func NewMetrics(r prometheus.Registerer) *Metrics {
	with := promauto.With(r)
	m := &Metrics{
		duration: with.NewHistogram(prometheus.HistogramOpts{
			Name:    "parley_subscription_duration_seconds",
			Help:    "Time from a client's request to connect until it was told that it is subscribed.",
			Buckets: telemetry.SecondsBuckets(),
		}),
		requests: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_subscription_requests_total",
			Help: "Snapshots that this socket server has asked workers for, several of them in one message if many are due.",
		}),
	}
	users := with.NewGaugeVec(prometheus.GaugeOpts{
		Name: "parley_subscription_users",
		Help: "Users with a connection to this socket server, by how far their subscription is.",
	}, []string{"phase"})
	for phase, name := range [gone]string{asking: "asking", binding: "binding", live: "live"} {
		m.users[phase] = users.WithLabelValues(name)
	}
	return m
}

// subscribed counts a connection that was told so.
func (m *Metrics) subscribed(since time.Time) { m.duration.Observe(time.Since(since).Seconds()) }

// WorkerMetrics count what a worker answers.
type WorkerMetrics struct{ snapshots prometheus.Counter }

// NewWorkerMetrics registers the metrics with r; nil registers them nowhere.
func NewWorkerMetrics(r prometheus.Registerer) *WorkerMetrics {
	return &WorkerMetrics{snapshots: promauto.With(r).NewCounter(prometheus.CounterOpts{
		Name: "parley_subscription_snapshots_total",
		Help: "Snapshots that this worker has answered with.",
	})}
}
