package store_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/store"
	"parley/app/store/storetest"
)

// refusingServer speaks just enough of PostgreSQL's protocol to turn every client away with one error code.
func refusingServer(t *testing.T, code string) (addr string) {
	t.Helper()
	return serve(t, func(conn net.Conn) {
		backend := pgproto3.NewBackend(conn, conn)
		if _, err := backend.ReceiveStartupMessage(); err != nil {
			return
		}
		backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: "refused"})
		_ = backend.Flush()
	})
}

// serve hands each connection to handle, and closes all of them at the end of the test.
func serve(t *testing.T, handle func(net.Conn)) (addr string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			all.Go(func() {
				handle(conn)
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return listener.Addr().String()
}

func TestStartSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, code  string
		want        string
		unavailable bool
	}{
		{"wrong password", "28P01", `does not let user "ann" in; check user and password in database.url`, false},
		{"not in pg_hba.conf", "28000", `does not let user "ann" in`, false},
		{"no such database", "3D000", `has no database "chat"; create it (createdb chat) or correct database.url`, false},
		{"too many clients", "53300", "has no connection left", true},
		{"starting up", "57P03", "is starting up or shutting down; try again", true},
		{"anything else", "XX000", "connect to PostgreSQL at", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr := refusingServer(t, tc.code)
			s := newStore(t, "postgres://ann:secret@"+addr+"/chat?sslmode=disable", store.Options{})
			err := s.Start(t.Context())
			require.ErrorContains(t, err, tc.want)
			require.ErrorContains(t, err, addr)
			require.NotContains(t, err.Error(), "secret")
			require.Equal(t, tc.unavailable, errors.Is(err, store.ErrUnavailable))
			requireUnavailable(t, s)
		})
	}
}

func TestStartWithNobodyThere(t *testing.T) {
	t.Parallel()
	addr := serve(t, func(net.Conn) {}) // takes connections and drops them
	s := newStore(t, "postgres://ann@"+addr+"/chat?sslmode=disable", store.Options{})
	err := s.Start(t.Context())
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorContains(t, err, "cannot reach PostgreSQL at "+addr+"; check that it is running")

	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr = listener.Addr().String()
	require.NoError(t, listener.Close()) // nobody listens there now
	s = newStore(t, "postgres://ann@"+addr+"/chat?sslmode=disable", store.Options{})
	err = s.Start(t.Context())
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorContains(t, err, "cannot reach PostgreSQL at "+addr)
}

func TestStartIsBoundedByItsContext(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	addr := serve(t, func(net.Conn) { <-hang })
	t.Cleanup(func() { close(hang) }) // runs before serve's own
	s := newStore(t, "postgres://ann@"+addr+"/chat?sslmode=disable", store.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := s.Start(ctx)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestSQLiteThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	text := filepath.Join(folder, "notes.txt")
	require.NoError(t, os.WriteFile(text, []byte("this is no database, and long enough to be sure of it"), 0o600))
	for _, tc := range []struct{ name, path, want string }{
		{"another kind of file", text, "is not a SQLite database, or it is damaged"},
		{"file in the place of the folder", filepath.Join(text, "parley.db"), "cannot make the folder of the database; check data_dir"},
		{"folder in the place of the file", folder, "cannot open the database for writing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, "sqlite://"+tc.path, store.Options{AutoMigrate: true})
			require.ErrorContains(t, s.Start(t.Context()), tc.want)
			requireUnavailable(t, s)
		})
	}
}

func TestSQLiteSettings(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "a folder", "50%25?#") // what means something in a URL
	s, err := store.New(store.Options{URL: "sqlite://{data_dir}/parley.db", DataDir: folder, AutoMigrate: true})
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })

	info, err := os.Stat(filepath.Join(folder, "parley.db"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "others must not read password hashes")

	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		var read, write string
		require.NoError(t, s.Read(t.Context()).Raw("PRAGMA "+pragma).Scan(&read).Error)
		require.NoError(t, s.Write(t.Context(), func(tx *gorm.DB) error {
			return tx.Raw("PRAGMA " + pragma).Scan(&write).Error
		}))
		require.Equal(t, want, read, pragma)
		require.Equal(t, want, write, pragma)
	}
	require.Error(t, s.Read(t.Context()).Create(newUser("ann")).Error, "Read is for reading")
	require.Error(t, s.Read(t.Context()).Exec(`SELECT "no such column"`).Error, "double quotes are for names")
}

// The parameters of one Store must not leak into the next.
func TestTwoStoresAreIndependent(t *testing.T) {
	t.Parallel()
	one := storetest.Open(t, storetest.SQLiteURL(t))
	two := storetest.Open(t, storetest.SQLiteURL(t))
	require.NoError(t, one.Write(t.Context(), insertUser("ann")))
	require.Empty(t, usernames(t, two))
}
