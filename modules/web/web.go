// Package page is the page that Parley serves at its address: a small chat
// client that needs nothing but a browser. Its files are part of the program.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"

	"parley/app/problem"
	"parley/app/web"
)

//go:embed page
var files embed.FS

// policy lets the page load what this server serves, talk to this server, and nothing else: no inline scripts or
// styles, no other sites, in no other site's frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// file is one of the page's files, ready to be served.
type file struct {
	contentType string
	etag        string
	data        []byte
}

// New returns the handler of the page, for mounting at "/". What is none of its files is not found.
func New() (http.Handler, error) {
	served := make(map[string]file)
	err := fs.WalkDir(files, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read the embedded file %s: %w", name, err)
		}
		sum := sha256.Sum256(data)
		served["/"+path.Base(name)] = file{
			contentType: contentType(name),
			etag:        `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
			data:        data,
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the page: %w", err)
	}
	served["/"] = served["/index.html"]
	delete(served, "/index.html") // one address for one thing
	return handler(served), nil
}

// contentType does not ask the operating system, which on some machines has odd ideas about scripts.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return "text/plain; charset=utf-8"
	}
}

// handler serves files by their path.
type handler map[string]file

// ServeHTTP implements http.Handler. A new version of the program has new files, so browsers ask each time and
// are told, mostly, that what they have is current.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	f, found := h[r.URL.Path]
	switch {
	case !found:
		web.WriteProblem(w, problem.NotFound)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		web.WriteProblem(w, web.ErrMethodNotAllowed)
		return
	}
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-cache")
	header.Set("Content-Type", f.contentType)
	header.Set("ETag", f.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.data))
}
