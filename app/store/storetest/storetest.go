// Package storetest runs a test on every kind of database that Parley supports.
package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that makes and drops databases
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/store"
)

// testConns is the most connections that one test's store opens, so that many run side by side on one server.
const testConns = 8

// Run runs fn as the subtests "sqlite" and "postgres", each with a migrated and empty database of its own. They run in
// parallel with each other. PostgreSQL is the server at TEST_POSTGRES_URL, whose user may create databases.
func Run(t *testing.T, fn func(t *testing.T, s *store.Store)) {
	t.Helper()
	t.Run(string(store.SQLite), func(t *testing.T) {
		t.Parallel()
		fn(t, Open(t, SQLiteURL(t)))
	})
	t.Run(string(store.Postgres), func(t *testing.T) {
		t.Parallel()
		fn(t, Open(t, PostgresURL(t)))
	})
}

// Open starts a store, migrated, that is stopped at the end of the test.
func Open(t testing.TB, databaseURL string) *store.Store {
	t.Helper()
	return OpenCounted(t, databaseURL, nil)
}

// OpenCounted is Open with metrics.
func OpenCounted(t testing.TB, databaseURL string, m *store.Metrics) *store.Store {
	t.Helper()
	s, err := store.New(store.Options{
		URL: databaseURL, AutoMigrate: true, Log: slog.New(slog.DiscardHandler), MaxConns: testConns, Metrics: m,
	})
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return s
}

// Exec runs a statement, for what a test begins with.
func Exec(t testing.TB, s *store.Store, statement string, args ...any) {
	t.Helper()
	require.NoError(t, s.Write(t.Context(), func(tx *gorm.DB) error { return tx.Exec(statement, args...).Error }))
}

// SQLiteURL names a file in the test's temporary folder that does not exist yet.
func SQLiteURL(t testing.TB) string {
	t.Helper()
	return "sqlite://" + filepath.ToSlash(filepath.Join(t.TempDir(), "parley.db"))
}

// PostgresURL makes an empty database, dropped at the end of the test, and returns its URL.
func PostgresURL(t testing.TB) string {
	t.Helper()
	server := os.Getenv("TEST_POSTGRES_URL")
	if server == "" {
		t.Fatal("TEST_POSTGRES_URL is not set: give the URL of a PostgreSQL server whose user may create databases, " +
			"for example postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable, or run the tests with `task test`")
	}
	target, err := url.Parse(server)
	require.NoError(t, err)
	random := make([]byte, 8)
	_, _ = rand.Read(random)
	name := "parley_test_" + hex.EncodeToString(random)
	// Nobody can be connected to template0, which would make the copy fail.
	onServer(t, server, "CREATE DATABASE "+name+" TEMPLATE template0")
	t.Cleanup(func() { onServer(t, server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	target.Path = "/" + name
	return target.String()
}

// onServer runs one statement outside of any transaction.
func onServer(t testing.TB, server, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := sql.Open("pgx", server)
	require.NoError(t, err)
	_, err = db.ExecContext(ctx, statement)
	require.NoError(t, db.Close())
	require.NoError(t, err)
}
