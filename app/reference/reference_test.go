package reference_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/reference"
	"parley/app/reference/referencetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	h, err := reference.New()
	require.NoError(t, err)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestDocumentsAreServed(t *testing.T) {
	t.Parallel()
	for path, begin := range map[string]string{"/api/openapi.yaml": "openapi: 3.1", "/api/asyncapi.yaml": "asyncapi: 3.0"} {
		w := serve(t, http.MethodGet, path)
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, "application/yaml", w.Header().Get("Content-Type"))
		require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
		require.True(t, strings.HasPrefix(w.Body.String(), begin))
	}
	require.Equal(t, http.StatusNotFound, serve(t, http.MethodGet, "/api/nothing").Code)
	require.Equal(t, http.StatusMethodNotAllowed, serve(t, http.MethodPost, "/api/docs").Code)
}

func TestPageShowsEverything(t *testing.T) {
	t.Parallel()
	w := serve(t, http.MethodGet, "/api/docs")
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
	page := w.Body.String()
	c, err := referencetest.New()
	require.NoError(t, err)
	for _, op := range c.Operations() {
		method, path, _ := strings.Cut(op, " ")
		require.Contains(t, page, `<span class="method">`+strings.ToLower(method)+`</span> <code>/api/v1`+path+`</code>`)
	}
	for _, name := range c.Events() {
		require.Contains(t, page, `<article id="`+name+`">`)
	}
	require.Contains(t, page, "<code>acceptedAt</code>", "fields of referenced objects")
	require.Contains(t, page, "Somebody else has the username.", "what is said beside a reference")
	require.Contains(t, page, "<code>channel_name_taken</code>", "codes of problems")
	require.NotContains(t, page, "<script")
	require.Equal(t, "text/css; charset=utf-8", serve(t, http.MethodGet, "/api/docs.css").Header().Get("Content-Type"))
}

func TestCheckerFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	c, err := referencetest.New()
	require.NoError(t, err)
	asJSON := http.Header{"Content-Type": {"application/json"}}
	user := `{"id": 1, "username": "ann", "displayName": "Ann", "createdAt": "2026-03-14T15:09:26.535Z"}`
	require.NoError(t, c.Response("GET", "/me", 200, asJSON, []byte(user)))
	require.True(t, c.Seen("GET /me 200"))
	for name, body := range map[string]string{
		"a field too many":     strings.Replace(user, "{", `{"more": 1, `, 1),
		"a field too few":      `{"id": 1}`,
		"another type":         strings.Replace(user, "1", `"1"`, 1),
		"another form of time": strings.Replace(user, ".535Z", "Z", 1),
		"no JSON":              "{",
	} {
		require.Error(t, c.Response("GET", "/me", 200, asJSON, []byte(body)), name)
	}
	require.ErrorContains(t, c.Response("GET", "/me", 201, asJSON, []byte(user)), "not documented")
	require.ErrorContains(t, c.Response("GET", "/nothing", 200, asJSON, []byte(user)), "not documented")
	require.ErrorContains(t, c.Response("GET", "/me", 200, http.Header{"Content-Type": {"text/html"}}, []byte(user)), "not documented")
	require.NoError(t, c.Response("GET", "/groups/1", 404, http.Header{"Content-Type": {"application/problem+json"}},
		[]byte(`{"type": "about:blank", "title": "t", "status": 404, "code": "group_not_found"}`)))
	require.ErrorContains(t, c.Response("GET", "/groups/1", 404, http.Header{"Content-Type": {"application/problem+json"}},
		[]byte(`{"type": "about:blank", "title": "t", "status": 404, "code": "invite_not_found"}`)), "x-codes")

	require.NoError(t, c.Event("GROUP_DELETED", []byte(`{"groupId": 1}`)))
	require.Error(t, c.Event("GROUP_DELETED", []byte(`{"groupId": 1, "more": 2}`)))
	require.ErrorContains(t, c.Event("NOTHING", nil), "not documented")
	group := `{"id": 1, "name": "n", "description": "", "createdAt": "2026-03-14T15:09:26.535Z"`
	require.NoError(t, c.Event("GROUP_UPDATED", []byte(`{"group": `+group+`}}`)))
	require.Error(t, c.Event("GROUP_UPDATED", []byte(`{"group": `+group+`, "more": 1}}`)), "also in what is composed")
}
