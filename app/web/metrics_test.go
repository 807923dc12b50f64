package web_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"parley/app/web"
)

// hijacked is a writer whose connection a handler has taken over.
type hijacked struct{ *httptest.ResponseRecorder }

func (hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

// Labels are patterns and known methods, whatever clients make up.
func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	s := newServer(web.Options{Metrics: web.NewMetrics(registry)})
	s.API().GET("/groups/:groupId", func(c echo.Context) error { return c.String(http.StatusOK, "a group") })
	s.Public().POST("/auth/login", func(echo.Context) error { panic("a bug") })
	s.Mount("/", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // which net/http answers
	s.Mount("/socket.io/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, _, err := http.NewResponseController(w).Hijack(); err != nil {
			http.Error(w, "no", http.StatusBadRequest)
		}
	}))
	for _, c := range []call{
		as("alice", call{method: "GET", path: "/api/v1/groups/1"}),
		as("bob", call{method: "GET", path: "/api/v1/groups/2"}),
		as("bob", call{method: "HEAD", path: "/api/v1/groups/2"}),
		{method: "GET", path: "/api/v1/groups/2"},
		{method: "DELETE", path: "/api/v1/groups/2"},
		{method: "GET", path: "/api/v1/nothing/here"},
		{method: "GET", path: "/api/v1/nothing/there"},
		{method: "BREW", path: "/api/v1/groups/2"},
		{method: "MELT", path: "/api/v1/groups/2"},
		{method: "POST", path: "/api/v1/auth/login"},
		{method: "GET", path: "/healthz"},
		{method: "GET", path: "/assets/app.js"},
		{method: "POST", path: "/socket.io/"},
	} {
		c.do(s)
	}
	s.ServeHTTP(hijacked{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/socket.io/?transport=websocket", http.NoBody))

	families, err := registry.Gather()
	require.NoError(t, err)
	counts, timed := map[string]float64{}, uint64(0)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			timed += m.GetHistogram().GetSampleCount()
			if f.GetName() == "parley_http_requests_total" {
				l := m.GetLabel() // by name: method, route, status
				counts[l[0].GetValue()+" "+l[1].GetValue()+" "+l[2].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	require.Equal(t, map[string]float64{
		"GET /api/v1/groups/:groupId 200":  2,
		"GET /api/v1/groups/:groupId 401":  1,
		"HEAD /api/v1/groups/:groupId 200": 1,
		"POST /api/v1/auth/login 500":      1,
		"GET /healthz 200":                 1,
		"GET / 200":                        1,
		"POST /socket.io/ 400":             1,
		"GET /socket.io/ 101":              1,
		"GET other 404":                    2,
		"DELETE other 405":                 1,
		"other other 405":                  2,
	}, counts)
	require.EqualValues(t, 13, timed, "all but the one that became a WebSocket")
}

// deadlines is a writer that notes the last write deadline.
type deadlines struct {
	*httptest.ResponseRecorder
	write time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.write = t
	return nil
}

// The deadline of an API request must not end an answer to whatever comes later on the same connection.
func TestMountsAreNotBoundByTheDeadlineOfAFormerRequest(t *testing.T) {
	t.Parallel()
	s := newServer(web.Options{})
	var seen time.Time
	connection := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	look := func() { seen = connection.write }
	s.Public().GET("/ip", func(echo.Context) error { look(); return nil })
	s.Mount("/", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { look() }))
	s.ServeHTTP(connection, httptest.NewRequest(http.MethodGet, "/api/v1/ip", http.NoBody))
	require.WithinDuration(t, time.Now().Add(time.Minute), seen, 10*time.Second)
	s.ServeHTTP(connection, httptest.NewRequest(http.MethodGet, "/page", http.NoBody))
	require.Zero(t, seen)
}
