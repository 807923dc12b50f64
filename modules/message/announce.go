package message

import (
	"context"

	"parley/app/bus"
	"parley/app/event"
)

// Marker marks messages as changed.
type Marker interface {
	// Told notes that a change of each of the messages is about to be told, now that their channels are as far as they are.
	Told(ctx context.Context, messageIDs []int64) error
}

// Announcer handles event.TypeAnnounce: it publishes the events of changes that were committed, in their channels' order.
//
// A message that was changed is found by how far its channel was at the change. But messages that were accepted before it may be
// kept and told between the change and what is told of it, so that a client which hears them, and is cut off before it hears of the
// change, is further by then. Hence the message is marked again, with how far the channel is when the change is told: whoever has not
// heard of it is no further.
type Announcer struct{ marker Marker }

// NewAnnouncer returns an Announcer.
func NewAnnouncer(m Marker) *Announcer { return &Announcer{m} }

// Handle implements Handler.
func (a *Announcer) Handle(ctx context.Context, msgs []bus.Message) (events []bus.Message, err error) {
	var changed []int64
	for _, msg := range msgs {
		of, ids, err := event.Announced(msg)
		if err != nil {
			return nil, err
		}
		events, changed = append(events, of...), append(changed, ids...)
	}
	if len(changed) == 0 {
		return events, nil
	}
	return events, a.marker.Told(ctx, changed)
}

// GaveUp implements Handler: there is nobody to tell, and clients find the change when they synchronize.
func (a *Announcer) GaveUp(context.Context, bus.Message) ([]bus.Message, error) { return nil, nil }
