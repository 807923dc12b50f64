package outbox

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count what passes through the outbox.
type Metrics struct {
	published prometheus.Counter
	pending   prometheus.Gauge
}

// NewMetrics registers the metrics with r; nil registers them nowhere.
func NewMetrics(r prometheus.Registerer) *Metrics {
	with := promauto.With(r)
	return &Metrics{
		published: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_outbox_published_total",
			Help: "Events of committed changes that this process has published.",
		}),
		pending: with.NewGauge(prometheus.GaugeOpts{
			Name: "parley_outbox_pending",
			Help: "Events of committed changes that could not be published yet, as of this process's last attempt.",
		}),
	}
}
