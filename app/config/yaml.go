package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yaml takes over what a document says. Keys may be nested or written with dots.
func (l *loader) yaml(path string, data []byte) {
	name := filepath.Base(path)
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return // nothing but comments
	case err != nil:
		l.wrong("config", path, "is not valid YAML: "+strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		l.wrong("config", path, "has more than one document")
		return
	}
	y := &yamlFile{loader: l, name: name, seen: make(map[string]int)}
	y.mapping("", doc.Content[0])
}

// yamlFile is a document on its way into a loader.
type yamlFile struct {
	*loader

	name string
	seen map[string]int // line of each key
}

func (y *yamlFile) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d", y.name, n.Line) }

// mapping takes over the keys below prefix.
func (y *yamlFile) mapping(prefix string, n *yaml.Node) {
	n = resolve(n)
	if isNull(n) {
		return // a heading below which everything is commented out
	}
	if n.Kind != yaml.MappingNode {
		key := strings.TrimSuffix(prefix, ".")
		if key == "" {
			key = "config"
		}
		y.wrong(key, y.at(n), "must hold keys, such as "+y.example(prefix))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		y.entry(prefix+n.Content[i].Value, n.Content[i], resolve(n.Content[i+1]))
	}
}

// entry takes over one key, or the ones below it.
func (y *yamlFile) entry(key string, name, n *yaml.Node) {
	if _, ok := y.fields[key]; !ok {
		if y.isPrefix(key) {
			y.mapping(key+".", n)
			return
		}
		y.wrong(key, y.at(name), "unknown key"+suggest(key, y.order, 0))
		return
	}
	if line, twice := y.seen[key]; twice {
		y.wrong(key, y.at(name), fmt.Sprintf("is given twice, first in line %d", line))
		return
	}
	y.seen[key] = name.Line
	v, err := read(n)
	if err != nil {
		y.wrong(key, y.at(name), err.Error())
		return
	}
	y.set(key, v, y.at(name))
}

func (y *yamlFile) isPrefix(key string) bool {
	for _, k := range y.order {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

// example is a key that may stand below prefix.
func (y *yamlFile) example(prefix string) string {
	for _, k := range y.order {
		if rest, ok := strings.CutPrefix(k, prefix); ok {
			return rest + ": " + y.fields[k].initial
		}
	}
	return ""
}

// read makes a value of a node.
func read(n *yaml.Node) (value, error) {
	switch {
	case isNull(n):
		return value{}, errors.New(`has no value: give it one ("" for none), or remove the line`)
	case n.Kind == yaml.ScalarNode:
		return value{text: n.Value}, nil
	case n.Kind == yaml.SequenceNode:
		v := value{list: []string{}}
		for _, item := range n.Content {
			item = resolve(item)
			if item.Kind != yaml.ScalarNode || isNull(item) {
				return value{}, errors.New("must be a list of single values")
			}
			v.list = append(v.list, item.Value)
		}
		return v, nil
	}
	return value{}, errors.New("takes a value, not keys")
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
