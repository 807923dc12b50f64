package rabbit

import (
	"context"
	"errors"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"parley/app/bus"
)

// probeBatch is how many probes are under way at once: no more than the lane has room for.
const probeBatch = maxInFlight / 2

// Probe publishes the events mandatory, all of a batch before it waits for the first confirm: the broker has returned by then what
// reached nobody.
func (b *Bus) Probe(ctx context.Context, msgs ...bus.Message) ([]bool, error) {
	begun := time.Now()
	reached, err := b.probe(ctx, msgs)
	b.metrics.Published(begun, len(msgs), err)
	return reached, err
}

func (b *Bus) probe(ctx context.Context, msgs []bus.Message) ([]bool, error) {
	if err := b.alive(ctx); err != nil {
		return nil, err
	}
	reached := make([]bool, 0, len(msgs))
	for batch := range slices.Chunk(msgs, probeBatch) {
		parcels := make([]parcel, len(batch))
		for i, msg := range batch {
			p, err := wrap(b.topology.outgoing(), msg)
			if err != nil {
				return nil, err
			}
			p.DeliveryMode = amqp.Transient
			parcels[i] = p
		}
		answers, err := b.probeBatch(ctx, parcels)
		if err != nil {
			return nil, err
		}
		reached = append(reached, answers...)
	}
	return reached, nil
}

// probeBatch publishes a batch and waits for every verdict. It has the lane to itself as long.
func (b *Bus) probeBatch(ctx context.Context, parcels []parcel) ([]bool, error) {
	s, err := b.publishing.use()
	if err != nil {
		return nil, err
	}
	lane := s.lanes.probes
	if err := enter(ctx, s, lane.writing); err != nil {
		return nil, err
	}
	defer func() { <-lane.writing }()
	receipts, err := lane.putAll(ctx, s, parcels)
	defer s.raw.answered()
	reached := make([]bool, len(receipts))
	for i := range receipts { // every one: what is not waited for has to be given up
		verdict := receipts[i].await(ctx, s)
		reached[i] = verdict == nil
		if err == nil && !errors.Is(verdict, bus.ErrUnroutable) {
			err = verdict
		}
	}
	if err != nil {
		return nil, err
	}
	return reached, nil
}

// putAll writes mandatory messages in as few packets as possible. It returns the receipts of those that were written, also with
// an error. The caller has the lane.
func (l *lane) putAll(ctx context.Context, s *spell, parcels []parcel) ([]receipt, error) {
	s.raw.hold()
	defer s.raw.release()
	receipts := make([]receipt, 0, len(parcels))
	for _, p := range parcels {
		if err := enter(ctx, s, l.slots); err != nil {
			return receipts, err
		}
		r, err := l.put(s, p)
		if err != nil {
			return receipts, err
		}
		receipts = append(receipts, r)
	}
	return receipts, nil
}
