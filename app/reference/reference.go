// Package reference holds the documents that describe Parley to client authors
// and to their tools: OpenAPI for HTTP, AsyncAPI for events. They are kept by
// hand, here alone; the program serves them, renders a page of them, and its
// tests hold every answer and every event against them.
package reference

import (
	"bytes"
	"embed"
	"fmt"
	"net/http"
	"time"

	"parley/app/problem"
	"parley/app/web"
)

//go:embed openapi.yaml asyncapi.yaml
var documents embed.FS

// OpenAPI is the document of the HTTP API, in YAML.
func OpenAPI() []byte { return document("openapi.yaml") }

// AsyncAPI is the document of the events, in YAML. It refers to openapi.yaml beside it.
func AsyncAPI() []byte { return document("asyncapi.yaml") }

func document(name string) []byte {
	data, err := documents.ReadFile(name)
	if err != nil {
		panic(err) // it is part of the program
	}
	return data
}

// Prefix is where the handler wants to be mounted.
const Prefix = "/api/"

// policy lets the page load nothing but its own style.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// New returns the handler of /api/openapi.yaml, /api/asyncapi.yaml and the page /api/docs.
func New() (http.Handler, error) {
	page, err := render(OpenAPI(), AsyncAPI())
	if err != nil {
		return nil, fmt.Errorf("render the API's documents: %w", err)
	}
	return handler{
		"/api/openapi.yaml":  {"application/yaml", OpenAPI()},
		"/api/asyncapi.yaml": {"application/yaml", AsyncAPI()},
		"/api/docs":          {"text/html; charset=utf-8", page},
		"/api/docs.css":      {"text/css; charset=utf-8", style},
	}, nil
}

// file is ready to be served.
type file struct {
	contentType string
	data        []byte
}

// handler serves files by their path.
type handler map[string]file

// ServeHTTP implements http.Handler. The documents are for everybody, tools on pages of other origins included.
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
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-cache")
	header.Set("Content-Type", f.contentType)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.data))
}
