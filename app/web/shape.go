package web

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"parley/app/problem"
)

// checkShape walks through a JSON document alongside the Go type it is meant
// for and lists what does not fit. encoding/json alone stops at the first
// mismatch, takes any spelling of upper and lower case, lets a field be given twice, and
// names unknown fields without their path.
func checkShape(body []byte, into any) ([]problem.Field, error) {
	t := reflect.TypeOf(into)
	if t == nil || t.Kind() != reflect.Pointer {
		return nil, fmt.Errorf("bind: want a pointer, have %T", into)
	}
	if !json.Valid(body) {
		return nil, invalid(body)
	}
	w := &walker{rest: body}
	w.value("", t.Elem())
	return w.fields, nil
}

// invalid says what keeps the body from being one JSON document.
func invalid(body []byte) error {
	var first json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&first); err != nil {
		return malformed(err)
	}
	return problem.Malformed.WithDetail("Something follows after the body's JSON object.")
}

// walker is on its way through a document, which is known to be JSON: it looks at no more than it needs to find its way.
type walker struct {
	rest   []byte // what has not been read yet
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

// value checks the next value.
func (w *walker) value(path string, t reflect.Type) {
	nullable := false
	for t.Kind() == reflect.Pointer {
		nullable = true
		t = t.Elem()
	}
	shape := shapeOf(t)
	if shape.opaque {
		w.opaque(path, t, nullable)
		return
	}
	switch w.next() {
	case '{', '[':
		w.composite(path, t, shape)
	case '"':
		w.text(path, t, w.skip())
	case 'n':
		w.skip()
		if !nullable {
			w.wrong(path, "must not be null")
		}
	case 't', 'f':
		w.skip()
		if t.Kind() != reflect.Bool {
			w.wrong(path, "must be "+describe(t))
		}
	default:
		w.number(path, t, string(w.skip()))
	}
}

// next is the first character of the next value, or of what stands in its place.
func (w *walker) next() byte {
	for {
		switch w.rest[0] {
		case ' ', '\t', '\r', '\n':
			w.rest = w.rest[1:]
		default:
			return w.rest[0]
		}
	}
}

// skip reads the next value, which may be a member's name.
func (w *walker) skip() []byte {
	var end int
	switch w.next() {
	case '"':
		end = endOfString(w.rest)
	case '{', '[':
		end = endOfComposite(w.rest)
	default:
		if end = bytes.IndexAny(w.rest, ",]} \t\r\n"); end < 0 {
			end = len(w.rest)
		}
	}
	value := w.rest[:end]
	w.rest = w.rest[end:]
	return value
}

// endOfString is the length of the string with which json begins.
func endOfString(json []byte) int {
	for i := 1; ; i++ {
		switch json[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// endOfComposite is the length of the object or list with which json begins.
func endOfComposite(json []byte) int {
	depth := 0
	for i := 0; ; i++ {
		switch json[i] {
		case '"':
			i += endOfString(json[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

// more tells whether the object or list that has been opened has another member or element, and reads up to it, or
// past the end.
func (w *walker) more() bool {
	switch w.next() {
	case '}', ']':
		w.rest = w.rest[1:]
		return false
	case ',':
		w.rest = w.rest[1:]
	}
	return true
}

// name reads the name of a member.
func (w *walker) name() []byte {
	raw := w.skip()
	w.next()
	w.rest = w.rest[1:] // the colon
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var name string
	_ = json.Unmarshal(raw, &name) // a string, as is known
	return []byte(name)
}

// opaque lets the type's own decoder judge.
func (w *walker) opaque(path string, t reflect.Type, nullable bool) {
	raw := w.skip()
	if nullable && string(raw) == "null" {
		return
	}
	if hasNUL(raw) {
		w.wrong(path, "must not contain the NUL character")
	} else if err := json.Unmarshal(raw, reflect.New(t).Interface()); err != nil {
		w.wrong(path, "is not valid: "+err.Error())
	}
}

// composite checks an object or list.
func (w *walker) composite(path string, t reflect.Type, s *shape) {
	open := w.next()
	switch {
	case open == '{' && t.Kind() == reflect.Struct:
		w.object(path, s)
	case open == '{' && t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		w.entries(path, t.Elem())
	case open == '[' && t.Kind() == reflect.Slice:
		w.list(path, t.Elem())
	default:
		w.skip()
		w.wrong(path, "must be "+describe(t))
	}
}

// object checks an object that is meant for a struct.
func (w *walker) object(path string, s *shape) {
	w.rest = w.rest[1:]
	var few [8]bool // most structs have no more fields
	seen := few[:]
	if len(s.fields) > len(few) {
		seen = make([]bool, len(s.fields))
	}
	for w.more() {
		name := w.name()
		f, known := s.fields[string(name)]
		if !known {
			at := join(path, clean(string(name)))
			w.wrong(at, "is not a known field")
			w.value(at, reflect.TypeFor[any]())
			continue
		}
		at := join(path, f.name)
		if seen[f.number] {
			w.wrong(at, "is given twice")
		}
		seen[f.number] = true
		w.value(at, f.t)
	}
}

// entries checks an object that is meant for a map.
func (w *walker) entries(path string, elem reflect.Type) {
	w.rest = w.rest[1:]
	seen := make(map[string]bool)
	for w.more() {
		name := string(w.name())
		at := join(path, clean(name))
		switch {
		case seen[name]:
			w.wrong(at, "is given twice")
		case strings.ContainsRune(name, 0):
			w.wrong(at, "must not contain the NUL character")
		}
		seen[name] = true
		w.value(at, elem)
	}
}

func (w *walker) list(path string, elem reflect.Type) {
	w.rest = w.rest[1:]
	for i := 0; w.more(); i++ {
		w.value(path+"["+strconv.Itoa(i)+"]", elem)
	}
}

func (w *walker) text(path string, t reflect.Type, raw []byte) {
	switch {
	case t.Kind() != reflect.String:
		w.wrong(path, "must be "+describe(t))
	case hasNUL(raw):
		w.wrong(path, "must not contain the NUL character")
	}
}

func (w *walker) number(path string, t reflect.Type, n string) {
	var err error
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		_, err = strconv.ParseInt(n, 10, t.Bits())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		_, err = strconv.ParseUint(n, 10, t.Bits())
	case reflect.Float32, reflect.Float64:
		_, err = strconv.ParseFloat(n, t.Bits())
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

// join is the path of a member.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// shape is what there is to know of a type.
type shape struct {
	opaque bool             // it has a decoder of its own, or takes anything
	fields map[string]field // of a struct, by their JSON names, those of embedded structs included
}

type field struct {
	name   string
	number int // below the number of fields
	t      reflect.Type
}

// shapes keeps the *shape of each reflect.Type that Bind has met: finding it out takes longer than everything else here.
var shapes sync.Map

func shapeOf(t reflect.Type) *shape {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	p := reflect.PointerTo(t)
	s := &shape{opaque: t.Kind() == reflect.Interface ||
		p.Implements(reflect.TypeFor[json.Unmarshaler]()) ||
		p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())}
	if !s.opaque && t.Kind() == reflect.Struct {
		s.fields = members(t)
	}
	shapes.Store(t, s)
	return s
}

// members finds the fields of a struct.
func members(t reflect.Type) map[string]field {
	byName := make(map[string]field)
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		number := len(byName)
		if other, ok := byName[name]; ok { // the later one is meant
			number = other.number
		}
		byName[name] = field{name: name, number: number, t: f.Type}
	}
	return byName
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
