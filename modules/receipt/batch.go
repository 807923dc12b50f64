package receipt

import (
	"cmp"
	"slices"
	"sort"

	"parley/app/event"
)

const (
	// maxSenders is how many messages, at most, before the point that somebody has got to have their senders told. Who wrote
	// earlier finds out when it asks for the recipients.
	maxSenders = 256
	// maxTail is up to how many of a channel's latest messages are read to count what is unread. For those who are further behind,
	// the database counts what is not.
	maxTail = 2000
)

// batch is what users have told, and what comes of it.
type batch struct {
	people   []*person // by channel and user
	channels map[int64]*channel
	dropped  int // receipts of those who may not read the channel
}

// person is a user in a channel, as one batch has it.
type person struct {
	channel, user int64
	claim         claim
	redelivered   bool // may have been handled before

	known      bool // the user may read the channel
	from, to   cursor
	movedAt    int64  // of from
	spans      []span // that were passed
	told       []span // that others are told of; more than spans if this is not the first time
	again      bool   // nothing has moved
	unread     int64
	mentions   int64
	toldOfRead bool
}

// channel is a row of channels, and what was read of it.
type channel struct {
	id, groupID, lastSeq int64
	private              bool
	large                bool // too many readers to name those who have got on
	letters              []letter
	counts               map[Status]int64 // how many have got as far as the furthest of the batch
}

// letter is a message as far as it matters here.
type letter struct {
	seq, sender int64
	deleted     bool
}

// received is the receipts of one bus message.
type received struct {
	event.Receipts

	redelivered bool
}

// newBatch sorts receipts; each user has one in each channel.
func newBatch(all []received) *batch {
	b := &batch{channels: make(map[int64]*channel)}
	type key struct{ channel, user int64 }
	found := make(map[key]*person)
	for _, r := range all {
		for _, u := range r.Users {
			c := claim{delivered: max(u.Delivered, u.Read), read: u.Read, at: u.At.Time}
			k := key{r.ChannelID, u.UserID}
			p := found[k]
			if p == nil {
				p = &person{channel: r.ChannelID, user: u.UserID, claim: c}
				found[k] = p
				b.people = append(b.people, p)
			}
			p.claim = p.claim.join(c)
			p.redelivered = p.redelivered || r.redelivered
		}
	}
	slices.SortFunc(b.people, func(a, b *person) int {
		return cmp.Or(cmp.Compare(a.channel, b.channel), cmp.Compare(a.user, b.user))
	})
	return b
}

// reset forgets what an earlier try has found out.
func (b *batch) reset() {
	clear(b.channels)
	b.dropped = 0
	for _, p := range b.people {
		*p = person{channel: p.channel, user: p.user, claim: p.claim, redelivered: p.redelivered}
	}
}

// decide moves the cursors of those who may read.
func (b *batch) decide() {
	for _, p := range b.people {
		c := b.channels[p.channel]
		if c == nil || !p.known {
			b.dropped++
			continue
		}
		p.to = p.from.advance(p.claim, c.lastSeq)
		p.spans = p.from.passed(p.to)
		p.told = p.spans
		// The same receipt once more: its events may not have been published.
		if p.redelivered || len(p.spans) == 0 && p.movedAt == p.claim.at.UnixMilli() {
			p.again = len(p.spans) == 0
			p.told = p.to.again(p.claim)
		}
		for _, s := range p.told {
			p.toldOfRead = p.toldOfRead || s.status == Read
		}
	}
}

// window is a part of a channel that is read: the messages after from, up to to.
type window struct {
	Channel int64 `json:"channel"`
	From    int64 `json:"from"`
	To      int64 `json:"to"`
}

// windows lists the messages that have to be known: those whose senders are told, and the tails in which unread ones are
// counted. They do not overlap.
func (b *batch) windows() []window {
	var all []window
	for _, p := range b.people {
		for _, s := range p.told {
			all = append(all, window{p.channel, max(s.from, s.to-maxSenders), s.to})
		}
		if c := b.channels[p.channel]; p.toldOfRead && !p.far(c) && p.to.read < c.lastSeq {
			all = append(all, window{p.channel, p.to.read, c.lastSeq})
		}
	}
	slices.SortFunc(all, func(a, b window) int { return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.From, b.From)) })
	merged := all[:0]
	for _, w := range all {
		if n := len(merged); n > 0 && merged[n-1].Channel == w.Channel && w.From <= merged[n-1].To {
			merged[n-1].To = max(merged[n-1].To, w.To)
			continue
		}
		merged = append(merged, w)
	}
	return merged
}

// far says that too much is unread to look at it.
func (p *person) far(c *channel) bool { return c.lastSeq-p.to.read > maxTail }

// between lists the letters after from, up to to.
func (c *channel) between(from, to int64) []letter {
	at := func(seq int64) int {
		return sort.Search(len(c.letters), func(i int) bool { return c.letters[i].seq > seq })
	}
	return c.letters[at(from):at(to)]
}

// count counts what is unread for those who are not far behind.
func (b *batch) count() {
	for _, c := range b.channels {
		var left []int64               // by letter: how many from it on are not deleted
		own := make(map[int64][]int64) // by sender: its messages that are not deleted
		left = make([]int64, len(c.letters)+1)
		for i := len(c.letters) - 1; i >= 0; i-- {
			left[i] = left[i+1]
			if !c.letters[i].deleted {
				left[i]++
			}
		}
		for _, l := range c.letters {
			if !l.deleted {
				own[l.sender] = append(own[l.sender], l.seq)
			}
		}
		for _, p := range b.of(c.id) {
			if p.toldOfRead && !p.far(c) {
				mine := own[p.user]
				first := sort.Search(len(mine), func(i int) bool { return mine[i] > p.to.read })
				p.unread = left[len(c.letters)-len(c.between(p.to.read, c.lastSeq))] - int64(len(mine)-first)
			}
		}
	}
}

// of lists the people of a channel.
func (b *batch) of(channel int64) []*person {
	at := func(id int64) int {
		return sort.Search(len(b.people), func(i int) bool { return b.people[i].channel >= id })
	}
	return b.people[at(channel):at(channel+1)]
}

// split cuts a batch into some of at most n people.
func (b *batch) split(n int) (all []*batch) {
	for people := range slices.Chunk(b.people, n) {
		all = append(all, &batch{people: people, channels: make(map[int64]*channel)})
	}
	return all
}
