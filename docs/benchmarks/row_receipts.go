package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// receiptsMetric is how many receipts were acknowledged.
const receiptsMetric = "receipts/s"

// measureReceipts sends at a steady rate to a large group whose members are all there, without receipts, and while all of them tell at the same
// time, once a second, what they have read.
func measureReceipts(ctx context.Context, b *bench) error {
	const rate = 200
	flood := b.audience().paced(rate)
	flood.users, flood.channels = choose(b, 1000, 200), 1
	for _, shape := range parleys() {
		err := b.with(ctx, shape, func(t target) error {
			for range b.runs() {
				for _, every := range []time.Duration{0, time.Second} {
					setup := t.Title() + ": nobody tells"
					if flood.receipts = every; every > 0 {
						setup = t.Title() + ": everybody tells"
					}
					if err := b.driveReceipts(ctx, t, setup, flood); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) driveReceipts(ctx context.Context, t target, setup string, l load) error {
	o, err := b.drive(ctx, t, l)
	if o.Report == nil || o.Load == nil {
		return err
	}
	b.addLatency(setup, 0, o)
	b.addCPU(setup, 0, o.samples)
	if told := o.Receipts; told != nil {
		if told.Refused > 0 {
			err = errors.Join(err, fmt.Errorf("%d receipts were refused", told.Refused))
		}
		b.add(setup, 0, receiptsMetric, float64(told.Acknowledged)/(l.warmup+l.duration).Seconds())
	}
	return err
}
