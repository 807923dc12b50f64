package bus

import (
	"context"
	"fmt"

	"parley/app/registry"
)

// Consumes is what a Consumer needs of the bus.
type Consumes interface {
	Declare(ctx context.Context, queues ...Queue) error
	Consume(ctx context.Context, q Queue, w Worker) error
}

// Consumer is a component of the role worker that hands the messages of one work queue to a Worker, which needs the store.
type Consumer struct {
	name   string
	bus    Consumes
	queue  Queue
	worker Worker
	host   registry.Host
}

// NewConsumer makes the component of that name.
func NewConsumer(name string, b Consumes, q Queue, w Worker) *Consumer {
	return &Consumer{name: name, bus: b, queue: q, worker: w}
}

// Name implements registry.Module.
func (c *Consumer) Name() string { return c.name }

// Roles implements registry.Module.
func (*Consumer) Roles() []registry.Role { return []registry.Role{registry.Worker} }

// Needs implements registry.Module.
func (*Consumer) Needs() []string { return []string{"store", "bus"} }

// Init implements registry.Module.
func (c *Consumer) Init(h registry.Host) error {
	c.host = h
	return nil
}

// Start makes the queue exist, and begins to consume it.
func (c *Consumer) Start(ctx context.Context) error {
	if err := c.bus.Declare(ctx, c.queue); err != nil {
		return fmt.Errorf("declare the queue %q: %w", c.queue.Name, err)
	}
	c.host.Go("consume", func(ctx context.Context) error { return c.bus.Consume(ctx, c.queue, c.worker) })
	return nil
}

// Stop implements registry.Module; consuming ends with the host's context.
func (*Consumer) Stop(context.Context) error { return nil }
