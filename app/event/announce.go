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
}

// Announce makes work of an event: whoever consumes the partition publishes it when its turn comes, after the events of
// everything that was sent to the partition before. Lines of several such messages with the same
// key can be joined by appending their bodies to each other.
func Announce(partition int, e bus.Message) (bus.Message, error) {
	msg, err := Encode(PartitionKey(partition), TypeAnnounce, announced{e.Key, e.Type, e.Body})
	msg.Body = append(msg.Body, '\n')
	return msg, err
}

// Announced lists the events of a TypeAnnounce message.
func Announced(msg bus.Message) ([]bus.Message, error) {
	var events []bus.Message
	for line := range bytes.Lines(msg.Body) {
		a, err := Decode[announced](bus.Message{Key: msg.Key, Type: msg.Type, Body: line}, TypeAnnounce)
		if err != nil {
			return nil, err
		}
		if a.Key == "" {
			return nil, fmt.Errorf("decode %s: an event without a key", TypeAnnounce)
		}
		events = append(events, bus.Message{Key: a.Key, Type: a.Type, Body: a.Body})
	}
	return events, nil
}
