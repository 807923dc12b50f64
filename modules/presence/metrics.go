package presence

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count what a socket server does about presence.
type Metrics struct {
	watchers, watched         prometheus.Gauge
	announced, asked, changes prometheus.Counter
	reached, returned         prometheus.Counter
}

// NewMetrics registers the metrics with r; nil registers them nowhere.
func NewMetrics(r prometheus.Registerer) *Metrics {
	with := promauto.With(r)
	probes := with.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_presence_probes_total",
		Help: "Users and servers that this server has asked for, by whether any server has answered to that key.",
	}, []string{"result"})
	return &Metrics{
		watchers: with.NewGauge(prometheus.GaugeOpts{
			Name: "parley_presence_watchers",
			Help: "Connections of this server that watch the presence of others.",
		}),
		watched: with.NewGauge(prometheus.GaugeOpts{
			Name: "parley_presence_watched_users",
			Help: "Users whose presence is watched from this server.",
		}),
		announced: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_presence_announcements_total",
			Help: "States of users of this server that it has announced to others, many of them in one message.",
		}),
		asked: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_presence_asks_total",
			Help: "Times that this server has asked workers whom a connection may watch, many of them in one message.",
		}),
		changes: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_presence_changes_total",
			Help: "Changes of the presence of a watched user that were told to those who watch on this server.",
		}),
		reached:  probes.WithLabelValues("reached"),
		returned: probes.WithLabelValues("returned"),
	}
}

// count counts the results of probes.
func (m *Metrics) count(reached []bool) {
	n := 0
	for _, is := range reached {
		if is {
			n++
		}
	}
	m.reached.Add(float64(n))
	m.returned.Add(float64(len(reached) - n))
}

// WorkerMetrics count what a worker answers and notes.
type WorkerMetrics struct{ answers, seen prometheus.Counter }

// NewWorkerMetrics registers the metrics with r; nil registers them nowhere.
func NewWorkerMetrics(r prometheus.Registerer) *WorkerMetrics {
	with := promauto.With(r)
	return &WorkerMetrics{
		answers: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_presence_answers_total",
			Help: "Connections for which this worker has said whom they may watch.",
		}),
		seen: with.NewCounter(prometheus.CounterOpts{
			Name: "parley_presence_seen_total",
			Help: "Users for whom this worker has noted when they were last seen.",
		}),
	}
}
