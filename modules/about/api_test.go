package about

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/problem"
	"parley/app/store"
	"parley/app/store/storetest"
	"parley/app/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve has a server answer requests about itself.
func serve(t *testing.T, s *store.Store) (get func(path string) *httptest.ResponseRecorder) {
	t.Helper()
	server := web.New(web.Options{Translate: func(err error) *problem.Problem { return problem.Unavailable.WithCause(err) }})
	about := New(s, About{Version: "v1.2.3", Registration: "closed", MessageMaxLength: 4000, DirectAnyone: true})
	require.NoError(t, NewAPI(server.Public(), about).Init(nil))
	return func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, web.Base+path, http.NoBody))
		return w
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		get := serve(t, s)
		for range 2 {
			require.JSONEq(t, `{"version": "v1.2.3", "registration": "closed", "accounts": false, "messageMaxLength": 4000, "directAnyone": true}`,
				get("/server").Body.String())
		}
		require.Equal(t, http.StatusBadRequest, get("/server?accounts=true").Code)

		exec(t, s, `INSERT INTO users (username, display_name, password_hash, created_at) VALUES ('ann', 'Ann', 'x', 0)`)
		require.Contains(t, get("/server").Body.String(), `"accounts":true`, "seen at once")

		// The database is not asked again, whatever has become of it.
		exec(t, s, `DELETE FROM users`)
		require.Contains(t, get("/server").Body.String(), `"accounts":true`)
		require.NoError(t, s.Stop(t.Context()))
		require.Equal(t, http.StatusOK, get("/server").Code)
	})
}

func TestServerWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	s, err := store.New(store.Options{URL: storetest.SQLiteURL(t)}) // not open
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, serve(t, s)("/server").Code)
}
