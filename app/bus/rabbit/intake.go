package rabbit

import (
	"context"
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"
)

// intake is where deliveries wait to be handled. The library has a buffer of its own, which cannot be asked whether
// it holds anything.
type intake struct {
	ready chan amqp.Delivery
	// lost is closed when the deliveries have ended: what waits here is void, the broker has taken it back.
	lost chan struct{}
	// held was taken out but belongs to the next batch.
	held *amqp.Delivery
}

var errChannelLost = errors.New("the channel is closed")

// newIntake moves deliveries until they end, which is when their channel or consumer does; then it calls onLost.
// limit is the prefetch, as there can never be more.
func newIntake(deliveries <-chan amqp.Delivery, limit int, onLost func()) *intake {
	in := &intake{ready: make(chan amqp.Delivery, limit), lost: make(chan struct{})}
	go func() {
		for d := range deliveries {
			in.ready <- d
		}
		close(in.lost)
		onLost()
	}()
	return in
}

// batch waits for a delivery and takes it with those that are there, up to limit. A suspicious one goes alone.
func (in *intake) batch(ctx context.Context, limit int) ([]amqp.Delivery, error) {
	first, err := in.next(ctx)
	if err != nil {
		return nil, err
	}
	batch := make([]amqp.Delivery, 1, min(limit, 1+len(in.ready)))
	batch[0] = first
	for len(batch) < limit && timesDelivered(&first) < suspicious {
		d, ok := in.poll()
		if !ok {
			break
		}
		if timesDelivered(&d) >= suspicious {
			in.held = &d
			break
		}
		batch = append(batch, d)
	}
	return batch, in.check(ctx)
}

// next waits for a delivery.
func (in *intake) next(ctx context.Context) (amqp.Delivery, error) {
	if in.held != nil {
		d := *in.held
		in.held = nil
		return d, in.check(ctx)
	}
	select {
	case d := <-in.ready:
		return d, in.check(ctx)
	case <-in.lost:
		return amqp.Delivery{}, errChannelLost
	case <-ctx.Done():
		return amqp.Delivery{}, ctx.Err()
	}
}

// poll takes a delivery if there is one.
func (in *intake) poll() (amqp.Delivery, bool) {
	select {
	case d := <-in.ready:
		return d, true
	default:
		return amqp.Delivery{}, false
	}
}

// check returns an error if nothing more may be handled.
func (in *intake) check(ctx context.Context) error {
	select {
	case <-in.lost:
		return errChannelLost
	default:
		return ctx.Err()
	}
}
