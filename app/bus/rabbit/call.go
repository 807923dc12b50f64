package rabbit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"parley/app/bus"
)

// directReplyTo stands for the channel itself: the broker hands what is sent to it straight to the channel that
// asked, without a queue. https://www.rabbitmq.com/docs/direct-reply-to
const directReplyTo = "amq.rabbitmq.reply-to"

// takeReplies makes ch able to ask questions, and hands the answers to the calls that wait for them.
func (b *Bus) takeReplies(c *conn, ch *amqp.Channel) error {
	replies, err := ch.Consume(directReplyTo, "replies", true, true, false, false, nil)
	if err != nil {
		return fmt.Errorf("consume replies: %w", err)
	}
	c.helpers.Go(func() {
		for d := range replies {
			b.callMu.Lock()
			answer := b.calls[d.CorrelationId]
			b.callMu.Unlock()
			select {
			case answer <- bus.Message{Type: d.Type, Body: d.Body}:
			default: // answered already, or nobody waits (a nil channel takes nothing)
			}
		}
	})
	return nil
}

// Call publishes the question, mandatory, and waits for the first answer.
func (b *Bus) Call(ctx context.Context, msg bus.Message) (bus.Message, error) {
	if err := b.begin(ctx); err != nil {
		return bus.Message{}, err
	}
	defer b.inFlight.Done()
	p, err := wrap(b.topology.outgoing(), msg)
	if err != nil {
		return bus.Message{}, err
	}
	s, err := b.publishing.use()
	if err != nil {
		return bus.Message{}, err
	}
	id, answer := b.expect()
	defer b.forget(id)
	p.ReplyTo, p.CorrelationId = directReplyTo, id
	r, err := s.lanes.calls.write(ctx, s, p)
	if err != nil {
		return bus.Message{}, err
	}
	err = r.await(ctx, s)
	s.raw.answered()
	if err != nil {
		return bus.Message{}, err
	}
	select {
	case reply := <-answer:
		return reply, nil
	case <-s.over: // an answer would not find its way any more
		return bus.Message{}, s.cause
	case <-ctx.Done():
		return bus.Message{}, ctx.Err()
	}
}

// Reply sends the answer to where the question came from.
func (b *Bus) Reply(ctx context.Context, to bus.Message, body []byte) error {
	if err := b.alive(ctx); err != nil {
		return err
	}
	id, address, ok := strings.Cut(to.ReplyTo, " ")
	if !ok {
		return errors.New("only a message received from Call can be answered")
	}
	return b.post(ctx, parcel{key: address, Publishing: amqp.Publishing{
		CorrelationId: id, Body: body, DeliveryMode: amqp.Transient,
	}})
}

// replyTo is what Reply needs to know of a question; empty if d is none.
func replyTo(d *amqp.Delivery) string {
	if d.ReplyTo == "" {
		return ""
	}
	return d.CorrelationId + " " + d.ReplyTo
}

func (b *Bus) expect() (id string, answer chan bus.Message) {
	b.callMu.Lock()
	defer b.callMu.Unlock()
	b.lastCall++
	id, answer = strconv.FormatUint(b.lastCall, 10), make(chan bus.Message, 1)
	b.calls[id] = answer
	return id, answer
}

func (b *Bus) forget(id string) {
	b.callMu.Lock()
	defer b.callMu.Unlock()
	delete(b.calls, id)
}
