package subscription

import (
	"context"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"parley/app/event"
)

// answerTimeout is after what time without an answer a snapshot is asked for again.
const answerTimeout = 10 * time.Second

// queue has a snapshot of u asked for.
func (h *Hub) queue(u *user) {
	if !u.queued {
		u.queued = true
		h.due = append(h.due, u)
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// request asks for those who are due, until ctx ends. One request is on its way at a time, for all who were due when it
// began: so a single user is asked for at once, and a crowd in a few messages.
func (h *Hub) request(ctx context.Context) error {
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval, retry.MaxInterval = 100*time.Millisecond, 5*time.Second
	for ctx.Err() == nil {
		users, round := h.takeDue()
		if len(users) == 0 {
			h.waitForDue(ctx)
			continue
		}
		err := h.send(ctx, users, round)
		if err == nil {
			h.metrics.requests.Add(float64(len(users)))
			retry.Reset()
			continue
		}
		pause := retry.NextBackOff()
		if ctx.Err() == nil {
			h.log.Warn("subscriptions could not be requested; trying again", "users", len(users), "error", err, "in", pause)
		}
		h.again(func(u *user) bool { return u.round == round })
		sleep(ctx, pause)
	}
	return nil
}

// send sends one request.
func (h *Hub) send(ctx context.Context, users []int64, round int64) error {
	msg, err := event.Encode(event.SubscriptionKey, event.TypeRequest,
		event.SubscriptionRequest{UserID: users[0], Also: users[1:], ServerID: h.serverID, RequestID: round})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return h.bus.Send(ctx, msg)
}

// takeDue begins a request for those who are due, and have not left or been shut out meanwhile.
func (h *Hub) takeDue() (users []int64, round int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.round++
	clock, now := h.bindings.Clock(), time.Now()
	taken := 0
	for _, u := range h.due {
		if len(users) == maxAsked {
			break
		}
		taken++
		u.queued = false
		if u.phase != asking || u.disabled || u.over != nil {
			continue
		}
		u.round, u.waiting, u.sent, u.asked = h.round, true, now, clock
		users = append(users, u.id)
	}
	h.due = slices.Delete(h.due, 0, taken)
	if len(h.due) == 0 {
		h.due = nil // a crowd's list is not kept for later
	}
	return users, h.round
}

// waitForDue returns when somebody is due, or may be since an answer has not come.
func (h *Hub) waitForDue(ctx context.Context) {
	timer := time.NewTimer(answerTimeout / 4)
	defer timer.Stop()
	select {
	case <-h.wake:
	case <-ctx.Done():
	case <-timer.C:
		late := time.Now().Add(-answerTimeout)
		h.again(func(u *user) bool { return u.sent.Before(late) })
	}
}

// again asks once more for those who wait for an answer in vain.
func (h *Hub) again(inVain func(*user) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, u := range h.users {
		if u.waiting && inVain(u) {
			u.waiting = false
			h.queue(u)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
