package figures

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Table is the Markdown table of a row: a line for each set-up and point, a column for each metric.
func (r *Results) Table(row, xTitle string) string {
	type line struct {
		setup string
		x     float64
	}
	var lines []line
	var metrics []string
	for _, f := range r.Figures {
		if f.Row != row {
			continue
		}
		if l := (line{f.Setup, f.X}); !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
		if !slices.Contains(metrics, f.Metric) {
			metrics = append(metrics, f.Metric)
		}
	}
	var b strings.Builder
	if len(lines) > 0 {
		head := []string{"what"}
		if xTitle != "" {
			head = append(head, xTitle)
		}
		writeLine(&b, append(head, metrics...))
		b.WriteString(strings.Repeat("| --- ", len(head)+len(metrics)) + "|\n")
	}
	for _, l := range lines {
		cells := []string{l.setup}
		if xTitle != "" {
			cells = append(cells, Number(l.x))
		}
		for _, m := range metrics {
			cell := ""
			if f := r.find(row, l.setup, l.x, m); f != nil {
				cell = f.String()
			}
			cells = append(cells, cell)
		}
		writeLine(&b, cells)
	}
	for _, n := range r.Notes {
		if n.Row == row {
			b.WriteString("\n" + n.Text + "\n")
		}
	}
	return b.String()
}

func writeLine(b *strings.Builder, cells []string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// Goal is something that the figures are to show.
type Goal struct {
	What, Goal string
	// Judge returns what was measured, and whether that is good enough; what is empty if it was not measured.
	Judge func(r *Results) (measured string, met bool)
}

// Goals is the Markdown table of the goals.
func (r *Results) Goals(goals []Goal) string {
	var b strings.Builder
	b.WriteString("| what | goal | measured | |\n| --- | --- | --- | --- |\n")
	for _, g := range goals {
		measured, met := g.Judge(r)
		verdict := "missed"
		if met {
			verdict = "met"
		}
		if measured == "" {
			measured, verdict = "not measured", ""
		}
		writeLine(&b, []string{g.What, g.Goal, measured, verdict})
	}
	return b.String()
}

// Replace puts text between the marks <!-- name --> and <!-- end of name --> of a file.
func Replace(path, name, text string) error {
	content, err := os.ReadFile(path) //nolint:gosec // the path is an argument of the command
	if err != nil {
		return err
	}
	open, end := []byte("<!-- "+name+" -->\n"), []byte("<!-- end of "+name+" -->")
	before, rest, found := bytes.Cut(content, open)
	_, after, ended := bytes.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s: %w", path, errors.New("no place marked "+name))
	}
	return os.WriteFile(path, slices.Concat(before, open, []byte(text), end, after), 0o644) //nolint:gosec // to be read by everybody
}
