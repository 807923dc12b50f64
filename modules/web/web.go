// Package client serves the web client: a program for the browser, built from
// ui into dist, that uses nothing but the public API. Its files are part of the
// executable.
package client

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
)

// dist is the client as it was built. The prefix all: is for chunks whose names begin with "_".
//
//go:embed all:dist
var dist embed.FS

// New returns the handler of the client, for mounting at "/". It fails if the client was not built as it must be.
func New() (http.Handler, error) {
	built, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, fmt.Errorf("open the embedded web client: %w", err)
	}
	return newHandler(built)
}
