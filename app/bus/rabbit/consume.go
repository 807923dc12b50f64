package rabbit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"parley/app/bus"
)

const (
	// orderedPrefetch is how many messages a consumer of an ordered queue may hold. It must be the same in every
	// process that ever consumes the queue, so it does not depend on the size of a batch: when a consumer is lost,
	// what it held goes to the head of the queue, in order, and its successor gets it. If the successor could hold
	// less than all of it and was lost, too, then what it held would end up behind the rest.
	// (Seen on RabbitMQ 3.10: 1…8 held, lost; 1 and 2 held, lost; then 3…8, 1, 2.)
	orderedPrefetch = 256
	// suspicious is the number of earlier deliveries from which on a message goes alone: perhaps it takes its worker's
	// process down with it, and then the last line of the log tells which it was. See deliveryLimit.
	suspicious = 5
)

// consumption is one call of Consume.
type consumption struct {
	bus    *Bus
	queue  bus.Queue
	policy *bus.Redelivery
	log    *slog.Logger
	// metrics are those of the queue.
	metrics bus.QueueMetrics
}

// Consume hands the queue's messages to w, on one connection after the other.
func (b *Bus) Consume(ctx context.Context, q bus.Queue, w bus.Worker) error {
	if err := q.Validate(); err != nil {
		return err
	}
	if err := b.addConsumer(); err != nil {
		return err
	}
	defer b.consumers.Done()
	asked := ctx // the caller's wish to end, which is no error
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.life, cancel)()

	log := b.log.With("queue", q.Name)
	c := &consumption{
		bus: b, queue: q, policy: &bus.Redelivery{Worker: w, Log: log}, log: log, metrics: b.metrics.Queue(q.Name),
	}
	pace := newWait()
	for ctx.Err() == nil {
		s, err := b.consuming.await(ctx)
		if err != nil {
			break
		}
		err = c.on(ctx, s)
		if ctx.Err() != nil {
			break
		}
		log.Warn("consumer lost, will be made again", "error", err)
		select {
		case <-s.over: // then the link sets the pace
			pace.Reset()
		case <-time.After(pace.NextBackOff()):
		case <-ctx.Done():
		}
	}
	if asked.Err() != nil {
		return nil
	}
	return errStopped
}

func (b *Bus) addConsumer() error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.state > running {
		return errStopped
	}
	b.consumers.Add(1)
	return nil
}

// on consumes on one connection until ctx ends or the channel is lost.
//
// The channel is closed in the end; the consumer is never cancelled. A cancelled single active consumer keeps the
// messages that it has not acknowledged, while its successor gets those behind them. Closing the
// channel returns them all, in order, and only then is the successor activated.
func (c *consumption) on(ctx context.Context, s *spell) error {
	ch, err := s.Channel()
	if err != nil {
		return err
	}
	deliveries, err := c.subscribe(ch)
	if err != nil {
		s.closeChannel(ch)
		return err
	}
	work, cancel := bus.Finishing(ctx)
	defer cancel()
	in := newIntake(deliveries, c.prefetch(), cancel) // once the channel is lost, so are the messages at hand
	defer func() {
		s.closeChannel(ch)
		<-in.lost
	}()
	acks := &acks{ch: ch, deadLettered: c.metrics.DeadLettered}
	for {
		batch, err := in.batch(ctx, c.queue.Batch)
		if err != nil {
			return errors.Join(err, acks.flush())
		}
		if n := timesDelivered(&batch[0]); n >= suspicious {
			c.log.Warn("a message that was handed out several times goes alone",
				"key", batch[0].RoutingKey, "type", batch[0].Type, "deliveries", n)
		}
		verdicts := c.policy.Handle(work, ctx.Done(), c.take(batch))
		if err := acks.settle(batch, verdicts); err != nil {
			return err
		}
	}
}

// take is the batch as the worker gets it.
func (c *consumption) take(batch []amqp.Delivery) []bus.Message {
	c.bus.metrics.Received(len(batch))
	msgs := make([]bus.Message, len(batch))
	for i := range batch {
		msgs[i] = unwrap(&batch[i])
		if msgs[i].Redelivered {
			c.metrics.Redelivered.Inc()
		}
	}
	return msgs
}

// subscribe makes the queue exist and begins to consume it.
func (c *consumption) subscribe(ch *amqp.Channel) (<-chan amqp.Delivery, error) {
	t := c.bus.topology
	if err := t.declare(ch, c.queue); err != nil {
		return nil, err
	}
	t.add(c.queue)
	if err := ch.Qos(c.prefetch(), 0, false); err != nil {
		return nil, fmt.Errorf("set prefetch: %w", err)
	}
	deliveries, err := ch.Consume(t.name(c.queue.Name), "worker", false, false, false, false, nil)
	if err != nil {
		return nil, fmt.Errorf("consume: %w", err)
	}
	return deliveries, nil
}

// prefetch is how many of the queue's messages a consumer may hold: with two batches, the next one is there when
// the first is done, and what other consumers could handle does not wait for this one.
func (c *consumption) prefetch() int {
	if c.queue.Ordered {
		return orderedPrefetch
	}
	return 2 * c.queue.Batch
}

// timesDelivered is how often the message was handed to a consumer and came back.
func timesDelivered(d *amqp.Delivery) int64 {
	n, _ := d.Headers["x-delivery-count"].(int64)
	return n
}
