package main

import (
	"context"
	"time"

	"parley/docs/benchmarks/deploy"
	"parley/docs/benchmarks/figures"
)

// row is one measurement.
type row struct {
	name, title string
	x           string // what the points of a curve are; empty if it is none
	measure     func(ctx context.Context, b *bench) error
}

// rows are all measurements, in the order in which they are made and reported.
func rows() []row {
	return []row{
		{"fanout", "the layer that holds connections, alone", "", measureFanout},
		{"idle", "memory of a connection that does nothing", "", measureIdle},
	}
}

// bench is what a measurement works with.
type bench struct {
	lab     *deploy.Lab
	results *figures.Results
	quick   bool
	row     string
}

// runs is how often a figure is measured.
func (b *bench) runs() int { return choose(b, 3, 1) }

// choose picks the value for a full or a quick run.
func choose[T any](b *bench, full, quick T) T {
	if b.quick {
		return quick
	}
	return full
}

// add adds a figure of the row.
func (b *bench) add(setup string, x float64, metric string, value float64) {
	b.results.Add(b.row, setup, x, metric, value)
}

// millis writes a duration in milliseconds.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
