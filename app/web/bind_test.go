package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/problem"
	"parley/app/web"
)

// everything is a body with every kind of field.
type everything struct {
	embedded

	Name    string           `json:"name"`
	Nick    *string          `json:"nick"`
	Private bool             `json:"private"`
	ID      int64            `json:"id"`
	Small   int8             `json:"small"`
	Count   uint16           `json:"count"`
	Ratio   float32          `json:"ratio"`
	Tags    []string         `json:"tags"`
	Members []member         `json:"members"`
	Labels  map[string]int   `json:"labels"`
	At      *event.Time      `json:"at"`
	Extra   json.RawMessage  `json:"extra"`
	Any     any              `json:"any"`
	Deep    struct{ X *int } `json:"deep"`
	Hidden  string           `json:"-"`
	NoTag   string
}

type embedded struct {
	Inner string `json:"inner"`
}

type member struct {
	UserID int64  `json:"userId"`
	Role   string `json:"role,omitempty"`
}

// bind sends a body to Bind.
func bind(body, contentType string, into any) error {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return web.Bind(echo.New().NewContext(r, httptest.NewRecorder()), into)
}

const jsonType = "application/json"

func TestBindTakes(t *testing.T) {
	t.Parallel()
	var got everything
	require.NoError(t, bind(` {
		"name": "é\u00e9\ud83d\ude00\\u0000", "nick": "n", "private": true, "id": 9007199254740991, "small": -128, "count": 65535,
		"ratio": 1e-3, "tags": ["a", ""], "members": [{"userId": 1, "role": "admin"}, {}], "labels": {"x": 1},
		"at": "2026-01-02T03:04:05.006Z", "extra": {"a": [null]}, "any": [1, null], "deep": {"X": 1}, "inner": "i", "NoTag": "t"
	} `, "application/json; charset=UTF-8", &got))
	require.Equal(t, "éé😀\\u0000", got.Name)
	require.Equal(t, "n", *got.Nick)
	require.True(t, got.Private)
	require.EqualValues(t, 9007199254740991, got.ID)
	require.Equal(t, []member{{1, "admin"}, {}}, got.Members)
	require.Equal(t, 1, *got.Deep.X)
	require.Equal(t, "i", got.Inner)
	require.Equal(t, 2026, got.At.Year())

	var empty everything
	require.NoError(t, bind(`{}`, jsonType, &empty))
	require.NoError(t, bind(`{"nick": null, "at": null, "deep": {"X": null}}`, jsonType, &empty), "null is absent")
	require.Equal(t, everything{}, empty)

	kept := everything{Name: "kept"}
	require.NoError(t, bind(`{"id": 1}`, jsonType, &kept))
	require.Equal(t, "kept", kept.Name)
}

func TestBindRefuses(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]problem.Field{
		`{"nope": 1}`:                            {{Field: "nope", Message: "is not a known field"}},
		`{"Name": "x"}`:                          {{Field: "Name", Message: "is not a known field"}},
		`{"Hidden": "x", "-": 1}`:                {{Field: "Hidden", Message: "is not a known field"}, {Field: "-", Message: "is not a known field"}},
		`{"name": "a", "name": "b"}`:             {{Field: "name", Message: "is given twice"}},
		`{"name": null}`:                         {{Field: "name", Message: "must not be null"}},
		`{"name": 1}`:                            {{Field: "name", Message: "must be a string"}},
		`{"name": true}`:                         {{Field: "name", Message: "must be a string"}},
		`{"name": ["a"]}`:                        {{Field: "name", Message: "must be a string"}},
		`{"name": {"a": {"b": []}}}`:             {{Field: "name", Message: "must be a string"}},
		`{"nick": 1}`:                            {{Field: "nick", Message: "must be a string"}},
		`{"private": "true"}`:                    {{Field: "private", Message: "must be true or false"}},
		`{"private": 1}`:                         {{Field: "private", Message: "must be true or false"}},
		`{"id": "1"}`:                            {{Field: "id", Message: "must be a whole number"}},
		`{"id": 1.0}`:                            {{Field: "id", Message: "must be a whole number"}},
		`{"id": 1e3}`:                            {{Field: "id", Message: "must be a whole number"}},
		`{"id": false}`:                          {{Field: "id", Message: "must be a whole number"}},
		`{"id": 9223372036854775808}`:            {{Field: "id", Message: "is out of range"}},
		`{"small": 128, "count": -1}`:            {{Field: "small", Message: "is out of range"}, {Field: "count", Message: "must be a whole number"}},
		`{"count": 65536}`:                       {{Field: "count", Message: "is out of range"}},
		`{"ratio": 1e999}`:                       {{Field: "ratio", Message: "is out of range"}},
		`{"ratio": "1"}`:                         {{Field: "ratio", Message: "must be a number"}},
		`{"tags": "a"}`:                          {{Field: "tags", Message: "must be a list"}},
		`{"tags": null}`:                         {{Field: "tags", Message: "must not be null"}},
		`{"tags": ["a", 1, null]}`:               {{Field: "tags[1]", Message: "must be a string"}, {Field: "tags[2]", Message: "must not be null"}},
		`{"members": [{}, {"userId": ""}]}`:      {{Field: "members[1].userId", Message: "must be a whole number"}},
		`{"members": [{"role": "a", "x": 1}]}`:   {{Field: "members[0].x", Message: "is not a known field"}},
		`{"members": {}}`:                        {{Field: "members", Message: "must be a list"}},
		`{"labels": {"a": "b", "c": 1}}`:         {{Field: "labels.a", Message: "must be a whole number"}},
		`{"labels": {"a": 1, "a": 2}}`:           {{Field: "labels.a", Message: "is given twice"}},
		`{"labels": {"\u0000": 1}}`:              {{Field: "labels.�", Message: "must not contain the NUL character"}},
		`{"labels": []}`:                         {{Field: "labels", Message: "must be an object"}},
		`{"deep": 1}`:                            {{Field: "deep", Message: "must be an object"}},
		`{"deep": {"x": 1}}`:                     {{Field: "deep.x", Message: "is not a known field"}},
		`{"name": "a\u0000b"}`:                   {{Field: "name", Message: "must not contain the NUL character"}},
		`{"extra": {"a": "\u0000"}}`:             {{Field: "extra", Message: "must not contain the NUL character"}},
		`{"any": ["\\\u0000"]}`:                  {{Field: "any", Message: "must not contain the NUL character"}},
		`[]`:                                     {{Field: "body", Message: "must be an object"}},
		`[{"name": "x"}]`:                        {{Field: "body", Message: "must be an object"}},
		`"name"`:                                 {{Field: "body", Message: "must be an object"}},
		`1`:                                      {{Field: "body", Message: "must be an object"}},
		`null`:                                   {{Field: "body", Message: "must not be null"}},
		`true`:                                   {{Field: "body", Message: "must be an object"}},
		`{"` + strings.Repeat("é", 70) + `": 1}`: {{Field: strings.Repeat("é", 64) + "…", Message: "is not a known field"}},
		`{"a\u001b[2J\n": 1}`:                    {{Field: "a�[2J�", Message: "is not a known field"}},
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			var got everything
			err := bind(body, jsonType, &got)
			require.ErrorIs(t, err, problem.Invalid)
			require.Equal(t, want, problem.From(err).Fields)
		})
	}
}

func TestBindListsOnlySoManyMistakes(t *testing.T) {
	t.Parallel()
	body := `{"tags": [1` + strings.Repeat(",1", 1000) + `]}`
	require.Len(t, problem.From(bind(body, jsonType, &everything{})).Fields, 50)
}

func TestBindRefusesItsOwnDecodersErrors(t *testing.T) {
	t.Parallel()
	var got everything
	err := bind(`{"at": "yesterday", "name": 1}`, jsonType, &got)
	fields := problem.From(err).Fields
	require.Len(t, fields, 2)
	require.Equal(t, "at", fields[0].Field)
	require.Contains(t, fields[0].Message, "is not valid: not an RFC 3339 time")
}

func TestBindMalformed(t *testing.T) {
	t.Parallel()
	for body, detail := range map[string]string{
		"":                                       "The body is empty",
		" \n":                                    "The body is empty",
		`{`:                                      "ends too early",
		`{"name": "x"`:                           "ends too early",
		`{"name": "x`:                            "ends too early",
		`{"name"`:                                "ends too early",
		`{"name": [1, {"a": [`:                   "ends too early",
		`{"tags": ["a"`:                          "ends too early",
		`{"extra": [1`:                           "ends too early",
		`{"name": x}`:                            "not valid JSON at byte",
		`{"name": "x",}`:                         "not valid JSON",
		`{name: "x"}`:                            "not valid JSON",
		`{"name": 'x'}`:                          "not valid JSON",
		`{"id": 01}`:                             "not valid JSON",
		`{"id": NaN}`:                            "not valid JSON",
		`{"name": "a` + "\x00" + `"}`:            "not valid JSON",
		`{"name": "a` + "\n" + `"}`:              "not valid JSON",
		`{"name": "\x"}`:                         "not valid JSON",
		`{"name": "\u12"}`:                       "not valid JSON",
		`{"name": "x"} {}`:                       "Something follows",
		`{"name": "x"} x`:                        "Something follows",
		`{"name": "x"}]`:                         "Something follows",
		`{"name": "` + "\xff" + `"}`:             "not valid UTF-8",
		`{"name": "\ud83d"}`:                     "half a character",
		`{"name": "\ud83d\n"}`:                   "half a character",
		`{"name": "\ud83d\u0041"}`:               "half a character",
		`{"name": "\ude00"}`:                     "half a character",
		`{"name": "\\\ud83d"}`:                   "half a character",
		`{"\ud83d": 1}`:                          "half a character",
		"\ufeff{}":                               "not valid JSON",
		strings.Repeat("[", 20000):               "", // of which only the first matters
		`{"extra":` + strings.Repeat("[", 20000): "not valid JSON",
	} {
		t.Run(body[:min(len(body), 40)], func(t *testing.T) {
			t.Parallel()
			var got everything
			err := bind(body, jsonType, &got)
			require.ErrorIs(t, err, problem.Malformed)
			require.Contains(t, problem.From(err).Detail, detail)
			require.Equal(t, everything{}, got, "nothing is taken of it")
		})
	}
}

func TestBindSizeAndType(t *testing.T) {
	t.Parallel()
	var got everything
	fits := `{"name":"` + strings.Repeat("x", web.MaxBody-len(`{"name":""}`)) + `"}`
	require.NoError(t, bind(fits, jsonType, &got))
	require.ErrorIs(t, bind(fits+" ", jsonType, &got), web.ErrBodyTooLarge)
	for _, header := range []string{
		"", "text/plain", "application/x-www-form-urlencoded", "application/problem+json", "application/json;",
		"application/json; charset=latin1", "application/json; charset", "application", "*/*",
	} {
		err := bind(`{}`, header, &got)
		if header == "application/json;" {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, web.ErrMediaType, header)
	}
	require.Equal(t, 415, problem.From(bind(`{}`, "", &got)).Status)
	require.Equal(t, 413, problem.From(bind(fits+" ", jsonType, &got)).Status)
}

func TestBindBodyCutOff(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/", readerOf(func([]byte) (int, error) { return 0, errOdd }))
	r.Header.Set("Content-Type", jsonType)
	err := web.Bind(echo.New().NewContext(r, httptest.NewRecorder()), &everything{})
	require.ErrorIs(t, err, problem.Malformed)
	require.ErrorIs(t, err, errOdd)
}

type readerOf func([]byte) (int, error)

func (f readerOf) Read(p []byte) (int, error) { return f(p) }

func TestBindWantsAPointer(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, bind(`{}`, jsonType, everything{}), "want a pointer")
	require.ErrorContains(t, bind(`{}`, jsonType, nil), "want a pointer")
}

// Whatever is sent, Bind does not panic, takes only what encoding/json takes as well and in the same way,
// and never lets through NUL, invalid UTF-8, or what is not an object.
func FuzzBind(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"name":"x","nick":null,"private":false,"id":1,"small":1,"count":1,"ratio":1.5}`,
		`{"tags":["a"],"members":[{"userId":1}],"labels":{"a":1},"at":"2026-01-02T03:04:05Z","extra":[],"any":{},"deep":{"X":1}}`,
		`{"name":"\u0000"}`, `{"name":"\ud83d\ude00"}`, `{"name":"\ud83d"}`, `{"name":"a","name":"b"}`, `{"name"`, `[1,2`, `null`,
		`{"id":1e400}`, `{"extra":{"a":"\\u0000"}}`, "{\"name\":\"\xff\"}", `{"inner":"x"} `, `{"members":[[[[]]]]}`, `{"":0}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var got everything
		begin := time.Now()
		err := bind(body, jsonType, &got)
		require.Less(t, time.Since(begin), 5*time.Second)
		if err != nil {
			p := problem.From(err)
			require.Contains(t, []int{400, 413}, p.Status)
			for _, field := range p.Fields {
				require.NotEmpty(t, field.Field)
				require.True(t, utf8.ValidString(field.Field+field.Message))
			}
			return
		}
		require.True(t, utf8.ValidString(body))
		require.True(t, strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "{"))
		var want everything
		require.NoError(t, json.Unmarshal([]byte(body), &want))
		require.True(t, reflect.DeepEqual(want, got))
		for _, s := range append(got.Tags, got.Name, got.Inner, got.NoTag) {
			require.NotContains(t, s, "\x00")
		}
	})
}
