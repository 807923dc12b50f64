package e2e

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/socket/sockettest"
)

// merge returns a copy of env with more in it.
func merge(env, more map[string]string) map[string]string {
	all := maps.Clone(env)
	maps.Copy(all, more)
	return all
}

// watcher is a bare connection whose events are read in the order in which they came.
type watcher struct {
	t    testing.TB
	conn *sockettest.Client
}

// watcher connects and waits for SUBSCRIBED.
func (p *person) watcher(server int) *watcher {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	conn, err := sockettest.Dial(ctx, p.c.socket(server), sockettest.Options{Token: p.token})
	require.NoError(p.t, err)
	p.t.Cleanup(conn.Close)
	_, err = conn.Await(ctx, event.Subscribed)
	require.NoError(p.t, err)
	return &watcher{p.t, conn}
}

// requireSilence reads up to the GROUP_JOINED of the private group, and finds nothing of the group after GROUP_LEFT, nor
// any of the messages that were sent after the removal had been answered: those from seq on.
func (w *watcher) requireSilence(groupID int64, seq map[int64]int64, private int64) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	left := false
	for {
		e, err := w.conn.Next(ctx)
		require.NoError(w.t, err)
		var body struct {
			event.Message

			Group *group `json:"group"`
		}
		require.NoError(w.t, e.Decode(&body))
		switch {
		case e.Name == event.JoinedGroup && body.Group.ID == private:
			require.True(w.t, left, "GROUP_LEFT must have come")
			return
		case e.Name == event.LeftGroup:
			left = true
		case body.GroupID == groupID:
			require.False(w.t, left, "%s came after GROUP_LEFT: %s", e.Name, e.Payload)
			require.Less(w.t, body.Seq, seq[body.ChannelID], "sent after the removal had been answered")
		}
	}
}

// mark sends a message into each channel and returns their seqs: what is sent from now on has higher ones.
func (l *load) mark(p *person, hash string) map[int64]int64 {
	l.t.Helper()
	seqs := make(map[int64]int64)
	for _, ch := range l.channels {
		require.NoError(l.t, p.insist(l.ctx, ch, hash, "mark"))
		l.book.note(ch, hash)
		require.Eventually(l.t, func() bool {
			for _, m := range p.history(ch) {
				if m.Hash == hash {
					seqs[ch.ID] = m.Seq
					return true
				}
			}
			return false
		}, patience, pollEvery)
	}
	return seqs
}

// catchesUp waits until every device knows what is in the history now.
func (l *load) catchesUp() {
	l.t.Helper()
	for _, ch := range l.channels {
		n := len(l.people[0].history(ch))
		for _, d := range l.devices {
			d.has(ch, n)
		}
	}
}

// closedFor reports whether a process has counted a connection that it closed for the reason, in its log.
func closedFor(p *process, reason string) bool {
	return strings.Contains(p.log.String(), reason)
}
