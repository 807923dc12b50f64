package search

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"parley/app/telemetry"
)

// WorkerMetrics count what goes into the index.
type WorkerMetrics struct {
	indexed  prometheus.Counter
	waiting  prometheus.Gauge
	older    prometheus.Gauge
	duration prometheus.Observer
}

// NewWorkerMetrics registers the metrics with r; nil counts without telling anyone.
func NewWorkerMetrics(r prometheus.Registerer) *WorkerMetrics {
	with := promauto.With(r)
	waiting := with.NewGaugeVec(prometheus.GaugeOpts{
		Name: "parley_search_waiting_messages",
		Help: "Messages that are not in the search index yet: new ones, and old ones from before there was an index or after it was emptied.",
	}, []string{"age"})
	return &WorkerMetrics{
		indexed: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_search_indexed_total",
			Help: "Messages that went into the search index, or out of it.",
		}),
		waiting: waiting.WithLabelValues("new"),
		older:   waiting.WithLabelValues("old"),
		duration: with.NewHistogram(prometheus.HistogramOpts{
			Name:    "parley_search_index_duration_seconds",
			Help:    "Time to put one batch of messages into the search index.",
			Buckets: telemetry.SecondsBuckets(),
		}),
	}
}

func (m *WorkerMetrics) stepped(p Progress, took time.Duration) {
	m.waiting.Set(float64(p.Waiting))
	m.older.Set(float64(p.Older))
	if p.Indexed > 0 {
		m.indexed.Add(float64(p.Indexed))
		m.duration.Observe(took.Seconds())
	}
}

// APIMetrics time searches.
type APIMetrics struct{ duration *prometheus.HistogramVec }

// NewAPIMetrics registers the metrics with r; nil counts without telling anyone.
func NewAPIMetrics(r prometheus.Registerer) *APIMetrics {
	return &APIMetrics{promauto.With(r).NewHistogramVec(prometheus.HistogramOpts{
		Name:    "parley_search_duration_seconds",
		Help:    "Time to answer a search, by how it ended: a page that was filled or was the last one, one that was cut short, or none.",
		Buckets: telemetry.SecondsBuckets(),
	}, []string{"outcome"})}
}

func (m *APIMetrics) answered(outcome string, took time.Duration) {
	m.duration.WithLabelValues(outcome).Observe(took.Seconds())
}
