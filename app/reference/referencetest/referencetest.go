// Package referencetest holds what a running server says against the documents
// of package reference.
package referencetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"parley/app/reference"
)

const (
	openAPI  = "file:///openapi.yaml"
	asyncAPI = "file:///asyncapi.yaml"
)

// Checker checks answers and events, and remembers which it has seen. It may be used by several goroutines.
type Checker struct {
	operations map[string]operation // "GET /groups/{groupId}"
	compiler   *jsonschema.Compiler
	http       map[string]any

	mu      sync.Mutex
	schemas map[string]*jsonschema.Schema
	seen    map[string]bool
	events  map[string]bool // in the document
}

// operation is a method of a path.
type operation struct {
	method   string
	segments []string
	pointer  string // in the document
	body     map[string]any
}

// New reads the documents.
func New() (*Checker, error) {
	c := &Checker{
		compiler:   jsonschema.NewCompiler(),
		operations: make(map[string]operation),
		schemas:    make(map[string]*jsonschema.Schema),
		seen:       make(map[string]bool),
		events:     make(map[string]bool),
	}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	var err error
	if c.http, err = c.load(openAPI, reference.OpenAPI()); err != nil {
		return nil, err
	}
	async, err := c.load(asyncAPI, reference.AsyncAPI())
	if err != nil {
		return nil, err
	}
	for path, item := range object(c.http["paths"]) {
		for method, op := range object(item) {
			if method == "parameters" {
				continue
			}
			name := strings.ToUpper(method) + " " + path
			c.operations[name] = operation{
				method:   strings.ToUpper(method),
				segments: strings.Split(path, "/"),
				pointer:  "/paths/" + escape(path) + "/" + method,
				body:     object(op),
			}
		}
	}
	for name := range object(object(async["components"])["messages"]) {
		c.events[name] = true
	}
	return c, nil
}

// load gives the compiler a document, which it knows as JSON.
func (c *Checker) load(url string, data []byte) (map[string]any, error) {
	var doc any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("read %s: %w", url, err)
	}
	asJSON, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("make JSON of %s: %w", url, err)
	}
	if doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON)); err != nil {
		return nil, fmt.Errorf("read %s again: %w", url, err)
	}
	if err := c.compiler.AddResource(url, doc); err != nil {
		return nil, fmt.Errorf("add %s: %w", url, err)
	}
	return object(doc), nil
}

func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(key)
}

// Response checks an answer to a request whose path begins after /api/v1.
func (c *Checker) Response(method, path string, status int, header http.Header, body []byte) error {
	path, _, _ = strings.Cut(path, "?")
	name, op, ok := c.find(method, path)
	if !ok {
		if status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
			return nil
		}
		return fmt.Errorf("%s %s answers %d, but is not documented", method, path, status)
	}
	key, response := strconv.Itoa(status), object(object(op.body["responses"])[strconv.Itoa(status)])
	pointer := op.pointer + "/responses/" + key
	if response == nil {
		if status < http.StatusBadRequest {
			return fmt.Errorf("%s answers %d, which is not documented", name, status)
		}
		response, pointer = object(object(op.body["responses"])["default"]), op.pointer+"/responses/default"
	}
	c.note(name + " " + key)
	if status >= http.StatusBadRequest {
		if err := c.code(name, op, body); err != nil {
			return err
		}
	}
	if ref, ok := response["$ref"].(string); ok {
		pointer = strings.TrimPrefix(ref, "#")
		response = c.at(pointer)
	}
	content := object(response["content"])
	if content == nil {
		if len(body) > 0 {
			return fmt.Errorf("%s answers %d with a body, which is not documented: %s", name, status, body)
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || content[media] == nil {
		return fmt.Errorf("%s answers %d as %q, which is not documented", name, status, header.Get("Content-Type"))
	}
	if err := c.validate(openAPI+"#"+pointer+"/content/"+escape(media)+"/schema", body); err != nil {
		return fmt.Errorf("%s answers %d with %s: %w", name, status, body, err)
	}
	return nil
}

// code checks that an operation may answer with a problem of that code.
func (c *Checker) code(name string, op operation, body []byte) error {
	var problem struct {
		Code string `json:"code"`
	}
	if err := json.Unmarshal(body, &problem); err != nil {
		return fmt.Errorf("%s answers with a problem that cannot be read: %w", name, err)
	}
	if slices.Contains(codes(c.http), problem.Code) || slices.Contains(codes(op.body), problem.Code) {
		return nil
	}
	return fmt.Errorf("%s answers with the code %s, which its x-codes do not list", name, problem.Code)
}

// codes are the codes of problems that a part of the document lists.
func codes(part map[string]any) []string {
	list, _ := part["x-codes"].([]any)
	all := make([]string, 0, len(list))
	for _, code := range list {
		text, _ := code.(string)
		all = append(all, text)
	}
	return all
}

// Codes lists the codes of all problems, sorted.
func (c *Checker) Codes() []string {
	all := codes(c.http)
	for _, op := range c.operations {
		all = append(all, codes(op.body)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Event checks an event's payload.
func (c *Checker) Event(name string, payload []byte) error {
	if !c.events[name] {
		return fmt.Errorf("the event %s is not documented", name)
	}
	c.note(name)
	if err := c.validate(asyncAPI+"#/components/messages/"+name+"/payload", payload); err != nil {
		return fmt.Errorf("%s with %s: %w", name, payload, err)
	}
	return nil
}

// Operations lists what is documented, as "GET /groups/{groupId}", sorted.
func (c *Checker) Operations() []string { return slices.Sorted(maps.Keys(c.operations)) }

// Events lists the documented messages, sorted.
func (c *Checker) Events() []string { return slices.Sorted(maps.Keys(c.events)) }

// Seen reports whether an event, or an answer such as "GET /me 200", has been checked.
func (c *Checker) Seen(what string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[what]
}

func (c *Checker) note(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[what] = true
}

// find looks for the operation of a path.
func (c *Checker) find(method, path string) (string, operation, bool) {
	segments := strings.Split(path, "/")
	for name, op := range c.operations {
		if op.method == method && slices.EqualFunc(op.segments, segments, matches) {
			return name, op, true
		}
	}
	return "", operation{}, false
}

func matches(pattern, segment string) bool {
	return pattern == segment || strings.HasPrefix(pattern, "{") && segment != ""
}

// at is the part of the HTTP document with that pointer.
func (c *Checker) at(pointer string) map[string]any {
	part := c.http
	for key := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		part = object(part[key])
	}
	return part
}

// validate holds JSON against the schema with that address.
func (c *Checker) validate(address string, data []byte) error {
	schema, err := c.schema(address)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	return schema.Validate(value)
}

func (c *Checker) schema(address string) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.schemas[address]; s != nil {
		return s, nil
	}
	s, err := c.compiler.Compile(address)
	if err != nil {
		return nil, fmt.Errorf("the document's schema %s: %w", address, err)
	}
	c.schemas[address] = s
	return s, nil
}
