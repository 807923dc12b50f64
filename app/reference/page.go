package reference

import (
	"bytes"
	_ "embed" // of the page's template and style
	"fmt"
	"html/template"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed page.html
var pageTemplate string

//go:embed page.css
var style []byte

// node is a part of a document; its methods are what the template asks. Where
// a $ref stands, the part that it names is asked instead.
type node struct {
	*yaml.Node
	docs map[string]*yaml.Node // by file name
	file string                // in which the node stands
}

// render makes one page of both documents.
func render(openapi, asyncapi []byte) ([]byte, error) {
	docs := make(map[string]*yaml.Node)
	for name, data := range map[string][]byte{"openapi.yaml": openapi, "asyncapi.yaml": asyncapi} {
		var doc yaml.Node
		if err := yaml.Unmarshal(data, &doc); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		docs[name] = doc.Content[0]
	}
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("read the page's template: %w", err)
	}
	var page bytes.Buffer
	err = t.Execute(&page, map[string]node{
		"HTTP":   {docs["openapi.yaml"], docs, "openapi.yaml"},
		"Events": {docs["asyncapi.yaml"], docs, "asyncapi.yaml"},
	})
	if err != nil {
		return nil, fmt.Errorf("fill the page: %w", err)
	}
	return page.Bytes(), nil
}

// Get follows keys down, "" stands for what is not there.
func (n node) Get(keys ...string) node {
	for _, key := range keys {
		n = n.resolve().child(key)
	}
	return n
}

// child is a mapping's value.
func (n node) child(key string) node {
	if n.Node != nil && n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return node{n.Content[i+1], n.docs, n.file}
			}
		}
	}
	return node{nil, n.docs, n.file}
}

// Ref is what the node refers to, "openapi.yaml#/components/schemas/User", or "".
func (n node) Ref() string {
	ref := n.child("$ref").Text()
	if strings.HasPrefix(ref, "#") {
		return n.file + ref
	}
	return ref
}

// resolve is the part that the node refers to, or itself.
func (n node) resolve() node {
	ref := n.Ref()
	if ref == "" {
		return n
	}
	file, path, _ := strings.Cut(ref, "#/")
	target := node{n.docs[file], n.docs, file}
	for key := range strings.SplitSeq(path, "/") {
		target = target.child(strings.NewReplacer("~1", "/", "~0", "~").Replace(key))
	}
	return target
}

// Text is a scalar's value.
func (n node) Text() string {
	if n.Node == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// Is reports whether the node is there.
func (n node) Is() bool { return n.Node != nil }

// pair is a mapping's key with its value.
type pair struct {
	Key   string
	Value node
}

// Pairs lists a mapping in its order.
func (n node) Pairs() []pair {
	n = n.resolve()
	if n.Node == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var all []pair
	for i := 0; i < len(n.Content); i += 2 {
		all = append(all, pair{n.Content[i].Value, node{n.Content[i+1], n.docs, n.file}})
	}
	return all
}

// Items lists a sequence.
func (n node) Items() []node {
	if n.Node == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	var all []node
	for _, c := range n.Content {
		all = append(all, node{c, n.docs, n.file})
	}
	return all
}

// Method reports whether a key of a path item is one of HTTP's methods.
func (p pair) Method() bool {
	return slices.Contains([]string{"get", "post", "patch", "put", "delete"}, p.Key)
}

// Required reports whether a property has to be there.
func (n node) Required(property string) bool {
	for _, item := range n.Get("required").Items() {
		if item.Value == property {
			return true
		}
	}
	return false
}

// Name is the last part of what the node refers to.
func (n node) Name() string { return n.Ref()[strings.LastIndexByte(n.Ref(), '/')+1:] }

// Description is what the document says of this very use, or else of what the node refers to.
func (n node) Description() string {
	if own := n.child("description").Text(); own != "" {
		return own
	}
	return n.Get("description").Text()
}

// Type says in a few words what a schema allows.
func (n node) Type() string {
	if name := n.Name(); name != "" {
		return name
	}
	switch {
	case n.Get("enum").Is():
		var values []string
		for _, v := range n.Get("enum").Items() {
			values = append(values, v.Value)
		}
		return strings.Join(values, " | ")
	case n.Get("const").Is():
		return n.Get("const").Text()
	case n.Get("items").Is():
		return n.Get("items").Type() + "[]"
	}
	for _, several := range []string{"oneOf", "anyOf"} {
		if n.Get(several).Is() {
			var names []string
			for _, item := range n.Get(several).Items() {
				names = append(names, item.Type())
			}
			return strings.Join(names, " or ")
		}
	}
	return n.Get("type").Text()
}
