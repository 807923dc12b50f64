package subscription

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"

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
	asking  phase = iota // a snapshot has been asked for
	binding              // its keys are being bound
	live                 // rooms are joined; changes are applied as they come
	gone                 // the last connection has left
)

// user is a user with at least one connection to this server. The hub's lock guards it.
type user struct {
	id       int64
	conns    map[*socket.Conn]*connection
	phase    phase
	answered chan struct{} // closed by the first snapshot
	disabled bool

	round  int64         // the newest request
	over   chan struct{} // closed when the round is answered or overtaken
	asked  uint64        // the bindings' clock when it was sent
	stales int           // snapshots in a row that were older than changes already heard of

	version int64               // of the memberships; 0 while there are none
	heard   int64               // the highest version in any change for this user
	groups  memberships         // what the user hears
	held    map[string]struct{} // keys of groups and channels acquired
	missed  string              // why the clients must be told to RESYNC; empty: they need not
	notices []func()            // events that are due when the subscription is live
}

// connection is what the hub keeps of one connection.
type connection struct {
	connected  bool // the client has been told
	subscribed bool // SUBSCRIBED has been emitted
}

func newUser(id int64) *user {
	return &user{
		id:       id,
		conns:    make(map[*socket.Conn]*connection),
		answered: make(chan struct{}),
		groups:   memberships{},
		held:     make(map[string]struct{}),
	}
}

const (
	// answerTimeout is after what time without an answer a snapshot is asked for again.
	answerTimeout = 10 * time.Second
	// maxStales bounds how often a snapshot older than what was heard is refused. Workers read what is
	// committed, so that once is the rule; a database restored from a backup would never catch up.
	maxStales = 10
)

// ask begins a new round: a snapshot is requested once the user's key is bound, so that no change is missed in between.
func (h *Hub) ask(u *user) {
	u.endRound()
	h.round++
	u.round, u.phase, u.over = h.round, asking, make(chan struct{})
	round, over, key := u.round, u.over, event.UserKey(u.id)
	bound := h.bindings.Acquire(key) // once more, to learn when it is bound
	h.host.Go("subscribe", func(ctx context.Context) error {
		select {
		case <-bound:
		case <-over:
		case <-ctx.Done():
		}
		h.bindings.Release(key)
		h.request(ctx, u, round, over)
		return nil
	})
}

// endRound tells the round's task that there is nothing to wait for any more.
func (u *user) endRound() {
	if u.over != nil {
		close(u.over)
		u.over = nil
	}
}

// request sends the request of a round until it is answered or overtaken.
func (h *Hub) request(ctx context.Context, u *user, round int64, over <-chan struct{}) {
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval, retry.MaxInterval = 100*time.Millisecond, 5*time.Second
	for ctx.Err() == nil && h.waiting(u, round) {
		msg, err := event.Encode(event.SubscriptionKey, event.TypeRequest,
			event.SubscriptionRequest{UserID: u.id, ServerID: h.serverID, RequestID: round})
		if err == nil {
			err = h.bus.Send(ctx, msg)
		}
		pause := answerTimeout
		if err != nil {
			pause = retry.NextBackOff()
			h.log.Warn("a subscription could not be requested; trying again", "user", u.id, "error", err, "in", pause)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-over:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// waiting says whether the round is still the user's newest and unanswered, and if so notes the time of asking.
func (h *Hub) waiting(u *user, round int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if u.over == nil || u.round != round {
		return false
	}
	u.asked = h.bindings.Clock()
	return true
}

// Snapshot takes a worker's answer.
func (h *Hub) Snapshot(_ context.Context, msg bus.Message) {
	snap, err := event.Decode[event.Snapshot](msg, event.TypeSnapshot)
	if err != nil {
		h.log.Error("a snapshot could not be read", "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	u := h.users[snap.UserID]
	if u == nil || u.over == nil || u.round != snap.RequestID {
		return // an answer to an earlier round
	}
	if snap.Disabled {
		h.disable(u)
		return
	}
	if h.isStale(u, snap) {
		h.ask(u)
		return
	}
	h.accept(u, snap)
}

// isStale says whether the snapshot was taken before a change that has passed by already.
func (h *Hub) isStale(u *user, snap event.Snapshot) bool {
	stale := snap.Version < u.heard
	for _, g := range snap.Groups {
		stale = stale || g.Version < h.versions[g.ID]
	}
	if !stale {
		u.stales = 0
		return false
	}
	u.stales++
	return u.stales <= maxStales
}

// accept makes the snapshot what the user hears, beginning with what it does not hear any more.
func (h *Hub) accept(u *user, snap event.Snapshot) {
	u.answer()
	u.endRound()
	u.phase = binding
	for id := range u.groups {
		h.leaveGroup(u, id)
	}
	u.groups, u.version, u.heard = fromSnapshot(snap.Groups), snap.Version, snap.Version
	for id, group := range u.groups {
		h.joinGroup(u, id)
		if _, ok := h.versions[id]; ok {
			h.versions[id] = group.version
		}
	}

	wanted := u.groups.keys()
	bound := h.bindings.Acquire(list(wanted)...)
	for key := range u.held {
		if _, ok := wanted[key]; !ok {
			u.leave(key)
		}
	}
	h.bindings.Release(list(u.held)...)
	u.held = wanted
	h.whenBound(u, bound)
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
	u.phase = live
	for c, state := range u.conns {
		if state.connected {
			h.welcome(u, c)
		}
	}
	u.missed = ""
	notices := u.notices
	u.notices = nil
	for _, emit := range notices {
		emit()
	}
}

// welcome joins a connection to all rooms of its live user, and tells it so the first time and after a loss.
func (h *Hub) welcome(u *user, c *socket.Conn) {
	c.Join(list(u.held)...)
	state := u.conns[c]
	if !state.subscribed || u.missed != "" {
		groups, channels := u.groups.ids()
		c.Emit(frame(event.Subscribed, map[string][]int64{"groupIds": groups, "channelIds": channels}))
	}
	if state.subscribed && u.missed != "" {
		c.Emit(frame(event.Resync, map[string]string{"reason": u.missed}))
	}
	state.subscribed = true
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
	for c, state := range u.conns {
		if state.connected { // the others are about to be refused
			c.Close(auth.ErrUserDisabled.Code)
		}
	}
}

// drop has a user hear nothing but its own key.
func (h *Hub) drop(u *user) {
	for id := range u.groups {
		h.leaveGroup(u, id)
	}
	for key := range u.held {
		u.leave(key)
	}
	h.bindings.Release(list(u.held)...)
	u.groups, u.held, u.notices = memberships{}, make(map[string]struct{}), nil
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

// leave takes every connection out of a room.
func (u *user) leave(room string) {
	for c := range u.conns {
		c.Leave(room)
	}
}

// list makes a slice of a set.
func list(set map[string]struct{}) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	return keys
}
