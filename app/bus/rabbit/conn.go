package rabbit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"parley/app/bus"
)

// closeTimeout is how long the broker has to answer when a channel or connection is closed.
const closeTimeout = 3 * time.Second

// conn is one connection to the broker, for as long as it lasts.
type conn struct {
	*amqp.Connection
	raw *wire
	// blocked says when the broker stops and starts reading from this connection.
	blocked chan amqp.Blocking
	// lost is closed when the connection is gone, whoever ended it.
	lost chan struct{}
	// helpers are the goroutines that belong to the connection; close waits for them.
	helpers sync.WaitGroup
	// background takes those that users of the connection leave behind, even after its end; Stop waits for them.
	background *sync.WaitGroup

	lanes *lanes // of the publishing connection

	mu    sync.Mutex
	cause error // why it is gone; the first reason counts
}

func newConn(connection *amqp.Connection, raw *wire, background *sync.WaitGroup) *conn {
	c := &conn{
		Connection: connection, raw: raw, background: background,
		blocked: connection.NotifyBlocked(make(chan amqp.Blocking, 8)),
		lost:    make(chan struct{}),
	}
	closed := connection.NotifyClose(make(chan *amqp.Error, 1))
	c.helpers.Go(func() {
		if err, ok := <-closed; ok {
			c.kill(err) // the library itself may be waiting for the lock of a stuck writer
		}
		close(c.lost)
	})
	return c
}

// kill ends the connection at once, without a word to the broker.
func (c *conn) kill(cause error) {
	c.blame(cause)
	c.raw.cut()
}

// fail ends the connection after an error on it that leaves it in doubt. That something was closed is only a
// consequence: then the connection is ended for its cause.
func (c *conn) fail(err error) {
	if !errors.Is(err, amqp.ErrClosed) {
		c.kill(err)
	}
}

func (c *conn) blame(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = cause
	}
}

// reason says why the connection is gone.
func (c *conn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		return errors.New("the connection is closed")
	}
	return c.cause
}

// close ends the connection in good order if the broker plays along, and waits for its goroutines.
func (c *conn) close() {
	_ = c.CloseDeadline(time.Now().Add(closeTimeout)) // nothing depends on how it goes
	c.raw.cut()
	c.helpers.Wait()
}

// vital opens a channel whose unexpected end is the end of the whole connection: making everything anew
// brings back what the channel was for.
func (c *conn) vital() (*amqp.Channel, error) {
	ch, err := c.Channel()
	if err != nil {
		return nil, fmt.Errorf("open a channel: %w", err)
	}
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	c.helpers.Go(func() {
		if err, ok := <-closed; ok {
			c.kill(err)
		}
	})
	return ch, nil
}

// closeChannel closes a channel and waits until the broker has done so. A broker that does not answer is hung.
func (c *conn) closeChannel(ch *amqp.Channel) {
	done := make(chan struct{})
	go func() {
		_ = ch.Close() // it is gone in any case
		close(done)
	}()
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		c.kill(errors.New("the broker does not answer"))
		<-done
	}
}

// do runs a few synchronous commands on a channel of their own.
func (c *conn) do(ctx context.Context, commands func(*amqp.Channel) error) error {
	return c.offload(ctx, func() error {
		ch, err := c.Channel()
		if err != nil {
			return err
		}
		defer func() { _ = ch.Close() }() // closed already if a command was refused
		return commands(ch)
	})
}

// offload waits for work that waits for the broker, but not beyond the end of ctx: then it is left to itself.
func (c *conn) offload(ctx context.Context, work func() error) error {
	result := make(chan error, 1)
	c.background.Go(func() { result <- work() })
	select {
	case err := <-result:
		return explain(err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// explain makes an error of the library one of the bus: ErrUnavailable, unless trying again is of no use.
func explain(err error) error {
	var refused *amqp.Error
	if err == nil || errors.As(err, &refused) && refused.Code == amqp.PreconditionFailed {
		return err
	}
	return fmt.Errorf("%w: %w", bus.ErrUnavailable, err)
}
