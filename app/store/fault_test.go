package store_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/store"
	"parley/app/store/storetest"
)

// terminateOthers ends every session on the store's database but the one that asks, as a restart of the server would.
func terminateOthers(db *gorm.DB) error {
	return db.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity " +
		"WHERE datname = current_database() AND pid <> pg_backend_pid()").Error
}

func TestServerEndsTheSession(t *testing.T) {
	t.Parallel()
	databaseURL := storetest.PostgresURL(t)
	s, other := storetest.Open(t, databaseURL), storetest.Open(t, databaseURL)
	ctx := t.Context()

	err := s.Write(ctx, func(tx *gorm.DB) error {
		require.NoError(t, insertUser("ann")(tx))
		require.NoError(t, terminateOthers(other.Read(ctx)))
		return insertUser("bob")(tx)
	})
	require.ErrorIs(t, err, store.ErrUnavailable, "in the middle")

	err = s.Write(ctx, func(tx *gorm.DB) error {
		require.NoError(t, insertUser("ann")(tx))
		return terminateOthers(other.Read(ctx))
	})
	require.ErrorIs(t, err, store.ErrUnavailable, "on COMMIT")

	// Pooled connections that died meanwhile may each cost one BEGIN, and nothing else.
	require.NoError(t, terminateOthers(other.Read(ctx)))
	require.Eventually(t, func() bool {
		err := s.Write(ctx, insertUser("eve"))
		if err != nil {
			require.ErrorIs(t, err, store.ErrUnavailable, "on BEGIN")
		}
		return err == nil
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, []string{"eve"}, usernames(t, other))
	require.NoError(t, s.Check(ctx))
}

// cut says what a proxy does when it sees COMMIT.
type cut int32

const (
	cutNothing cut = iota
	cutBefore      // the server never gets it
	cutAfter       // the client never gets the answer
	cutAll         // every connection, at once
)

// proxy stands between a store and PostgreSQL.
type proxy struct {
	addr   string
	target string
	mode   atomic.Int32
	cuts   atomic.Int32
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	p := &proxy{target: target}
	p.addr = serve(t, p.handle)
	return p
}

func (p *proxy) handle(client net.Conn) {
	if cut(p.mode.Load()) == cutAll {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	var mute atomic.Bool
	var back sync.WaitGroup
	back.Go(func() {
		p.answers(client, server, &mute)
		_ = client.Close()
	})
	p.requests(client, server, &mute)
	_ = server.Close()
	back.Wait()
}

func (p *proxy) requests(client, server net.Conn, mute *atomic.Bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil || cut(p.mode.Load()) == cutAll {
			return
		}
		if bytes.Contains(bytes.ToLower(buf[:n]), []byte("commit")) {
			switch cut(p.mode.Load()) {
			case cutBefore:
				p.cuts.Add(1)
				return
			case cutAfter:
				p.cuts.Add(1)
				mute.Store(true)
			}
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) answers(client io.Writer, server io.Reader, mute *atomic.Bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil || mute.Load() {
			return // the server has answered, the client does not hear of it
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

func throughProxy(t *testing.T) (s, direct *store.Store, p *proxy) {
	t.Helper()
	databaseURL := storetest.PostgresURL(t)
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	p = newProxy(t, u.Host)
	direct = storetest.Open(t, databaseURL)
	u.Host = p.addr
	return storetest.Open(t, u.String()), direct, p
}

func TestCommitOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		mode cut
		kept []string
	}{
		{"lost on the way there", cutBefore, []string{}},
		{"lost on the way back", cutAfter, []string{"ann"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, direct, p := throughProxy(t)
			p.mode.Store(int32(tc.mode))
			err := s.Write(t.Context(), insertUser("ann"))
			require.ErrorIs(t, err, store.ErrUnavailable)
			require.ErrorContains(t, err, "outcome of a commit is unknown")
			require.EqualValues(t, 1, p.cuts.Load(), "it was not tried again")
			require.Equal(t, tc.kept, usernames(t, direct))
		})
	}
}

func TestServerGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	s, direct, p := throughProxy(t)
	ctx := t.Context()
	require.NoError(t, s.Write(ctx, insertUser("ann")))

	p.mode.Store(int32(cutAll))
	require.ErrorIs(t, s.Write(ctx, insertUser("bob")), store.ErrUnavailable)
	require.ErrorIs(t, store.Map(s.Read(ctx).Find(&[]user{}).Error), store.ErrUnavailable)
	require.ErrorIs(t, s.Check(ctx), store.ErrUnavailable)

	p.mode.Store(int32(cutNothing))
	require.Eventually(t, func() bool { return s.Write(ctx, insertUser("cid")) == nil }, 10*time.Second, time.Millisecond)
	require.NoError(t, s.Check(ctx))
	require.Equal(t, []string{"ann", "cid"}, usernames(t, direct))
}

func TestAnswersAreNotWaitedForWithoutEnd(t *testing.T) {
	t.Parallel()
	databaseURL := storetest.PostgresURL(t)
	storetest.Open(t, databaseURL) // migrates
	s := newStore(t, databaseURL, store.Options{Timeout: 200 * time.Millisecond})
	ctx := t.Context()
	require.NoError(t, s.Start(ctx))
	hang := func(db *gorm.DB) error { return db.Exec("SELECT pg_sleep(60)").Error }
	require.ErrorIs(t, store.Map(hang(s.Read(ctx))), store.ErrUnavailable)
	require.ErrorIs(t, s.View(ctx, hang), store.ErrUnavailable)
	require.ErrorIs(t, s.Write(ctx, hang), store.ErrUnavailable)
}

func TestDeadlineInsideATransaction(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.PostgresURL(t))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := s.Write(ctx, func(tx *gorm.DB) error { return tx.Exec("SELECT pg_sleep(60)").Error })
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
