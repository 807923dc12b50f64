package config

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// mask stands in the place of what must not be shown.
const mask = "xxxxx"

// Print writes the configuration as YAML, with a comment where each value came
// from. Secrets, and passwords inside URLs, are masked.
func (c *Config) Print(w io.Writer) error {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fields() {
		texts, list := format(f.of(c).Interface())
		n := scalar(f, texts, list)
		n.LineComment = c.comment(f)
		put(root, strings.Split(f.key, "."), n)
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	return nil
}

// comment says where a value came from, and what stands for an empty secret.
func (c *Config) comment(f field) string {
	source := c.Source(f.key)
	if f.secret && c.Auth.JWTSecret == "" {
		return source + ": generated once into " + c.SecretFile()
	}
	return source
}

// scalar makes a node of a value.
func scalar(f field, texts []string, list bool) *yaml.Node {
	if list {
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, t := range texts {
			n.Content = append(n.Content, text(t))
		}
		return n
	}
	s := texts[0]
	switch {
	case f.secret && s != "":
		s = mask
	case strings.Contains(s, "://"):
		s = maskURL(s)
	}
	return text(s)
}

func text(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: s}
	if s == "" {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// put places a node below the keys of its path, making the mappings on the way.
func put(at *yaml.Node, path []string, n *yaml.Node) {
	for len(path) > 1 {
		var next *yaml.Node
		for i := 0; i+1 < len(at.Content); i += 2 {
			if at.Content[i].Value == path[0] {
				next = at.Content[i+1]
			}
		}
		if next == nil {
			next = &yaml.Node{Kind: yaml.MappingNode}
			at.Content = append(at.Content, text(path[0]), next)
		}
		at, path = next, path[1:]
	}
	at.Content = append(at.Content, text(path[0]), n)
}

// Masked is a URL without its passwords: that of its user, and those among its parameters (PostgreSQL's).
func Masked(rawURL string) string { return maskURL(rawURL) }

func maskURL(s string) string {
	if strings.HasPrefix(s, "sqlite:") {
		return s // a path
	}
	u, err := url.Parse(s)
	if err != nil || u.User == nil && strings.Contains(s, "@") {
		return mask // whatever is in there
	}
	// By hand, as url.URL would write the rest anew, {data_dir} for one.
	s = regexp.MustCompile(`^([a-z]+://[^/?#:@]*):[^/?#]*@`).ReplaceAllString(s, "${1}:"+mask+"@")
	return regexp.MustCompile(`([?&](?:ssl)?password=)[^&#]*`).ReplaceAllString(s, "${1}"+mask)
}
