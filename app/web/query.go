package web

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"parley/app/problem"
)

// MaxID is the largest id that clients can hold: numbers in JavaScript are exact below 2^53.
const MaxID = 1<<53 - 1

// PathID reads an id of the address. What is not a positive integer below
// 2^53 is the id of nothing, so the answer is 404.
func PathID(c echo.Context, name string) (int64, error) {
	id, ok := parseID(c.Param(name))
	if !ok {
		return 0, problem.NotFound
	}
	return id, nil
}

// parseID takes only the one way of writing an id: no sign, no leading zeros.
func parseID(s string) (int64, bool) {
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil && id > 0 && id <= MaxID && strconv.FormatInt(id, 10) == s
}

// Query reads the parameters of a request's query and collects what is wrong with them.
//
//	q := web.NewQuery(c)
//	limit := q.Int("limit", 50, 1, 200)
//	if err := q.Err(); err != nil {
//		return err
//	}
type Query struct {
	values url.Values
	asked  []string
	fields []problem.Field
}

// NewQuery reads the query of a request.
func NewQuery(c echo.Context) *Query {
	values, err := url.ParseQuery(c.Request().URL.RawQuery)
	q := &Query{values: values}
	if err != nil {
		q.wrong("query", "is not a valid query string")
	}
	return q
}

// Has reports whether the parameter is given.
func (q *Query) Has(name string) bool {
	q.asked = append(q.asked, name)
	return q.values.Has(name)
}

// Int reads an integer between lo and hi; absent without it.
func (q *Query) Int(name string, absent, lo, hi int) int {
	s, ok := q.one(name)
	if !ok {
		return absent
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < lo || n > hi {
		q.wrong(name, fmt.Sprintf("must be a whole number from %d to %d", lo, hi))
		return absent
	}
	return n
}

// Number reads an integer from 0 to MaxID, such as an id or a seq; absent without it.
func (q *Query) Number(name string, absent int64) int64 {
	s, ok := q.one(name)
	if !ok {
		return absent
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > MaxID {
		q.wrong(name, "must be a whole number, not negative")
		return absent
	}
	return n
}

// IDs reads a list of 1 to most ids, separated by commas; nil without it.
func (q *Query) IDs(name string, most int) []int64 {
	s, ok := q.one(name)
	if !ok {
		return nil
	}
	if strings.Count(s, ",") >= most {
		q.wrong(name, fmt.Sprintf("must be at most %d ids", most))
		return nil
	}
	var ids []int64
	for part := range strings.SplitSeq(s, ",") {
		id, ok := parseID(part)
		if !ok {
			q.wrong(name, "must be ids, separated by commas")
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}

// Text reads a string of at most most characters; "" without it.
func (q *Query) Text(name string, most int) string {
	s, ok := q.one(name)
	switch {
	case !ok:
		return ""
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		q.wrong(name, "must be UTF-8 text without NUL")
		return ""
	case utf8.RuneCountInString(s) > most:
		q.wrong(name, fmt.Sprintf("must have at most %d characters", most))
		return ""
	}
	return s
}

// Time reads a time as RFC 3339 has it; false without it.
func (q *Query) Time(name string) (time.Time, bool) {
	s, ok := q.one(name)
	if !ok {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		q.wrong(name, "must be a time such as 2006-01-02T15:04:05Z")
		return time.Time{}, false
	}
	return at, true
}

// Wrong adds something that is wrong with a parameter.
func (q *Query) Wrong(name, message string) { q.wrong(name, message) }

// Err says what is wrong with the query, parameters that nobody asked for included. Nil if nothing is.
func (q *Query) Err() error {
	for name := range q.values {
		if !slices.Contains(q.asked, name) {
			q.wrong(clean(strings.ToValidUTF8(name, "�")), "is not a known parameter")
		}
	}
	if len(q.fields) == 0 {
		return nil
	}
	slices.SortStableFunc(q.fields, func(a, b problem.Field) int { return strings.Compare(a.Field, b.Field) })
	return problem.Invalid.WithFields(q.fields[:min(len(q.fields), maxFields)]...)
}

// one is the parameter's only value.
func (q *Query) one(name string) (string, bool) {
	q.asked = append(q.asked, name)
	values := q.values[name]
	if len(values) > 1 {
		q.wrong(name, "must be given once")
	}
	if len(values) != 1 {
		return "", false
	}
	return values[0], true
}

func (q *Query) wrong(name, message string) {
	q.fields = append(q.fields, problem.Field{Field: name, Message: message})
}
