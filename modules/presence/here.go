package presence

import (
	"context"
	"maps"
	"slices"
	"time"

	"parley/app/bus"
	"parley/app/event"
)

// here is what this server has to say about its own users. It keeps nothing about those who are online and have been for a while.
type here struct {
	away      map[int64]map[client]struct{} // by user: the devices that are not in use
	changed   map[int64]int64               // users to be announced, and for those who left when that was
	leaving   timeline                      // users whose last connection has ended, while they may come back
	recent    timeline                      // users who were announced, until they may be again
	questions map[string]map[int64]struct{} // by server: users who it wants to know about
}

func newHere() here {
	return here{
		away: make(map[int64]map[client]struct{}), changed: make(map[int64]int64), questions: make(map[string]map[int64]struct{}),
	}
}

// arrived notes that a user is here, and has it told.
func (s *Socket) arrived(c client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.here.changed[c.UserID()] = 0
	s.saw(c.UserID(), time.Now())
	nudge(s.tellWake)
}

// left notes that a connection has ended.
func (s *Socket) left(c client, userID int64, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(c)
	devices, some := s.here.away[userID]
	delete(devices, c)
	if last {
		now := time.Now()
		delete(s.here.away, userID)
		s.here.leaving.add(userID, now.Add(reloadGrace))
		s.saw(userID, now)
		nudge(s.tellWake)
		return
	}
	if some {
		if len(devices) == 0 {
			delete(s.here.away, userID)
		}
		s.here.changed[userID] = 0
		nudge(s.tellWake)
	}
}

// setAway notes whether a device is in use. The caller holds mu.
func (s *Socket) setAway(c client, away bool) {
	user := c.UserID()
	devices := s.here.away[user]
	if _, known := devices[c]; known == away {
		return
	}
	if away {
		if devices == nil {
			devices = make(map[client]struct{}, 1)
			s.here.away[user] = devices
		}
		devices[c] = struct{}{}
	} else if delete(devices, c); len(devices) == 0 {
		delete(s.here.away, user)
	}
	s.here.changed[user] = 0
	nudge(s.tellWake)
}

// stateHere is a user's state on this server. The caller holds mu.
func (s *Socket) stateHere(user int64) event.UserState {
	devices := s.rooms.members(event.UserKey(user))
	if len(devices) == 0 {
		return event.UserOffline
	}
	away := s.here.away[user]
	for _, c := range devices {
		if _, is := away[c]; !is {
			return event.UserOnline
		}
	}
	return event.UserAway
}

// probed takes another server's question.
func (s *Socket) probed(_ context.Context, msg bus.Message) {
	p, err := event.Decode[event.PresenceProbe](msg, event.TypePresenceProbe)
	if err != nil {
		s.log.Error("a probe could not be read", "error", err)
		return
	}
	if p.UserID == 0 {
		return // the broker has answered it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.question(p.ServerID, p.UserID)
	nudge(s.tellWake)
}

func (s *Socket) question(server string, user int64) {
	if s.here.questions[server] == nil {
		s.here.questions[server] = make(map[int64]struct{})
	}
	s.here.questions[server][user] = struct{}{}
}

// news is what is going to be told.
type news struct {
	changed   map[int64]int64
	questions map[string]map[int64]struct{}
	msgs      []bus.Message
}

// tell announces changes and answers questions until ctx ends.
func (s *Socket) tell(ctx context.Context) error {
	for ctx.Err() == nil {
		n, wait := s.gather()
		if len(n.msgs) == 0 {
			await(ctx, s.tellWake, wait)
			continue
		}
		within, cancel := context.WithTimeout(ctx, busTimeout)
		err := s.bus.Publish(within, n.msgs...)
		cancel()
		if err == nil {
			s.metrics.announced.Add(float64(len(n.changed)))
			continue
		}
		if ctx.Err() == nil {
			s.log.Warn("users' presence could not be told; trying again", "error", err)
		}
		s.retell(n)
		await(ctx, nil, retryAfter)
	}
	return nil
}

// gather takes what is due, as it is now, and says when there may be more; 0: when there is news.
func (s *Socket) gather() (n news, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	wait = s.here.leaving.expire(now, func(m moment) {
		if s.stateHere(m.user) == event.UserOffline {
			s.here.changed[m.user] = m.until.Add(-reloadGrace).UnixMilli()
		}
	})
	wait = earlier(wait, s.here.recent.expire(now, func(moment) {}))
	n.changed = make(map[int64]int64)
	var states []event.UserPresence
	for _, user := range slices.Sorted(maps.Keys(s.here.changed)) {
		at := s.here.changed[user]
		if s.here.recent.has(user) {
			continue
		}
		n.changed[user] = at
		s.here.recent.add(user, now.Add(pace))
		states = append(states, event.UserPresence{UserID: user, State: s.stateHere(user), SeenAt: at})
	}
	if len(n.changed) == len(s.here.changed) {
		s.here.changed = make(map[int64]int64)
	} else {
		maps.DeleteFunc(s.here.changed, func(user, _ int64) bool { _, taken := n.changed[user]; return taken })
	}
	n.msgs = s.announcements(states)
	n.questions, s.here.questions = s.here.questions, make(map[string]map[int64]struct{})
	for server, users := range n.questions {
		if msg, ok := s.answer(server, users); ok {
			n.msgs = append(n.msgs, msg)
		}
	}
	return n, wait
}

// earlier is the shorter one of two waits, of which 0 stands for none.
func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// announcements tell of users wherever they are watched, each message of many.
func (s *Socket) announcements(states []event.UserPresence) []bus.Message {
	msgs := make([]bus.Message, 0, 1+len(states)/maxAnnounced)
	for some := range slices.Chunk(states, maxAnnounced) {
		msg, ok := s.encode(event.PresenceKey(some[0].UserID), event.TypePresenceStates, event.PresenceStates{ServerID: s.id, Users: some})
		if !ok {
			continue
		}
		for _, u := range some[1:] {
			msg.Also = append(msg.Also, event.PresenceKey(u.UserID))
		}
		msgs = append(msgs, msg)
	}
	return msgs
}

// answer tells one server about users. Nothing is said yet of those who may be about to come back.
func (s *Socket) answer(server string, users map[int64]struct{}) (bus.Message, bool) {
	states := make([]event.UserPresence, 0, len(users))
	for user := range users {
		state := s.stateHere(user)
		if state == event.UserOffline && s.here.leaving.has(user) {
			continue
		}
		states = append(states, event.UserPresence{UserID: user, State: state})
	}
	if len(states) == 0 {
		return bus.Message{}, false
	}
	return s.encode(event.ServerKey(server), event.TypePresenceStates, event.PresenceStates{ServerID: s.id, Users: states})
}

func (s *Socket) encode(key, typ string, body any) (bus.Message, bool) {
	msg, err := event.Encode(key, typ, body)
	if err != nil {
		s.log.Error("a message could not be encoded", "error", err)
	}
	return msg, err == nil
}

// retell has news told again that could not be told; what has changed since stays as it is.
func (s *Socket) retell(n news) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for user, at := range n.changed {
		s.here.recent.remove(user)
		if _, newer := s.here.changed[user]; !newer {
			s.here.changed[user] = at
		}
	}
	for server, users := range n.questions {
		for user := range users {
			s.question(server, user)
		}
	}
}
