package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/docs/benchmarks/deploy"
	"parley/docs/benchmarks/figures"
)

// Metrics of the row about receipts.
const (
	receiptsMetric  = "receipts/s" // that were acknowledged
	besideP50Metric = "p50 in the half second after, ms"
	besideP99Metric = "p99 in the half second after, ms"
)

// crowdKind is what a crowd does while messages are sent.
type crowdKind struct {
	name     string
	channels int  // about how many channels they emit events, all at the same time; 0: none
	placebo  bool // which no server knows
}

// crowdKinds are measured in turns.
func crowdKinds() []crowdKind {
	return []crowdKind{
		{name: "nobody tells"},
		{name: "everybody emits an event that is refused at once", channels: 1, placebo: true},
		{name: "everybody tells of a channel", channels: 1},
		{name: "everybody emits five such events", channels: 5, placebo: true},
		{name: "everybody tells of five channels", channels: 5},
	}
}

// floods are the kinds in which people tell, each with its control.
func floods() [][2]crowdKind {
	kinds := crowdKinds()
	return [][2]crowdKind{{kinds[2], kinds[1]}, {kinds[4], kinds[3]}}
}

func (k crowdKind) setup(t string) string { return t + ": " + k.name }

// measureReceipts sends at a steady rate to a large group whose members are all there: without receipts, while all of them emit events that cost
// the server as little as events can, at the same moments, and while all tell what they have read. Each time it is a deployment of its own, as
// the rows of recipients that follow a flood would disturb what comes after it.
func measureReceipts(ctx context.Context, b *bench) error {
	for _, shape := range parleys() {
		for range b.runs() {
			for _, kind := range crowdKinds() {
				err := b.with(ctx, shape, func(t target) error { return b.driveCrowd(ctx, t, kind) })
				if err != nil {
					return err
				}
			}
		}
		b.compareCrowds(title(shape))
	}
	return nil
}

// crowdLoad is what is sent to the crowd, and how often it tells.
func (b *bench) crowdLoad(kind crowdKind) load {
	l := b.audience().paced(50)
	l.users, l.duration = choose(b, 1000, 200), choose(b, 12*time.Second, 4*time.Second)
	if kind.channels > 0 {
		l.receipts, l.receiptChannels, l.placebo = 2*time.Second, kind.channels, kind.placebo
	}
	return l
}

func (b *bench) driveCrowd(ctx context.Context, t target, kind crowdKind) error {
	l, setup := b.crowdLoad(kind), kind.setup(t.Title())
	o, err := b.drive(ctx, t, l)
	if o.Report == nil || o.Load == nil {
		return err
	}
	b.addLatency(setup, 0, o)
	if told := o.Receipts; told != nil {
		b.add(setup, 0, besideP50Metric, told.DeliveryMS.P50MS)
		b.add(setup, 0, besideP99Metric, told.DeliveryMS.P99MS)
		if !kind.placebo {
			b.add(setup, 0, receiptsMetric, float64(told.Acknowledged)/(l.warmup+l.duration).Seconds())
		}
		if told.Refused > 0 {
			err = errors.Join(err, fmt.Errorf("%d of %d events were not acknowledged as they should be", told.Refused, told.Told))
		}
	}
	b.addBusy(setup, 0, o.samples)
	return err
}

// compareCrowds notes what receipts add to what the crowd's events cost by themselves, and to silence.
func (b *bench) compareCrowds(t string) {
	ratio := func(of, to crowdKind, metric string) string {
		a, _ := b.results.Median(b.row, of.setup(t), 0, metric)
		c, _ := b.results.Median(b.row, to.setup(t), 0, metric)
		return figures.Number(a / c)
	}
	quiet := crowdKinds()[0]
	for _, f := range floods() {
		told, placebo := f[0], f[1]
		b.results.Note(b.row, "%s: when %s, p50 is %s × and p99 %s × that of silence, %s × and %s × that beside refused events; in the half second after "+
			"they have begun to tell, p50 is %s × and p99 %s × that beside refused events.", t, told.name,
			ratio(told, quiet, p50Metric), ratio(told, quiet, p99Metric), ratio(told, placebo, p50Metric), ratio(told, placebo, p99Metric),
			ratio(told, placebo, besideP50Metric), ratio(told, placebo, besideP99Metric))
	}
}

// addBusy adds how many processors each group of processes has kept busy.
func (b *bench) addBusy(setup string, x float64, samples []deploy.Sample) {
	from, to, ok := deploy.Steady(samples, persisted)
	if !ok {
		return
	}
	for _, group := range cpuGroups() {
		if _, ok := to.CPU[group]; ok {
			b.add(setup, x, "processors: "+group, float64(to.CPU[group]-from.CPU[group])/float64(to.At.Sub(from.At)))
		}
	}
}

// judgeReceipts compares the messages beside 1,000 people's receipts with those beside events that are refused at once.
func judgeReceipts(r *figures.Results) (string, bool) {
	flood := floods()[0]
	met, ratios := true, make([]float64, 0, len(parleys()))
	for _, shape := range parleys() {
		beside := func(k crowdKind) float64 { return median(r, "receipts", k.setup(title(shape)), 0, p99Metric) }
		ratio := beside(flood[0]) / beside(flood[1])
		met = met && ratio <= 1.5
		ratios = append(ratios, ratio)
	}
	return text("%s × split, %s × in one process, %s × with SQLite", ratios...), met
}
