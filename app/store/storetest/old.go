package storetest

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"
	"strconv"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"parley/migrations"
)

// Released is the latest migration of the last release: what most deployments are upgraded from.
const Released = 3

// old is what deployments of earlier versions had in their databases: each file is what is added to those before it when its
// migration has been applied.
//
//go:embed old/*.sql
var old embed.FS

// Old makes an empty database one that a deployment of an earlier version has left: with the schema as of a migration, and data in all
// of its tables.
func Old(t testing.TB, databaseURL string, version int64) {
	t.Helper()
	path, lite := strings.CutPrefix(databaseURL, "sqlite://")
	driver, source, dialect, files := "pgx", databaseURL, goose.DialectPostgres, fs.FS(migrations.Postgres)
	folder := "postgres"
	if lite {
		driver, source = "sqlite", "file:"+path+"?_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)"
		dialect, files, folder = goose.DialectSQLite3, migrations.SQLite, "sqlite"
	}
	db, err := sql.Open(driver, source)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	files, err = fs.Sub(files, folder)
	require.NoError(t, err)
	p, err := goose.NewProvider(dialect, db, files)
	require.NoError(t, err)
	ctx := context.Background()
	_, err = p.UpTo(ctx, version)
	require.NoError(t, err)
	fill(ctx, t, db, version)
	if !lite {
		number(ctx, t, db)
	}
}

// fill puts in what was there at a version.
func fill(ctx context.Context, t testing.TB, db *sql.DB, version int64) {
	t.Helper()
	entries, err := old.ReadDir("old") // in the order of their names
	require.NoError(t, err)
	for _, e := range entries {
		since, err := strconv.ParseInt(strings.TrimSuffix(e.Name(), ".sql"), 10, 64)
		require.NoError(t, err)
		if since > version {
			break
		}
		text, err := old.ReadFile("old/" + e.Name())
		require.NoError(t, err)
		_, err = db.ExecContext(ctx, string(text))
		require.NoError(t, err, e.Name())
	}
}

// number makes PostgreSQL go on where the numbers end that rows were given.
func number(ctx context.Context, t testing.TB, db *sql.DB) {
	t.Helper()
	_, err := db.ExecContext(ctx, `DO $$
		DECLARE c record;
		BEGIN
			FOR c IN SELECT table_name, column_name FROM information_schema.columns
				WHERE table_schema = 'public' AND column_default LIKE 'nextval(%' AND table_name NOT LIKE 'goose_%'
			LOOP
				EXECUTE format('SELECT setval(pg_get_serial_sequence(%L, %L), (SELECT coalesce(max(%I), 0) + 1 FROM %I), false)',
					c.table_name, c.column_name, c.column_name, c.table_name);
			END LOOP;
		END $$`)
	require.NoError(t, err)
}
