package promise

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"parley/app/problem"
	"parley/app/telemetry"
)

// Kind is a kind of message, as the names of its metrics say it.
type Kind string

// The kinds of messages.
const (
	Message         Kind = "message"
	PersonalMessage Kind = "personal_message"
)

// Metrics count what is promised.
type Metrics struct {
	accepted    prometheus.Counter
	notAccepted *prometheus.CounterVec
	seconds     prometheus.Observer
}

// NewMetrics registers the metrics of one kind of message with r; nil counts without telling anyone.
func NewMetrics(r prometheus.Registerer, k Kind) *Metrics {
	with, name := promauto.With(r), "parley_"+string(k)
	return &Metrics{
		accepted: with.NewCounter(prometheus.CounterOpts{
			Name: name + "s_accepted_total",
			Help: "Messages that were promised to be kept (202).",
		}),
		notAccepted: with.NewCounterVec(prometheus.CounterOpts{
			Name: name + "s_not_accepted_total",
			Help: "Valid messages that could not be promised to be kept, by problem code.",
		}, []string{"reason"}),
		seconds: with.NewHistogram(prometheus.HistogramOpts{
			Name:    name + "_accept_duration_seconds",
			Help:    "Time until the bus had promised to keep an accepted message.",
			Buckets: telemetry.SecondsBuckets(),
		}),
	}
}

// kept counts a message that the bus has promised to keep.
func (m *Metrics) kept(begun time.Time) {
	m.accepted.Inc()
	m.seconds.Observe(time.Since(begun).Seconds())
}

// refused counts a message that was not promised to be kept.
func (m *Metrics) refused(p *problem.Problem) { m.notAccepted.WithLabelValues(p.Code).Inc() }
