package message

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// secondsBuckets are those of the histograms of durations.
var secondsBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// APIMetrics count what the API accepts.
type APIMetrics struct {
	acceptedTotal prometheus.Counter
	notAccepted   *prometheus.CounterVec
	seconds       prometheus.Observer
}

// NewAPIMetrics registers the metrics with r; nil counts without telling anyone.
func NewAPIMetrics(r prometheus.Registerer) *APIMetrics {
	with := promauto.With(r)
	return &APIMetrics{
		acceptedTotal: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_messages_accepted_total",
			Help: "Messages that were promised to be kept (202).",
		}),
		notAccepted: with.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_messages_not_accepted_total",
			Help: "Valid messages that could not be promised to be kept, by problem code.",
		}, []string{"reason"}),
		seconds: with.NewHistogram(prometheus.HistogramOpts{
			Name:    "parley_message_accept_duration_seconds",
			Help:    "Time until the bus had promised to keep an accepted message.",
			Buckets: secondsBuckets,
		}),
	}
}

// accepted counts a message that the bus has promised to keep.
func (m *APIMetrics) accepted(begun time.Time) {
	m.acceptedTotal.Inc()
	m.seconds.Observe(time.Since(begun).Seconds())
}

// refused counts a message that was not promised to be kept.
func (m *APIMetrics) refused(reason string) { m.notAccepted.WithLabelValues(reason).Inc() }
