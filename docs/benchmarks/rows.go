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
		{"closed", "closed loop of 64 senders, 100 members online, 5 channels", "", measureClosed},
		{"paced", "200 messages/s, 100 members online, 5 channels", "", measurePaced},
		{"rates", "latency against rate, 100 members online, 5 channels", "messages/s", measureRates},
		{"members", "closed loop of 64 senders, and cost at 50 messages/s, split roles", "members", measureMembers},
		{"fanout", "the layer that holds connections, alone", "", measureFanout},
		{"idle", "memory of a connection that does nothing", "", measureIdle},
		{"receipts", "50 messages/s, 1,000 members online, 5 channels, everybody tells every two seconds what it has read, of one channel or of all", "", measureReceipts},
		{"storm", "users × 20 channels connect at once", "", measureStorm},
		{"reconnect", "one of two socket servers is killed", "", measureReconnect},
		{"workers", "a second worker is added, one of two is killed", "", measureWorkers},
	}
}

// bench is what a measurement works with.
type bench struct {
	lab     *deploy.Lab
	results *figures.Results
	quick   bool
	times   int
	row     string
}

// runs is how often a figure is measured.
func (b *bench) runs() int { return choose(b, b.times, 1) }

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
