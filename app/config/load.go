package config

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// FileVariable names the variable that names the file.
const FileVariable = "PARLEY_CONFIG"

// Sources are where values come from; each goes before the ones above it.
type Sources struct {
	// File is a YAML file. Defaults to what PARLEY_CONFIG in Env names; without that, there is none.
	File string
	// Env are variables in the form of os.Environ.
	Env []string
	// Flags are values given on the command line, by key.
	Flags map[string]string
}

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	Key     string // or the name that is not a key
	Source  string // "parley.yaml:3", "PARLEY_ROLES", "--roles", "default"; empty if it concerns none
	Message string
}

// String is the problem on one line.
func (p Problem) String() string {
	if p.Source == "" || p.Source == byDefault || p.Source == p.Key {
		return p.Key + ": " + p.Message
	}
	return fmt.Sprintf("%s: %s (%s)", p.Key, p.Message, p.Source)
}

// Error is everything that is wrong with the configuration.
type Error struct{ Problems []Problem }

// Error lists the problems, one a line.
func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return "configuration: " + e.Problems[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the configuration has %d problems:", len(e.Problems))
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// Load puts the sources together. Its error is an *Error with every problem there is.
func Load(from Sources) (Config, error) {
	l := newLoader()
	l.variables(from.Env, &from.File)
	if from.File != "" {
		l.file(from.File)
	}
	for _, s := range l.env {
		l.set(s.key, s.value, s.source)
	}
	for _, key := range slices.Sorted(maps.Keys(from.Flags)) {
		l.flag(key, from.Flags[key])
	}
	if l.config.Source("database.auto_migrate") == byDefault {
		l.config.Database.AutoMigrate = l.config.SQLite()
	}
	l.problems = append(l.problems, l.config.validate(l.broken)...)
	if len(l.problems) > 0 {
		return l.config, &Error{Problems: l.problems}
	}
	return l.config, nil
}

// loader collects values and problems.
type loader struct {
	config   Config
	fields   map[string]field
	order    []string // keys as in Config
	env      []setting
	problems []Problem
	broken   map[string]bool // keys whose value could not be read, so that their rules say nothing
}

// setting is a value for a key from somewhere.
type setting struct {
	key    string
	value  value
	source string
}

// newLoader has the defaults in place.
func newLoader() *loader {
	l := &loader{fields: make(map[string]field), broken: make(map[string]bool)}
	l.config.sources = make(map[string]string)
	for _, f := range fields() {
		l.fields[f.key] = f
		l.order = append(l.order, f.key)
		if f.initial != "" {
			l.set(f.key, value{text: f.initial}, byDefault)
		}
	}
	return l
}

func (l *loader) wrong(key, source, message string) {
	l.problems = append(l.problems, Problem{Key: key, Source: source, Message: message})
}

// set takes a value over into the configuration.
func (l *loader) set(key string, v value, source string) {
	if err := parse(l.fields[key].of(&l.config).Addr().Interface(), v); err != nil {
		l.wrong(key, source, err.Error())
		l.broken[key] = true
		return
	}
	l.config.sources[key] = source
}

// variables finds the PARLEY_ variables, to be set after the file, and the name of the file unless it is given.
func (l *loader) variables(env []string, file *string) {
	keys := make(map[string]string, len(l.order))
	names := []string{FileVariable}
	for _, key := range l.order {
		keys[l.fields[key].env()] = key
		names = append(names, l.fields[key].env())
	}
	for _, kv := range slices.Sorted(slices.Values(env)) {
		name, text, _ := strings.Cut(kv, "=")
		key, known := keys[name]
		switch {
		case known:
			l.env = append(l.env, setting{key, value{text: text}, name})
		case name == FileVariable:
			if *file == "" {
				*file = text
			}
		case strings.HasPrefix(name, "PARLEY_"):
			l.wrong(name, name, "unknown variable"+hint(name, names))
		}
	}
}

// hint suggests a name for one that is not known.
func hint(name string, names []string) string {
	if strings.Contains(name, "_SERVICE_") || strings.Contains(name, "_PORT") {
		return "; Kubernetes sets such variables for a Service named parley: put enableServiceLinks: false into the pod's spec"
	}
	return suggest(name, names, len("PARLEY_"))
}

func (l *loader) flag(key, text string) {
	f, ok := l.fields[key]
	if !ok {
		l.wrong(key, "flag", "unknown key"+suggest(key, l.order, 0))
		return
	}
	l.set(key, value{text: text}, f.flag())
}

// file reads a YAML file.
func (l *loader) file(path string) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		l.wrong("config", path, "cannot read the file: "+cause(err))
		return
	}
	l.yaml(path, data)
}
