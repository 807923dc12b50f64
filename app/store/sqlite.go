package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	sqliteReaders = 4
	// sqliteBusy is how long a statement waits for another process, say a command beside the server.
	sqliteBusy = 5 * time.Second
	// busyPause is the time between two tries where SQLite does not wait by itself.
	busyPause = 20 * time.Millisecond
)

// sqliteFile reaches a database file: one connection that writes, so that writers of this process queue up in order instead
// of failing, and several that only read, which WAL lets them do meanwhile.
type sqliteFile struct {
	path    string
	readers int
}

func newSQLite(rawURL, dataDir string, readers int) (*sqliteFile, error) {
	path, ok := strings.CutPrefix(rawURL, "sqlite://")
	switch {
	case !ok || path == "":
		return nil, errors.New("database.url: write sqlite://path/to/file.db, with a third slash for an absolute path")
	case strings.Contains(path, ":memory:"):
		return nil, errors.New("database.url: a database in memory is not supported; name a file")
	case strings.ContainsAny(path, "?#"):
		return nil, errors.New("database.url: a sqlite:// URL is a path alone, without parameters")
	}
	if readers <= 0 {
		readers = sqliteReaders
	}
	path = filepath.FromSlash(strings.ReplaceAll(path, "{data_dir}", dataDir))
	return &sqliteFile{path: path, readers: readers}, nil
}

func (f *sqliteFile) dialect() Dialect { return SQLite }

func (f *sqliteFile) where() string { return "SQLite in " + f.path }

func (f *sqliteFile) gorm(pool gorm.ConnPool) gorm.Dialector { return sqliteDialector{pool: pool} }

func (f *sqliteFile) open(ctx context.Context) (reader, writer *sql.DB, err error) {
	path, err := f.create()
	if err != nil {
		return nil, nil, err
	}
	// The writer goes first: it turns the file into WAL mode.
	writer, err = f.pool(ctx, path, 1, url.Values{"_txlock": {"immediate"}})
	if err != nil {
		return nil, nil, f.explain(err)
	}
	reader, err = f.pool(ctx, path, f.readers, url.Values{"_query_only": {"1"}})
	if err != nil {
		return nil, nil, errors.Join(f.explain(err), writer.Close())
	}
	return reader, writer, nil
}

// create makes the folder and the file, readable by their owner alone since they hold password hashes, and returns
// the absolute path.
func (f *sqliteFile) create() (string, error) {
	path, err := filepath.Abs(f.path)
	if err != nil {
		return "", fmt.Errorf("find the database %s: %w", f.path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("cannot make the folder of the database; check data_dir and database.url: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return "", fmt.Errorf("cannot open the database for writing; check the permissions: %w", err)
	}
	if err := file.Close(); err != nil {
		return "", fmt.Errorf("create the database: %w", err)
	}
	return path, nil
}

func (f *sqliteFile) pool(ctx context.Context, path string, conns int, params url.Values) (*sql.DB, error) {
	params.Set("_busy_timeout", strconv.FormatInt(sqliteBusy.Milliseconds(), 10))
	params.Set("_foreign_keys", "1")
	params.Set("_synchronous", "FULL") // what was committed survives the loss of power
	params.Set("_dqs", "0")            // "name" is a column, never a string
	if !params.Has("_query_only") {
		params.Set("_journal_mode", "WAL")
		params.Set("_pragma", "journal_size_limit(67108864)") // give the disk back after a burst
	}
	dsn := (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: params.Encode()}).String()
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	if err := ping(ctx, pool); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
}

// ping makes the first connection. To turn a file into WAL mode, SQLite does not wait for other processes that do so at the same time,
// whatever the busy timeout; so it is tried again for as long.
func ping(ctx context.Context, pool *sql.DB) error {
	pace := time.NewTicker(busyPause)
	defer pace.Stop()
	for until := time.Now().Add(sqliteBusy); ; {
		err := pool.PingContext(ctx)
		var lite *sqlite.Error
		if !errors.As(err, &lite) || lite.Code()&0xff != sqlite3.SQLITE_BUSY || time.Now().After(until) {
			return err
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			return err
		}
	}
}

// explain says what to do about a file that could not be opened.
func (f *sqliteFile) explain(err error) error {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
			return fmt.Errorf("%s is not a SQLite database, or it is damaged; name another file in database.url or restore it: %w", f.path, err)
		case sqlite3.SQLITE_BUSY:
			return fmt.Errorf("%s is locked by another process; stop it and try again: %w", f.path, Map(err))
		case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
			return fmt.Errorf("cannot open %s for writing; check the permissions of the file and its folder: %w", f.path, Map(err))
		}
	}
	return fmt.Errorf("open the database %s: %w", f.path, Map(err))
}

// refusingPool is what a Store has before it is opened: a pool that is closed, and fails whatever is asked of it.
func refusingPool() (*sql.DB, error) {
	pool := sql.OpenDB(refusing{})
	if err := pool.Close(); err != nil {
		return nil, fmt.Errorf("close an empty pool: %w", err)
	}
	return pool, nil
}

type refusing struct{}

func (refusing) Connect(context.Context) (driver.Conn, error) { return nil, driver.ErrBadConn }

func (refusing) Driver() driver.Driver { return nil }
