package client

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	"parley/app/problem"
	"parley/app/web"
)

// entry is the file that every one of the client's own addresses answers with: which of its views to show, the client
// finds out by itself.
const entry = "/index.html"

// reserved are the first parts of addresses that belong to others, or to files alone: there are no views of the client below them.
var reserved = []string{"api", "assets", "healthz", "readyz", "socket.io"}

// handler serves the client's files by their path.
type handler map[string]*file

// newHandler reads all of the client's files.
func newHandler(built fs.FS) (handler, error) {
	h := make(handler)
	err := fs.WalkDir(built, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(built, name)
		if err != nil {
			return err
		}
		h["/"+name], err = newFile(name, data)
		return err
	})
	if err == nil && h[entry] == nil {
		err = errors.New("there is no index.html: build it with npm run build in modules/web/ui")
	}
	if err != nil {
		return nil, fmt.Errorf("prepare the web client: %w", err)
	}
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	f := h[r.URL.Path]
	switch {
	case r.URL.Path == "/":
		f = h[entry]
	case r.URL.Path == entry: // one address for one thing
		f = nil
	case f == nil && isView(r):
		header.Add("Vary", "Accept")
		f = h[entry]
	}
	switch {
	case f == nil:
		web.WriteProblem(w, problem.NotFound)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		web.WriteProblem(w, web.ErrMethodNotAllowed)
	default:
		protect(header)
		f.serve(w, r)
	}
}

// isView says whether somebody asks for one of the client's views, as a browser does for what is in its address bar. What only
// looks for a file or for an endpoint must not get a page instead.
func isView(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	address := strings.TrimSuffix(r.URL.Path, "/")
	if path.Clean(address) != address || path.Ext(address) != "" {
		return false
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(address, "/"), "/")
	return !slices.Contains(reserved, first) && accepts(r.Header.Values("Accept"), "text/html")
}

// accepts says whether a header such as Accept lists a value, which it may do with a weight of 0 to say the opposite.
func accepts(headers []string, value string) bool {
	for item := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		name, parameters, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(name), value) {
			return !weightless(parameters)
		}
	}
	return false
}

// weightless finds a weight of 0 among parameters: "q=0" with up to three decimals (RFC 9110, section 12.4.2).
func weightless(parameters string) bool {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, weight, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if strings.EqualFold(name, "q") {
			return strings.Trim(weight, "0.") == ""
		}
	}
	return false
}
