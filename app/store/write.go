package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"modernc.org/sqlite"
)

const (
	// writeAttempts is how often a transaction that loses against others is tried.
	writeAttempts = 12
	// firstPause and longestPause bound the random pause between two tries; it doubles each time.
	firstPause   = 4 * time.Millisecond
	longestPause = 250 * time.Millisecond
)

// Write runs fn in one transaction, and again, after a short random pause, when it loses against another
// (deadlock, serialization failure, lock): fn must not keep anything from a former run. Errors are mapped. ErrUnavailable may
// mean that the transaction was committed after all. fn's statements must all go through tx.
func (s *Store) Write(ctx context.Context, fn func(tx *gorm.DB) error) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	pause := firstPause
	for attempt := 1; ; attempt++ {
		begin := time.Now()
		err := transaction(s.current().writer.WithContext(ctx), fn)
		again := isContention(err) && attempt < writeAttempts
		s.metrics.ended(begin, err, again)
		if !again {
			return Map(err)
		}
		wait := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-ctx.Done():
			wait.Stop()
			return Map(ctx.Err())
		case <-wait.C:
		}
		pause = min(2*pause, longestPause)
	}
}

// View runs fn in a transaction that sees the database as of one moment and cannot change it. Errors are mapped.
func (s *Store) View(ctx context.Context, fn func(tx *gorm.DB) error) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	// SQLite's transactions are like that by themselves; its driver takes the options as they come.
	options := &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	begin := time.Now()
	err := transaction(s.current().reader.WithContext(ctx), fn, options)
	s.metrics.ended(begin, err, false)
	return Map(err)
}

// snapshotOf is the key under which a context of Snapshot has the transaction.
type snapshotOf struct{ store *Store }

// Snapshot runs fn with a context with which everything that is read from the store, by whichever module, is as of one moment: Read
// uses one transaction that cannot change anything. It is one connection, so fn reads one thing after the other. Errors are mapped.
func (s *Store) Snapshot(ctx context.Context, fn func(ctx context.Context) error) error {
	return s.View(ctx, func(tx *gorm.DB) error {
		return fn(context.WithValue(tx.Statement.Context, snapshotOf{s}, tx))
	})
}

// bounded gives a context a deadline if it has none.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.timeout)
}

func transaction(db *gorm.DB, fn func(tx *gorm.DB) error, options ...*sql.TxOptions) error {
	ctx := db.Statement.Context
	tx := db.Begin(options...)
	if tx.Error != nil {
		return tx.Error
	}
	done := false
	defer func() {
		if !done { // fn failed or panicked; there is nothing to do about a failing rollback
			_ = tx.Rollback()
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // nothing was committed yet, and it will not be
		return err
	}
	done = true
	return commitError(tx.Commit().Error)
}

// commitError keeps what the database itself said about the commit. Anything else, an ended context
// included, leaves open whether the transaction was committed.
func commitError(err error) error {
	var (
		pg   *pgconn.PgError
		lite *sqlite.Error
	)
	if err == nil || errors.As(err, &pg) || errors.As(err, &lite) || errors.Is(err, pgx.ErrTxCommitRollback) {
		return err
	}
	return fmt.Errorf("%w: the outcome of a commit is unknown: %w", ErrUnavailable, err)
}
