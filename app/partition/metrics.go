package partition

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are what a Sharer counts.
type Metrics struct {
	owned, workers prometheus.Gauge
	handovers      prometheus.Counter
}

// NewMetrics makes the metrics, and registers them with r unless it is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	with := promauto.With(r)
	return &Metrics{
		owned: with.NewGauge(prometheus.GaugeOpts{
			Name: "parley_partitions_owned",
			Help: "Partitions of messages that this worker consumes.",
		}),
		workers: with.NewGauge(prometheus.GaugeOpts{
			Name: "parley_partition_workers",
			Help: "Workers among which the partitions are shared out, as far as this one knows; itself included.",
		}),
		handovers: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_partition_handovers_total",
			Help: "Partitions that this worker has taken or handed over because another one came or went.",
		}),
	}
}
