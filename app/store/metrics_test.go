package store_test

import (
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/store"
	"parley/app/store/storetest"
)

func TestStatementsAndTransactionsAreCounted(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewRegistry()
			s := storetest.OpenCounted(t, url(t), store.NewMetrics(registry))
			ctx := t.Context()

			require.NoError(t, s.Write(ctx, func(tx *gorm.DB) error { // BEGIN, two statements, COMMIT
				var one int
				return errors.Join(insertUser("ann")(tx), tx.Raw("SELECT 1").Row().Scan(&one))
			}))
			boom := errors.New("boom")
			require.ErrorIs(t, s.Write(ctx, func(*gorm.DB) error { // BEGIN, ROLLBACK
				return boom
			}), boom)
			require.Equal(t, []string{"ann"}, usernames(t, s))       // one to read
			require.NoError(t, s.View(ctx, func(tx *gorm.DB) error { // BEGIN, one statement, COMMIT
				return tx.Exec("SELECT 1").Error
			}))
			counts := gather(t, registry)
			require.Equal(t, 4, counts["parley_store_statements_total read"])
			require.Equal(t, 6, counts["parley_store_statements_total write"])
			require.Equal(t, 2, counts["parley_store_transactions_total committed"])
			require.Equal(t, 1, counts["parley_store_transactions_total rolled_back"])
			require.Zero(t, counts["parley_store_transactions_total retried"])
			require.Equal(t, 3, counts["parley_store_transaction_duration_seconds"])
			pool := map[string]string{"sqlite": "write", "postgres": "read and write"}[name]
			require.Contains(t, counts, "go_sql_open_connections "+pool)

			require.NoError(t, s.Stop(ctx))
			require.NotContains(t, gather(t, registry), "go_sql_open_connections "+pool, "the pools are gone")
		})
	}
}

// gather reads counters, gauges and how often a histogram was told something, by name and label.
func gather(t *testing.T, r *prometheus.Registry) map[string]int {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	values := make(map[string]int)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = int(m.GetCounter().GetValue()+m.GetGauge().GetValue()) + int(m.GetHistogram().GetSampleCount())
		}
	}
	return values
}
