package event

import (
	"encoding/json"

	"parley/app/bus"
)

// Receipts are how far users have got in a channel, as their devices have told: each user once.
type Receipts struct {
	ChannelID int64     `json:"channelId"`
	Users     []Receipt `json:"users"`
}

// Receipt is how far one user has got, by seq. What was read was delivered, too.
type Receipt struct {
	UserID    int64 `json:"userId"`
	Delivered int64 `json:"delivered,omitempty"`
	Read      int64 `json:"read,omitempty"`
	At        Time  `json:"at"`
}

// Bundle is events for the devices of single users that travel together: to the servers where any of them is connected. See NewBundle.
type Bundle struct {
	Events []BundledEvent `json:"events"`
}

// BundledEvent is an event that several users get.
type BundledEvent struct {
	Users []int64 `json:"users"`
	// Channel is what the event is about, if any: only those get it who may still read the channel when it arrives.
	Channel int64           `json:"channel,omitempty"`
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload"`
}

// NewBundle makes the bus message of a bundle, which is routed by each of its users.
func NewBundle(b Bundle) (bus.Message, error) {
	msg, err := Encode("", TypeBundle, b)
	if err != nil {
		return bus.Message{}, err
	}
	routed := make(map[int64]bool)
	for _, e := range b.Events {
		for _, id := range e.Users {
			if routed[id] {
				continue
			}
			routed[id] = true
			if msg.Key == "" {
				msg.Key = UserKey(id)
			} else {
				msg.Also = append(msg.Also, UserKey(id))
			}
		}
	}
	return msg, nil
}
