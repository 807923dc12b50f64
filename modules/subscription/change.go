package subscription

import (
	"context"

	"parley/app/event"
)

// Apply implements routing's Subscriptions. What takes away is emitted and then
// takes effect before Apply returns, and so before anything that was published
// after it; what gives takes effect, and is emitted, once its keys are bound.
func (h *Hub) Apply(change event.Change, emit func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case change.Kind == event.UserDisabled:
		if u := h.users[change.UserID]; u != nil {
			h.disable(u)
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
		emit()
		h.take(u, change)
	}
	switch {
	case next && change.Kind != event.GroupJoined:
		u.version = change.Version
		if !takes(change) {
			h.give([]*user{u}, change, emit)
		}
		return
	case !takes(change):
		u.notices = append(u.notices, emit)
	}
	if u.phase != asking { // the snapshot at hand, if any, cannot have it
		h.ask(u)
	}
}

// applyToGroup handles a change of what every member of a group hears.
func (h *Hub) applyToGroup(change event.Change, emit func()) {
	h.versions[change.GroupID] = max(h.versions[change.GroupID], change.Version)
	if takes(change) {
		emit()
	}
	var gainers []*user
	for u := range h.members[change.GroupID] {
		m := u.groups[change.GroupID]
		if change.Version <= m.version {
			continue
		}
		next := u.phase == live && change.Version == m.version+1
		if takes(change) {
			h.take(u, change)
		} else if next {
			gainers = append(gainers, u)
		}
		if next {
			m.version = change.Version
		} else if u.phase != asking && change.Kind != event.GroupDeleted {
			h.ask(u)
		}
	}
	if !takes(change) {
		h.give(gainers, change, emit)
	}
	if change.Kind == event.GroupDeleted {
		delete(h.versions, change.GroupID) // ids are never used again
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

// take has a user not hear what the change takes away.
func (h *Hub) take(u *user, change event.Change) {
	m := u.groups[change.GroupID]
	if m == nil {
		return
	}
	var lost []string
	if change.Kind == event.ChannelsRemoved {
		for _, id := range change.Channels {
			lost = append(lost, event.ChannelKey(id))
			delete(m.channels, id)
		}
	} else {
		lost = append(lost, event.GroupKey(change.GroupID))
		for id := range m.channels {
			lost = append(lost, event.ChannelKey(id))
		}
		delete(u.groups, change.GroupID)
		h.leaveGroup(u, change.GroupID)
	}
	for _, key := range lost {
		if _, ok := u.held[key]; !ok {
			continue
		}
		u.leave(key)
		delete(u.held, key)
		h.bindings.Release(key)
	}
}

// give has live users hear the channels that the change gives, as soon as they are bound; emit is called then.
func (h *Hub) give(users []*user, change event.Change, emit func()) {
	if len(users) == 0 {
		emit()
		return
	}
	keys := make([]string, 0, len(change.Channels))
	for _, id := range change.Channels {
		keys = append(keys, event.ChannelKey(id))
	}
	for _, u := range users {
		m := u.groups[change.GroupID]
		if m == nil {
			continue // the group has been deleted meanwhile
		}
		for i, id := range change.Channels {
			m.channels[id] = struct{}{}
			if _, ok := u.held[keys[i]]; !ok {
				u.held[keys[i]] = struct{}{}
				h.bindings.Acquire(keys[i])
			}
		}
	}
	bound := h.bindings.Acquire(keys...)
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
			u.joinHeld(keys)
		}
		emit()
		return nil
	})
}

// joinHeld joins the connections to those rooms that the user still hears. If the user is not live any
// more, settle joins them.
func (u *user) joinHeld(rooms []string) {
	if u.phase != live {
		return
	}
	for _, room := range rooms {
		if _, ok := u.held[room]; !ok {
			continue
		}
		for c, state := range u.conns {
			if state.subscribed {
				c.Join(room)
			}
		}
	}
}
