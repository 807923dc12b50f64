package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/docs/benchmarks/deploy"
)

// parleys are the ways of deploying Parley that are compared.
func parleys() []deploy.Shape { return []deploy.Shape{deploy.Split, deploy.One, deploy.Embedded} }

// inEach measures each way of deploying Parley, and then the peers that the load test can drive.
func (b *bench) inEach(ctx context.Context, measure func(t target) error) error {
	for _, shape := range parleys() {
		if err := b.with(ctx, shape, measure); err != nil {
			return err
		}
	}
	return b.withNode(ctx, func(t target) error {
		err := measure(t)
		if errors.Is(err, errFaulty) {
			b.results.Note(b.row, "%s: %v", t.Title(), err)
			return nil
		}
		return err
	})
}

// with measures one deployment of Parley, in which any fault ends the measurement.
func (b *bench) with(ctx context.Context, shape deploy.Shape, measure func(t target) error) error {
	d, err := b.lab.Start(ctx, shape)
	if err != nil {
		return fmt.Errorf("%s: %w", shape.Title, err)
	}
	defer d.Stop()
	if err := measure(d); err != nil {
		return fmt.Errorf("%s: %w", shape.Title, err)
	}
	return nil
}

// measureClosed is the closed loop: each of 64 senders sends its next message when the last one was accepted. A message counts
// when it has arrived at everybody.
func measureClosed(ctx context.Context, b *bench) error {
	err := b.inEach(ctx, func(t target) error {
		for range b.runs() {
			o, err := b.drive(ctx, t, b.audience())
			if o.Report != nil && o.Load != nil {
				b.addThroughput(t.Title(), 0, o)
				b.addCPU(t.Title(), 0, o.samples)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, b.tinodeClosed(ctx))
}

// measurePaced sends 200 messages a second.
func measurePaced(ctx context.Context, b *bench) error {
	const rate = 200
	err := b.inEach(ctx, func(t target) error {
		for range b.runs() {
			o, err := b.drive(ctx, t, b.audience().paced(rate))
			if o.Report != nil && o.Load != nil {
				b.addLatency(t.Title(), 0, o)
				b.addCPU(t.Title(), 0, o.samples)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, b.tinodePaced(ctx, b.audience(), b.runs(), []float64{rate}, func(float64) float64 { return 0 }))
}

// slow is a latency from which on a rate counts as not kept up with.
const slow = 500 * time.Millisecond

// measureRates raises the rate until it is not kept up with any more.
func measureRates(ctx context.Context, b *bench) error {
	rates := choose(b, []float64{50, 100, 200, 300, 450, 600, 800, 1000, 1250, 1500, 2000}, []float64{50, 200, 800})
	keepsUp := func(setup string, rate float64) bool {
		p99, ok := b.results.Median(b.row, setup, rate, p99Metric)
		return ok && p99 < millis(slow)
	}
	err := b.inEach(ctx, func(t target) error {
		for _, rate := range rates {
			o, err := b.drive(ctx, t, b.audience().short().paced(rate))
			if o.Report != nil && o.Load != nil {
				b.addLatency(t.Title(), rate, o)
			}
			if err != nil || !keepsUp(t.Title(), rate) {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, b.tinodePaced(ctx, b.audience().short(), 1, rates, func(rate float64) float64 { return rate }))
}

// measureMembers varies the size of the group: what it carries in the closed loop, and what a message costs at a steady rate, which does not
// depend on how well messages share their batches.
func measureMembers(ctx context.Context, b *bench) error {
	sizes := choose(b, []struct{ online, members int }{{10, 10}, {100, 100}, {1000, 1000}, {100, 1000}, {100, 10_000}},
		[]struct{ online, members int }{{10, 10}, {100, 100}, {100, 1100}})
	const rate = 50
	for _, size := range sizes {
		err := b.with(ctx, deploy.Split, func(t target) error {
			setup := someOnline(size.online)
			if size.online == size.members {
				setup = everybodyOnline
			}
			l := b.audience().short()
			l.users, l.members = size.online, size.members
			if size.members >= 1000 { // much is accepted before it is delivered, and all of it counts
				l.warmup, l.duration, l.patience = time.Second, min(l.duration, 3*time.Second), 5*time.Minute
			}
			x := float64(size.members)
			for range b.runs() {
				o, err := b.drive(ctx, t, l)
				if err != nil {
					return err
				}
				b.addThroughput(setup, x, o)
				if o, err = b.drive(ctx, t, l.paced(rate)); err != nil {
					return err
				}
				b.addCost(setup, x, o)
			}
			return b.addRows(ctx, t, setup, x)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// addCost adds what each message costs the servers.
func (b *bench) addCost(setup string, x float64, o outcome) {
	for _, cost := range []struct{ metric, counter string }{
		{intoBrokerMetric, "parley_bus_sent_total"},
		{outToItMetric, "parley_bus_published_total"},
		{sqlMetric, "parley_store_statements_total"},
	} {
		if each, ok := perMessage(o.samples, cost.counter); ok {
			b.add(setup, x, cost.metric, each)
		}
	}
}

// addRows counts what the messages have left in message_recipients.
func (b *bench) addRows(ctx context.Context, t target, setup string, x float64) error {
	d, ok := t.(*deploy.Deployment)
	if !ok {
		return nil
	}
	rows, err := deploy.Count(ctx, d.Database, "SELECT count(*) FROM message_recipients")
	if err != nil {
		return err
	}
	messages, err := deploy.Count(ctx, d.Database, "SELECT count(*) FROM messages")
	if err != nil {
		return err
	}
	b.add(setup, x, rowsMetric, float64(rows)/float64(max(1, messages)))
	return nil
}
