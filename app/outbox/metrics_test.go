package outbox_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"parley/app/outbox"
)

// values are what is registered, by name.
func values(t *testing.T, r prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	all := make(map[string]float64, len(families))
	for _, f := range families {
		m := f.GetMetric()[0]
		all[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return all
}

func TestMetricsTellWhatCannotBePublished(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, registered := &shelf{}, prometheus.NewRegistry()
		s.set(true)
		s.put("a", "b")
		r, n := outbox.New(s, s, outbox.NewMetrics(registered)), newNode()
		require.NoError(t, r.Init(n))
		require.NoError(t, r.Start(t.Context()))
		synctest.Wait()
		require.Equal(t, map[string]float64{"parley_outbox_published_total": 0, "parley_outbox_pending": 2}, values(t, registered))
		s.set(false)
		<-time.After(time.Minute)
		require.Equal(t, map[string]float64{"parley_outbox_published_total": 2, "parley_outbox_pending": 0}, values(t, registered))
		n.end()
		require.NoError(t, r.Stop(context.Background()))
		n.tasks.Wait()
	})
}
