package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"gorm.io/gorm"

	"parley/app/telemetry"
)

// Metrics count what the stores of a process ask of their databases.
type Metrics struct {
	registerer prometheus.Registerer

	read, write                       prometheus.Counter // statements
	committed, rolledBack, triedAgain prometheus.Counter
	duration                          prometheus.Observer
}

// NewMetrics registers the metrics with r; nil counts without telling anyone.
func NewMetrics(r prometheus.Registerer) *Metrics {
	with := promauto.With(r)
	statements := with.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_store_statements_total",
		Help: "SQL statements sent to the database, BEGIN, COMMIT and ROLLBACK included: on PostgreSQL, round trips.",
	}, []string{"pool"})
	transactions := with.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_store_transactions_total",
		Help: "Transactions by how they ended; retried ones lost against another and were begun again.",
	}, []string{"outcome"})
	return &Metrics{
		registerer: r,
		read:       statements.WithLabelValues("read"),
		write:      statements.WithLabelValues("write"),
		committed:  transactions.WithLabelValues("committed"),
		rolledBack: transactions.WithLabelValues("rolled_back"),
		triedAgain: transactions.WithLabelValues("retried"),
		duration: with.NewHistogram(prometheus.HistogramOpts{
			Name:    "parley_store_transaction_duration_seconds",
			Help:    "Time from BEGIN to the end of a transaction, each try for itself.",
			Buckets: telemetry.SecondsBuckets(),
		}),
	}
}

// ended counts a transaction.
func (m *Metrics) ended(begin time.Time, err error, again bool) {
	m.duration.Observe(time.Since(begin).Seconds())
	switch {
	case err == nil:
		m.committed.Inc()
	case again:
		m.triedAgain.Inc()
	default:
		m.rolledBack.Inc()
	}
}

// watch registers collectors of the pools' connections, and returns what takes them away again.
func (m *Metrics) watch(reader, writer *sql.DB) (unwatch func()) {
	if m.registerer == nil {
		return func() {}
	}
	all := []prometheus.Collector{collectors.NewDBStatsCollector(reader, "read")}
	if writer == reader {
		all = []prometheus.Collector{collectors.NewDBStatsCollector(reader, "read and write")}
	} else {
		all = append(all, collectors.NewDBStatsCollector(writer, "write"))
	}
	for _, c := range all {
		// A second store of the same process, say one that is just being replaced, is not worth an error.
		_ = m.registerer.Register(c)
	}
	return func() {
		for _, c := range all {
			m.registerer.Unregister(c)
		}
	}
}

// countedPool is a pool, or a transaction, whose statements are counted. What gorm and the modules do goes through it;
// migrations do not.
type countedPool struct {
	gorm.ConnPool
	statements prometheus.Counter
}

// PrepareContext implements gorm.ConnPool.
func (p *countedPool) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	p.statements.Inc()
	return p.ConnPool.PrepareContext(ctx, query)
}

// ExecContext implements gorm.ConnPool.
func (p *countedPool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	p.statements.Inc()
	return p.ConnPool.ExecContext(ctx, query, args...)
}

// QueryContext implements gorm.ConnPool.
func (p *countedPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	p.statements.Inc()
	return p.ConnPool.QueryContext(ctx, query, args...)
}

// QueryRowContext implements gorm.ConnPool.
func (p *countedPool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	p.statements.Inc()
	return p.ConnPool.QueryRowContext(ctx, query, args...)
}

// countedDB is the pool that transactions are begun on.
type countedDB struct {
	countedPool
	db *sql.DB
}

func counted(db *sql.DB, statements prometheus.Counter) gorm.ConnPool {
	return &countedDB{countedPool: countedPool{ConnPool: db, statements: statements}, db: db}
}

// GetDBConn implements gorm.GetDBConnector.
func (p *countedDB) GetDBConn() (*sql.DB, error) { return p.db, nil }

// BeginTx implements gorm.ConnPoolBeginner.
func (p *countedDB) BeginTx(ctx context.Context, options *sql.TxOptions) (gorm.ConnPool, error) {
	p.statements.Inc()
	tx, err := p.db.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return &countedTx{countedPool: countedPool{ConnPool: tx, statements: p.statements}, tx: tx}, nil
}

// countedTx is a transaction.
type countedTx struct {
	countedPool
	tx *sql.Tx
}

// Commit implements gorm.TxCommitter.
func (t *countedTx) Commit() error {
	t.statements.Inc()
	return t.tx.Commit()
}

// Rollback implements gorm.TxCommitter.
func (t *countedTx) Rollback() error {
	t.statements.Inc()
	return t.tx.Rollback()
}
