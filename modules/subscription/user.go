package subscription

import (
	"context"
	"slices"
	"time"

	"parley/app/auth"
	"parley/app/bus"
	"parley/app/event"
	"parley/app/socket"
)

// phase is how far a user's subscription is.
//
//	asking ──snapshot──► binding ──all keys bound before asking──► live
//	   ▲                    │                                       │
//	   └──── bound later ───┘◄───── a gap, a new group, a reset ────┘
type phase int

const (
	asking  phase = iota // a snapshot has been asked for, or will be as soon as the user's key is bound
	binding              // its keys are being bound
	live                 // rooms are joined; changes are applied as they come
	gone                 // the last connection has left
)

// user is a user with at least one connection to this server. The hub's lock guards it.
type user struct {
	id       int64
	conns    []connection
	phase    phase
	answered chan struct{} // closed by the first snapshot
	disabled bool
	queued   bool // it is in the hub's list of those to be asked for

	over    chan struct{} // closed when there is no use any more in waiting for the user's key; nil if nobody does
	round   int64         // the newest request
	waiting bool          // for the answer to it
	sent    time.Time     // when it was sent
	asked   uint64        // the bindings' clock then
	stales  int           // snapshots in a row that were older than changes already heard of

	version int64       // of the memberships; 0 while there are none
	heard   int64       // the highest version in any change for this user
	groups  memberships // what the user hears; the keys of all of it are acquired
	missed  string      // why the clients must be told to RESYNC; empty: they need not
	notices []*notice   // events that are due when the subscription is live
}

// connection is what the hub keeps of one connection.
type connection struct {
	*socket.Conn
	since      time.Time // when it asked to be let in
	family     string    // the sign-in that its token came from; empty for an operator's token
	connected  bool      // the client has been told that it was
	subscribed bool      // SUBSCRIBED has been emitted
	ended      bool      // the sign-in has ended
}

// connection finds the record of c, nil if it has left. It is good until connections come or go.
func (u *user) connection(c *socket.Conn) *connection {
	i := slices.IndexFunc(u.conns, func(e connection) bool { return e.Conn == c })
	if i < 0 {
		return nil
	}
	return &u.conns[i]
}

// enterPhase changes how far u is.
func (h *Hub) enterPhase(u *user, p phase) {
	h.metrics.users[u.phase].Dec()
	if p != gone {
		h.metrics.users[p].Inc()
	}
	u.phase = p
}

// maxStales bounds how often a snapshot older than what was heard is refused. Workers read what is
// committed, so that once is the rule; a database restored from a backup would never catch up.
const maxStales = 10

// ask begins a new round: a snapshot is requested once the user's key is bound, so that no change is missed in between.
func (h *Hub) ask(u *user) {
	u.endRound()
	h.enterPhase(u, asking)
	key := event.UserKey(u.id)
	bound := h.bindings.Acquire(key) // once more, to learn when it is bound
	select {
	case <-bound:
		h.bindings.Release(key)
		h.queue(u)
		return
	default:
	}
	over := make(chan struct{})
	u.over = over
	h.host.Go("subscribe", func(ctx context.Context) error {
		defer h.bindings.Release(key)
		select {
		case <-bound:
		case <-over:
			return nil
		case <-ctx.Done():
			return nil
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if u.over == over {
			u.over = nil
			h.queue(u)
		}
		return nil
	})
}

// endRound makes answers to earlier requests void.
func (u *user) endRound() {
	u.waiting = false
	if u.over != nil {
		close(u.over)
		u.over = nil
	}
}

// Snapshot takes a worker's answer.
func (h *Hub) Snapshot(_ context.Context, msg bus.Message) {
	all, err := event.Decode[event.Snapshots](msg, event.TypeSnapshot)
	if err != nil {
		h.log.Error("a snapshot could not be read", "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if all.Partitions > 0 {
		h.partitions = all.Partitions
	}
	groups := make(map[int64]membership, len(all.Groups))
	for _, g := range all.Groups {
		slices.Sort(g.Channels)
		groups[g.ID] = membership{g.ID, g.Version, h.share(g.ID, g.Channels)}
	}
	for _, snap := range all.Users {
		u := h.users[snap.UserID]
		if u == nil || !u.waiting || u.round != all.RequestID {
			continue // an answer to an earlier round
		}
		if snap.Disabled {
			h.disable(u)
			continue
		}
		theirs := ofUser(snap, groups)
		if h.isStale(u, snap.Version, theirs) {
			h.ask(u)
			continue
		}
		h.accept(u, snap.Version, theirs)
	}
	for id := range groups {
		if len(h.members[id]) == 0 {
			delete(h.sets, id)
		}
	}
}

// share returns the set with these channels that others have already, if they do.
func (h *Hub) share(group int64, channels []int64) *set {
	if known := h.sets[group]; known != nil && slices.Equal(known.channels, channels) {
		return known
	}
	h.sets[group] = newSet(group, channels)
	return h.sets[group]
}

// ofUser makes memberships of a snapshot.
func ofUser(snap event.Snapshot, groups map[int64]membership) memberships {
	all := make(memberships, 0, len(snap.Groups))
	slices.Sort(snap.Groups)
	for _, id := range slices.Compact(snap.Groups) {
		m, ok := groups[id]
		if !ok {
			continue // cannot be: every group is listed
		}
		var private []int64
		for _, p := range snap.Private {
			if p.GroupID == id {
				private = append(private, p.ChannelID)
			}
		}
		if len(private) > 0 {
			m.set = m.with(id, private)
		}
		all = append(all, m)
	}
	return all
}

// isStale says whether the snapshot was taken before a change that has passed by already.
func (h *Hub) isStale(u *user, version int64, groups memberships) bool {
	stale := version < u.heard
	for _, g := range groups {
		stale = stale || g.version < h.versions[g.group]
	}
	if !stale {
		u.stales = 0
		return false
	}
	u.stales++
	return u.stales <= maxStales
}

// accept makes the snapshot what the user hears, beginning with what it does not hear any more.
func (h *Hub) accept(u *user, version int64, groups memberships) {
	u.answer()
	u.endRound()
	h.enterPhase(u, binding)
	before := u.groups
	for _, m := range before {
		h.leaveGroup(u, m.group)
	}
	u.groups, u.version, u.heard = groups, version, version
	for _, m := range groups {
		h.joinGroup(u, m.group)
		if _, ok := h.versions[m.group]; ok {
			h.versions[m.group] = m.version
		}
	}
	bound := h.bindings.Acquire(groups.keys()...)
	u.leaveAllBut(before, groups)
	h.bindings.Release(before.keys()...)
	h.whenBound(u, bound)
}

// leaveAllBut takes a user's connections out of the rooms that are not kept.
func (u *user) leaveAllBut(before, kept memberships) {
	if len(before) == 0 {
		return
	}
	stay := make(map[string]struct{})
	for _, key := range kept.keys() {
		stay[key] = struct{}{}
	}
	for _, key := range before.keys() {
		if _, ok := stay[key]; !ok {
			u.leave(key)
		}
	}
}

// whenBound goes on when the keys of the snapshot are bound.
func (h *Hub) whenBound(u *user, bound <-chan uint64) {
	select {
	case since := <-bound:
		h.settle(u, since)
		return
	default:
	}
	round := u.round
	h.host.Go("bind", func(ctx context.Context) error {
		select {
		case since := <-bound:
			h.mu.Lock()
			defer h.mu.Unlock()
			if u.phase == binding && u.round == round {
				h.settle(u, since)
			}
		case <-ctx.Done():
		}
		return nil
	})
}

// settle makes the user live if its keys were bound before the snapshot was
// asked for. If not, a change may have gone by between snapshot and binding, unheard: ask again.
func (h *Hub) settle(u *user, since uint64) {
	if since > u.asked {
		h.ask(u)
		return
	}
	h.enterPhase(u, live)
	for i := range u.conns {
		if u.conns[i].connected {
			h.welcome(u, &u.conns[i])
		}
	}
	u.missed = ""
	notices := u.notices
	u.notices = nil
	h.tell(notices...)
}

// welcome joins a connection to all rooms of its live user, and tells it so the first time and after a loss. Not before does it hear
// what its user is told, such as that a message of its own is the next one in a channel: of what others have done there it has not heard yet.
func (h *Hub) welcome(u *user, c *connection) {
	c.Join(event.UserKey(u.id))
	for _, m := range u.groups {
		c.Join(m.keys...)
	}
	if !c.subscribed || u.missed != "" {
		groups, channels := u.groups.ids()
		c.Emit(frame(event.Subscribed, map[string][]int64{"groupIds": groups, "channelIds": channels}))
	}
	switch {
	case !c.subscribed:
		h.metrics.subscribed(c.since)
	case u.missed != "":
		c.Emit(frame(event.Resync, map[string]string{"reason": u.missed}))
	}
	c.subscribed = true
	h.here(c.Conn)
}

// Reset implements routing's Subscriptions: no binding is left and events may
// have been missed, removals among them. Nobody hears anything until a new snapshot says what is still theirs.
func (h *Hub) Reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, u := range h.users {
		h.drop(u)
		u.missed = "broker_reconnected"
		h.ask(u)
	}
}

// disable shuts out every connection of a user.
func (h *Hub) disable(u *user) {
	u.disabled = true
	u.answer()
	u.endRound()
	for _, c := range u.conns {
		if c.connected { // the others are about to be refused
			c.Close(auth.ErrUserDisabled.Code)
		}
	}
}

// reasonSessionEnded is why connections are closed whose sign-in has ended.
const reasonSessionEnded = "session_ended"

// end closes the connections of sign-ins that have ended.
func (u *user) end(families []string) {
	for i := range u.conns {
		c := &u.conns[i]
		if c.family == "" || !slices.Contains(families, c.family) {
			continue
		}
		c.ended = true
		if c.connected { // the others are closed as soon as they are
			c.Close(reasonSessionEnded)
		}
	}
}

// drop has a user hear nothing, until it is welcome again. Its own key stays bound.
func (h *Hub) drop(u *user) {
	u.leave(event.UserKey(u.id))
	for _, m := range u.groups {
		h.leaveGroup(u, m.group)
		u.leave(m.keys...)
		h.bindings.Release(m.keys...)
	}
	for _, n := range u.notices {
		delete(h.pending, n)
	}
	u.groups, u.notices = nil, nil
	u.version = 0
}

func (h *Hub) joinGroup(u *user, id int64) {
	if h.members[id] == nil {
		h.members[id] = make(map[*user]struct{})
	}
	h.members[id][u] = struct{}{}
}

func (h *Hub) leaveGroup(u *user, id int64) {
	delete(h.members[id], u)
	if len(h.members[id]) == 0 {
		delete(h.members, id)
		delete(h.sets, id)
	}
}

// answer lets those in who wait for the first snapshot.
func (u *user) answer() {
	select {
	case <-u.answered:
	default:
		close(u.answered)
	}
}

// leave takes every connection out of rooms.
func (u *user) leave(rooms ...string) {
	for _, c := range u.conns {
		c.Leave(rooms...)
	}
}
