package routing

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"parley/app/event"
	"parley/app/telemetry"
)

// Metrics count what a socket server's inbox brings, and what it is bound to.
type Metrics struct {
	events         *prometheus.CounterVec
	sent, received prometheus.Counter // of events, those of messages
	repeats        prometheus.Counter
	delivery       prometheus.Histogram
	wanted, bound  prometheus.Gauge
	bindSeconds    prometheus.Histogram
}

// NewMetrics registers the metrics with r; nil registers them nowhere.
func NewMetrics(r prometheus.Registerer) *Metrics {
	with := promauto.With(r)
	seconds := telemetry.SecondsBuckets()
	events := with.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_routing_events_total",
		Help: "Events handed to the rooms of this server, once each, whatever the number of connections there.",
	}, []string{"event"})
	return &Metrics{
		events:   events,
		sent:     events.WithLabelValues(event.MessageSent),
		received: events.WithLabelValues(event.MessageReceive),
		repeats: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_routing_repeats_dropped_total",
			Help: "Messages of a channel that had been handed to its room before.",
		}),
		delivery: with.NewHistogram(prometheus.HistogramOpts{
			Name: "parley_message_delivery_duration_seconds", Buckets: seconds,
			Help: "Time from the acceptance of a message by the API until it was queued for the connections, by the clocks of both.",
		}),
		wanted: with.NewGauge(prometheus.GaugeOpts{
			Name: "parley_routing_bindings_wanted",
			Help: "Routing keys that connections of this server need.",
		}),
		bound: with.NewGauge(prometheus.GaugeOpts{
			Name: "parley_routing_bindings_bound",
			Help: "Routing keys that the broker has confirmed to be bound, needed or not.",
		}),
		bindSeconds: with.NewHistogram(prometheus.HistogramOpts{
			Name: "parley_routing_bind_duration_seconds", Buckets: seconds,
			Help: "Time until the broker answered a batch of bindings.",
		}),
	}
}

// delivered counts a message that was queued for the subscribers of its channel.
func (m *Metrics) delivered(accepted time.Time) {
	m.received.Inc()
	m.delivery.Observe(max(time.Since(accepted), 0).Seconds())
}
