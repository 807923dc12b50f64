package catchup

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"

	"parley/app/event"
)

// asked is a channel that is asked for and may be read.
type asked struct {
	Place
	from

	upto    int64   // up to which seq its messages are told
	missed  []int64 // ids of messages after what the client has
	changed []int64 // ids of messages that the client has
	last    position
	roots   []int64 // first messages of the threads of these, or 0
	answer  *Channel
}

// places adds the channels that are asked for.
func (w *work) places(ctx context.Context, readable []Place) error {
	if len(w.channels) == 0 {
		return nil
	}
	list := w.open(readable)
	if err := w.store.delivered(ctx, w.user, list); err != nil {
		return err
	}
	if err := w.store.changed(ctx, list, each(len(list))+1); err != nil {
		return err
	}
	if err := w.missed(ctx, list); err != nil {
		return err
	}
	return w.fill(ctx, list)
}

// open tells the channels that are asked for apart: those that may be read, in the order of their ids, and the others.
func (w *work) open(readable []Place) []*asked {
	places := make(map[int64]Place, len(readable))
	for _, p := range readable {
		places[p.ID] = p
	}
	var list []*asked
	for _, id := range slices.Sorted(maps.Keys(w.channels)) {
		p, ok := places[id]
		if !ok {
			w.answer.Gone = append(w.answer.Gone, id)
			continue
		}
		c := &asked{Place: p, from: w.channels[id], answer: &Channel{
			Messages: []event.Message{}, Changes: []event.Message{},
			LastSeq: p.LastSeq, ReadSeq: p.ReadSeq, Unread: p.Unread, Mentions: p.Mentions,
		}}
		c.answer.Reset = c.after > p.LastSeq
		c.upto = c.after
		w.answer.Channels[strconv.FormatInt(id, 10)] = c.answer
		list = append(list, c)
	}
	return list
}

// missed finds the messages after those that the client has: of channels whose changes are all told, so that a client that gives up
// halfway, and asks again from the seq that it has, finds the changes, too.
func (w *work) missed(ctx context.Context, list []*asked) error {
	var (
		wanted []*asked
		counts []int64
	)
	for _, c := range list {
		if !c.answer.MoreChanges && c.LastSeq > c.after {
			wanted, counts = append(wanted, c), append(counts, c.LastSeq-c.after)
		}
	}
	for i, n := range share(counts, MaxEach, MaxMessages) {
		c := wanted[i]
		c.upto = c.after + n
		c.answer.HasMore = c.upto < c.LastSeq
	}
	if err := w.store.missed(ctx, wanted); err != nil {
		return err
	}
	// A thread's first message counts its replies.
	for _, c := range list {
		for _, root := range c.roots {
			if root != 0 && !slices.Contains(c.missed, root) && !slices.Contains(c.changed, root) {
				c.changed = append(c.changed, root)
			}
		}
	}
	return nil
}

// share gives each of those who want so many of something an equal part, no more than each of them wants, nor than each, of all that
// there is. What some leave is for the others.
func share(wanted []int64, each, all int64) []int64 {
	order := make([]int, len(wanted))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(wanted[a], wanted[b]) })
	parts := make([]int64, len(wanted))
	for i, who := range order {
		parts[who] = min(wanted[who], each, all/int64(len(order)-i))
		all -= parts[who]
	}
	return parts
}

// fill reads what was found, and says from where to go on.
func (w *work) fill(ctx context.Context, list []*asked) error {
	var ids []int64
	for _, c := range list {
		ids = append(append(ids, c.missed...), c.changed...)
	}
	messages, err := w.messages.ByIDs(ctx, w.user, ids)
	if err != nil {
		return err
	}
	for _, m := range messages {
		c := w.answer.Channels[strconv.FormatInt(m.ChannelID, 10)]
		if m.Seq > w.channels[m.ChannelID].after {
			c.Messages = append(c.Messages, m)
		} else {
			c.Changes = append(c.Changes, m)
		}
	}
	for _, c := range list {
		slices.SortFunc(c.answer.Changes, func(a, b event.Message) int { return cmp.Compare(a.Seq, b.Seq) })
		w.goOn(c)
	}
	return nil
}

// goOn adds a channel of which there is more to the next request.
func (w *work) goOn(c *asked) {
	if !c.answer.MoreChanges && !c.answer.HasMore {
		return
	}
	if w.next.Channels == nil {
		w.next.Channels = make(map[string]int64)
	}
	id := strconv.FormatInt(c.ID, 10)
	w.next.Channels[id] = c.upto
	if c.answer.MoreChanges {
		if w.next.Changes == nil {
			w.next.Changes = make(map[string]string)
		}
		w.next.Changes[id] = c.last.String()
	}
}
