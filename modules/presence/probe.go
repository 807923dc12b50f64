package presence

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/problem"
)

// probe asks for users and servers as they become due, until ctx ends.
func (s *Socket) probe(ctx context.Context) error {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.probeWake:
		case <-ticker.C:
			s.tick()
		case <-ctx.Done():
			return nil
		}
		for s.probeOnce(ctx) {
		}
	}
}

// round is a number of probes that are under way together.
type round struct {
	users   []*watched
	servers []string
	clock   uint64
	msgs    []bus.Message
}

// probeOnce asks for some who are due, and reports whether there may be more.
func (s *Socket) probeOnce(ctx context.Context) bool {
	r := s.takeRound()
	if len(r.msgs) == 0 {
		return false
	}
	within, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	reached, err := s.bus.Probe(within, r.msgs...)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("users' presence could not be found out; trying again", "users", len(r.users), "error", err)
		}
		for _, u := range r.users {
			u.next = now.Add(retryAfter)
		}
		return false
	}
	s.metrics.count(reached)
	for i, u := range r.users {
		switch {
		case !s.isWatched(u):
		case !reached[i]:
			s.conclude(u, now)
		case u.deadline.IsZero():
			u.deadline = now.Add(answerTimeout)
		}
	}
	for i, id := range r.servers {
		if !reached[len(r.users)+i] {
			s.vanished(id, r.clock, now)
		}
	}
	return true
}

// isWatched says whether u is what is known of the user, and not of an earlier time when it was watched.
func (s *Socket) isWatched(u *watched) bool { return s.watch.users[u.id] == u }

// takeRound takes some of what is due.
func (s *Socket) takeRound() (r round) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch.clock++
	r.clock = s.watch.clock
	taken := 0
	for _, id := range s.watch.due {
		if len(r.users) == maxProbed {
			break
		}
		taken++
		u := s.watch.users[id]
		if u == nil || !u.bound || u.probed == r.clock {
			continue
		}
		msg, ok := s.encode(event.UserKey(id), event.TypePresenceProbe, event.PresenceProbe{UserID: id, ServerID: s.id})
		if !ok {
			continue
		}
		u.probed, u.deadline, u.next = r.clock, time.Time{}, time.Time{}
		r.users, r.msgs = append(r.users, u), append(r.msgs, msg)
	}
	if s.watch.due = s.watch.due[taken:]; len(s.watch.due) == 0 {
		s.watch.due = nil
	}
	for _, id := range s.watch.servers {
		if msg, ok := s.encode(event.ServerKey(id), event.TypePresenceProbe, event.PresenceProbe{ServerID: s.id}); ok {
			r.servers, r.msgs = append(r.servers, id), append(r.msgs, msg)
		}
	}
	s.watch.servers = nil
	return r
}

// conclude makes up its mind about a user who has been probed: what no server has said since does not count any more.
func (s *Socket) conclude(u *watched, now time.Time) {
	u.deadline = time.Time{}
	u.holds = slices.DeleteFunc(u.holds, func(h hold) bool { return h.heard < u.probed })
	switch {
	case len(u.holds) > 0:
		u.sure = false
		u.probeAgain(now)
		s.show(u, u.state())
	case u.isShown() && !u.sure:
		u.sure = true
		u.next = now.Add(doubt)
	default:
		u.sure = false
		s.show(u, event.UserOffline)
	}
}

// probeAgain has a user who is there be probed some time. A probe that is due already stays so: it was to ask servers that may
// not have been heard.
func (u *watched) probeAgain(now time.Time) {
	if u.next.IsZero() {
		u.next = now.Add(probeEvery/2 + rand.N(probeEvery/2))
	}
}

// vanished takes note that there was no such server at a time of the watch's clock.
func (s *Socket) vanished(server string, clock uint64, now time.Time) {
	for _, u := range s.watch.users {
		before := len(u.holds)
		u.holds = slices.DeleteFunc(u.holds, func(h hold) bool { return h.server == server && h.heard < clock })
		switch {
		case len(u.holds) == before:
		case len(u.holds) > 0:
			s.show(u, u.state())
		default:
			u.sure = true
			u.next = now.Add(doubt)
		}
	}
}

// tick looks at what has become due with time.
func (s *Socket) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	check := now.After(s.watch.checkAt)
	if check {
		s.watch.checkAt = now.Add(checkEvery)
	}
	for id, u := range s.watch.users {
		if !u.deadline.IsZero() && now.After(u.deadline) {
			s.conclude(u, now)
		}
		if !u.next.IsZero() && !u.next.After(now) && u.bound {
			u.next = time.Time{}
			s.watch.due = append(s.watch.due, id)
		}
		if check {
			s.suspect(u)
		}
	}
	for _, w := range s.watch.watchers {
		if late(w.request, w.reply, now) {
			s.supersede(w, problem.Unavailable.WithDetail("It could not be found out in time whether these users are there; try again."))
		}
		if len(w.ids) > 0 && now.After(w.recheckAt) {
			s.checkAll(w)
		}
	}
	s.askAgain(now)
}

// late says whether a client has waited long enough.
func late(q *request, r *reply, now time.Time) bool {
	return q != nil && now.Sub(q.from) > ackTimeout || r != nil && now.Sub(r.from) > ackTimeout
}

// suspect has the servers asked for that a user is on.
func (s *Socket) suspect(u *watched) {
	for _, h := range u.holds {
		if h.server != s.id && !slices.Contains(s.watch.servers, h.server) {
			s.watch.servers = append(s.watch.servers, h.server)
		}
	}
}
