package store_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/store"
	"parley/app/store/storetest"
)

func TestMap(t *testing.T) {
	t.Parallel()
	other := errors.New("other")
	pg := func(code string) error { return &pgconn.PgError{Code: code} }
	for _, tc := range []struct {
		name string
		err  error
		want error // nil: as it was
	}{
		{"nil", nil, nil},
		{"other", other, nil},
		{"cancelled by the caller", context.Canceled, nil},
		{"record not found", gorm.ErrRecordNotFound, store.ErrNotFound},
		{"no rows", fmt.Errorf("x: %w", sql.ErrNoRows), store.ErrNotFound},
		{"mapped already", fmt.Errorf("x: %w", store.ErrUnavailable), nil},
		{"deadline", context.DeadlineExceeded, store.ErrUnavailable},
		{"unique", pg("23505"), store.ErrConflict},
		{"foreign key", pg("23503"), store.ErrReference},
		{"check", pg("23514"), nil},
		{"syntax", pg("42601"), nil},
		{"admin shutdown", pg("57P01"), store.ErrUnavailable},
		{"crash shutdown", pg("57P02"), store.ErrUnavailable},
		{"starting up", pg("57P03"), store.ErrUnavailable},
		{"too many connections", pg("53300"), store.ErrUnavailable},
		{"disk full", pg("53100"), store.ErrUnavailable},
		{"connection failure", pg("08006"), store.ErrUnavailable},
		{"standby", pg("25006"), store.ErrUnavailable},
		{"statement timeout", pg("57014"), store.ErrUnavailable},
		{"serialization", pg("40001"), store.ErrUnavailable},
		{"deadlock", pg("40P01"), store.ErrUnavailable},
		{"odd code", pg("5"), nil},
		{"bad connection", driver.ErrBadConn, store.ErrUnavailable},
		{"connection done", sql.ErrConnDone, store.ErrUnavailable},
		{"pool closed", errors.New("sql: database is closed"), store.ErrUnavailable},
		{"closed by pgx", pgconn.ErrConnClosed, store.ErrUnavailable},
		{"refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, store.ErrUnavailable},
		{"reset", fmt.Errorf("x: %w", syscall.ECONNRESET), store.ErrUnavailable},
		{"broken pipe", fmt.Errorf("x: %w", syscall.EPIPE), store.ErrUnavailable},
		{"unexpected EOF", fmt.Errorf("x: %w", io.ErrUnexpectedEOF), store.ErrUnavailable},
		{"EOF", io.EOF, store.ErrUnavailable},
		{"network closed", net.ErrClosed, store.ErrUnavailable},
		{"no such host", &net.DNSError{Err: "no such host"}, store.ErrUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := store.Map(tc.err)
			if tc.want == nil {
				require.Equal(t, tc.err, got)
				return
			}
			require.ErrorIs(t, got, tc.want)
			require.ErrorIs(t, got, tc.err, "the cause stays in the chain")
			require.Equal(t, got, store.Map(got), "mapping twice changes nothing")
		})
	}
}

func TestDriverErrors(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		exec := func(query string) error {
			return s.Write(ctx, func(tx *gorm.DB) error { return tx.Exec(query).Error })
		}
		require.NoError(t, s.Write(ctx, insertUser("ann")))
		require.NoError(t, exec("INSERT INTO groups (id, name, created_at) VALUES (1, 'g', 1)"))
		channel := "INSERT INTO channels (group_id, name, created_at) VALUES (1, 'general', 1)"
		require.NoError(t, exec(channel))
		member := "INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES (1, %d, '%s', 1)"

		var conflict *store.ConflictError
		err := s.Write(ctx, insertUser("ann"))
		require.ErrorIs(t, err, store.ErrConflict)
		require.ErrorAs(t, err, &conflict)
		require.True(t, conflict.On("users", "username"), "%+v", conflict)
		require.NotContains(t, conflict.Error(), "ann", "values are nobody's business")

		require.ErrorAs(t, exec(channel), &conflict)
		require.True(t, conflict.On("channels", "group_id", "name"), "%+v", conflict)

		require.NoError(t, exec(fmt.Sprintf(member, 1, "owner")))
		require.ErrorAs(t, exec(fmt.Sprintf(member, 1, "owner")), &conflict)
		require.True(t, conflict.On("group_members", "group_id", "user_id"), "%+v", conflict)
		require.False(t, conflict.On("group_members", "user_id"))

		require.ErrorIs(t, exec(fmt.Sprintf(member, 99, "owner")), store.ErrReference)

		err = exec(fmt.Sprintf(member, 1, "king"))
		require.Error(t, err)
		for _, sentinel := range []error{store.ErrConflict, store.ErrReference, store.ErrUnavailable, store.ErrNotFound} {
			require.NotErrorIs(t, err, sentinel, "a violated check is a bug, not a condition")
		}
		require.ErrorIs(t, store.Map(s.Read(ctx).Take(&user{}, 99).Error), store.ErrNotFound)
	})
}
