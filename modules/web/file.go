package client

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// kind is what there is to know about files with the same extension.
type kind struct {
	contentType string
	text        bool // which gzip makes smaller
}

// kinds are all that a client may be built of. The operating system is not asked: on some machines it has odd ideas about scripts.
var kinds = map[string]kind{
	".css":         {"text/css; charset=utf-8", true},
	".html":        {"text/html; charset=utf-8", true},
	".js":          {"text/javascript; charset=utf-8", true},
	".json":        {"application/json", true},
	".map":         {"application/json", true},
	".png":         {"image/png", false},
	".svg":         {"image/svg+xml", true},
	".txt":         {"text/plain; charset=utf-8", true},
	".webmanifest": {"application/manifest+json", true},
	".woff2":       {"font/woff2", false},
}

// How long browsers may keep a file. One whose name has a hash of what is in it never changes; of the others, a new version
// of the program has new ones, so browsers ask each time and are told, mostly, that what they have is current.
const (
	keep = "public, max-age=31536000, immutable"
	ask  = "no-cache"
)

// file is one of the client's files, ready to be served.
type file struct {
	contentType  string
	cacheControl string
	plain        variant
	compressed   func() variant // made when it is asked for the first time; nil: it would be of no use
}

// variant is a file in one of its encodings.
type variant struct {
	data []byte
	etag string
}

// newFile prepares the file of a name, which is relative to the client's root.
func newFile(name string, data []byte) (*file, error) {
	k, known := kinds[path.Ext(name)]
	if !known {
		return nil, fmt.Errorf("%s is of a kind that has no content type: add it to the kinds in modules/web", name)
	}
	sum := sha256.Sum256(data)
	tag := base64.RawURLEncoding.EncodeToString(sum[:12])
	f := &file{contentType: k.contentType, cacheControl: ask, plain: variant{data, `"` + tag + `"`}}
	if strings.HasPrefix(name, "assets/") {
		f.cacheControl = keep
	}
	if k.text {
		f.compressed = sync.OnceValue(func() variant { return variant{compress(data), `"` + tag + `-gzip"`} })
	}
	return f, nil
}

// compress takes its time, once.
func compress(data []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is one of gzip's own
	}
	_, _ = w.Write(data) // to memory
	_ = w.Close()
	return b.Bytes()
}

// serve answers with the file, or the part of it that is asked for, or that it has not changed.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	chosen := f.plain
	if f.compressed != nil {
		header.Add("Vary", "Accept-Encoding")
		if accepts(r.Header.Values("Accept-Encoding"), "gzip") {
			chosen = f.compressed()
			header.Set("Content-Encoding", "gzip")
			header.Set("Content-Length", strconv.Itoa(len(chosen.data))) // net/http leaves it out of what is encoded
		}
	}
	header.Set("Cache-Control", f.cacheControl)
	header.Set("Content-Type", f.contentType)
	header.Set("ETag", chosen.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(chosen.data))
}
