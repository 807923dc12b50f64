package presence

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"

	"parley/app/bus"
	"parley/app/event"
)

// asks are the questions to workers, whom watchers may watch.
type asks struct {
	due      []*watcher
	underWay map[int64]*question // by number
	number   int64
}

func newAsks() asks { return asks{underWay: make(map[int64]*question)} }

// question is what was asked in one message.
type question struct {
	wishes []wish
	at     time.Time
}

// wish is what was asked for one watcher.
type wish struct {
	w       *watcher
	ids     []int64
	request *request // that it comes from; nil if it is asked whether all is still as it was
}

// queue has a worker asked for a watcher, unless one is being asked.
func (s *Socket) queue(w *watcher) {
	if w.queued || w.asking {
		return
	}
	w.queued = true
	s.asks.due = append(s.asks.due, w)
	nudge(s.askWake)
}

// checkAll has it asked again whom a watcher may watch.
func (s *Socket) checkAll(w *watcher) {
	w.recheckAt = time.Now().Add(recheckEvery/2 + rand.N(recheckEvery/2))
	w.recheck = slices.Clone(w.ids)
	w.again = w.asking
	if len(w.recheck) > 0 {
		s.queue(w)
	}
}

// memberLeft overhears that somebody has left a group.
func (s *Socket) memberLeft(_ string, data json.RawMessage) {
	var left struct {
		UserID int64 `json:"userId"`
	}
	if err := json.Unmarshal(data, &left); err != nil {
		s.log.Error("an event could not be read", "event", event.MemberLeft, "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watch.users[left.UserID] != nil {
		for _, c := range s.rooms.members(event.PresenceKey(left.UserID)) {
			if w := s.watch.watchers[c]; w != nil && !slices.Contains(w.recheck, left.UserID) {
				w.recheck = append(w.recheck, left.UserID)
				s.queue(w)
			}
		}
	}
	for _, q := range s.asks.underWay {
		for _, wish := range q.wishes {
			if slices.Contains(wish.ids, left.UserID) {
				wish.w.again = true
			}
		}
	}
}

// viewersLeft overhears that those with the key have lost a group.
func (s *Socket) viewersLeft(key string, _ json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.watch.watchers) == 0 {
		return
	}
	for _, c := range s.rooms.members(key) {
		if w := s.watch.watchers[c]; w != nil {
			s.checkAll(w)
		}
	}
}

// ask asks workers until ctx ends. One message is on its way at a time, for all who have become due since the one before.
func (s *Socket) ask(ctx context.Context) error {
	for ctx.Err() == nil {
		msg, number, wait := s.takeAsk()
		if number == 0 {
			await(ctx, s.askWake, wait)
			continue
		}
		within, cancel := context.WithTimeout(ctx, busTimeout)
		err := s.bus.Send(within, msg)
		cancel()
		if err == nil {
			continue
		}
		if ctx.Err() == nil {
			s.log.Warn("no worker could be asked whose presence may be seen; trying again", "error", err)
		}
		s.unanswered(number)
		await(ctx, nil, retryAfter)
	}
	return nil
}

// takeAsk makes a message for some who are due. If there are none now, the number is 0, and it says when there may be; 0: when there is
// news.
func (s *Socket) takeAsk() (msg bus.Message, number int64, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	q := &question{at: now}
	body := event.PresenceAsk{ServerID: s.id, RequestID: s.asks.number + 1}
	s.asks.due = slices.DeleteFunc(s.asks.due, func(w *watcher) bool {
		if early := w.askedAt.Add(askPace).Sub(now); early > 0 && s.isWatching(w) {
			wait = earlier(wait, early)
			return false
		}
		if len(q.wishes) == maxAsks {
			return false
		}
		w.queued = false
		if wish, ok := s.take(w, now); ok {
			q.wishes = append(q.wishes, wish)
			body.Asks = append(body.Asks, event.PresenceWish{ViewerID: w.UserID(), UserIDs: wish.ids})
		}
		return true
	})
	if len(q.wishes) == 0 {
		return bus.Message{}, 0, wait
	}
	msg, ok := s.encode(event.PresenceRequestKey, event.TypePresenceAsk, body)
	if !ok {
		return bus.Message{}, 0, wait
	}
	s.asks.number++
	s.asks.underWay[s.asks.number] = q
	s.metrics.asked.Add(float64(len(q.wishes)))
	return msg, s.asks.number, 0
}

// isWatching says whether the watcher's connection is still there.
func (s *Socket) isWatching(w *watcher) bool { return s.watch.watchers[w.client] == w }

// take is what is to be asked for a watcher now, if anything.
func (s *Socket) take(w *watcher, now time.Time) (wish, bool) {
	if !s.isWatching(w) {
		return wish{}, false
	}
	asked := wish{w: w, ids: w.recheck, request: w.request}
	if w.request != nil {
		asked.ids = w.request.ids
	}
	w.recheck, w.again = nil, false
	if len(asked.ids) == 0 {
		return wish{}, false
	}
	w.asking, w.askedAt = true, now
	return asked, true
}

// known takes a worker's answer.
func (s *Socket) known(_ context.Context, msg bus.Message) {
	answer, err := event.Decode[event.PresenceKnown](msg, event.TypePresenceKnown)
	if err != nil {
		s.log.Error("whose presence may be seen could not be read", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.asks.underWay[answer.RequestID]
	if q == nil || len(answer.Answers) != len(q.wishes) {
		return // answered already
	}
	delete(s.asks.underWay, answer.RequestID)
	for i, asked := range q.wishes {
		w := asked.w
		w.asking = false
		switch {
		case !s.isWatching(w):
			continue
		case asked.request == nil:
			s.revoke(w, asked.ids, answer.Answers[i])
		case asked.request == w.request:
			s.accept(w, answer.Answers[i])
		default: // the client does not wait for it any more
			w.again = true
		}
		switch {
		case w.request != nil || len(w.recheck) > 0:
			s.queue(w)
		case w.again:
			s.checkAll(w)
		}
	}
}

// unanswered has asked again what there will be no answer to.
func (s *Socket) unanswered(number int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveUp(number)
}

func (s *Socket) giveUp(number int64) {
	q := s.asks.underWay[number]
	if q == nil {
		return
	}
	delete(s.asks.underWay, number)
	for _, asked := range q.wishes {
		w := asked.w
		w.asking = false
		switch {
		case !s.isWatching(w):
		case w.request != nil:
			s.queue(w)
		default:
			s.checkAll(w)
		}
	}
}

// askAgain asks again what has not been answered in time.
func (s *Socket) askAgain(now time.Time) {
	for number, q := range s.asks.underWay {
		if now.Sub(q.at) > workerTimeout {
			s.giveUp(number)
		}
	}
}
