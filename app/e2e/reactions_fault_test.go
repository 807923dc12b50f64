package e2e

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
)

// TestReactionsWhateverBreaks: people react and change their minds while the worker and the API are killed. Who only listens hears of every change, in
// one order, with the count as of then, and so ends with what is kept.
func TestReactionsWhateverBreaks(t *testing.T) {
	t.Parallel()
	c := split(t)
	people := c.people(t, "person", 6)
	ann := people[0]
	general := ann.group("friends", people[1:]...).Channels[0]
	watchers := []*watcher{ann.watcher(0), people[1].watcher(1)}
	m := ann.said(general, "m")

	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, p := range people[1:] {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				emoji := []string{"👍", "🎉"}[n/2%2]
				method := []string{http.MethodPut, http.MethodDelete}[n%2]
				if n%7 == 6 { // both stay for a while
					n++
				}
				if _, err := p.request(ctx, method, reactionPath(m, emoji), nil); err != nil {
					pause(ctx, pollEvery)
				}
			}
		})
	}
	for range 2 {
		for _, p := range []*process{c.worker, c.api} {
			pause(ctx, 10*pollEvery)
			p.kill()
			p.restart()
		}
	}
	stop()
	wg.Wait()
	ann.react(m, "🏁")

	kept, _ := ann.reactors(m, "?limit=200")
	var first []event.Reacted
	for _, w := range watchers {
		heard := once(hearUntil(w, "🏁"))
		have := make(map[string][]int64)
		for _, r := range heard {
			if r.Added {
				have[r.Emoji] = append(have[r.Emoji], r.UserID)
			} else {
				have[r.Emoji] = slices.DeleteFunc(have[r.Emoji], func(u int64) bool { return u == r.UserID })
			}
			require.EqualValues(t, len(have[r.Emoji]), r.Count, "%+v", r)
		}
		for _, r := range kept {
			require.Equal(t, r.ids(), have[r.Emoji], r.Emoji)
			delete(have, r.Emoji)
		}
		for emoji, users := range have {
			require.Empty(t, users, emoji)
		}
		if first == nil {
			first = heard
		}
		require.Equal(t, first, heard)
	}
	t.Logf("%d changes", len(first))
}

// hearUntil reads reactions up to the one with an emoji.
func hearUntil(w *watcher, emoji string) (all []event.Reacted) {
	w.t.Helper()
	for {
		heard, _ := hear[event.Reacted](w, event.MessageReaction, 1)
		all = append(all, heard...)
		if heard[0].Emoji == emoji {
			return all
		}
	}
}

// once leaves out what came again: delivery is at least once.
func once(all []event.Reacted) (each []event.Reacted) {
	seen := make(map[event.Reacted]bool)
	for _, r := range all {
		if !seen[r] {
			seen[r] = true
			each = append(each, r)
		}
	}
	return each
}
