package loadtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

const (
	// hashing is how many users sign up or in at once: hashing passwords keeps the server's processors busy.
	hashing = 8
	// changing is how many changes of groups are under way at once.
	changing = 8
	// memberPage is how many members the server lists at once.
	memberPage = 200
)

// channel is a channel of the run.
type channel struct {
	index   int
	id      int64
	groupID int64
	base    int64  // the last seq before the run
	path    string // of its messages

	members   []*member // who reads it, connected or not
	listeners int       // who is connected
	accepted  atomic.Int64
	history   history
}

// group is a group of the run.
type group struct {
	id       int64
	owner    *member
	members  []*member
	channels []*channel
}

// remoteGroup is what the server tells of a group.
type remoteGroup struct {
	ID       int64           `json:"id"`
	Name     string          `json:"name"`
	Channels []remoteChannel `json:"channels"`
}

type remoteChannel struct {
	ID      int64 `json:"id"`
	LastSeq int64 `json:"lastSeq"`
}

func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // of types of this package
	}
	return data
}

// enterAll signs everybody up or in.
func (r *run) enterAll(ctx context.Context) error {
	o := r.options
	r.people = make([]*member, o.people())
	for i := range r.people {
		m := &member{name: fmt.Sprintf("%s-%d", o.Prefix, i), password: o.Password, api: r.api, patience: o.Patience, isOurs: true}
		if len(o.Accounts) > 0 {
			m.name, m.password, m.isOurs = o.Accounts[i].Username, o.Accounts[i].Password, false
		}
		r.people[i] = m
	}
	enter := func(ctx context.Context, m *member) error {
		registered, err := m.enter(ctx, m.isOurs)
		if err != nil {
			return err
		}
		count := &r.usersReused
		if registered {
			count = &r.usersRegistered
		}
		count.Add(1)
		return nil
	}
	// The first one alone: what is wrong with one is wrong with all of them.
	if err := enter(ctx, r.people[0]); err != nil {
		return err
	}
	return r.inParallel(ctx, hashing, "users", len(r.people)-1, func(ctx context.Context, i int) error { return enter(ctx, r.people[i+1]) })
}

// inParallel does n things, some at a time, and tells how far it is.
func (r *run) inParallel(ctx context.Context, limit int, what string, n int, do func(ctx context.Context, i int) error) error {
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(limit)
	done := make(chan struct{}, n)
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		r.drainSteps(done, n, what)
		all.Go(func() error {
			err := do(ctx, i)
			done <- struct{}{}
			return err
		})
	}
	err := all.Wait()
	r.drainSteps(done, n, what)
	r.stepped = 0
	return err
}

// drainSteps tells of steps that are done. Only the caller of inParallel calls it, so that progress is told in order.
func (r *run) drainSteps(done <-chan struct{}, n int, what string) {
	before := r.stepped
	for {
		select {
		case <-done:
			r.stepped++
			continue
		default:
		}
		if r.stepped > before {
			r.options.Step(r.stepped, n, what)
		}
		return
	}
}

// groupMembers says who is in group g: as many people as wanted, beginning with those after the group before.
func (o Options) groupMembers(g int) []int {
	members := make([]int, o.Members)
	first := 0
	if o.Members < o.Users {
		first = g * o.Members
	}
	for i := range members {
		members[i] = (first + i) % o.people()
	}
	return members
}

// gather makes the groups, with channels and members, or finds those of an earlier run.
func (r *run) gather(ctx context.Context) error {
	for g := range r.options.Groups {
		members := r.options.groupMembers(g)
		made := &group{owner: r.people[members[0]]}
		for _, i := range members {
			made.members = append(made.members, r.people[i])
		}
		if err := r.open(ctx, made, g); err != nil {
			return err
		}
	}
	return nil
}

// open makes one group exist.
func (r *run) open(ctx context.Context, g *group, number int) error {
	o := r.options
	name := fmt.Sprintf("%s %d: %d members, %d channels", o.Prefix, number, o.Members, o.Channels)
	var mine []remoteGroup
	if err := g.owner.do(ctx, http.MethodGet, "/groups", nil, &mine); err != nil {
		return err
	}
	var found remoteGroup
	for _, candidate := range mine {
		if candidate.Name == name {
			found = candidate
		}
	}
	if found.ID != 0 {
		r.groupsReused++
	} else {
		if err := g.owner.do(ctx, http.MethodPost, "/groups", map[string]string{"name": name}, &found); err != nil {
			return err
		}
		r.groupsCreated++
	}
	g.id = found.ID
	r.groups = append(r.groups, g) // from here on there is something to clean up
	if err := r.openChannels(ctx, g, found); err != nil {
		return err
	}
	return r.invite(ctx, g)
}

// openChannels makes the missing channels of a group.
func (r *run) openChannels(ctx context.Context, g *group, found remoteGroup) error {
	for n := len(found.Channels); n < r.options.Channels; n++ {
		var made remoteChannel
		path := fmt.Sprintf("/groups/%d/channels", g.id)
		if err := g.owner.do(ctx, http.MethodPost, path, map[string]string{"name": fmt.Sprintf("channel-%d", n)}, &made); err != nil {
			return err
		}
		found.Channels = append(found.Channels, made)
	}
	for _, c := range found.Channels[:r.options.Channels] {
		made := &channel{
			index: len(r.channels), id: c.ID, groupID: g.id, members: g.members,
			path: fmt.Sprintf("/groups/%d/channels/%d/messages", g.id, c.ID),
		}
		for _, m := range g.members {
			m.channels = append(m.channels, made)
		}
		g.channels = append(g.channels, made)
		r.channels = append(r.channels, made)
	}
	return nil
}

// invite adds the missing members of a group.
func (r *run) invite(ctx context.Context, g *group) error {
	present := make(map[int64]bool)
	for after := int64(0); ; {
		var page []struct {
			User struct {
				ID int64 `json:"id"`
			} `json:"user"`
		}
		path := fmt.Sprintf("/groups/%d/members?after=%d&limit=%d", g.id, after, memberPage)
		if err := g.owner.do(ctx, http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		for _, m := range page {
			present[m.User.ID] = true
			after = m.User.ID
		}
		if len(page) < memberPage {
			break
		}
	}
	var missing []*member
	for _, m := range g.members {
		if !present[m.id] {
			missing = append(missing, m)
		}
	}
	path := fmt.Sprintf("/groups/%d/members", g.id)
	return r.inParallel(ctx, changing, "members", len(missing), func(ctx context.Context, i int) error {
		err := g.owner.do(ctx, http.MethodPost, path, map[string]int64{"userId": missing[i].id}, nil)
		if refused(err, "already_member") { // an answer got lost
			err = nil
		}
		r.membersAdded.Add(1)
		return err
	})
}

// markBase notes the last seq of each channel before anything is sent.
func (r *run) markBase(ctx context.Context) error {
	for _, g := range r.groups {
		var now remoteGroup
		if err := g.owner.do(ctx, http.MethodGet, fmt.Sprintf("/groups/%d", g.id), nil, &now); err != nil {
			return err
		}
		last := make(map[int64]int64)
		for _, c := range now.Channels {
			last[c.ID] = c.LastSeq
		}
		for _, c := range g.channels {
			c.base = last[c.id]
		}
	}
	return nil
}
