package presence

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/app/event"
)

// op is one step of the model.
type op struct {
	kind  string
	user  int64
	other int64
	node  int
	which int
	users []int64
	wait  time.Duration
}

const modelUsers, modelNodes = 4, 3

func drawOps(rt *rapid.T) []op {
	user := rapid.Int64Range(1, modelUsers)
	return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) op {
		return op{
			kind: rapid.SampledFrom([]string{
				"connect", "connect", "connect", "close", "close", "reload", "away", "online", "watch", "watch", "wait", "wait",
				"kill", "reset", "outage", "part",
			}).Draw(rt, "kind"),
			user:  user.Draw(rt, "user"),
			other: user.Draw(rt, "other"),
			node:  rapid.IntRange(0, modelNodes-1).Draw(rt, "node"),
			which: rapid.IntRange(0, 20).Draw(rt, "which"),
			users: rapid.SliceOfDistinct(rapid.Int64Range(1, modelUsers+1), rapid.ID[int64]).Draw(rt, "users"),
			wait:  time.Duration(rapid.IntRange(0, 20_000).Draw(rt, "ms")) * time.Millisecond,
		}
	}), 10, 60).Draw(rt, "ops")
}

// TestEverybodySeesWhatIsSo drives connections that come, go, and are away, servers that are killed, a broker that loses bindings or is away,
// and people who part, and compares in the end what each connection sees with what is so.
func TestEverybodySeesWhatIsSo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ops, seed := drawOps(rt), rapid.Uint64().Draw(rt, "seed")
		latency := time.Duration(rapid.SampledFrom([]int{0, 10, 50}).Draw(rt, "latency")) * time.Millisecond
		synctest.Test(t, func(t *testing.T) {
			m := &model{world: newWorld(t, modelNodes, seed, latency)}
			defer m.close()
			for user := range int64(modelUsers) { // everybody begins with a device, and watches everybody
				m.nodes[user%modelNodes].connect(user+1).watch(1, 2, 3, 4, 5)
			}
			for _, o := range ops {
				m.apply(o)
			}
			m.finish()
		})
	})
}

type model struct{ *world }

// living lists the servers that there are.
func (m *model) living() []*node {
	return slices.DeleteFunc(slices.Clone(m.nodes), func(n *node) bool { return !n.alive })
}

func (m *model) conns() (all []*conn) {
	for _, n := range m.living() {
		all = append(all, n.clients...)
	}
	return all
}

func (m *model) apply(o op) {
	alive := m.living()
	n := alive[o.node%len(alive)]
	conns := m.conns()
	switch {
	case o.kind == "connect":
		n.connect(o.user)
	case o.kind == "wait":
		after(o.wait)
	case o.kind == "kill":
		n.kill()
		m.start()
	case o.kind == "reset":
		n.loseBindings()
	case o.kind == "outage":
		m.bus.set(true)
		<-time.After(o.wait / 2)
		m.bus.set(false)
	case o.kind == "part" && o.user != o.other:
		m.part(o.user, o.other)
	case len(conns) > 0:
		m.applyTo(conns[o.which%len(conns)], n, o)
	}
}

func (m *model) applyTo(c *conn, n *node, o op) {
	switch o.kind {
	case "close":
		c.close()
	case "reload":
		c.close()
		<-time.After(o.wait / 20)
		n.connect(c.user)
	case "away":
		c.set(event.UserAway)
	case "online":
		c.set(event.UserOnline)
	case "watch":
		c.watch(o.users...)
	}
}

// truth is how somebody is.
func (m *model) truth(user int64) event.UserState {
	state := event.UserOffline
	for _, c := range m.conns() {
		switch {
		case c.user == user && !c.away:
			return event.UserOnline
		case c.user == user:
			state = event.UserAway
		}
	}
	return state
}

// finish holds in the end: soon after everything has gone quiet, everybody sees what is so of those whom they watch and may.
func (m *model) finish() {
	const soon = checkEvery + doubt + answerTimeout + busTimeout // less than probeEvery, which would hide mistakes
	after(ackTimeout + soon)
	m.check()
	for _, c := range m.conns() {
		c.takeHeard()
		c.set([]event.UserState{event.UserAway, event.UserOnline}[len(c.acks)%2])
	}
	after(soon)
	m.check()
	for _, c := range m.conns() {
		if m.refused(c) {
			continue // and has the list from before
		}
		for user := range maps.Keys(m.forbidden(c)) {
			c.mu.Lock()
			heard := slices.ContainsFunc(c.heard, func(p payload) bool { return p.UserID == user })
			c.mu.Unlock()
			require.False(m.t, heard, "%d is told about %d", c.user, user)
		}
	}
	for _, c := range m.conns() {
		c.close()
	}
	after(soon)
	for _, n := range m.living() {
		require.Empty(m.t, n.socket.watch.users)
		require.Empty(m.t, n.socket.watch.watchers)
		require.Empty(m.t, n.socket.here.away)
		require.Empty(m.t, n.socket.asks.underWay)
		require.Empty(m.t, n.socket.asks.due)
		require.Equal(m.t, map[string]int{event.ServerKey(n.id): 1}, n.counts, "every key has been released")
	}
}

// forbidden are those whom a connection may not watch, or does not.
func (m *model) forbidden(c *conn) map[int64]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	users := make(map[int64]bool)
	for user := range int64(modelUsers + 1) {
		if m.strangers[[2]int64{c.user, user + 1}] || !slices.Contains(c.watches, user+1) {
			users[user+1] = true
		}
	}
	return users
}

func (m *model) check() {
	for _, c := range m.conns() {
		refused := m.refused(c)
		forbidden := m.forbidden(c)
		for _, user := range c.watches {
			if !forbidden[user] && !refused {
				require.Equal(m.t, m.truth(user), c.sees(user), "%d, on %s, sees %d", c.user, c.n.id, user)
			}
		}
	}
}

// refused says whether the last list of a connection was not taken, as it has been told.
func (m *model) refused(c *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watches == nil {
		return true
	}
	require.NotEmpty(m.t, c.acks, "everything is acknowledged")
	return !strings.Contains(c.acks[len(c.acks)-1], `"ok":true`)
}
