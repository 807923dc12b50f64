package rabbit

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"

	"parley/app/bus"
)

// maxInFlight is how many mandatory messages may wait for the broker's confirm at once; more of them wait for their turn.
const maxInFlight = 1024

// lanes are the channels of a publishing connection. Messages of one lane keep their order.
type lanes struct {
	work   *lane // incoming
	events *lane // outgoing, and replies
	calls  *lane // outgoing, and where replies arrive
	probes *lane // outgoing
}

// lane publishes on one channel, with confirms.
//
// A mandatory message that no queue takes is returned, and then confirmed as if all were well. The library hands over
// the return before it looks at the confirm, but it gives up a handover after a while, silently, which would turn an
// unroutable message into a success. So returns go into a channel with room for as many as there can be, which is
// what slots ensure.
type lane struct {
	ch *amqp.Channel
	// writing is held while a message is written. A channel, as a writer may be stuck and nobody needs to wait for it.
	writing chan struct{}
	// slots holds a token for each mandatory message that is not confirmed; nil if the lane takes none.
	slots   chan struct{}
	returns chan amqp.Return
	lastID  atomic.Uint64

	mu       sync.Mutex
	returned map[string]bool // the ids of messages that were returned and whose confirm was not yet seen
}

func newLane(c *conn, mandatory bool) (*lane, error) {
	ch, err := c.vital()
	if err != nil {
		return nil, err
	}
	if err := ch.Confirm(false); err != nil {
		return nil, fmt.Errorf("switch on confirms: %w", err)
	}
	l := &lane{ch: ch, writing: make(chan struct{}, 1), returned: make(map[string]bool)}
	if mandatory {
		l.slots = make(chan struct{}, maxInFlight)
		l.returns = ch.NotifyReturn(make(chan amqp.Return, maxInFlight))
	}
	return l, nil
}

// parcel is a message on its way to the broker.
type parcel struct {
	exchange, key string
	amqp.Publishing
}

// receipt stands for a message that was written and whose confirm is awaited.
type receipt struct {
	lane    *lane
	confirm *amqp.DeferredConfirmation
	id, key string
}

// write sends a message off. It waits for its turn, but not for the broker. The wire is to be told when it is answered.
func (l *lane) write(ctx context.Context, s *spell, p parcel) (receipt, error) {
	if l.slots != nil {
		if err := enter(ctx, s, l.slots); err != nil {
			return receipt{}, err
		}
	}
	if err := enter(ctx, s, l.writing); err != nil {
		l.release()
		return receipt{}, err
	}
	defer func() { <-l.writing }()
	s.raw.hold()
	defer s.raw.release()
	return l.put(s, p)
}

// writeAll is write for messages that go one right after the other. It is not for mandatory ones, which might wait for each other.
func (l *lane) writeAll(ctx context.Context, s *spell, parcels []parcel) ([]receipt, error) {
	if err := enter(ctx, s, l.writing); err != nil {
		return nil, err
	}
	defer func() { <-l.writing }()
	s.raw.hold()
	defer s.raw.release()
	receipts := make([]receipt, len(parcels))
	for i, p := range parcels {
		var err error
		if receipts[i], err = l.put(s, p); err != nil {
			return nil, err
		}
	}
	return receipts, nil
}

// put publishes a message. The caller has the lane, and a slot if there are any.
func (l *lane) put(s *spell, p parcel) (receipt, error) {
	r := receipt{lane: l, key: p.key}
	if l.slots != nil {
		r.id = strconv.FormatUint(l.lastID.Add(1), 10)
		p.MessageId = r.id
	}
	confirm, err := l.ch.PublishWithDeferredConfirm(p.exchange, p.key, l.slots != nil, false, p.Publishing)
	if err != nil {
		// The library takes the message back from its books, though the broker may have got it: from now on it would
		// take the confirms of some messages for those of others.
		s.fail(err)
		l.release()
		return receipt{}, fmt.Errorf("%w: %w", bus.ErrUnavailable, err)
	}
	r.confirm = confirm
	return r, nil
}

// enter puts a token into a semaphore.
func enter(ctx context.Context, s *spell, semaphore chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case semaphore <- struct{}{}:
		return nil
	case <-s.over:
		return s.cause
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release gives back the slot of a message that nothing will be heard of any more.
func (l *lane) release() {
	if l.slots != nil {
		<-l.slots
	}
}

// await waits for the broker's verdict on the message.
func (r *receipt) await(ctx context.Context, s *spell) error {
	select {
	case <-r.confirm.Done():
		return r.settle()
	default:
	}
	select {
	case <-r.confirm.Done():
		return r.settle()
	case <-s.over:
		r.abandon(s)
		return s.cause
	case <-ctx.Done():
		r.abandon(s)
		return ctx.Err()
	}
}

// abandon keeps the books of a message whose sender has stopped waiting. That ends with the connection at the latest.
func (r *receipt) abandon(s *spell) {
	if r.lane.slots == nil {
		return
	}
	s.background.Go(func() {
		<-r.confirm.Done()
		_ = r.settle() // whoever wanted to know has gone
	})
}

// settle reads the verdict once the confirm is there.
func (r *receipt) settle() error {
	defer r.lane.release()
	switch {
	case r.lane.wasReturned(r.id):
		return fmt.Errorf("%w: %q", bus.ErrUnroutable, r.key)
	case r.confirm.Acked():
		return nil
	case r.lane.ch.IsClosed(): // the library counts that as a refusal, too
		return errNotConfirmed
	default:
		return errRefused
	}
}

var (
	errNotConfirmed = fmt.Errorf("%w: the connection was lost before the broker confirmed the message", bus.ErrUnavailable)
	errRefused      = fmt.Errorf("%w: the broker refused the message", bus.ErrUnavailable)
)

// wasReturned reports whether the message, whose confirm has been seen, was returned. What the broker returned
// before it confirmed is in the channel by now.
func (l *lane) wasReturned(id string) bool {
	if l.slots == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		select {
		case r, ok := <-l.returns:
			if ok {
				l.returned[r.MessageId] = true
				continue
			}
		default:
		}
		break
	}
	was := l.returned[id]
	delete(l.returned, id)
	return was
}
