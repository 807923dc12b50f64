package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"parley/app/bus"
)

// bound returns the inboxes that want events with any of the keys, each once.
func (b *Bus) bound(key string, also ...string) []*inbox {
	b.mu.RLock()
	defer b.mu.RUnlock()
	inboxes := make([]*inbox, 0, len(b.bindings[key]))
	for in := range b.bindings[key] {
		inboxes = append(inboxes, in)
	}
	for _, key := range also {
		for in := range b.bindings[key] {
			if !slices.Contains(inboxes, in) {
				inboxes = append(inboxes, in)
			}
		}
	}
	return inboxes
}

// deliver puts a copy of the message into each inbox. One that is closed meanwhile does not want it any more.
func deliver(ctx context.Context, inboxes []*inbox, msg bus.Message) error {
	for _, in := range inboxes {
		err := in.events.push(ctx, msgFor(msg))
		if err != nil && !errors.Is(err, bus.ErrUnavailable) {
			return err
		}
	}
	return nil
}

// msgFor is the copy of an event that one inbox gets.
func msgFor(msg bus.Message) bus.Message {
	event := carry(msg)
	event.ReplyTo = msg.ReplyTo
	return event
}

// Publish puts the events into the inboxes bound to their keys. Unlike new work it is still possible while Stop waits:
// the consumers that it waits for publish.
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
	for _, msg := range msgs {
		msg.ReplyTo = ""
		if err := deliver(ctx, b.bound(msg.Key, msg.Also...), msg); err != nil {
			return err
		}
	}
	return nil
}

// Probe puts the events into the inboxes bound to their keys, and reports which of them found any.
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
	reached := make([]bool, len(msgs))
	for i, msg := range msgs {
		inboxes := b.bound(msg.Key)
		msg.ReplyTo = ""
		if err := deliver(ctx, inboxes, msg); err != nil {
			return nil, err
		}
		reached[i] = len(inboxes) > 0
	}
	return reached, nil
}

// Call puts the question into the inbox bound to its key and waits for the answer.
func (b *Bus) Call(ctx context.Context, msg bus.Message) (bus.Message, error) {
	if err := b.begin(ctx); err != nil {
		return bus.Message{}, err
	}
	defer b.inFlight.Done()

	inboxes := b.bound(msg.Key)
	if len(inboxes) == 0 {
		return bus.Message{}, fmt.Errorf("%w: %q", bus.ErrUnroutable, msg.Key)
	}
	id, answer := b.expect()
	defer b.forget(id)
	msg.ReplyTo = id
	if err := deliver(ctx, inboxes, msg); err != nil {
		return bus.Message{}, err
	}
	select {
	case reply := <-answer:
		return reply, nil
	case <-ctx.Done():
		return bus.Message{}, ctx.Err()
	case <-b.life.Done():
		return bus.Message{}, errStopped
	}
}

// Reply hands the answer to the Call that waits for it, if it still does.
func (b *Bus) Reply(ctx context.Context, to bus.Message, body []byte) error {
	if to.ReplyTo == "" {
		return errors.New("only a message received from Call can be answered")
	}
	if err := b.alive(ctx); err != nil {
		return err
	}
	b.callMu.Lock()
	answer := b.calls[to.ReplyTo]
	b.callMu.Unlock()
	select {
	case answer <- carry(bus.Message{Body: body}):
	default: // answered already, or nobody waits (a nil channel takes nothing)
	}
	return nil
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

// alive returns nil from Start until Stop has waited for what is being sent.
func (b *Bus) alive(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.state == idle || b.state == stopped {
		return b.state.refusal()
	}
	return nil
}
