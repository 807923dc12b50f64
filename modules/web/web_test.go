package page

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// get asks for a path; headers come in pairs.
func get(t *testing.T, method, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	h, err := New()
	require.NoError(t, err)
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestFilesAreServed(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]struct{ contentType, text string }{
		"/":                      {"text/html; charset=utf-8", "<title>Parley</title>"},
		"/app.js":                {"text/javascript; charset=utf-8", "GROUP_MESSAGE_RECEIVE"},
		"/session.js":            {"text/javascript; charset=utf-8", "/auth/refresh"},
		"/store.js":              {"text/javascript; charset=utf-8", "after="},
		"/style.css":             {"text/css; charset=utf-8", "prefers-color-scheme: dark"},
		"/icon.svg":              {"image/svg+xml", "<svg"},
		"/lock.svg":              {"image/svg+xml", "<svg"},
		"/socket.io.min.js":      {"text/javascript; charset=utf-8", "Socket.IO v4.8.4"},
		"/socket.io.LICENSE.txt": {"text/plain; charset=utf-8", "Permission is hereby granted"},
	} {
		w := get(t, http.MethodGet, path)
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Equal(t, want.contentType, w.Header().Get("Content-Type"), path)
		require.Contains(t, w.Body.String(), want.text, path)
		for name, value := range map[string]string{
			"Content-Security-Policy": policy,
			"X-Content-Type-Options":  "nosniff",
			"X-Frame-Options":         "DENY",
			"Referrer-Policy":         "no-referrer",
			"Cache-Control":           "no-cache",
		} {
			require.Equal(t, value, w.Header().Get(name), path)
		}

		head := get(t, http.MethodHead, path)
		require.Equal(t, http.StatusOK, head.Code)
		require.Empty(t, head.Body.String())
		require.Equal(t, w.Header(), head.Header())

		known := get(t, http.MethodGet, path, "If-None-Match", w.Header().Get("ETag"))
		require.Equal(t, http.StatusNotModified, known.Code, "what the browser has is current")
	}
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/nope", "/index.html", "/page/", "/page/app.js", "/app.js/", "//app.js", "/../web.go", "/web.go", "/favicon.ico"} {
		w := get(t, http.MethodGet, path)
		require.Equal(t, http.StatusNotFound, w.Code, path)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"), path)
		require.Contains(t, w.Body.String(), `"code":"not_found"`, path)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		w := get(t, method, "/")
		require.Equal(t, http.StatusMethodNotAllowed, w.Code, method)
		require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	}
}

// TestThePolicyHolds: what the policy would keep a browser from doing is not in the files in the first place.
func TestThePolicyHolds(t *testing.T) {
	t.Parallel()
	for _, forbidden := range []string{"unsafe", "*", "http:", "https:", "data:"} {
		require.NotContains(t, policy, forbidden)
	}
	html := get(t, http.MethodGet, "/").Body.String()
	require.NotRegexp(t, `<script[^>]*>[^<]`, html, "no script within the page")
	require.NotRegexp(t, `<style|\sstyle=|\son[a-z]+=`, html, "no style and no handler within the page")
	for _, link := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		require.Equal(t, http.StatusOK, get(t, http.MethodGet, "/"+link[1]).Code, link[1])
	}
	for _, script := range []string{"/app.js", "/session.js", "/store.js"} {
		text := get(t, http.MethodGet, script).Body.String()
		for _, risky := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", ".style."} {
			require.NotContains(t, text, risky, script)
		}
	}
}
