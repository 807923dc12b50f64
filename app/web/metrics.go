package web

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"parley/app/telemetry"
)

// otherRequests is the label of methods and routes that nobody has registered: clients can make up any number of them.
const otherRequests = "other"

// Metrics count requests.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec

	mu    sync.RWMutex
	known map[answered]series
}

// answered is a kind of request: a method, the pattern of a route, and the status of the answer.
type answered struct {
	method, route string
	status        int
}

// series are the metrics of one kind of request.
type series struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// NewMetrics registers the metrics with r; nil registers them nowhere.
func NewMetrics(r prometheus.Registerer) *Metrics {
	with := promauto.With(r)
	return &Metrics{
		requests: with.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_http_requests_total",
			Help: "Requests answered, by method, pattern of the address and status. 499 is a client that did not wait for the answer.",
		}, []string{"method", "route", "status"}),
		seconds: with.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "parley_http_request_duration_seconds",
			Help:    "Time until a request was answered. Connections that became WebSockets are left out.",
			Buckets: telemetry.SecondsBuckets(),
		}, []string{"method", "route"}),
		known: make(map[answered]series),
	}
}

// observe counts a request. The route is a registered pattern, or "".
func (m *Metrics) observe(a answered, took time.Duration) {
	if a.route == "" {
		a.route = otherRequests
	}
	if a.status == 0 { // what net/http answers for a handler that did not
		a.status = http.StatusOK
	}
	m.mu.RLock()
	s, ok := m.known[a]
	m.mu.RUnlock()
	if !ok {
		s = m.resolve(a)
	}
	s.requests.Inc()
	if a.status != http.StatusSwitchingProtocols {
		s.seconds.Observe(took.Seconds())
	}
}

// resolve finds the metrics of a kind of request, and keeps them for the next one if there can only be so many kinds.
func (m *Metrics) resolve(a answered) series {
	method := a.method
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = otherRequests
	}
	s := series{
		requests: m.requests.WithLabelValues(method, a.route, strconv.Itoa(a.status)),
		seconds:  m.seconds.WithLabelValues(method, a.route),
	}
	if method != otherRequests {
		m.mu.Lock()
		m.known[a] = s
		m.mu.Unlock()
	}
	return s
}
