package presence

import (
	"context"
	"slices"
	"time"

	"parley/app/event"
)

// saw has it noted that a user was there. The caller holds mu.
func (s *Socket) saw(user int64, at time.Time) {
	if ms := at.UnixMilli(); ms > s.seen[user] {
		s.seen[user] = ms
		nudge(s.seenWake)
	}
}

// noteSeen has workers note when users were seen last, those of a few seconds together, until ctx ends.
func (s *Socket) noteSeen(ctx context.Context) error {
	for {
		await(ctx, s.seenWake, 0)
		await(ctx, nil, seenEvery)
		select {
		case <-ctx.Done():
			return nil // Stop does the rest
		default:
			s.tryNote(ctx)
		}
	}
}

// tryNote has noted what has been gathered; what cannot be now is tried again.
func (s *Socket) tryNote(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	if err := s.sendSeen(within); err != nil && ctx.Err() == nil {
		s.log.Warn("it could not be noted when users were last seen; trying again", "error", err)
		nudge(s.seenWake)
	}
}

// sendSeen tells a worker what has been gathered. What it could not tell stays.
func (s *Socket) sendSeen(ctx context.Context) error {
	users := s.takeSeen()
	for len(users) > 0 {
		some := users[:min(len(users), maxSeen)]
		msg, ok := s.encode(event.PresenceRequestKey, event.TypePresenceSeen, event.PresenceSeen{Users: some})
		if ok {
			if err := s.bus.Send(ctx, msg); err != nil {
				s.keepSeen(users)
				return err
			}
		}
		users = users[len(some):]
	}
	return nil
}

func (s *Socket) takeSeen() []event.LastSeen {
	s.mu.Lock()
	defer s.mu.Unlock()
	users := make([]event.LastSeen, 0, len(s.seen))
	for id, at := range s.seen {
		users = append(users, event.LastSeen{UserID: id, SeenAt: at})
	}
	s.seen = make(map[int64]int64)
	return slices.Clip(users)
}

func (s *Socket) keepSeen(users []event.LastSeen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range users {
		s.seen[u.UserID] = max(s.seen[u.UserID], u.SeenAt)
	}
}
