package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"

	"parley/migrations"
)

// Direction of a migration.
type Direction string

// Up applies every migration that is pending, Down takes the latest one back.
const (
	Up   Direction = "up"
	Down Direction = "down"
)

// Migration is one step of the schema's history.
type Migration struct {
	Version   int64
	Name      string    // of its file
	AppliedAt time.Time // zero: pending
	Took      time.Duration
}

// migrateLockTries, one a second, is how long a process waits for another one that migrates.
const migrateLockTries = 600

// Migrate changes the schema and returns the steps it took, none if there was nothing to do; with an error, those before it. Processes that
// migrate at the same time take turns. The Store is opened if it is not yet.
func (s *Store) Migrate(ctx context.Context, d Direction) ([]Migration, error) {
	if err := s.Open(ctx); err != nil {
		return nil, err
	}
	switch d {
	case Up:
		return s.migrateUp(ctx)
	case Down:
		return s.migrateDown(ctx)
	}
	return nil, fmt.Errorf("cannot migrate %q; say up or down", d)
}

func (s *Store) migrateUp(ctx context.Context) (steps []Migration, err error) {
	for {
		p, err := s.provider()
		if err != nil {
			return steps, err
		}
		before, err := s.appliedMigrations(ctx)
		if err != nil {
			return steps, Map(err)
		}
		results, err := p.Up(ctx)
		var partial *goose.PartialError
		if errors.As(err, &partial) {
			results = partial.Applied
		}
		steps = append(steps, taken(results)...)
		if err == nil {
			return steps, nil
		}
		// SQLite has no lock that outlives a transaction. A process that loses the race for a step fails to
		// make what is there already, and looks again.
		if s.Dialect() != SQLite || !s.progressed(ctx, before) {
			return steps, fmt.Errorf("migrate up: %w", Map(err))
		}
	}
}

// progressed reports whether more migrations are applied than before, by whomever.
func (s *Store) progressed(ctx context.Context, before map[int64]time.Time) bool {
	now, err := s.appliedMigrations(ctx)
	return err == nil && len(now) > len(before)
}

func (s *Store) migrateDown(ctx context.Context) ([]Migration, error) {
	p, err := s.provider()
	if err != nil {
		return nil, err
	}
	result, err := p.Down(ctx)
	if errors.Is(err, goose.ErrNoNextVersion) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("migrate down: %w", Map(err))
	}
	return taken([]*goose.MigrationResult{result}), nil
}

// MigrationStatus lists every migration that this version of Parley knows, and which are applied. It changes nothing.
// The Store is opened if it is not yet.
func (s *Store) MigrationStatus(ctx context.Context) ([]Migration, error) {
	if err := s.Open(ctx); err != nil {
		return nil, err
	}
	p, err := s.provider()
	if err != nil {
		return nil, err
	}
	applied, err := s.appliedMigrations(ctx)
	if err != nil {
		return nil, Map(err)
	}
	var all []Migration
	for _, source := range p.ListSources() {
		all = append(all, Migration{
			Version: source.Version, Name: path.Base(source.Path), AppliedAt: applied[source.Version],
		})
	}
	return all, nil
}

// prepareSchema brings the schema up to date or refuses one that is behind. One that is ahead is fine: a newer version of
// Parley has migrated it during a rolling update.
func (s *Store) prepareSchema(ctx context.Context) error {
	if s.autoMigrate {
		steps, err := s.Migrate(ctx, Up)
		for _, step := range steps {
			s.log.InfoContext(ctx, "schema migrated", "migration", step.Name, "took", step.Took)
		}
		return err
	}
	all, err := s.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	pending := 0
	for _, m := range all {
		if m.AppliedAt.IsZero() {
			pending++
		}
	}
	if pending > 0 {
		return fmt.Errorf("%w: %d of %d migrations are pending on %s; run `parley migrate up`, or set database.auto_migrate",
			ErrSchemaBehind, pending, len(all), s.opener.where())
	}
	return nil
}

// appliedMigrations reads goose's table without making it, as goose itself would.
func (s *Store) appliedMigrations(ctx context.Context) (map[int64]time.Time, error) {
	db := s.current().readerDB
	query := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '" + goose.DefaultTablename + "'"
	if s.Dialect() == Postgres {
		query = "SELECT count(to_regclass('" + goose.DefaultTablename + "'))"
	}
	var tables int
	if err := db.QueryRowContext(ctx, query).Scan(&tables); err != nil || tables == 0 {
		return nil, err
	}
	table, err := database.NewStore(s.gooseDialect(), goose.DefaultTablename)
	if err != nil {
		return nil, fmt.Errorf("read applied migrations: %w", err)
	}
	return readApplied(ctx, db, table)
}

func readApplied(ctx context.Context, db *sql.DB, table database.Store) (map[int64]time.Time, error) {
	rows, err := table.ListMigrations(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("read applied migrations: %w", err)
	}
	applied := make(map[int64]time.Time, len(rows))
	for _, row := range rows {
		found, err := table.GetMigration(ctx, db, row.Version)
		if err != nil {
			return nil, fmt.Errorf("read applied migrations: %w", err)
		}
		applied[row.Version] = found.Timestamp
	}
	return applied, nil
}

func (s *Store) gooseDialect() goose.Dialect {
	if s.Dialect() == Postgres {
		return goose.DialectPostgres
	}
	return goose.DialectSQLite3
}

func (s *Store) provider() (*goose.Provider, error) {
	files, folder := fs.FS(migrations.SQLite), "sqlite"
	var options []goose.ProviderOption
	if s.Dialect() == Postgres {
		files, folder = migrations.Postgres, "postgres"
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, migrateLockTries))
		if err != nil {
			return nil, fmt.Errorf("set up goose: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	files, err := fs.Sub(files, folder)
	if err != nil {
		return nil, fmt.Errorf("find the migrations: %w", err)
	}
	p, err := goose.NewProvider(s.gooseDialect(), s.current().writerDB, files, options...)
	if err != nil {
		return nil, fmt.Errorf("set up goose: %w", err)
	}
	return p, nil
}

func taken(results []*goose.MigrationResult) []Migration {
	var steps []Migration
	for _, r := range results {
		steps = append(steps, Migration{
			Version: r.Source.Version, Name: path.Base(r.Source.Path), AppliedAt: time.Now(), Took: r.Duration,
		})
	}
	return steps
}
