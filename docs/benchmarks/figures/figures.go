// Package figures keeps what was measured, and makes tables and plots of it.
package figures

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Figure is one quantity of one set-up, measured once or several times.
type Figure struct {
	Row    string    `json:"row"`         // which measurement
	Setup  string    `json:"setup"`       // of what
	X      float64   `json:"x,omitempty"` // at which point, where a row is a curve
	Metric string    `json:"metric"`      // with its unit
	Values []float64 `json:"values"`      // one a run
}

// Note says what a reader of a row has to know, such as why a peer is missing.
type Note struct {
	Row  string `json:"row"`
	Text string `json:"text"`
}

// Results are all that was measured on one machine.
type Results struct {
	Machine  map[string]string    `json:"machine"`
	Measured map[string]time.Time `json:"measured"` // by row
	Quick    bool                 `json:"quick"`    // too short to be quoted
	Figures  []Figure             `json:"figures"`
	Notes    []Note               `json:"notes"`
}

// Load reads results; a file that does not exist has none.
func Load(path string) (*Results, error) {
	r := &Results{Machine: map[string]string{}, Measured: map[string]time.Time{}}
	data, err := os.ReadFile(path) //nolint:gosec // the path is an argument of the command
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// Save writes the results.
func (r *Results) Save(path string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644) //nolint:gosec // to be read by everybody
}

// Begin forgets what was measured for a row.
func (r *Results) Begin(row string) {
	r.Figures = slices.DeleteFunc(r.Figures, func(f Figure) bool { return f.Row == row })
	r.Notes = slices.DeleteFunc(r.Notes, func(n Note) bool { return n.Row == row })
	r.Measured[row] = time.Now().UTC().Truncate(time.Second)
}

// Add adds the value of one run.
func (r *Results) Add(row, setup string, x float64, metric string, value float64) {
	if f := r.find(row, setup, x, metric); f != nil {
		f.Values = append(f.Values, value)
		return
	}
	r.Figures = append(r.Figures, Figure{Row: row, Setup: setup, X: x, Metric: metric, Values: []float64{value}})
}

// Note adds a note, once.
func (r *Results) Note(row, format string, args ...any) {
	if n := (Note{Row: row, Text: fmt.Sprintf(format, args...)}); !slices.Contains(r.Notes, n) {
		r.Notes = append(r.Notes, n)
	}
}

func (r *Results) find(row, setup string, x float64, metric string) *Figure {
	for i := range r.Figures {
		if f := &r.Figures[i]; f.Row == row && f.Setup == setup && f.X == x && f.Metric == metric {
			return f
		}
	}
	return nil
}

// Median returns the median of a figure; ok is false if it was not measured.
func (r *Results) Median(row, setup string, x float64, metric string) (median float64, ok bool) {
	f := r.find(row, setup, x, metric)
	if f == nil {
		return 0, false
	}
	return f.Median(), true
}

// Median is the middle of the values.
func (f Figure) Median() float64 {
	sorted := slices.Sorted(slices.Values(f.Values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// String is the median, with the least and the greatest value where they differ.
func (f Figure) String() string {
	least, most := Number(slices.Min(f.Values)), Number(slices.Max(f.Values))
	if least == most {
		return most
	}
	return fmt.Sprintf("%s (%s–%s)", Number(f.Median()), least, most)
}

// Number writes a value with three significant digits or all of its integer ones, which are grouped by thousands.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case v == math.Trunc(v) || a >= 100:
		return grouped(strconv.FormatFloat(math.Round(v), 'f', 0, 64))
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

func grouped(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
