package seed

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// What is drawn for the same thing must differ: these tell the draws apart.
const (
	ownerDraw int64 = iota + 1
	sizeDraw
	memberDraw
	wantDraw
	joinDraw
	afterDraw
	privateDraw
	weightDraw
	reactDraw
	emojiDraw
	crowdDraw
	reactorDraw
	pinDraw
	callDraw
)

// planMembers says who must join which group, so that every group has at least a few members and every user is in several
// groups. With nothing missing it says nothing.
func planMembers(users []int64, groups []ownGroup, there []pair) []memberRow {
	p := memberPlan{in: make(map[pair]bool, len(there)), size: make(map[int64]int), count: make(map[int64]int)}
	for _, m := range there {
		p.enter(m)
	}
	for _, g := range groups {
		least := min(len(users), 4+draw(9, int64(g.index), sizeDraw))
		for n := int64(0); p.size[g.id] < least; n++ {
			role := "member"
			if p.size[g.id] == 1 {
				role = "admin"
			}
			if !p.pick(len(users), draw(len(users), int64(g.index), memberDraw, n), role, func(i int) pair { return pair{g.id, users[i]} }) {
				break
			}
		}
	}
	for i, u := range users {
		want := min(len(groups), 2+draw(4, int64(i), wantDraw))
		for n := int64(0); p.count[u] < want; n++ {
			// The smaller of two draws makes some groups larger than others.
			start := min(draw(len(groups), int64(i), joinDraw, n), draw(len(groups), int64(i), joinDraw, -n-1))
			if !p.pick(len(groups), start, "member", func(i int) pair { return pair{groups[i].id, u} }) {
				break
			}
		}
	}
	slices.SortFunc(p.rows, func(a, b memberRow) int { return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.User, b.User)) })
	return p.rows
}

type memberPlan struct {
	in    map[pair]bool
	size  map[int64]int // by group
	count map[int64]int // by user
	rows  []memberRow
}

func (p *memberPlan) enter(m pair) {
	p.in[m] = true
	p.size[m.In]++
	p.count[m.User]++
}

// pick adds the first of n memberships, from start on and then around, that does not exist. It says whether there was one.
func (p *memberPlan) pick(n, start int, role string, at func(int) pair) bool {
	for i := range n {
		m := at((start + i) % n)
		if p.in[m] {
			continue
		}
		p.enter(m)
		p.rows = append(p.rows, memberRow{
			Group: m.In, User: m.User, Role: role, After: int64(draw(int(2*day), m.In, m.User, afterDraw)),
		})
		return true
	}
	return false
}

// planChannels names the group of every channel that is missing. Groups get about the same number.
func planChannels(total int, counts []channelCount) []int64 {
	missing := total
	for _, c := range counts {
		missing -= c.Channels
	}
	if missing <= 0 || len(counts) == 0 {
		return nil
	}
	r := rand.New(rand.NewPCG(prngSeed, uint64(total)))
	groups := make([]int64, missing)
	for i := range groups {
		a, b := r.IntN(len(counts)), r.IntN(len(counts))
		if counts[b].Channels < counts[a].Channels {
			a = b
		}
		counts[a].Channels++
		groups[i] = counts[a].ID
	}
	slices.Sort(groups)
	return groups
}

// newChannel is the next channel of a group. One in four is private.
func newChannel(group int64, about theme, taken map[string]bool) channelRow {
	for n := 0; ; n++ {
		c := about.channelAt(n)
		if taken[c.name] {
			continue
		}
		return channelRow{
			Group: group, Name: c.name, Topic: c.topic,
			Private: draw(4, group, int64(n), privateDraw) == 0,
			After:   int64(draw(int(2*day), group, int64(n), afterDraw)),
		}
	}
}

// part is the messages that a channel still lacks, n of which are next.
type part struct {
	channel channelState
	moments []int64
	n       int
}

// planMessages shares the messages that are missing out over the channels: "general" gets more than others.
func planMessages(total int, channels []channelState) []*part {
	missing := int64(total)
	weights := make([]int64, len(channels))
	var sum int64
	for i, c := range channels {
		missing -= c.LastSeq
		weights[i] = int64(1 + draw(6, c.ID, weightDraw))
		if c.Name == "general" {
			weights[i] += 6
		}
		sum += weights[i]
	}
	if missing <= 0 || sum == 0 {
		return nil
	}
	var parts []*part
	rest, restSum := missing, sum
	for i, c := range channels {
		n := rest * weights[i] / restSum // the last one gets what is left
		rest -= n
		restSum -= weights[i]
		if n > 0 {
			parts = append(parts, &part{channel: c, moments: make([]int64, n)})
		}
	}
	return parts
}

// plan decides when the messages are sent: after those that are there, in the last weeks before now.
func (p *part) plan(now int64) {
	from := max(p.channel.LastAt, p.channel.CreatedAt, now-messagesSince*day)
	to := max(from, now-int64(draw(int(6*hour), p.channel.ID)))
	r := rand.New(rand.NewPCG(prngSeed, mix(p.channel.ID, p.channel.LastSeq)))
	p.moments = moments(r, from, to, len(p.moments))
}

// takeParts returns the parts that make the next batch of messages: as many as come to about that many rows with their
// recipients, and at least one.
func takeParts(parts []*part, rows, eager int) []part {
	var batch []part
	for _, p := range parts {
		if len(p.moments) == 0 {
			continue
		}
		each := 1
		if p.channel.Members <= eager {
			each += p.channel.Members
		}
		if rows < each && len(batch) > 0 {
			break
		}
		p.n = min(max(1, rows/each), len(p.moments))
		rows -= p.n * each
		batch = append(batch, *p)
	}
	return batch
}

// finish takes a batch off the parts and says how many messages it had.
func finish(parts []*part, batch []part) (messages int) {
	taken := make(map[int64]int, len(batch))
	for _, b := range batch {
		taken[b.channel.ID] = b.n
		messages += b.n
	}
	for _, p := range parts {
		p.moments = p.moments[taken[p.channel.ID]:]
	}
	return messages
}
