package presence

import (
	"cmp"
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/problem"
	"parley/app/socket"
)

// watch is who is watched from this server.
type watch struct {
	watchers map[client]*watcher
	users    map[int64]*watched
	clock    uint64   // counts probes and what is heard
	due      []int64  // users to be probed now
	servers  []string // servers to be asked for now
	checkAt  time.Time
}

func newWatch() watch {
	return watch{watchers: make(map[client]*watcher), users: make(map[int64]*watched)}
}

// watcher is a connection that watches others.
type watcher struct {
	client
	ids     []int64  // ascending; it is in the rooms of their presence
	request *request // of the client, while it is not known whom of them it may watch
	reply   *reply   // to the client, while not all states are known

	recheck   []int64 // users of whom it is to be asked again whether they may be watched
	recheckAt time.Time
	queued    bool      // in the list of those for whom a worker is to be asked
	asking    bool      // a worker has been asked
	again     bool      // something has happened since that makes the answer doubtful
	askedAt   time.Time // the last time
}

// request is a PRESENCE_SUBSCRIBE.
type request struct {
	ids  []int64 // ascending
	ack  func(any)
	from time.Time
}

// reply is the acknowledgement of a request whose users are watched, but not all known.
type reply struct {
	w       *watcher
	ack     func(any)
	from    time.Time
	missing int
}

// watched is a user whom somebody watches.
type watched struct {
	id       int64
	watchers int
	bound    bool            // what the user's servers announce is heard
	shown    event.UserState // what the watchers know; empty: not known
	lastSeen int64
	heardAt  int64 // the clock's time, in ms, when a server last said that the user is there
	holds    []hold
	waiting  []*reply

	probed   uint64    // the watch's clock at the last probe
	next     time.Time // when to probe; zero: no need
	deadline time.Time // until when servers may answer; zero: nobody is waited for
	sure     bool      // if the next probe finds nobody, that is believed
}

// hold is what a server has said last: that the user is there.
type hold struct {
	server string
	state  event.UserState
	heard  uint64 // the watch's clock
}

// subscribe takes the list of users whom a connection wants to watch from now on.
func (s *Socket) subscribe(c client, payload json.RawMessage, ack func(any)) {
	var body struct {
		UserIDs []int64 `json:"userIds"`
	}
	if err := json.Unmarshal(payload, &body); err != nil || body.UserIDs == nil {
		ack(socket.Refusal(problem.Malformed.WithDetail("PRESENCE_SUBSCRIBE takes {userIds}, a list of numbers.")))
		return
	}
	slices.Sort(body.UserIDs)
	ids := slices.Clip(slices.Compact(body.UserIDs))
	if len(ids) > MaxWatched {
		ack(socket.Refusal(ErrTooMany))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.watch.watchers[c]
	if w == nil {
		w = &watcher{client: c}
		s.watch.watchers[c] = w
	}
	s.supersede(w, ErrSuperseded)
	w.request = &request{ids: ids, ack: ack, from: time.Now()}
	if len(ids) == 0 {
		s.accept(w, nil)
		return
	}
	s.queue(w)
}

// supersede answers what a watcher waits for: there is no use in it any more.
func (s *Socket) supersede(w *watcher, why *problem.Problem) {
	if w.request != nil {
		w.request.ack(socket.Refusal(why))
		w.request = nil
	}
	if w.reply != nil {
		w.reply.ack(socket.Refusal(why))
		w.reply = nil
	}
}

// accept has a watcher watch those whom it has asked for and may watch, and nobody else.
func (s *Socket) accept(w *watcher, users []event.LastSeen) {
	r := w.request
	w.request, w.recheck = nil, nil
	w.recheckAt = time.Now().Add(recheckEvery/2 + rand.N(recheckEvery/2))
	slices.SortFunc(users, func(a, b event.LastSeen) int { return cmp.Compare(a.UserID, b.UserID) })
	before := w.ids
	w.ids = make([]int64, 0, len(users))
	var fresh []int64
	var joined []string
	for _, seen := range users {
		id := seen.UserID
		w.ids = append(w.ids, id)
		u := s.watch.users[id]
		if u == nil {
			u = &watched{id: id}
			s.watch.users[id] = u
			fresh = append(fresh, id)
		}
		u.lastSeen = max(u.lastSeen, seen.SeenAt)
		if _, already := slices.BinarySearch(before, id); !already {
			u.watchers++
			joined = append(joined, event.PresenceKey(id))
		}
	}
	w.Join(joined...)
	for _, id := range before {
		if _, still := slices.BinarySearch(w.ids, id); !still {
			s.unwatch(w, id)
		}
	}
	if len(fresh) > 0 {
		s.bind(fresh, s.bindings.Acquire(presenceKeys(fresh)...))
	}
	s.gauge()
	s.reply(w, r)
}

func presenceKeys(ids []int64) []string {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = event.PresenceKey(id)
	}
	return keys
}

// unwatch takes a user off what a watcher watches; its list, and what it waits for, is the caller's business.
func (s *Socket) unwatch(w *watcher, id int64) {
	key := event.PresenceKey(id)
	w.Leave(key)
	u := s.watch.users[id]
	u.waiting = slices.DeleteFunc(u.waiting, func(r *reply) bool { return r.w == w })
	if u.watchers--; u.watchers == 0 {
		delete(s.watch.users, id)
		s.bindings.Release(key)
	}
}

// forget drops a watcher.
func (s *Socket) forget(c client) {
	w := s.watch.watchers[c]
	if w == nil {
		return
	}
	delete(s.watch.watchers, c)
	w.request, w.reply = nil, nil
	for _, id := range w.ids {
		s.unwatch(w, id)
	}
	w.ids = nil
	s.gauge()
}

func (s *Socket) gauge() {
	s.metrics.watchers.Set(float64(len(s.watch.watchers)))
	s.metrics.watched.Set(float64(len(s.watch.users)))
}

// bind has the users probed as soon as their keys are bound.
func (s *Socket) bind(ids []int64, bound <-chan uint64) {
	select {
	case <-bound:
		s.ready(ids)
		return
	default:
	}
	s.host.Go("bound", func(ctx context.Context) error {
		select {
		case <-bound:
			s.mu.Lock()
			defer s.mu.Unlock()
			s.ready(ids)
		case <-ctx.Done():
		}
		return nil
	})
}

func (s *Socket) ready(ids []int64) {
	for _, id := range ids {
		if u := s.watch.users[id]; u != nil {
			u.bound = true
			s.probeSoon(u)
		}
	}
}

func (s *Socket) probeSoon(u *watched) {
	u.next = time.Time{}
	s.watch.due = append(s.watch.due, u.id)
	nudge(s.probeWake)
}

// reply acknowledges a request, at once if all states are known.
func (s *Socket) reply(w *watcher, from *request) {
	r := &reply{w: w, ack: from.ack, from: from.from}
	w.reply = r
	for _, id := range w.ids {
		if u := s.watch.users[id]; u.shown == "" {
			r.missing++
			u.waiting = append(u.waiting, r)
		}
	}
	if r.missing == 0 {
		s.finish(r)
	}
}

// oneLess is called when a state that a reply waits for is known.
func (s *Socket) oneLess(r *reply) {
	if r.missing--; r.missing == 0 && r.w.reply == r {
		s.finish(r)
	}
}

// revoke has a watcher not watch those any more who are not among them.
func (s *Socket) revoke(w *watcher, asked []int64, among []event.LastSeen) {
	var gone []int64
	for _, id := range asked {
		_, watches := slices.BinarySearch(w.ids, id)
		if watches && !slices.ContainsFunc(among, func(l event.LastSeen) bool { return l.UserID == id }) {
			gone = append(gone, id)
		}
	}
	if len(gone) == 0 {
		return
	}
	w.ids = slices.DeleteFunc(w.ids, func(id int64) bool { return slices.Contains(gone, id) })
	for _, id := range gone {
		if u := s.watch.users[id]; u.shown == "" && w.reply != nil {
			w.reply.missing--
		}
		s.unwatch(w, id)
	}
	if r := w.reply; r != nil && r.missing == 0 {
		s.finish(r)
	}
	s.gauge()
}

func (s *Socket) finish(r *reply) {
	r.w.reply = nil
	answer := subscribed{OK: true, Presences: make([]payload, 0, len(r.w.ids))}
	for _, id := range r.w.ids {
		answer.Presences = append(answer.Presences, s.watch.users[id].payload())
	}
	r.ack(answer)
}

func (u *watched) payload() payload {
	p := payload{UserID: u.id, State: u.shown}
	if u.shown == event.UserOffline && u.lastSeen > 0 {
		at := event.FromMillis(u.lastSeen)
		p.LastSeen = &at
	}
	return p
}

// told takes what a server says about its users.
func (s *Socket) told(_ context.Context, msg bus.Message) {
	all, err := event.Decode[event.PresenceStates](msg, event.TypePresenceStates)
	if err != nil {
		s.log.Error("users' presence could not be read", "error", err)
		return
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch.clock++
	for _, p := range all.Users {
		u := s.watch.users[p.UserID]
		if u == nil {
			continue
		}
		if p.State == event.UserOffline {
			s.leave(u, all.ServerID, p.SeenAt)
			continue
		}
		u.hold(hold{all.ServerID, p.State, s.watch.clock})
		u.heardAt = now.UnixMilli()
		u.sure = false
		if u.shown == "" && u.state() == event.UserAway {
			u.deadline = now.Add(awayPatience) // perhaps another server knows better
			continue
		}
		if u.deadline.IsZero() {
			u.probeAgain(now)
		}
		s.show(u, u.state())
	}
}

func (u *watched) hold(h hold) {
	i := slices.IndexFunc(u.holds, func(known hold) bool { return known.server == h.server })
	if i < 0 {
		u.holds = append(u.holds, h)
		return
	}
	u.holds[i] = h
}

// leave takes note that the user is not on a server any more. If that was the last one known, a probe is to say whether it is so.
func (s *Socket) leave(u *watched, server string, seenAt int64) {
	u.holds = slices.DeleteFunc(u.holds, func(h hold) bool { return h.server == server })
	u.lastSeen = max(u.lastSeen, seenAt)
	switch {
	case len(u.holds) > 0:
		s.show(u, u.state())
	case u.isShown():
		u.heardAt = 0
		u.sure = true
		s.probeSoon(u)
	}
}

// isShown says whether the watchers believe that the user is there.
func (u *watched) isShown() bool { return u.shown != "" && u.shown != event.UserOffline }

// state is that of all servers together.
func (u *watched) state() event.UserState {
	if slices.ContainsFunc(u.holds, func(h hold) bool { return h.state == event.UserOnline }) {
		return event.UserOnline
	}
	return event.UserAway
}

// show tells the watchers if they do not know it.
func (s *Socket) show(u *watched, state event.UserState) {
	before := u.shown
	if state == before {
		return
	}
	if state == event.UserOffline && u.heardAt > u.lastSeen && before != "" {
		u.lastSeen = u.heardAt // its server is gone, and has not said when
		s.saw(u.id, time.UnixMilli(u.heardAt))
	}
	u.shown = state
	if before != "" {
		s.metrics.changes.Inc()
		s.rooms.broadcast(event.PresenceKey(u.id), event.PresenceChanged, u.payload())
	}
	waiting := u.waiting
	u.waiting = nil
	for _, r := range waiting {
		s.oneLess(r)
	}
}

// reset takes note that the server's bindings are lost: users are probed when they have been made again.
func (s *Socket) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]int64, 0, len(s.watch.users))
	for id, u := range s.watch.users {
		u.bound, u.sure, u.deadline, u.next = false, false, time.Time{}, time.Time{}
		ids = append(ids, id)
	}
	for _, w := range s.watch.watchers {
		s.checkAll(w)
	}
	if len(ids) == 0 {
		return
	}
	keys := presenceKeys(ids)
	bound := s.bindings.Acquire(keys...) // once more, to learn when they are bound
	s.host.Go("bound again", func(ctx context.Context) error {
		defer s.bindings.Release(keys...)
		select {
		case <-bound:
			s.mu.Lock()
			defer s.mu.Unlock()
			s.ready(ids)
		case <-ctx.Done():
		}
		return nil
	})
}
