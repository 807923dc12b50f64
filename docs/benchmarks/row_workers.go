package main

import (
	"context"
	"errors"
	"time"

	"parley/docs/benchmarks/deploy"
)

// owned is how many partitions a worker has.
const owned = "parley_partitions_owned"

// measureWorkers adds a second worker while messages are sent, and later kills one of the two. The load test must find everything
// in order nevertheless.
func measureWorkers(ctx context.Context, b *bench) error {
	for range b.runs() {
		err := b.with(ctx, deploy.Split, func(t target) error {
			d, ok := t.(*deploy.Deployment)
			if !ok {
				return errors.New("not a deployment of Parley")
			}
			l := b.audience().paced(100)
			l.duration = choose(b, 30*time.Second, 20*time.Second)
			l.during = func(ctx context.Context) error { return b.changeWorkers(ctx, d) }
			_, err := b.drive(ctx, t, l)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) changeWorkers(ctx context.Context, d *deploy.Deployment) error {
	first := d.Role("worker")[0]
	if err := d.Await(ctx, time.Minute, persisted, 200); err != nil { // the load is there
		return err
	}
	all := 0.0
	has := func(p *deploy.Process, wanted func(n float64) bool) func() error {
		return func() error {
			values, err := p.Metrics(ctx)
			if err != nil {
				return err
			}
			if n := values[owned]; !wanted(n) {
				return errors.New("not yet")
			}
			return nil
		}
	}
	values, err := first.Metrics(ctx)
	if err != nil {
		return err
	}
	all = values[owned]
	began := time.Now()
	second, err := d.Add(ctx, "worker")
	if err != nil {
		return err
	}
	half := func(n float64) bool { return n == all/2 }
	for _, p := range []*deploy.Process{second, first} {
		if err := deploy.Until(ctx, time.Minute, has(p, half)); err != nil {
			return err
		}
	}
	b.add(d.Title(), 0, evenMetric, time.Since(began).Seconds())
	began = time.Now()
	d.Kill(first)
	if err := deploy.Until(ctx, time.Minute, has(second, func(n float64) bool { return n == all })); err != nil {
		return err
	}
	b.add(d.Title(), 0, takeoverMetric, time.Since(began).Seconds())
	return nil
}
