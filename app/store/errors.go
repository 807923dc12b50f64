package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"parley/app/bus"
)

var (
	// ErrNotFound means that there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrConflict means that a row with the same unique value exists; errors.As finds a *ConflictError.
	ErrConflict = errors.New("conflicts with an existing row")
	// ErrReference means that a row refers to one that does not exist.
	ErrReference = errors.New("refers to a row that does not exist")
	// ErrUnavailable means that the database cannot be used now: it is away, starting, shutting down, overloaded, or did
	// not answer in time. After a Write, it may also mean that nobody knows whether the transaction was
	// committed; so what is written must be safe to repeat. It is a bus.ErrTransient: a worker waits, and goes on by itself.
	ErrUnavailable = fmt.Errorf("database unavailable: %w", bus.ErrTransient)
	// ErrSchemaBehind means that migrations have not been applied.
	ErrSchemaBehind = errors.New("the database schema is behind this version of Parley")
)

// ConflictError tells which unique key was violated. It is an ErrConflict.
type ConflictError struct {
	Table      string
	Columns    []string // of the key, in its order
	Constraint string   // PostgreSQL's name for the key; empty with SQLite, which does not tell
	cause      error
}

// Error names table and columns, never values.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("%v: %s (%s)", ErrConflict, e.Table, strings.Join(e.Columns, ", "))
}

// Is makes a ConflictError an ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// Unwrap returns the driver's error.
func (e *ConflictError) Unwrap() error { return e.cause }

// On reports whether the violated key is the one of table over exactly these columns.
func (e *ConflictError) On(table string, columns ...string) bool {
	return e.Table == table && slices.Equal(e.Columns, columns)
}

// Map turns an error of gorm or of a driver into one that wraps a sentinel of this package. The original stays in
// the chain; errors that none of the sentinels describes are returned as they are, nil and mapped ones included.
func Map(err error) error {
	switch {
	case err == nil:
		return nil
	case isMapped(err):
		return err
	case errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.Is(err, context.Canceled): // by the caller, who knows
		return err
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return mapPostgres(pg, err)
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return mapSQLite(lite, err)
	}
	if isConnection(err) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

func isMapped(err error) bool {
	for _, sentinel := range []error{ErrNotFound, ErrConflict, ErrReference, ErrUnavailable, ErrSchemaBehind} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// mapPostgres goes by SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
func mapPostgres(pg *pgconn.PgError, err error) error {
	switch pg.Code {
	case "23505": // unique_violation
		return &ConflictError{Table: pg.TableName, Columns: keyColumns(pg.Detail), Constraint: pg.ConstraintName, cause: err}
	case "23503": // foreign_key_violation
		return fmt.Errorf("%w: %w", ErrReference, err)
	case "25006", // read_only_sql_transaction: a fail-over left us connected to a standby
		"57014", // query_canceled: statement_timeout
		"55P03", // lock_not_available
		"40001", // serialization_failure
		"40P01": // deadlock_detected
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "08", // connection exceptions
		"53", // insufficient resources: too many connections, disk full
		"57", // operator intervention: shutting down, starting up
		"58": // system errors
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	// Refused before a session existed: the password or the database was changed while we run.
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// keyColumns reads the columns, and nothing else, out of "Key (username)=(ann) already exists."
func keyColumns(detail string) []string {
	_, rest, ok := strings.Cut(detail, "(")
	if !ok {
		return nil
	}
	columns, _, ok := strings.Cut(rest, ")=(")
	if !ok {
		return nil
	}
	return strings.Split(columns, ", ")
}

func mapSQLite(lite *sqlite.Error, err error) error {
	switch lite.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return sqliteConflict(lite.Error(), err)
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fmt.Errorf("%w: %w", ErrReference, err)
	}
	switch lite.Code() & 0xff { // the primary code
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// sqliteConflict reads "…UNIQUE constraint failed: channels.group_id, channels.name (2067)".
func sqliteConflict(message string, cause error) error {
	e := &ConflictError{cause: cause}
	_, list, ok := strings.Cut(message, "constraint failed: ")
	if i := strings.LastIndex(list, " ("); i >= 0 {
		list = list[:i]
	}
	if i := strings.LastIndex(list, "constraint failed: "); i >= 0 { // the driver puts its own words before SQLite's
		list = list[i+len("constraint failed: "):]
	}
	if !ok {
		return e
	}
	for column := range strings.SplitSeq(list, ", ") {
		table, name, found := strings.Cut(column, ".")
		if !found {
			return e
		}
		e.Table = table
		e.Columns = append(e.Columns, name)
	}
	return e
}

// isConnection recognizes a connection that broke, could not be made, or is closed on our side.
func isConnection(err error) bool {
	var (
		connect *pgconn.ConnectError
		network net.Error
		op      *net.OpError
	)
	return errors.As(err, &connect) || errors.As(err, &network) || errors.As(err, &op) ||
		pgconn.Timeout(err) || pgconn.SafeToRetry(err) ||
		errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED) ||
		// database/sql does not export this one.
		strings.Contains(err.Error(), "sql: database is closed") || strings.Contains(err.Error(), "conn closed")
}

// isContention recognizes a transaction that lost against another one and may be tried again as a whole.
func isContention(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "40001", "40P01", "55P03":
			return true
		}
		return false
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		primary := lite.Code() & 0xff
		return primary == sqlite3.SQLITE_BUSY || primary == sqlite3.SQLITE_LOCKED
	}
	return false
}
