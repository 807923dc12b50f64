package config

import (
	"fmt"
	"strings"
)

// Table describes every key as a table in Markdown, for the documentation.
func Table() string {
	var b strings.Builder
	b.WriteString("| key | variable | default | meaning |\n| --- | --- | --- | --- |\n")
	for _, f := range fields() {
		initial := "`" + f.shown + "`"
		if f.shown != f.initial {
			initial = f.shown
		}
		doc := f.doc
		if f.min != "" {
			doc += fmt.Sprintf(" From %s to %s.", f.min, f.max)
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", f.key, f.env(), initial, strings.ReplaceAll(doc, "|", `\|`))
	}
	return b.String()
}

// Example is a file with every key, commented out at its default.
func Example() string {
	var b strings.Builder
	b.WriteString(`# Parley's configuration: every key, with what holds if it is left out.
#
# Use it with parley serve --config FILE, or PARLEY_CONFIG=FILE. Variables and
# flags go before it: http.addr is also PARLEY_HTTP_ADDR and --http-addr.
# See the result with parley config print.
`)
	section := ""
	for _, f := range fields() {
		head, leaf, nested := strings.Cut(f.key, ".")
		indent := ""
		switch {
		case !nested:
			leaf = head
			b.WriteString("\n")
		case head != section:
			fmt.Fprintf(&b, "\n%s:\n", head)
			indent = "  "
		default:
			indent = "  "
		}
		section = head
		writeWrapped(&b, indent+"# ", f.doc)
		if f.shown != f.initial {
			writeWrapped(&b, indent+"# ", "Default: "+f.shown+".")
		}
		fmt.Fprintf(&b, "%s#%s: %s\n", indent, leaf, exampleValue(f))
	}
	return b.String()
}

// exampleValue is the default as YAML writes it.
func exampleValue(f field) string {
	c := Default()
	texts, list := format(f.of(&c).Interface())
	switch {
	case list:
		return "[" + strings.Join(texts, ", ") + "]"
	case texts[0] == "" || strings.ContainsAny(texts[0], "{}"):
		return `"` + texts[0] + `"`
	}
	return texts[0]
}

// writeWrapped writes words in lines of about 100 letters, each behind a prefix.
func writeWrapped(b *strings.Builder, prefix, s string) {
	const width = 100
	line := prefix
	for _, word := range strings.Fields(s) {
		if len(line)+len(word) > width && line != prefix {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = prefix
		}
		line += word + " "
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}
