package rabbit

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"parley/app/bus"
)

const (
	// inboxPrefetch is how many events may be on their way to an inbox. The library would buffer any number.
	inboxPrefetch = 1024
	// inboxAck is how many events are handled at most before they are acknowledged.
	inboxAck = inboxPrefetch / 4
	// bindBatch is how many keys are bound in one go: the commands are written without waiting for
	// an answer, but for the last.
	bindBatch = 512
	// unbinders is how many channels unbind at the same time. The protocol has no unbinding without an answer.
	unbinders = 4
)

// stay is an inbox's queue on one connection. Whatever goes wrong with it ends
// the connection: then everything it may lack, exchanges included, is made anew.
type stay struct {
	*spell
	queue, exchange string
	events          *amqp.Channel
	control         [unbinders]*amqp.Channel // for bindings
}

// newStay makes the queue and opens its channels.
func newStay(ctx context.Context, s *spell, queue, exchange string) (*stay, error) {
	st := &stay{spell: s, queue: queue, exchange: exchange}
	err := s.do(ctx, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(queue, false, true, true, false, nil)
		return err
	})
	if err == nil {
		err = s.offload(ctx, st.open)
	}
	if err != nil {
		return nil, err
	}
	return st, nil
}

func (st *stay) open() (err error) {
	if st.events, err = st.vital(); err != nil {
		return err
	}
	for i := range st.control {
		if st.control[i], err = st.vital(); err != nil {
			return err
		}
	}
	return st.events.Qos(inboxPrefetch, 0, false)
}

// receive hands the events to r until ctx ends or the queue is lost.
func (st *stay) receive(ctx context.Context, r bus.Receiver, metrics *bus.Metrics) error {
	deliveries, err := st.events.Consume(st.queue, "inbox", false, true, false, false, nil)
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	in, acks := newIntake(deliveries, inboxPrefetch, func() {}), &acks{ch: st.events}
	defer func() { _ = acks.flush() }() // nothing may be left for later: the channel is going to be closed
	for {
		batch, err := in.batch(ctx, inboxAck)
		if err != nil {
			return err
		}
		metrics.Received(len(batch))
		for i := range batch {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			msg := unwrap(&batch[i])
			msg.ReplyTo = replyTo(&batch[i])
			r.Receive(ctx, msg)
		}
		if err := acks.add(batch[len(batch)-1].DeliveryTag, len(batch)); err != nil {
			return err
		}
	}
}

// end waits for the end of the connection. Most likely it is why the queue was lost; if not, it is ended.
func (st *stay) end(ctx context.Context, cause error) {
	timer := time.AfterFunc(time.Second, func() { st.kill(cause) })
	defer timer.Stop()
	select {
	case <-st.over:
	case <-ctx.Done():
	}
}

// bind binds the keys, in batches.
func (st *stay) bind(ctx context.Context, keys []string) error {
	ch := st.control[0]
	for batch := range slices.Chunk(keys, bindBatch) {
		if err := ctx.Err(); err != nil {
			return err
		}
		last := len(batch) - 1
		err := st.announce(ch, batch[:last])
		if err == nil {
			err = ch.QueueBind(st.queue, batch[last], st.exchange, false, nil)
		}
		if err != nil {
			return st.broken("bind", err)
		}
	}
	return nil
}

// announce binds keys without asking for an answer, in as few packets as possible.
func (st *stay) announce(ch *amqp.Channel, keys []string) error {
	st.raw.hold()
	defer st.raw.answered() // by nobody
	defer st.raw.release()
	for _, key := range keys {
		if err := ch.QueueBind(st.queue, key, st.exchange, true, nil); err != nil {
			return err
		}
	}
	return nil
}

// unbind unbinds the keys, on several channels if there are many.
func (st *stay) unbind(ctx context.Context, keys []string) error {
	var wg sync.WaitGroup
	var errs [unbinders]error
	share := max(1, (len(keys)+unbinders-1)/unbinders)
	i := 0
	for part := range slices.Chunk(keys, share) {
		ch, failed := st.control[i], &errs[i]
		wg.Go(func() {
			for _, key := range part {
				if *failed = ctx.Err(); *failed != nil {
					return
				}
				if err := ch.QueueUnbind(st.queue, key, st.exchange, nil); err != nil {
					*failed = st.broken("unbind", err)
					return
				}
			}
		})
		i++
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// broken ends the connection on which bindings can no longer be changed.
func (st *stay) broken(what string, err error) error {
	st.fail(err)
	return fmt.Errorf("%w: %s: %w", bus.ErrUnavailable, what, err)
}

// remove deletes the queue and closes its channels.
func (st *stay) remove() {
	_ = st.do(context.Background(), func(ch *amqp.Channel) error { // the end of the connection does it, too
		_, err := ch.QueueDelete(st.queue, false, false, false)
		return err
	})
	st.closeChannel(st.events)
	for _, ch := range st.control {
		st.closeChannel(ch)
	}
}
