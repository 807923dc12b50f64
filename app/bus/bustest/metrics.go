package bustest

import (
	"context"
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

// RunMetrics tests that a bus counts what passes, in the same way whichever it is. open is like Run's.
func RunMetrics(t *testing.T, open func(t *testing.T, m *bus.Metrics) bus.Bus) {
	registered := prometheus.NewRegistry()
	b := opener(func(t *testing.T) bus.Bus { return open(t, bus.NewMetrics(registered)) }).start(t)
	count := func(name string) int { return value(t, registered, name) }

	q := queue("counted", 10)
	q.MaxLength = 20
	w, release := stuck(t, b, q)
	var c crowd
	c.send(t, b, q)
	require.Positive(t, count("parley_bus_publish_failures_total incoming full"))
	require.GreaterOrEqual(t, count("parley_bus_queue_depth counted"), 20)
	release()
	c.all.Wait()
	sum := c.sum()
	eventually(t, "all are handled", func() bool { return len(w.seen()) == sum })
	require.Equal(t, sum, count("parley_bus_sent_total"))
	require.Equal(t, sum, count("parley_bus_send_duration_seconds"))
	require.Equal(t, sum, count("parley_bus_received_total"))
	eventually(t, "nothing waits", func() bool { return count("parley_bus_queue_depth counted") == 0 })

	require.Error(t, b.Send(timeout(t), bus.Message{Key: "nowhere"}))
	require.Equal(t, 1, count("parley_bus_publish_failures_total incoming unroutable"))

	poisoned := queue("poisoned", 1)
	require.NoError(t, b.Declare(timeout(t), poisoned))
	consume(t, b, poisoned, &worker{hook: func(context.Context, []bus.Message) error { return errors.New("poison") }})
	_ = b.Send(timeout(t), work(poisoned, "x")) // in process, an error tells what became of it
	eventually(t, "it is given up", func() bool { return count("parley_bus_dead_lettered_total poisoned") == 1 })

	r := &receiver{}
	inbox(t, b, "inbox", r, "channel:1")
	before := count("parley_bus_received_total")
	require.NoError(t, b.Publish(timeout(t), event("channel:1", "a"), event("channel:1", "b"), event("channel:2", "c")))
	r.requireReceived(t, "a", "b")
	require.Equal(t, 3, count("parley_bus_published_total"))
	require.Equal(t, 1, count("parley_bus_publish_duration_seconds"))
	require.Equal(t, before+2, count("parley_bus_received_total"))
}

// value is that of a counter or gauge, or the number of observations of a histogram. The values of labels follow its name.
func value(t *testing.T, r prometheus.Gatherer, name string) int {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			full := f.GetName()
			for _, l := range m.GetLabel() {
				full += " " + l.GetValue()
			}
			if full == name {
				return int(m.GetCounter().GetValue()+m.GetGauge().GetValue()) + int(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return 0
}
