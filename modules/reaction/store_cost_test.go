package reaction

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"parley/app/store"
	"parley/app/store/storetest"
)

// written counts the statements within transactions that may write, BEGIN and COMMIT included.
func written(t *testing.T, registry *prometheus.Registry) (n int) {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != "parley_store_statements_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == "write" {
				n += int(m.GetCounter().GetValue())
			}
		}
	}
	return n
}

// TestReactingCostsFewStatements: every one of them holds up the channel.
func TestReactingCostsFewStatements(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		url  func(testing.TB) string
		cost int
	}{"sqlite": {storetest.SQLiteURL, 2}, "postgres": {storetest.PostgresURL, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewRegistry()
			w := newWorld(t, storetest.OpenCounted(t, tc.url(t), store.NewMetrics(registry)))
			at := w.message()
			const around = 3 // BEGIN, reading the message, and COMMIT
			for _, change := range []func(){
				func() { w.add(at, 1, "👍") }, func() { w.add(at, 2, "👍") }, func() { w.remove(at, 1, "👍") },
			} {
				before := written(t, registry)
				change()
				require.Equal(t, around+tc.cost, written(t, registry)-before)
			}
		})
	}
}
