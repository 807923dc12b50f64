package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"parley/app/problem"
)

// MaxBody is the largest body that Bind reads, in bytes.
const MaxBody = 64 << 10

// bodyTimeout is how long a client may take to send a body.
const bodyTimeout = 15 * time.Second

// Bind reads the request's body into what into points to: one JSON object,
// with no field that into does not have, spelled as its json tag spells it, and every value of
// the right type. All that is wrong is reported at once, each with the path of its field.
//
// A field that is absent keeps its value, so optional ones are pointers. Null is allowed for
// pointers only, and means absent. Strings never contain NUL, which PostgreSQL cannot keep.
func Bind(c echo.Context, into any) error {
	if err := isJSON(c.Request().Header.Values(echo.HeaderContentType)); err != nil {
		return err
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	return decode(body, into)
}

// isJSON checks the Content-Type.
func isJSON(header []string) error {
	if len(header) == 1 && header[0] == echo.MIMEApplicationJSON { // as nearly everybody writes it
		return nil
	}
	if len(header) != 1 {
		return ErrMediaType
	}
	media, params, err := mime.ParseMediaType(header[0])
	if err != nil || media != echo.MIMEApplicationJSON {
		return ErrMediaType
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return ErrMediaType.WithDetail("The body must be UTF-8.")
	}
	return nil
}

// readBody reads the body, bounded in size and time.
func readBody(c echo.Context) ([]byte, error) {
	rc := http.NewResponseController(c.Response())
	// Not every writer has deadlines (tests' have not); the server's has.
	if rc.SetReadDeadline(time.Now().Add(bodyTimeout)) == nil {
		defer func() { _ = rc.SetReadDeadline(time.Time{}) }()
	}
	ctx := c.Request().Context()
	interrupt := context.AfterFunc(ctx, func() { _ = rc.SetReadDeadline(time.Now()) }) // the server stops, and cannot wait
	defer interrupt()
	body, err := readAll(c)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("read the body: %w", ctx.Err())
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, ErrBodyTooLarge.WithDetail(fmt.Sprintf("At most %d bytes are read.", tooLarge.Limit))
	}
	if err != nil {
		return nil, problem.Malformed.WithDetail("The body did not arrive completely.").WithCause(err)
	}
	exchangeOf(ctx).read = true
	return body, nil
}

// readAll reads to the end of a body, which net/http must see to use the connection again.
func readAll(c echo.Context) ([]byte, error) {
	r := c.Request()
	if r.ContentLength < 0 || r.ContentLength > MaxBody {
		return io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, MaxBody))
	}
	body := make([]byte, r.ContentLength+1) // the end is one byte further
	n, err := io.ReadFull(r.Body, body)
	if ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); ended && int64(n) == r.ContentLength {
		err = nil
	}
	return body[:n], err
}

// decode is Bind without HTTP.
func decode(body []byte, into any) error {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return problem.Malformed.WithDetail("The body is empty; a JSON object is expected.")
	case !utf8.Valid(body):
		return problem.Malformed.WithDetail("The body is not valid UTF-8.")
	case loneSurrogate(body):
		return problem.Malformed.WithDetail(`The body escapes half a character: a \ud800–\udfff without its other half.`)
	}
	fields, err := checkShape(body, into)
	if err != nil {
		return err
	}
	if len(fields) > 0 {
		return problem.Invalid.WithFields(fields...)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return malformed(err)
	}
	return nil
}

// malformed explains an error of encoding/json.
func malformed(err error) error {
	p := problem.Malformed.WithDetail("The body is not valid JSON.").WithCause(err)
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		p = p.WithDetail(fmt.Sprintf("The body is not valid JSON at byte %d: %v.", syntax.Offset, syntax))
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		p = p.WithDetail("The body's JSON ends too early.")
	}
	return p
}

// loneSurrogate finds escapes such as \ud83d without a second half, for which
// encoding/json would silently put another character.
func loneSurrogate(body []byte) bool {
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++ // whatever is escaped, it is not the start of an escape itself
		first, ok := escaped(body[i:])
		if !ok || first < 0xd800 || first > 0xdfff {
			continue
		}
		if first >= 0xdc00 || i+5 >= len(body) || body[i+5] != '\\' {
			return true
		}
		if second, ok := escaped(body[i+6:]); !ok || second < 0xdc00 || second > 0xdfff {
			return true
		}
		i += 10 // to the end of the second half
	}
	return false
}

// hasNUL finds an escaped NUL; an unescaped one is not JSON.
func hasNUL(body []byte) bool {
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++
		if r, ok := escaped(body[i:]); ok && r == 0 {
			return true
		}
	}
	return false
}

// escaped reads u and four hexadecimal digits.
func escaped(b []byte) (rune, bool) {
	if len(b) < 5 || b[0] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[1:5] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
