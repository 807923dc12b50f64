package web

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"parley/app/problem"
)

// checkShape walks through a JSON document alongside the Go type it is meant
// for and lists what does not fit. encoding/json alone stops at the first
// mismatch, takes any spelling of upper and lower case, lets a field be given twice, and
// names unknown fields without their path.
func checkShape(body []byte, into any) ([]problem.Field, error) {
	w := &walker{dec: json.NewDecoder(strings.NewReader(string(body)))}
	w.dec.UseNumber()
	t := reflect.TypeOf(into)
	if t == nil || t.Kind() != reflect.Pointer {
		return nil, fmt.Errorf("bind: want a pointer, have %T", into)
	}
	if err := w.value("", t.Elem()); err != nil {
		return nil, malformed(err)
	}
	if _, err := w.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, problem.Malformed.WithDetail("Something follows after the body's JSON object.")
	}
	return w.fields, nil
}

// walker is on its way through a document.
type walker struct {
	dec    *json.Decoder
	fields []problem.Field
}

// maxFields is how many mistakes are listed: enough for every form, and too
// few to make a large answer out of a small body.
const maxFields = 50

func (w *walker) wrong(path, message string) {
	if len(w.fields) == maxFields {
		return
	}
	if path == "" {
		path = "body"
	}
	w.fields = append(w.fields, problem.Field{Field: path, Message: message})
}

// value checks the next value. Its errors are those of JSON's syntax alone.
func (w *walker) value(path string, t reflect.Type) error {
	nullable := false
	for t.Kind() == reflect.Pointer {
		nullable = true
		t = t.Elem()
	}
	if decodesItself(t) {
		return w.opaque(path, t, nullable)
	}
	tok, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch tok := tok.(type) {
	case nil:
		if !nullable {
			w.wrong(path, "must not be null")
		}
	case json.Delim:
		return w.composite(path, t, tok)
	case string:
		w.text(path, t, tok)
	case json.Number:
		w.number(path, t, tok)
	case bool:
		if t.Kind() != reflect.Bool {
			w.wrong(path, "must be "+describe(t))
		}
	}
	return nil
}

// decodesItself reports whether the type has a decoder of its own, or takes anything.
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t.Kind() == reflect.Interface ||
		p.Implements(reflect.TypeFor[json.Unmarshaler]()) ||
		p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// opaque lets the type's own decoder judge.
func (w *walker) opaque(path string, t reflect.Type, nullable bool) error {
	var raw json.RawMessage
	if err := w.dec.Decode(&raw); err != nil {
		return err
	}
	if nullable && string(raw) == "null" {
		return nil
	}
	if hasNUL(raw) {
		w.wrong(path, "must not contain the NUL character")
	} else if err := json.Unmarshal(raw, reflect.New(t).Interface()); err != nil {
		w.wrong(path, "is not valid: "+err.Error())
	}
	return nil
}

// composite checks an object or list, whose opening has been read.
func (w *walker) composite(path string, t reflect.Type, open json.Delim) error {
	switch {
	case open == '{' && t.Kind() == reflect.Struct:
		return w.object(path, members(t))
	case open == '{' && t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		return w.object(path, func(string) (reflect.Type, bool) { return t.Elem(), true })
	case open == '[' && t.Kind() == reflect.Slice:
		return w.list(path, t.Elem())
	}
	w.wrong(path, "must be "+describe(t))
	return w.skip()
}

// object checks the members of an object; member tells the type of each.
func (w *walker) object(path string, member func(name string) (reflect.Type, bool)) error {
	seen := make(map[string]bool)
	for w.dec.More() {
		tok, err := w.dec.Token()
		if err != nil {
			return err
		}
		name, _ := tok.(string)
		at := strings.TrimPrefix(path+"."+clean(name), ".")
		t, ok := member(name)
		switch {
		case !ok:
			w.wrong(at, "is not a known field")
		case seen[name]:
			w.wrong(at, "is given twice")
		case strings.ContainsRune(name, 0):
			w.wrong(at, "must not contain the NUL character")
		}
		seen[name] = true
		if !ok {
			t = reflect.TypeFor[any]()
		}
		if err := w.value(at, t); err != nil {
			return err
		}
	}
	_, err := w.dec.Token() // the closing brace
	return err
}

func (w *walker) list(path string, elem reflect.Type) error {
	for i := 0; w.dec.More(); i++ {
		if err := w.value(path+"["+strconv.Itoa(i)+"]", elem); err != nil {
			return err
		}
	}
	_, err := w.dec.Token() // the closing bracket
	return err
}

// skip reads up to the end of the object or list that has been opened.
func (w *walker) skip() error {
	for depth := 1; depth > 0; {
		tok, err := w.dec.Token()
		if err != nil {
			return err
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return nil
}

func (w *walker) text(path string, t reflect.Type, s string) {
	switch {
	case t.Kind() != reflect.String:
		w.wrong(path, "must be "+describe(t))
	case strings.ContainsRune(s, 0):
		w.wrong(path, "must not contain the NUL character")
	}
}

func (w *walker) number(path string, t reflect.Type, n json.Number) {
	var err error
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		_, err = strconv.ParseInt(n.String(), 10, t.Bits())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		_, err = strconv.ParseUint(n.String(), 10, t.Bits())
	case reflect.Float32, reflect.Float64:
		_, err = strconv.ParseFloat(n.String(), t.Bits())
	default:
		w.wrong(path, "must be "+describe(t))
		return
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		w.wrong(path, "is out of range")
	case err != nil:
		w.wrong(path, "must be "+describe(t))
	}
}

// members finds the fields of a struct by their JSON names, those of embedded structs included.
func members(t reflect.Type) func(string) (reflect.Type, bool) {
	byName := make(map[string]reflect.Type)
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		byName[name] = f.Type
	}
	return func(name string) (reflect.Type, bool) {
		t, ok := byName[name]
		return t, ok
	}
}

// describe says what JSON a type wants.
func describe(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "a whole number"
	}
}

// clean makes a name that the client chose fit to be shown back: short, and without control characters.
func clean(name string) string {
	const most = 64
	runes := []rune(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '�'
		}
		return r
	}, name))
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}
