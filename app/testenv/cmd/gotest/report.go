package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is one line of `go test -json`; see `go doc test2json` and `go help buildjson`.
type event struct {
	Action     string
	ImportPath string // of build events
	Package    string
	Test       string
	Output     string
}

// report turns the events of `go test -json` into what go test prints without
// it, and counts. What a test prints is kept until it has failed or passed.
type report struct {
	out     io.Writer
	partial []byte                   // of a line that has not ended yet
	kept    map[string]*bytes.Buffer // by package and test
	passed  int
	failed  []string
	skipped []string
}

func newReport(out io.Writer) *report {
	return &report{out: out, kept: make(map[string]*bytes.Buffer)}
}

// Write takes the events as go test writes them, in pieces of any length.
func (r *report) Write(p []byte) (int, error) {
	r.partial = append(r.partial, p...)
	for {
		line, rest, complete := bytes.Cut(r.partial, []byte("\n"))
		if !complete {
			return len(p), nil
		}
		r.line(line)
		r.partial = rest
	}
}

func (r *report) line(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		fmt.Fprintf(r.out, "%s\n", line) // something that is not from the tests, which whoever reads this should see
		return
	}
	switch {
	case e.Action == "output" && e.Test != "":
		r.keep(e)
	case e.Action == "output" || e.Action == "build-output":
		if e.Output != "PASS\n" { // of a test binary; the "ok" with the package's name follows
			fmt.Fprint(r.out, e.Output)
		}
	case e.Test != "":
		r.result(e)
	case e.Action == "fail" && !r.hasFailed(e.Package):
		r.failed = append(r.failed, e.Package) // it did not build, or failed outside its tests
	}
}

// hasFailed says whether a test of the package has failed, or never ended.
func (r *report) hasFailed(pkg string) bool {
	inPackage := func(name string) bool { return strings.HasPrefix(name, pkg+".") }
	if slices.ContainsFunc(r.failed, inPackage) {
		return true
	}
	for name := range r.kept {
		if inPackage(name) {
			return true
		}
	}
	return false
}

func (r *report) keep(e event) {
	name := e.Package + "." + e.Test
	if r.kept[name] == nil {
		r.kept[name] = new(bytes.Buffer)
	}
	if !isProgress(e.Output) {
		r.kept[name].WriteString(e.Output)
	}
}

// isProgress tells the lines that only -v shows.
func isProgress(line string) bool {
	return slices.ContainsFunc([]string{"=== RUN ", "=== PAUSE ", "=== CONT ", "=== NAME "},
		func(prefix string) bool { return strings.HasPrefix(line, prefix) })
}

func (r *report) result(e event) {
	name := e.Package + "." + e.Test
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed = append(r.failed, name)
		r.print(name)
	case "skip":
		r.skipped = append(r.skipped, name)
		r.print(name)
	default:
		return
	}
	delete(r.kept, name)
}

func (r *report) print(name string) {
	if kept := r.kept[name]; kept != nil {
		fmt.Fprintf(r.out, "%s", kept.Bytes())
	}
}

// close prints what is left of tests that never ended, because their process did, and the counts.
func (r *report) close() {
	if len(r.partial) > 0 {
		r.line(r.partial)
	}
	for name := range r.kept {
		if !slices.Contains(r.failed, name) {
			r.failed = append(r.failed, name)
			r.print(name)
		}
	}
	slices.Sort(r.failed)
	for _, name := range r.failed {
		fmt.Fprintln(r.out, "failed:", name)
	}
	for _, name := range r.skipped {
		fmt.Fprintln(r.out, "skipped:", name)
	}
	fmt.Fprintf(r.out, "tests: %d passed, %d failed, %d skipped\n", r.passed, len(r.failed), len(r.skipped))
}
