package direct

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"parley/app/problem"
	"parley/app/telemetry"
)

// WorkerMetrics count what becomes of personal messages in the role worker.
type WorkerMetrics struct {
	persisted prometheus.Counter
	repeated  prometheus.Counter
	refused   map[string]prometheus.Counter // by problem code
	receipts  prometheus.Counter
	duration  prometheus.Observer
}

// NewWorkerMetrics registers the metrics with r; nil counts without telling anyone.
func NewWorkerMetrics(r prometheus.Registerer) *WorkerMetrics {
	with := promauto.With(r)
	refused := with.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_personal_messages_refused_total",
		Help: "Accepted personal messages that their sender was not allowed to write when their turn came, by problem code.",
	}, []string{"code"})
	m := &WorkerMetrics{
		persisted: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_personal_messages_persisted_total",
			Help: "Personal messages written to the database.",
		}),
		repeated: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_personal_messages_repeated_total",
			Help: "Personal messages that had been written before: sent or delivered again.",
		}),
		refused: make(map[string]prometheus.Counter),
		receipts: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_personal_receipts_total",
			Help: "Receipts of personal chats that workers have handled.",
		}),
		duration: with.NewHistogram(prometheus.HistogramOpts{
			Name:    "parley_personal_persist_duration_seconds",
			Help:    "Time to keep the personal messages of one transaction.",
			Buckets: telemetry.SecondsBuckets(),
		}),
	}
	for _, p := range []*problem.Problem{ErrUserNotFound, ErrNoSharedGroup, ErrBlocked, ErrBlocking} {
		m.refused[p.Code] = refused.WithLabelValues(p.Code)
	}
	return m
}

// kept counts a committed transaction.
func (m *WorkerMetrics) kept(b *batch, took time.Duration) {
	m.duration.Observe(took.Seconds())
	refused := 0
	for _, o := range b.outcomes {
		if o.Refused != nil {
			refused++
			m.refused[o.Refused.Code].Inc()
		}
	}
	m.persisted.Add(float64(len(b.fresh)))
	m.repeated.Add(float64(len(b.sends) - len(b.fresh) - refused))
}
