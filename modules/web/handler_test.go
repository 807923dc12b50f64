package client

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" // what a browser accepts as a page
	page    = "<!doctype html><title>Parley</title>"
)

var script = strings.Repeat("console.log('hello');\n", 100)

// built is a client as it may have been built.
func built() fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"index.html":               page,
		"assets/index-4f1a.js":     script,
		"assets/_plugin-88.js":     "export {};",
		"assets/index-4f1a.js.map": "{}",
		"assets/index-77b0.css":    "body { margin: 0 }",
		"assets/font-1c.woff2":     "wOF2",
		"icon.svg":                 "<svg/>",
		"icon.png":                 "PNG",
		"manifest.webmanifest":     "{}",
		"strings.json":             "{}",
		"licenses.txt":             "MIT",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// request makes a request of a handler; headers come in pairs.
func request(t *testing.T, h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func newTestHandler(t *testing.T) http.Handler {
	t.Helper()
	h, err := newHandler(built())
	require.NoError(t, err)
	return h
}

func TestFilesAreServed(t *testing.T) {
	t.Parallel()
	h := newTestHandler(t)
	for path, want := range map[string]struct{ contentType, cacheControl, vary string }{
		"/":                         {"text/html; charset=utf-8", ask, "Accept-Encoding"},
		"/assets/index-4f1a.js":     {"text/javascript; charset=utf-8", keep, "Accept-Encoding"},
		"/assets/_plugin-88.js":     {"text/javascript; charset=utf-8", keep, "Accept-Encoding"},
		"/assets/index-4f1a.js.map": {"application/json", keep, "Accept-Encoding"},
		"/assets/index-77b0.css":    {"text/css; charset=utf-8", keep, "Accept-Encoding"},
		"/assets/font-1c.woff2":     {"font/woff2", keep, ""},
		"/icon.svg":                 {"image/svg+xml", ask, "Accept-Encoding"},
		"/icon.png":                 {"image/png", ask, ""},
		"/manifest.webmanifest":     {"application/manifest+json", ask, "Accept-Encoding"},
		"/strings.json":             {"application/json", ask, "Accept-Encoding"},
		"/licenses.txt":             {"text/plain; charset=utf-8", ask, "Accept-Encoding"},
	} {
		w := request(t, h, http.MethodGet, path)
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Equal(t, want.contentType, w.Header().Get("Content-Type"), path)
		require.Equal(t, want.cacheControl, w.Header().Get("Cache-Control"), path)
		require.Equal(t, want.vary, w.Header().Get("Vary"), path)
		require.Equal(t, strconv.Itoa(w.Body.Len()), w.Header().Get("Content-Length"), path)
		for name, value := range map[string]string{
			"Content-Security-Policy":      policy,
			"Permissions-Policy":           permissions,
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Content-Encoding":             "",
		} {
			require.Equal(t, value, w.Header().Get(name), path)
		}
	}
}

func TestWhatTheBrowserHasIsCurrent(t *testing.T) {
	t.Parallel()
	h := newTestHandler(t)
	for _, path := range []string{"/", "/assets/index-4f1a.js", "/icon.png"} {
		for _, encoding := range []string{"", "gzip"} {
			w := request(t, h, http.MethodGet, path, "Accept-Encoding", encoding)
			require.Equal(t, http.StatusOK, w.Code, path)

			head := request(t, h, http.MethodHead, path, "Accept-Encoding", encoding)
			require.Equal(t, http.StatusOK, head.Code)
			require.Empty(t, head.Body.String())
			require.Equal(t, w.Header(), head.Header())

			known := request(t, h, http.MethodGet, path, "Accept-Encoding", encoding, "If-None-Match", w.Header().Get("ETag"))
			require.Equal(t, http.StatusNotModified, known.Code)
			require.Empty(t, known.Body.String())
			require.Equal(t, w.Header().Get("ETag"), known.Header().Get("ETag"))
			require.Equal(t, w.Header().Get("Vary"), known.Header().Get("Vary"))
		}
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	h := newTestHandler(t)
	const path = "/assets/index-4f1a.js"
	plain := request(t, h, http.MethodGet, path)
	require.Equal(t, script, plain.Body.String())
	for accepted, want := range map[string]string{
		"gzip":                       "gzip",
		"br;q=1.0, GZIP ; q=0.5, *":  "gzip",
		"deflate,gzip;q=0.001":       "gzip",
		"":                           "",
		"br":                         "",
		"identity, gzip;q=0":         "",
		"gzip; Q=0.000, deflate":     "",
		"x-gzip, notgzip, gzip-like": "",
	} {
		w := request(t, h, http.MethodGet, path, "Accept-Encoding", accepted)
		require.Equal(t, http.StatusOK, w.Code, accepted)
		require.Equal(t, want, w.Header().Get("Content-Encoding"), accepted)
		require.Equal(t, "Accept-Encoding", w.Header().Get("Vary"))
		require.Equal(t, strconv.Itoa(w.Body.Len()), w.Header().Get("Content-Length"))
		if want == "" {
			require.Equal(t, script, w.Body.String())
			continue
		}
		require.NotEqual(t, plain.Header().Get("ETag"), w.Header().Get("ETag"), "another encoding is another thing")
		require.Less(t, w.Body.Len(), len(script)/5)
		unpacked, err := gzip.NewReader(w.Body)
		require.NoError(t, err)
		text, err := io.ReadAll(unpacked)
		require.NoError(t, err)
		require.Equal(t, script, string(text))
	}
	require.Empty(t, request(t, h, http.MethodGet, "/icon.png", "Accept-Encoding", "gzip").Header().Get("Content-Encoding"), "it would not get smaller")
}

// A download that was cut off goes on with the rest of the same bytes, or begins anew.
func TestParts(t *testing.T) {
	t.Parallel()
	h := newTestHandler(t)
	const path = "/assets/index-4f1a.js"
	for _, encoding := range []string{"", "gzip"} {
		whole := request(t, h, http.MethodGet, path, "Accept-Encoding", encoding)
		tag := whole.Header().Get("ETag")
		part := request(t, h, http.MethodGet, path, "Accept-Encoding", encoding, "Range", "bytes=10-", "If-Range", tag)
		require.Equal(t, http.StatusPartialContent, part.Code)
		require.Equal(t, encoding, part.Header().Get("Content-Encoding"))
		require.Equal(t, strconv.Itoa(part.Body.Len()), part.Header().Get("Content-Length"))
		require.True(t, bytes.Equal(whole.Body.Bytes()[10:], part.Body.Bytes()))

		changed := request(t, h, http.MethodGet, path, "Accept-Encoding", encoding, "Range", "bytes=10-", "If-Range", `"another"`)
		require.Equal(t, http.StatusOK, changed.Code)
		require.Equal(t, whole.Body.Len(), changed.Body.Len())

		beyond := request(t, h, http.MethodGet, path, "Accept-Encoding", encoding, "Range", "bytes=9999999-")
		require.Equal(t, http.StatusRequestedRangeNotSatisfiable, beyond.Code)
		require.Empty(t, beyond.Header().Get("Content-Encoding"))
		require.NotEqual(t, keep, beyond.Header().Get("Cache-Control"))
	}
}

func TestViewsAnswerWithTheClient(t *testing.T) {
	t.Parallel()
	h := newTestHandler(t)
	for _, path := range []string{"/login", "/groups/1/channels/2", "/groups/1/", "/groups/1?message=7", "/a.b/c", "/apis", "/assetsx", "/%C3%BC", "/readyzz"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			w := request(t, h, method, path, "Accept", browser)
			require.Equal(t, http.StatusOK, w.Code, path)
			require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
			require.Equal(t, ask, w.Header().Get("Cache-Control"))
			require.Equal(t, policy, w.Header().Get("Content-Security-Policy"))
			require.Equal(t, []string{"Accept", "Accept-Encoding"}, w.Header().Values("Vary"))
			if method == http.MethodGet {
				require.Equal(t, page, w.Body.String())
			}
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	h := newTestHandler(t)
	for _, c := range []struct{ method, path, accept string }{
		{"GET", "/login", ""},
		{"GET", "/login", "*/*"}, // curl, fetch
		{"GET", "/login", "application/json"},
		{"GET", "/login", "text/html;q=0, */*"},
		{"POST", "/login", browser},
		{"DELETE", "/login", browser},
		{"GET", "/index.html", browser},
		{"GET", "/favicon.ico", browser},
		{"GET", "/icon.svg/", browser},
		{"GET", "/groups/app.js", browser},
		{"GET", "//icon.svg", browser},
		{"GET", "//evil.example", browser},
		{"GET", "/groups//1", browser},
		{"GET", "/groups/../1", browser},
		{"GET", "/../web.go", browser},
		{"GET", "/assets", browser},
		{"GET", "/assets/", browser},
		{"GET", "/assets/nope", browser},
		{"GET", "/api", browser},
		{"GET", "/api/v1/nope", browser},
		{"GET", "/socket.io/", browser},
		{"GET", "/healthz/", browser},
		{"GET", "/readyz/more", browser},
	} {
		w := request(t, h, c.method, c.path, "Accept", c.accept)
		require.Equal(t, http.StatusNotFound, w.Code, c)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"), c)
		require.Contains(t, w.Body.String(), `"code":"not_found"`, c)
	}
	for _, path := range []string{"/", "/icon.svg"} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
			w := request(t, h, method, path, "Accept", browser)
			require.Equal(t, http.StatusMethodNotAllowed, w.Code, method)
			require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
		}
	}
}

func TestBuildsThatAreNoClient(t *testing.T) {
	t.Parallel()
	_, err := newHandler(fstest.MapFS{})
	require.ErrorContains(t, err, "npm run build")
	files := built()
	files["assets/sound.ogg"] = &fstest.MapFile{}
	_, err = newHandler(files)
	require.ErrorContains(t, err, "assets/sound.ogg is of a kind")
}
