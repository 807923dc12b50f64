package partition

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// quiet is how long after the last mishap everything must be in order.
const quiet = 10 * time.Second

// step is something that happens to the workers.
type step struct {
	kind  string
	which int // node, or partition
	count int
	wait  time.Duration
}

func drawSteps(rt *rapid.T) []step {
	return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
		return step{
			kind: rapid.SampledFrom([]string{
				"join", "join", "leave", "crash", "send", "send", "send", "send", "wait", "wait", "wait",
				"refuse", "lose", "delay", "inbox", "split", "heal",
			}).Draw(rt, "kind"),
			which: rapid.IntRange(0, partitions-1).Draw(rt, "which"),
			count: rapid.IntRange(1, 10).Draw(rt, "count"),
			wait:  time.Duration(rapid.IntRange(0, 6_000).Draw(rt, "ms")) * time.Millisecond,
		}
	}), 1, 60).Draw(rt, "steps")
}

// TestSharing: whatever happens to the workers and to what they hear of one another, no partition is
// ever worked on by two, and its messages are handled in order; and once things are quiet, each partition is one worker's, evenly.
func TestSharing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		steps := drawSteps(rt)
		var faults []string
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			for _, s := range steps {
				w.apply(s)
			}
			w.calm()
			w.close()
			faults = w.faults
		})
		if len(faults) > 0 {
			rt.Fatal(strings.Join(faults, "\n"))
		}
	})
}

func (w *world) apply(s step) {
	switch s.kind {
	case "join":
		w.join(time.Duration(s.which) * 200 * time.Millisecond)
	case "send":
		w.send(s.which, s.count)
	case "wait":
		pass(s.wait)
	case "heal":
		w.heal()
	}
	if len(w.nodes) == 0 {
		return
	}
	i := s.which % len(w.nodes)
	l := w.nodes[i].link
	switch s.kind {
	case "leave":
		w.leave(i)
	case "crash":
		w.crash(i)
	case "refuse":
		l.set(func(l *link) { l.refused = true })
	case "lose":
		l.set(func(l *link) { l.lost = true })
	case "delay":
		l.set(func(l *link) { l.late = s.wait / 3 })
	case "inbox":
		l.lose()
	case "split":
		w.mu.Lock()
		w.sides[l.of.id] = s.count % 3
		w.mu.Unlock()
	}
}

// heal ends the faults of the links.
func (w *world) heal() {
	for _, n := range w.nodes {
		n.link.set(func(l *link) { l.refused, l.lost, l.late = false, false, 0 })
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.sides)
}

// calm heals everything and checks what must be true a little later.
func (w *world) calm() {
	if len(w.nodes) == 0 {
		w.join(0)
	}
	w.heal()
	pass(2 * time.Second) // what was late has arrived
	pass(quiet)
	if problem := w.settled(); problem != "" {
		w.fault("not settled %s after the last mishap: %s", quiet, problem)
	}
	for p := range partitions {
		w.send(p, 1)
	}
	pass(10 * time.Minute) // enough for all that waits
	if got := w.handled(); got != w.sent {
		w.fault("%v messages were sent, %v handled", w.sent, got)
	}
}
