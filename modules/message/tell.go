package message

import (
	"parley/app/bus"
	"parley/app/event"
	"parley/app/problem"
)

// tell makes what is published of a batch's outcomes. The kept messages of a channel travel together, to the servers where
// someone is subscribed to it and to those of their senders, so that the number of bus messages depends neither on that of
// members nor, within a batch, on that of messages. Who was refused is told alone.
func tell(sends []event.Send, outcomes []Outcome) ([]bus.Message, error) {
	type entry struct {
		post   *event.Post
		single bus.Message
	}
	var entries []entry
	open := make(map[int64]*event.Post, 4) // by channel
	for i, o := range outcomes {
		if o.Refused != nil {
			failed, err := failure(sends[i], o.Refused)
			if err != nil {
				return nil, err
			}
			entries = append(entries, entry{single: failed})
			continue
		}
		p := open[o.Message.ChannelID]
		if p == nil || p.Full() {
			p = event.NewPost(o.Message.ChannelID)
			open[o.Message.ChannelID] = p
			entries = append(entries, entry{post: p})
		}
		if err := p.Add(o.Message, sends[i].AcceptedAt.Time); err != nil {
			return nil, err
		}
	}
	msgs := make([]bus.Message, 0, len(entries))
	for _, e := range entries {
		if e.post != nil {
			e.single = e.post.Message()
		}
		msgs = append(msgs, e.single)
	}
	return msgs, nil
}

func failure(s event.Send, p *problem.Problem) (bus.Message, error) {
	return event.NewEmit(event.UserKey(s.SenderID), event.Emit{Event: event.MessageFailed},
		event.Failed{Hash: s.Hash, ChannelID: s.ChannelID, Code: p.Code, Detail: p.Explain()})
}
