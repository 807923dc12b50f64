package rabbit

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"parley/app/bus"
)

// maxName is the longest routing key and message type that AMQP can carry, in bytes.
const maxName = 255

func (b *Bus) openLanes(c *conn) error {
	work, err := newLane(c, true)
	if err != nil {
		return err
	}
	events, err := newLane(c, false)
	if err != nil {
		return err
	}
	calls, err := newLane(c, true)
	if err != nil {
		return err
	}
	probes, err := newLane(c, true)
	if err != nil {
		return err
	}
	c.lanes = &lanes{work: work, events: events, calls: calls, probes: probes}
	if err := b.takeReplies(c, calls.ch); err != nil {
		return err
	}
	c.raw.pace(gatherTime)
	return nil
}

// sendTries is how often a message is published that the broker refuses to take. A quorum queue refuses when it is
// new, or choosing a leader; it has changed its mind a moment later.
const sendTries = 3

// Send publishes the message persistent and mandatory, and waits for the broker's confirm.
func (b *Bus) Send(ctx context.Context, msg bus.Message) error {
	begun := time.Now()
	err := b.sendOrRefuse(ctx, msg)
	b.metrics.Sent(begun, err)
	return err
}

func (b *Bus) sendOrRefuse(ctx context.Context, msg bus.Message) error {
	if err := b.begin(ctx); err != nil {
		return err
	}
	defer b.inFlight.Done()
	p, err := wrap(b.topology.incoming(), msg)
	if err != nil {
		return err
	}
	p.DeliveryMode = amqp.Persistent
	var limit *backlog
	if !msg.Urgent {
		limit = b.topology.backlog(msg.Key)
	}
	if err = b.send(ctx, p, limit); !errors.Is(err, errRefused) {
		return err
	}
	pace := newWait()
	for try := 1; errors.Is(err, errRefused) && try < sendTries && sleep(ctx, pace.NextBackOff()); try++ {
		err = b.send(ctx, p, limit)
	}
	return err
}

func (b *Bus) send(ctx context.Context, p parcel, limit *backlog) error {
	s, err := b.publishing.use()
	if err != nil {
		return err
	}
	if limit != nil {
		if err := limit.admit(ctx, s); err != nil {
			return err
		}
	}
	r, err := s.lanes.work.write(ctx, s, p)
	if err != nil {
		return err
	}
	defer s.raw.answered()
	return r.await(ctx, s)
}

// Publish publishes the events one after the other, and then waits for the broker's confirms. The events are transient: the
// inboxes do not outlive their process, let alone the broker.
func (b *Bus) Publish(ctx context.Context, msgs ...bus.Message) error {
	begun := time.Now()
	err := b.publish(ctx, msgs)
	b.metrics.Published(begun, len(msgs), err)
	return err
}

func (b *Bus) publish(ctx context.Context, msgs []bus.Message) error {
	if err := b.alive(ctx); err != nil {
		return err
	}
	parcels := make([]parcel, len(msgs))
	for i, msg := range msgs {
		p, err := wrap(b.topology.outgoing(), msg)
		if err != nil {
			return err
		}
		p.DeliveryMode = amqp.Transient
		p.Headers = alsoTo(msg.Also)
		parcels[i] = p
	}
	return b.post(ctx, parcels...)
}

// post sends parcels on the lane for events.
func (b *Bus) post(ctx context.Context, parcels ...parcel) error {
	s, err := b.publishing.use()
	if err != nil {
		return err
	}
	receipts, err := s.lanes.events.writeAll(ctx, s, parcels)
	if err != nil {
		return err
	}
	defer s.raw.answered()
	for i := range receipts {
		if err := receipts[i].await(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// wrap makes a parcel of a message, if AMQP can carry it. It would be found out later, too, but at the price of the
// connection.
func wrap(exchange string, msg bus.Message) (parcel, error) {
	if len(msg.Key) > maxName || len(msg.Type) > maxName {
		return parcel{}, fmt.Errorf("routing key %.40q or type %.40q is longer than %d bytes", msg.Key, msg.Type, maxName)
	}
	return parcel{exchange: exchange, key: msg.Key, Publishing: amqp.Publishing{Type: msg.Type, Body: msg.Body}}, nil
}

// unwrap is the message in a delivery.
func unwrap(d *amqp.Delivery) bus.Message {
	return bus.Message{Key: d.RoutingKey, Type: d.Type, Body: d.Body, Redelivered: d.Redelivered}
}

// alsoTo has the broker route a message by further keys. It takes this header off before it hands the message out.
// https://www.rabbitmq.com/docs/sender-selected
func alsoTo(keys []string) amqp.Table {
	if len(keys) == 0 {
		return nil
	}
	list := make([]any, 0, len(keys))
	for _, key := range keys {
		list = append(list, key)
	}
	return amqp.Table{"BCC": list}
}
