package rabbit

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"

	"parley/app/bus"
)

const (
	// ackEvery is how many messages are acknowledged at once, and ackDelay how long fewer wait for others to be
	// acknowledged with. A quorum queue lets a channel have 32 acknowledgements under way; those that it keeps back
	// are forgotten if the channel is closed before it has sent them, and what was handled is handled again. That
	// is allowed, but it should not be the rule whenever a busy consumer is stopped.
	ackEvery = orderedPrefetch / 4
	ackDelay = 5 * time.Millisecond
)

// errReturned ends the use of a channel whose messages go back.
var errReturned = errors.New("messages go back to the queue")

// acks gathers acknowledgements.
type acks struct {
	ch           *amqp.Channel
	deadLettered prometheus.Counter

	mu    sync.Mutex
	last  uint64 // delivery tag of the last message to be acknowledged
	count int
}

// settle carries out the policy's verdicts.
func (a *acks) settle(batch []amqp.Delivery, verdicts []bus.Verdict) error {
	for i, d := range batch {
		var err error
		switch verdicts[i] {
		case bus.Ack:
			err = a.add(d.DeliveryTag, 1)
		case bus.Dead:
			err = a.discard(d.DeliveryTag)
		case bus.Return: // closing the channel returns it, with everything behind it
			err = errors.Join(errReturned, a.flush())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add acknowledges n messages, the last of which has the tag, sooner or a little later.
func (a *acks) add(tag uint64, n int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = tag
	a.count += n
	if a.count >= ackEvery {
		return a.send()
	}
	if a.count == n {
		// If it fails the channel is lost, which will be noticed without it.
		time.AfterFunc(ackDelay, func() { _ = a.flush() })
	}
	return nil
}

// discard dead-letters a message.
func (a *acks) discard(tag uint64) error {
	if err := a.flush(); err != nil {
		return err
	}
	if err := a.ch.Nack(tag, false, false); err != nil {
		return fmt.Errorf("dead-letter: %w", err)
	}
	a.deadLettered.Inc()
	return nil
}

// flush acknowledges what was gathered.
func (a *acks) flush() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.send()
}

// send acknowledges what was gathered: it is everything up to the last one. The caller holds mu.
func (a *acks) send() error {
	if a.count == 0 {
		return nil
	}
	a.count = 0
	if err := a.ch.Ack(a.last, true); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	return nil
}
