package presence

import "time"

// timeline holds users for a while, each until a time of its own. They are added in the order of these times. What is empty takes
// no memory.
type timeline struct {
	until map[int64]time.Time
	order []moment
}

type moment struct {
	user  int64
	until time.Time
}

// add holds a user until a time, and not until an earlier one any more.
func (t *timeline) add(user int64, until time.Time) {
	if t.until == nil {
		t.until = make(map[int64]time.Time)
	}
	t.until[user] = until
	t.order = append(t.order, moment{user, until})
}

func (t *timeline) has(user int64) bool {
	_, there := t.until[user]
	return there
}

func (t *timeline) remove(user int64) { delete(t.until, user) }

// expire lets those go whose time has come, tells whom, and returns how long it is until the next; 0 if there is none.
func (t *timeline) expire(now time.Time, gone func(m moment)) time.Duration {
	for len(t.order) > 0 {
		next := t.order[0]
		if wait := next.until.Sub(now); wait > 0 {
			return wait
		}
		t.order = t.order[1:]
		if until, there := t.until[next.user]; there && until.Equal(next.until) {
			delete(t.until, next.user)
			gone(next)
		}
	}
	t.until, t.order = nil, nil
	return 0
}
