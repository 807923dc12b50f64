package subscription

import (
	"context"
	"slices"

	"parley/app/event"
)

// Apply implements routing's Subscriptions. What takes away is emitted and then
// takes effect before Apply returns, and so before anything that was published
// after it; what gives takes effect, and is emitted, once its keys are bound. If what takes it away again comes before, it is not emitted any
// more: whoever hears that something is gone does not hear afterwards that it is there.
func (h *Hub) Apply(change event.Change, emit func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case change.Kind == event.UserDisabled:
		if u := h.users[change.UserID]; u != nil {
			h.disable(u)
		}
	case change.Kind == event.SessionsEnded:
		if u := h.users[change.UserID]; u != nil {
			u.end(change.Families)
		}
	case change.UserID != 0:
		if u := h.users[change.UserID]; u != nil {
			h.applyToUser(u, change, emit)
		}
	default:
		h.applyToGroup(change, emit)
	}
}

// applyToUser handles a change of one user's memberships.
func (h *Hub) applyToUser(u *user, change event.Change, emit func()) {
	if change.Version < u.version {
		return // told and overtaken by a newer snapshot
	}
	if change.Version == u.version && u.phase == live {
		emit() // the snapshot had it already
		return
	}
	next := u.phase == live && change.Version == u.version+1
	u.heard = max(u.heard, change.Version)
	if takes(change) {
		h.overtake(change)
		emit()
		h.take(u, change, newDerived(change))
	}
	switch {
	case next && change.Kind != event.GroupJoined:
		u.version = change.Version
		if !takes(change) {
			h.give([]*user{u}, change, newDerived(change), emit)
		}
		return
	case !takes(change):
		u.notices = append(u.notices, h.later(change, emit))
	}
	if u.phase != asking { // the snapshot at hand, if any, cannot have it
		h.ask(u)
	}
}

// applyToGroup handles a change of what every member of a group hears.
func (h *Hub) applyToGroup(change event.Change, emit func()) {
	h.versions[change.GroupID] = max(h.versions[change.GroupID], change.Version)
	if takes(change) {
		h.overtake(change)
		emit()
	}
	var gainers []*user
	sets := newDerived(change)
	for u := range h.members[change.GroupID] {
		m := u.groups.of(change.GroupID)
		if change.Version <= m.version {
			continue
		}
		next := u.phase == live && change.Version == m.version+1
		if next {
			m.version = change.Version
		}
		if takes(change) {
			h.take(u, change, sets)
		} else if next {
			gainers = append(gainers, u)
		}
		if next {
			continue
		}
		if u.phase != asking && change.Kind != event.GroupDeleted {
			h.ask(u)
		}
	}
	if !takes(change) {
		h.give(gainers, change, sets, emit)
	}
	if known := h.sets[change.GroupID]; known != nil {
		h.sets[change.GroupID] = sets.of(known)
	}
	if change.Kind == event.GroupDeleted {
		delete(h.versions, change.GroupID) // ids are never used again
	}
}

// notice is an event that waits until what it tells of is in place.
type notice struct {
	change event.Change
	emit   func()
}

// later notes an event that is told later, unless it is overtaken.
func (h *Hub) later(change event.Change, emit func()) *notice {
	n := &notice{change, emit}
	h.pending[n] = struct{}{}
	return n
}

// tell emits events whose time has come.
func (h *Hub) tell(notices ...*notice) {
	for _, n := range notices {
		if _, due := h.pending[n]; due {
			delete(h.pending, n)
			n.emit()
		}
	}
}

// overtake drops the events that tell of what is taken away now.
func (h *Hub) overtake(change event.Change) {
	for n := range h.pending {
		if n.change.GroupID != change.GroupID || change.UserID != 0 && change.UserID != n.change.UserID {
			continue
		}
		if change.Kind == event.ChannelsRemoved && (n.change.Kind != event.ChannelsAdded || !slices.Equal(n.change.Channels, change.Channels)) {
			continue
		}
		delete(h.pending, n)
	}
}

func takes(change event.Change) bool {
	switch change.Kind {
	case event.GroupLeft, event.GroupDeleted, event.ChannelsRemoved:
		return true
	default:
		return false
	}
}

// derived are the sets that a change makes of others. Who shared one before shares one afterwards.
type derived struct {
	change event.Change
	sets   map[*set]*set
}

func newDerived(change event.Change) derived { return derived{change, make(map[*set]*set, 1)} }

func (d derived) of(s *set) *set {
	next := d.sets[s]
	if next == nil {
		switch d.change.Kind {
		case event.ChannelsAdded:
			next = s.with(d.change.GroupID, d.change.Channels)
		case event.ChannelsRemoved:
			next = s.without(d.change.GroupID, d.change.Channels)
		default:
			next = s
		}
		d.sets[s] = next
	}
	return next
}

// take has a user not hear what the change takes away.
func (h *Hub) take(u *user, change event.Change, sets derived) {
	m := u.groups.of(change.GroupID)
	if m == nil {
		return
	}
	var lost []string
	if change.Kind == event.ChannelsRemoved {
		for _, id := range change.Channels {
			if m.has(id) {
				lost = append(lost, event.ChannelKey(id))
			}
		}
		m.set = sets.of(m.set)
	} else {
		lost = m.keys
		u.groups = slices.DeleteFunc(u.groups, func(m membership) bool { return m.group == change.GroupID })
		h.leaveGroup(u, change.GroupID)
	}
	u.leave(lost...)
	h.bindings.Release(lost...)
}

// give has live users hear the channels that the change gives, as soon as they are bound; emit is called then.
func (h *Hub) give(users []*user, change event.Change, sets derived, emit func()) {
	if len(users) == 0 {
		emit()
		return
	}
	keys := make([]string, 0, len(change.Channels))
	for _, id := range change.Channels {
		keys = append(keys, event.ChannelKey(id))
	}
	for _, u := range users {
		m := u.groups.of(change.GroupID)
		if m == nil {
			continue // the group has been deleted meanwhile
		}
		for i, id := range change.Channels {
			if !m.has(id) {
				h.bindings.Acquire(keys[i])
			}
		}
		m.set = sets.of(m.set)
	}
	bound := h.bindings.Acquire(keys...)
	told := h.later(change, emit)
	h.host.Go("join", func(ctx context.Context) error {
		defer h.bindings.Release(keys...)
		select {
		case <-bound:
		case <-ctx.Done():
			return nil
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, u := range users {
			u.joinHeld(change)
		}
		h.tell(told)
		return nil
	})
}

// joinHeld joins the connections to those rooms of the change that the user still hears. If the user is not live any
// more, settle joins them.
func (u *user) joinHeld(change event.Change) {
	m := u.groups.of(change.GroupID)
	if u.phase != live || m == nil {
		return
	}
	for _, id := range change.Channels {
		if !m.has(id) {
			continue
		}
		for _, c := range u.conns {
			if c.subscribed {
				c.Join(event.ChannelKey(id))
			}
		}
	}
}
