package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"parley/app/bus"
)

// queue is a work queue.
type queue struct {
	bus.Queue // MaxLength is guarded by Bus.mu
	items     *fifo[*item]
	metrics   bus.QueueMetrics
	// active is the token of an ordered queue's one active consumer; nil if the queue is not ordered.
	active chan struct{}
	// consumers counts the calls of Consume, active or waiting. Guarded by Bus.mu.
	consumers int
}

// item is a message in a work queue, and the Send that waits for it.
type item struct {
	msg  bus.Message
	done chan error // has room for the one outcome
}

// fail ends the wait for items that nobody will handle.
func fail(items []*item) {
	for _, it := range items {
		it.done <- errStopped
	}
}

// Declare makes the queues exist.
func (b *Bus) Declare(_ context.Context, queues ...bus.Queue) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != running {
		return b.state.refusal()
	}
	for _, q := range queues {
		if _, err := b.declare(q); err != nil {
			return err
		}
	}
	return nil
}

// declare returns the queue, which it makes if need be. The caller holds mu.
func (b *Bus) declare(q bus.Queue) (*queue, error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	if known := b.queues[q.Name]; known != nil {
		if known.Key != q.Key || known.Ordered != q.Ordered {
			return nil, fmt.Errorf("queue %q exists with another key or order", q.Name)
		}
		if q.MaxLength > 0 {
			known.MaxLength = q.MaxLength
		}
		return known, nil
	}
	if taken := b.routes[q.Key]; taken != nil {
		return nil, fmt.Errorf("key %q is taken by queue %q", q.Key, taken.Name)
	}
	made := &queue{Queue: q, items: newFIFO[*item](b.queueLimit), metrics: b.metrics.Queue(q.Name)}
	if q.Ordered {
		made.active = make(chan struct{}, 1)
	}
	b.queues[q.Name] = made
	b.routes[q.Key] = made
	return made, nil
}

// Send queues the message and waits until a consumer has acknowledged it.
func (b *Bus) Send(ctx context.Context, msg bus.Message) error {
	begun := time.Now()
	err := b.send(ctx, msg)
	b.metrics.Sent(begun, err)
	return err
}

func (b *Bus) send(ctx context.Context, msg bus.Message) error {
	if err := b.begin(ctx); err != nil {
		return err
	}
	defer b.inFlight.Done()

	b.mu.RLock()
	q, most := b.routes[msg.Key], 0
	if q != nil && !msg.Urgent {
		most = q.MaxLength
	}
	b.mu.RUnlock()
	if q == nil {
		return fmt.Errorf("%w: %q", bus.ErrUnroutable, msg.Key)
	}
	it := &item{msg: carry(msg), done: make(chan error, 1)}
	if err := q.add(ctx, it, most); err != nil {
		return err
	}
	select {
	case err := <-it.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// add puts the item into the queue. Unless there is a most, it waits for room.
func (q *queue) add(ctx context.Context, it *item, most int) error {
	var err error
	if most > 0 {
		err = q.items.offer(it, most)
	} else {
		err = q.items.push(ctx, it)
	}
	if err == nil {
		q.metrics.Depth.Inc()
	}
	return err
}

// Consume hands the queue's messages to w.
func (b *Bus) Consume(ctx context.Context, want bus.Queue, w bus.Worker) error {
	if err := want.Validate(); err != nil {
		return err
	}
	asked := ctx // the caller's wish to end, which is no error
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.life, cancel)()

	err := b.consume(ctx, want, w)
	if asked.Err() != nil {
		return nil
	}
	if ctx.Err() != nil {
		return errStopped
	}
	return err
}

// consume returns when ctx ends, or with an error if it cannot begin.
func (b *Bus) consume(ctx context.Context, want bus.Queue, w bus.Worker) error {
	if await(ctx, b.started) != nil {
		return nil
	}
	q, err := b.attach(want)
	if err != nil {
		return err
	}
	defer b.detach(q)

	if q.active != nil {
		select {
		case q.active <- struct{}{}:
			defer func() { <-q.active }()
		case <-ctx.Done():
			return nil
		}
	}
	policy := &bus.Redelivery{Worker: w, Log: b.log.With("queue", q.Name)}
	for {
		items, err := q.items.pop(ctx, want.Batch)
		if err != nil {
			return err
		}
		q.metrics.Depth.Sub(float64(len(items)))
		b.metrics.Received(len(items))
		q.handle(ctx, policy, items)
	}
}

// handle carries out the policy's verdicts on one batch.
func (q *queue) handle(ctx context.Context, policy *bus.Redelivery, items []*item) {
	batch := make([]bus.Message, len(items))
	for i, it := range items {
		batch[i] = it.msg
		if it.msg.Redelivered {
			q.metrics.Redelivered.Inc()
		}
	}
	work, cancel := bus.Finishing(ctx)
	defer cancel()
	verdicts := policy.Handle(work, ctx.Done(), batch)

	var back []*item
	for i, it := range items {
		switch verdicts[i] {
		case bus.Ack:
			it.done <- nil
		case bus.Dead:
			q.metrics.DeadLettered.Inc()
			it.done <- fmt.Errorf("%w: %q", bus.ErrDeadLettered, it.msg.Key)
		case bus.Return:
			it.msg.Redelivered = true
			back = append(back, it)
		}
	}
	if len(back) == 0 {
		return
	}
	if !q.items.putBack(back) {
		fail(back)
		return
	}
	q.metrics.Depth.Add(float64(len(back)))
}

func (b *Bus) attach(want bus.Queue) (*queue, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != running {
		return nil, b.state.refusal()
	}
	q, err := b.declare(want)
	if err != nil {
		return nil, err
	}
	q.consumers++
	return q, nil
}

func (b *Bus) detach(q *queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q.consumers--
	if b.state != running && q.consumers == 0 {
		fail(q.items.close()) // nobody is left to wait for
	}
}

// carry copies a message as a broker would: what the sender does to its bytes afterwards is not seen.
func carry(msg bus.Message) bus.Message {
	return bus.Message{Key: msg.Key, Type: msg.Type, Body: slices.Clone(msg.Body)}
}
