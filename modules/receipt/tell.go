package receipt

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"parley/app/bus"
	"parley/app/event"
)

const (
	// crowd is how many of a channel may get on at the same time before one event names them all.
	crowd = 16
	// maxBundle and maxBundleBytes bound a bus message: by the users that it is routed by, and its payloads.
	maxBundle      = 256
	maxBundleBytes = 256 << 10
)

// statusPayload is GROUP_MESSAGE_STATUS. One of UserID, Users and Count says who has got on.
type statusPayload struct {
	ChannelID int64      `json:"channelId"`
	UserID    int64      `json:"userId,omitempty"`
	Status    Status     `json:"status"`
	UpToSeq   int64      `json:"upToSeq"`
	At        event.Time `json:"at"`
	Users     []upTo     `json:"users,omitempty"`
	Count     *int64     `json:"count,omitempty"`
}

// upTo is one of a crowd.
type upTo struct {
	UserID  int64 `json:"userId"`
	UpToSeq int64 `json:"upToSeq"`
}

// cursorPayload is READ_CURSOR.
type cursorPayload struct {
	ChannelID int64 `json:"channelId"`
	ReadSeq   int64 `json:"readSeq"`
	Unread    int64 `json:"unread"`
	Mentions  int64 `json:"mentions"`
}

// bundler puts events into as few bus messages as they fit in, in their order.
type bundler struct {
	msgs  []bus.Message
	open  event.Bundle
	users map[int64]bool // of open
	bytes int            // of open
}

// add adds an event for some users, about a channel.
func (b *bundler) add(users []int64, channel int64, name string, payload any) error {
	data, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	for part := range slices.Chunk(users, maxBundle) {
		if len(b.users)+len(part) > maxBundle || b.bytes+len(data) > maxBundleBytes {
			if err := b.close(); err != nil {
				return err
			}
		}
		if b.users == nil {
			b.users = make(map[int64]bool)
		}
		for _, id := range part {
			b.users[id] = true
		}
		b.bytes += len(data)
		b.open.Events = append(b.open.Events, event.BundledEvent{Users: part, Channel: channel, Event: name, Payload: data})
	}
	return nil
}

// close makes a bus message of what has been added.
func (b *bundler) close() error {
	if len(b.open.Events) == 0 {
		return nil
	}
	msg, err := event.NewBundle(b.open)
	if err != nil {
		return err
	}
	b.msgs = append(b.msgs, msg)
	b.open, b.users, b.bytes = event.Bundle{}, nil, 0
	return nil
}

// tell makes what is published of a batch: to the senders of the messages that were passed, and to the devices of those who have read on.
func (b *batch) tell() ([]bus.Message, error) {
	var out bundler
	for first := 0; first < len(b.people); {
		people := b.of(b.people[first].channel)
		first += len(people)
		c := b.channels[people[0].channel]
		if c == nil {
			continue
		}
		for _, status := range []Status{Delivered, Read} {
			if err := c.tellSenders(&out, people, status); err != nil {
				return nil, err
			}
		}
		for _, p := range people {
			if !p.toldOfRead {
				continue
			}
			err := out.add([]int64{p.user}, p.channel, event.ReadCursor, cursorPayload{p.channel, p.to.read, p.unread, p.mentions})
			if err != nil {
				return nil, err
			}
		}
	}
	err := out.close()
	return out.msgs, err
}

// step is somebody's getting on in a channel.
type step struct {
	span

	user int64
	at   event.Time
}

// steps lists who has got on to a status.
func steps(people []*person, status Status) (all []step) {
	for _, p := range people {
		for _, s := range p.told {
			if s.status == status {
				all = append(all, step{s, p.user, event.At(p.claim.at)})
			}
		}
	}
	return all
}

// furthest is how far the first ones have got on to a status, 0 if nobody has.
func furthest(people []*person, status Status) (to int64) {
	for _, s := range steps(people, status) {
		to = max(to, s.to)
	}
	return to
}

// tellSenders tells who has got on to a status: one by one, all at once if there are many, or in a large channel, how many.
func (c *channel) tellSenders(out *bundler, people []*person, status Status) error {
	all := steps(people, status)
	if len(all) == 0 {
		return nil
	}
	payload := statusPayload{ChannelID: c.id, Status: status}
	if !c.large && len(all) <= crowd {
		for _, s := range all {
			payload.UserID, payload.UpToSeq, payload.At = s.user, s.to, s.at
			if senders := c.senders(s); len(senders) > 0 {
				if err := out.add(senders, c.id, event.MessageStatus, payload); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, s := range all {
		payload.UpToSeq = max(payload.UpToSeq, s.to)
		if s.at.After(payload.At.Time) {
			payload.At = s.at
		}
		if !c.large {
			payload.Users = append(payload.Users, upTo{s.user, s.to})
		}
	}
	if c.large {
		n := c.counts[status]
		payload.Count = &n
	}
	senders := c.senders(all...)
	if len(senders) == 0 {
		return nil
	}
	return out.add(senders, c.id, event.MessageStatus, payload)
}

// senders lists, sorted, those whose messages somebody else has passed; among those of a crowd, all whose messages are between the
// first and the last one that were passed.
func (c *channel) senders(all ...step) []int64 {
	found := make(map[int64]bool)
	add := func(from, to, except int64) {
		for _, l := range c.between(from, to) {
			if l.sender != except {
				found[l.sender] = true
			}
		}
	}
	first, last := int64(maxSeq), int64(0)
	for _, s := range all {
		from := max(s.from, s.to-maxSenders)
		first, last = min(first, from), max(last, s.to)
		if len(all) <= crowd {
			add(from, s.to, s.user)
		}
	}
	if len(all) > crowd {
		add(first, last, 0)
	}
	return slices.Sorted(maps.Keys(found))
}
