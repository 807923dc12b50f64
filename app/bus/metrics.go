package bus

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"parley/app/telemetry"
)

// Metrics counts what passes over a bus, in the same way for every implementation.
type Metrics struct {
	sent, published, received, reconnects prometheus.Counter
	failures                              *prometheus.CounterVec
	sendSeconds, publishSeconds           prometheus.Histogram
	redelivered, deadLettered             *prometheus.CounterVec
	depth                                 *prometheus.GaugeVec
}

// QueueMetrics are those of one work queue.
type QueueMetrics struct {
	// Redelivered counts messages that were handed over before.
	Redelivered prometheus.Counter
	// DeadLettered counts messages that were given up.
	DeadLettered prometheus.Counter
	// Depth is how many messages wait for a consumer.
	Depth prometheus.Gauge
}

// Exchange names one of the two exchanges in the metrics of failures.
type Exchange string

// The exchanges.
const (
	Incoming Exchange = "incoming"
	Outgoing Exchange = "outgoing"
)

// NewMetrics registers the metrics with r; nil registers them nowhere.
func NewMetrics(r prometheus.Registerer) *Metrics {
	with := promauto.With(r)
	seconds := telemetry.SecondsBuckets()
	return &Metrics{
		sent: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_bus_sent_total",
			Help: "Messages put into work queues and confirmed.",
		}),
		published: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_bus_published_total",
			Help: "Messages put on the outgoing exchange and confirmed, however many events each carries.",
		}),
		failures: with.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_bus_publish_failures_total",
			Help: "Sends (exchange incoming) and calls of Publish (outgoing) that failed, by reason.",
		}, []string{"exchange", "reason"}),
		sendSeconds: with.NewHistogram(prometheus.HistogramOpts{
			Name: "parley_bus_send_duration_seconds", Buckets: seconds,
			Help: "Time until a message put into a work queue was confirmed.",
		}),
		publishSeconds: with.NewHistogram(prometheus.HistogramOpts{
			Name: "parley_bus_publish_duration_seconds", Buckets: seconds,
			Help: "Time until everything given to one call of Publish was confirmed.",
		}),
		received: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_bus_received_total",
			Help: "Messages handed over to workers and inboxes.",
		}),
		redelivered: with.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_bus_redelivered_total",
			Help: "Messages handed over to workers that had been handed over before.",
		}, []string{"queue"}),
		deadLettered: with.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_bus_dead_lettered_total",
			Help: "Messages given up and moved to the dead-letter queue.",
		}, []string{"queue"}),
		reconnects: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_bus_reconnects_total",
			Help: "Connections to the broker made anew after a loss.",
		}),
		depth: with.NewGaugeVec(prometheus.GaugeOpts{
			Name: "parley_bus_queue_depth",
			Help: "Messages that wait in a work queue; every process that uses the queue reports it.",
		}, []string{"queue"}),
	}
}

// Queue returns the metrics of one work queue.
func (m *Metrics) Queue(name string) QueueMetrics {
	return QueueMetrics{
		Redelivered:  m.redelivered.WithLabelValues(name),
		DeadLettered: m.deadLettered.WithLabelValues(name),
		Depth:        m.depth.WithLabelValues(name),
	}
}

// Sent counts the end of a Send that began at start.
func (m *Metrics) Sent(start time.Time, err error) {
	if err != nil {
		m.Failed(Incoming, err)
		return
	}
	m.sent.Inc()
	m.sendSeconds.Observe(time.Since(start).Seconds())
}

// Published counts the end of a Publish of n messages that began at start.
func (m *Metrics) Published(start time.Time, n int, err error) {
	if err != nil {
		m.Failed(Outgoing, err)
		return
	}
	m.published.Add(float64(n))
	m.publishSeconds.Observe(time.Since(start).Seconds())
}

// Failed counts something that could not be put on an exchange.
func (m *Metrics) Failed(to Exchange, err error) {
	m.failures.WithLabelValues(string(to), reason(err)).Inc()
}

// Received counts messages handed over.
func (m *Metrics) Received(n int) { m.received.Add(float64(n)) }

// Reconnected counts a connection that was made anew.
func (m *Metrics) Reconnected() { m.reconnects.Inc() }

// reason is the label for an error.
func reason(err error) string {
	switch {
	case errors.Is(err, ErrFull):
		return "full"
	case errors.Is(err, ErrUnavailable):
		return "unavailable"
	case errors.Is(err, ErrUnroutable):
		return "unroutable"
	case errors.Is(err, ErrDeadLettered):
		return "dead_lettered"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "not_in_time"
	default:
		return "invalid"
	}
}
