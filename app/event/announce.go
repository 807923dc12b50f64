package event

import (
	"bytes"
	"encoding/json"
	"fmt"

	"parley/app/bus"
)

// announced is one line of a TypeAnnounce body: an event for the outgoing exchange.
type announced struct {
	Key  string          `json:"key"`
	Type string          `json:"type"`
	Body json.RawMessage `json:"body"`
	// Changed is the message that the event tells a change of, if any.
	Changed int64 `json:"changed,omitempty"`
}

// Announce makes work of an event: whoever consumes the partition publishes it when its turn comes, after the events of
// everything that was sent to the partition before. Lines of several such messages with the same
// key can be joined by appending their bodies to each other. Changed is the id of the message that the event tells a change of; 0 if it
// is about something else.
func Announce(partition int, e bus.Message, changed int64) (bus.Message, error) {
	msg, err := Encode(PartitionKey(partition), TypeAnnounce, announced{e.Key, e.Type, e.Body, changed})
	msg.Body = append(msg.Body, '\n')
	return msg, err
}

// Announced lists the events of a TypeAnnounce message, and the messages whose changes they tell.
func Announced(msg bus.Message) (events []bus.Message, changed []int64, err error) {
	for line := range bytes.Lines(msg.Body) {
		a, err := Decode[announced](bus.Message{Key: msg.Key, Type: msg.Type, Body: line}, TypeAnnounce)
		if err != nil {
			return nil, nil, err
		}
		if a.Key == "" {
			return nil, nil, fmt.Errorf("decode %s: an event without a key", TypeAnnounce)
		}
		events = append(events, bus.Message{Key: a.Key, Type: a.Type, Body: a.Body})
		if a.Changed != 0 {
			changed = append(changed, a.Changed)
		}
	}
	return events, changed, nil
}
