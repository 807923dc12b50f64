// Package store is Parley's database: opening it, transactions, the mapping of
// driver errors to a few sentinels, migrations, and the transactional outbox.
// PostgreSQL and SQLite are told apart here and, where a statement differs, in the
// modules' store.go files; nowhere else.
//
// Times are kept as milliseconds since the Unix epoch.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"

	"parley/app/registry"
)

// Dialect is the kind of database behind a Store.
type Dialect string

// The dialects.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// Options configure a Store.
type Options struct {
	// URL is sqlite://path (relative, or absolute with a third slash) or a
	// postgres:// URL as libpq understands it. Defaults to sqlite://{data_dir}/parley.db.
	URL string
	// DataDir takes the place of {data_dir} in URL. Defaults to ./parley-data.
	DataDir string
	// AutoMigrate makes Start bring the schema up to date. Without it, Start refuses a schema that is behind.
	AutoMigrate bool
	// Log takes slow statements and notes on migrations. Defaults to no log; as a component, the store logs
	// with the logger of its node.
	Log *slog.Logger
	// MaxConns is the most connections to PostgreSQL, or of reading connections to SQLite (one more writes).
	// Defaults to 16 and 4.
	MaxConns int
	// Timeout ends what is done with a context that has no deadline, so that a database that keeps its
	// connections but has stopped answering is noticed. Defaults to 30 s.
	Timeout time.Duration
	// Metrics count statements and transactions. Defaults to metrics that nobody reads.
	Metrics *Metrics
}

// Store is the database. It is the component "store".
type Store struct {
	opener      opener
	autoMigrate bool
	timeout     time.Duration
	log         *slog.Logger
	metrics     *Metrics

	mu    sync.RWMutex
	state state
	pools pools
	// unwatch takes the metrics of the pools away.
	unwatch func()

	relaying sync.Mutex // held by Outbox on SQLite
}

// state is where a Store is in its life: closed → open → closed, as often as it is started.
type state int

const (
	closed state = iota
	open
)

// opener knows how to reach one kind of database.
type opener interface {
	dialect() Dialect
	// open makes the connection pools and reaches the database once.
	open(ctx context.Context) (reader, writer *sql.DB, err error)
	// gorm wraps a pool.
	gorm(pool gorm.ConnPool) gorm.Dialector
	// where names the database for people, without credentials.
	where() string
}

// pools are the open connections. Reader and writer are the same with PostgreSQL.
type pools struct {
	reader, writer     *gorm.DB
	readerDB, writerDB *sql.DB
}

// New returns a Store that is not open yet: it checks the URL and touches nothing.
func New(o Options) (*Store, error) {
	if o.DataDir == "" {
		o.DataDir = "parley-data"
	}
	if o.URL == "" {
		o.URL = "sqlite://{data_dir}/parley.db"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	var (
		op  opener
		err error
	)
	switch scheme, _, _ := strings.Cut(o.URL, ":"); scheme {
	case "sqlite":
		op, err = newSQLite(o.URL, o.DataDir, o.MaxConns)
	case "postgres", "postgresql":
		op, err = newPostgres(o.URL, o.MaxConns)
	default:
		err = fmt.Errorf("database.url: must begin with postgres:// or sqlite://")
	}
	if err != nil {
		return nil, err
	}
	s := &Store{opener: op, autoMigrate: o.AutoMigrate, timeout: o.Timeout, log: o.Log, metrics: o.Metrics}
	refusing, err := refusingPool()
	if err != nil {
		return nil, err
	}
	if s.pools, err = s.wrap(refusing, refusing); err != nil {
		return nil, err
	}
	return s, nil
}

// Name implements registry.Module.
func (s *Store) Name() string { return "store" }

// Roles implements registry.Module: the store is there where something active needs it.
func (s *Store) Roles() []registry.Role { return nil }

// Needs implements registry.Module.
func (s *Store) Needs() []string { return nil }

// Init implements registry.Module.
func (s *Store) Init(h registry.Host) error {
	s.log = h.Logger()
	return nil
}

// Start reaches the database and brings the schema up to date, or fails with ErrSchemaBehind if it may not.
// Its errors say what to do about them. Starting an open Store changes nothing.
func (s *Store) Start(ctx context.Context) error {
	if err := s.Open(ctx); err != nil {
		return err
	}
	if err := s.prepareSchema(ctx); err != nil {
		return errors.Join(err, s.Stop(ctx))
	}
	return nil
}

// Open reaches the database without looking at the schema, for what manages it. Start is for everything else.
func (s *Store) Open(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == open {
		return nil
	}
	reader, writer, err := s.opener.open(ctx)
	if err != nil {
		return err
	}
	p, err := s.wrap(reader, writer)
	if err != nil {
		return errors.Join(err, closeBoth(reader, writer))
	}
	s.pools, s.state = p, open
	s.unwatch = s.metrics.watch(reader, writer)
	return nil
}

// Stop closes the connections. What is used after it fails with ErrUnavailable.
func (s *Store) Stop(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == closed {
		return nil
	}
	s.state = closed
	s.unwatch()
	if err := closeBoth(s.pools.readerDB, s.pools.writerDB); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// Check implements registry.Checker: the database answers.
func (s *Store) Check(ctx context.Context) error {
	if err := s.current().readerDB.PingContext(ctx); err != nil {
		return fmt.Errorf("%s does not answer: %w", s.opener.where(), Map(err))
	}
	return nil
}

// Dialect says which SQL the database speaks.
func (s *Store) Dialect() Dialect { return s.opener.dialect() }

// Where names the database for people, without credentials: "PostgreSQL at db:5432, database parley".
func (s *Store) Where() string { return s.opener.where() }

// Read is for reading: with a context of Snapshot as of that moment, else outside of a transaction. Its errors are raw: pass
// them through Map.
func (s *Store) Read(ctx context.Context) *gorm.DB {
	if tx, ok := ctx.Value(snapshotOf{s}).(*gorm.DB); ok {
		return tx.WithContext(ctx)
	}
	return s.current().reader.WithContext(ctx)
}

func (s *Store) current() pools {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.pools
}

// wrap puts gorm around two pools.
func (s *Store) wrap(reader, writer *sql.DB) (pools, error) {
	p := pools{readerDB: reader, writerDB: writer}
	var err error
	if p.reader, err = s.gorm(counted(reader, s.metrics.read)); err != nil {
		return pools{}, err
	}
	p.writer, err = s.gorm(counted(writer, s.metrics.write))
	return p, err
}

func (s *Store) gorm(pool gorm.ConnPool) (*gorm.DB, error) {
	db, err := gorm.Open(s.opener.gorm(pool), &gorm.Config{
		Logger:                 queryLog{log: func() *slog.Logger { return s.log }},
		SkipDefaultTransaction: true, // Write is the transaction
		DisableAutomaticPing:   true, // open has done it, with better errors
		// SELECT * would break prepared statements when a newer process adds a column.
		QueryFields:           true,
		DefaultContextTimeout: s.timeout,
	})
	if err != nil {
		return nil, fmt.Errorf("set up gorm: %w", err)
	}
	return db, nil
}

func closeBoth(reader, writer *sql.DB) error {
	err := reader.Close()
	if writer != reader {
		err = errors.Join(err, writer.Close())
	}
	return err
}
