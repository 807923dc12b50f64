package receipt

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"parley/app/telemetry"
)

// GatherMetrics count what clients tell, in the roles that they tell.
type GatherMetrics struct {
	reported prometheus.Counter
	refused  prometheus.Counter
	sent     prometheus.Counter
	answered prometheus.Observer
}

// NewGatherMetrics registers the metrics with r; nil counts without telling anyone.
func NewGatherMetrics(r prometheus.Registerer) *GatherMetrics {
	with := promauto.With(r)
	return &GatherMetrics{
		reported: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_receipts_reported_total",
			Help: "Receipts that clients have told.",
		}),
		refused: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_receipts_refused_total",
			Help: "Receipts that nobody promised to remember, since the bus was away or too many waited.",
		}),
		sent: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_receipts_sent_total",
			Help: "Messages to the partitions in which receipts travelled together.",
		}),
		answered: with.NewHistogram(prometheus.HistogramOpts{
			Name:    "parley_receipts_answer_duration_seconds",
			Help:    "Time until a user's receipts for a channel were answered; those of a crowd wait for their turn.",
			Buckets: telemetry.SecondsBuckets(),
		}),
	}
}

// WorkerMetrics count what becomes of receipts in the role worker.
type WorkerMetrics struct {
	moved    *prometheus.CounterVec
	dropped  prometheus.Counter
	givenUp  prometheus.Counter
	duration prometheus.Observer
	rows     prometheus.Counter
	waiting  prometheus.Gauge
}

// NewWorkerMetrics registers the metrics with r; nil counts without telling anyone.
func NewWorkerMetrics(r prometheus.Registerer) *WorkerMetrics {
	with := promauto.With(r)
	return &WorkerMetrics{
		moved: with.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_receipts_moved_total",
			Help: "Cursors that receipts have moved, by status.",
		}, []string{"status"}),
		dropped: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_receipts_dropped_total",
			Help: "Receipts of people who may not read the channel (any more).",
		}),
		givenUp: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_receipts_given_up_total",
			Help: "Messages with receipts that could not be handled after several tries, and went to the dead-letter queue.",
		}),
		duration: with.NewHistogram(prometheus.HistogramOpts{
			Name:    "parley_receipts_move_duration_seconds",
			Help:    "Time to move the cursors of one batch, during which its partition waits.",
			Buckets: telemetry.SecondsBuckets(),
		}),
		rows: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_receipts_recipients_total",
			Help: "Messages and readers that were looked at to write message_recipients, in the background.",
		}),
		waiting: with.NewGauge(prometheus.GaugeOpts{
			Name: "parley_receipts_ranges_waiting",
			Help: "Ranges of messages whose recipients are still to be written, about: the same in each process.",
		}),
	}
}

// done counts a committed batch.
func (m *WorkerMetrics) done(b *batch, began time.Time) {
	m.duration.Observe(time.Since(began).Seconds())
	m.dropped.Add(float64(b.dropped))
	for _, p := range b.people {
		for _, s := range p.spans {
			if !p.again {
				m.moved.WithLabelValues(s.status.String()).Inc()
			}
		}
	}
}

// settled counts a transaction of the background.
func (m *WorkerMetrics) settled(p progress) {
	m.rows.Add(float64(p.messages))
	m.waiting.Set(float64(max(0, p.waiting-p.ranges)))
}
