package message

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"parley/app/problem"
	"parley/app/telemetry"
)

// WorkerMetrics count what becomes of messages in the role worker.
type WorkerMetrics struct {
	persisted  prometheus.Counter
	repeated   prometheus.Counter
	refused    map[string]prometheus.Counter // by problem code
	givenUp    prometheus.Counter
	recipients prometheus.Counter
	batch      prometheus.Observer
	duration   prometheus.Observer
}

// NewWorkerMetrics registers the metrics with r; nil counts without telling anyone.
func NewWorkerMetrics(r prometheus.Registerer) *WorkerMetrics {
	with := promauto.With(r)
	refused := with.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_messages_refused_total",
		Help: "Accepted messages that their sender was not allowed to write when their turn came, by problem code.",
	}, []string{"code"})
	m := &WorkerMetrics{
		persisted: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_messages_persisted_total",
			Help: "Messages written to the database.",
		}),
		repeated: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_messages_repeated_total",
			Help: "Messages that had been written before: sent or delivered again.",
		}),
		refused: make(map[string]prometheus.Counter),
		givenUp: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_messages_given_up_total",
			Help: "Messages that could not be kept after several tries, and went to the dead-letter queue.",
		}),
		recipients: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_message_recipients_written_total",
			Help: "Rows of recipients written along with messages.",
		}),
		batch: with.NewHistogram(prometheus.HistogramOpts{
			Name:    "parley_message_batch_size",
			Help:    "Messages in one transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
		duration: with.NewHistogram(prometheus.HistogramOpts{
			Name:    "parley_message_persist_duration_seconds",
			Help:    "Time to keep the messages of one transaction.",
			Buckets: telemetry.SecondsBuckets(),
		}),
	}
	for _, p := range []*problem.Problem{ErrChannelNotFound, ErrNotMember} {
		m.refused[p.Code] = refused.WithLabelValues(p.Code)
	}
	return m
}

// kept counts a committed transaction.
func (m *WorkerMetrics) kept(b *batch, took time.Duration) {
	m.duration.Observe(took.Seconds())
	m.batch.Observe(float64(len(b.sends)))
	refused := 0
	for _, o := range b.outcomes {
		if o.Refused != nil {
			refused++
			m.refused[o.Refused.Code].Inc()
		}
	}
	m.persisted.Add(float64(len(b.fresh)))
	m.repeated.Add(float64(len(b.sends) - len(b.fresh) - refused))
	m.recipients.Add(float64(b.recipients))
}
