package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"parley/docs/benchmarks/deploy"
	"parley/docs/benchmarks/tinode"
)

const tinodeTitle = "Tinode v0.25.3, PostgreSQL"

// withTinode measures Tinode with the audience of the load test. If it cannot be had, the row says so.
func (b *bench) withTinode(ctx context.Context, users, topics int, measure func(s *tinode.Server, a *tinode.Audience) error) error {
	dir, err := tinode.Install(ctx, filepath.Join("peers", "tinode"), b.lab.Cache)
	if err != nil {
		b.results.Note(b.row, "Tinode could not be built: %v", err)
		return nil
	}
	s, err := tinode.Start(ctx, b.lab, dir)
	if err != nil {
		b.results.Note(b.row, "Tinode could not be started: %v", err)
		return nil
	}
	defer s.Stop()
	a := s.Audience(users)
	defer a.Close()
	if err = a.Gather(ctx, topics); err == nil {
		err = measure(s, a)
	}
	if err != nil {
		b.results.Note(b.row, "Tinode failed: %v", err)
	}
	return ctx.Err()
}

// tinodeClosed is the closed loop on Tinode.
func (b *bench) tinodeClosed(ctx context.Context) error {
	l := b.audience()
	return b.withTinode(ctx, l.users, l.channels, func(s *tinode.Server, a *tinode.Audience) error {
		for range b.runs() {
			before := b.takeTinode(ctx, s)
			r, err := a.Closed(ctx, l.senders, l.warmup, l.duration)
			if err != nil {
				return err
			}
			seconds := r.Window.Seconds()
			b.add(tinodeTitle, 0, messagesMetric, float64(r.Messages)/seconds)
			b.add(tinodeTitle, 0, "deliveries/s", float64(r.Deliveries)/seconds)
			b.tinodeFaults(r)
			// The warm-up is in there, too: at the same speed, so its messages are counted by its length.
			share := (l.warmup + l.duration).Seconds() / l.duration.Seconds()
			b.addShares(tinodeTitle, 0, before, b.takeTinode(ctx, s), float64(r.Messages)*share)
		}
		return nil
	})
}

// takeTinode samples the server, PostgreSQL, and this process, which is the load generator.
func (b *bench) takeTinode(ctx context.Context, s *tinode.Server) deploy.Sample {
	sample := deploy.Take(ctx, []*deploy.Process{s.Process})
	delete(sample.CPU, "RabbitMQ") // has no part in it
	sample.CPU["load generator"] = deploy.CPU(os.Getpid())
	return sample
}

// tinodePaced sends at each of the rates, until one is not kept up with.
func (b *bench) tinodePaced(ctx context.Context, l load, runs int, rates []float64, x func(rate float64) float64) error {
	return b.withTinode(ctx, l.users, l.channels, func(_ *tinode.Server, a *tinode.Audience) error {
		for _, rate := range rates {
			for range runs {
				r, err := a.Paced(ctx, rate, l.warmup, l.duration)
				if err != nil {
					return err
				}
				b.add(tinodeTitle, x(rate), p50Metric, millis(r.P50))
				b.add(tinodeTitle, x(rate), p99Metric, millis(r.P99))
				b.tinodeFaults(r)
				if r.P99 > slow || r.Dropped > 0 {
					return nil
				}
			}
		}
		return nil
	})
}

// tinodeFaults notes what a run of Tinode lost, if anything.
func (b *bench) tinodeFaults(r tinode.Result) {
	if r.Faults > 0 || r.Dropped > 0 {
		b.results.Note(b.row, "%s: %d of %d deliveries lost or out of turn, %d connections dropped, in a run.",
			tinodeTitle, r.Faults, r.Messages*b.audience().users, r.Dropped)
	}
}

// tinodeStorm connects everybody at once, without presence.
func (b *bench) tinodeStorm(ctx context.Context) error {
	l := b.crowd()
	return b.withTinode(ctx, l.users, l.channels, func(_ *tinode.Server, a *tinode.Audience) error {
		for range b.runs() {
			took, dropped, err := a.Storm(ctx)
			if err != nil {
				return err
			}
			b.add(tinodeTitle+", without presence", 0, stormMetric, took.Round(time.Millisecond).Seconds())
			b.add(tinodeTitle+", without presence", 0, droppedMetric, float64(dropped))
		}
		return nil
	})
}
