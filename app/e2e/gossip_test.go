package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"parley/app/event"
	"parley/app/socket/sockettest"
)

// gossip is personal chats that go on while things break: everybody writes to the next one, and hears on a device.
type gossip struct {
	t      testing.TB
	people []*person
	ears   []*ear

	mu       sync.Mutex
	accepted [][]string // hashes by sender
	stop     chan struct{}
	senders  errgroup.Group
}

// ear keeps what a person's device hears of personal chats, each message once; repeats must be what they were.
type ear struct {
	mu     sync.Mutex
	heard  map[int64][]event.PersonalMessage // by chat
	faults []string
	done   chan struct{}
}

func (c *cluster) gossip(t *testing.T, n int) *gossip {
	t.Helper()
	g := &gossip{t: t, people: c.people(t, "person", n), accepted: make([][]string, n), stop: make(chan struct{})}
	g.people[0].group("friends", g.people[1:]...)
	ctx, cancel := context.WithCancel(context.Background())
	for i, p := range g.people {
		e := &ear{heard: make(map[int64][]event.PersonalMessage), done: make(chan struct{})}
		g.ears = append(g.ears, e)
		w := p.watcher(i)
		go e.listen(ctx, w.conn)
	}
	for i, p := range g.people {
		g.senders.Go(func() error { return g.talk(ctx, i, p, g.people[(i+1)%n]) })
	}
	t.Cleanup(func() {
		cancel()
		_ = g.senders.Wait()
		for _, e := range g.ears {
			<-e.done
		}
	})
	return g
}

func (e *ear) listen(ctx context.Context, conn *sockettest.Client) {
	defer close(e.done)
	for {
		got, err := conn.Next(ctx)
		if err != nil {
			return
		}
		e.hear(got)
	}
}

// hear takes an event. A message that was not heard yet must follow those before it: this device never goes away.
func (e *ear) hear(got sockettest.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := undocumented(got.Name, got.Payload); err != nil {
		e.faults = append(e.faults, err.Error())
	}
	if got.Name != event.PersonalSent && got.Name != event.PersonalReceive {
		return
	}
	var m event.PersonalMessage
	if err := json.Unmarshal(got.Payload, &m); err != nil {
		e.faults = append(e.faults, err.Error())
		return
	}
	known := e.heard[m.ChatID]
	switch n := int64(len(known)); {
	case m.Seq == n+1:
		e.heard[m.ChatID] = append(known, m)
	case m.Seq > n+1:
		e.faults = append(e.faults, fmt.Sprintf("chat %d: seq %d came after %d", m.ChatID, m.Seq, n))
	case known[m.Seq-1] != m:
		e.faults = append(e.faults, fmt.Sprintf("chat %d: two messages with seq %d", m.ChatID, m.Seq))
	}
}

// talk sends until told to stop; what is not answered with 202 is sent again with the same hash.
func (g *gossip) talk(ctx context.Context, i int, p, to *person) error {
	for n := 0; ; n++ {
		select {
		case <-g.stop:
			return nil
		default:
		}
		hash := fmt.Sprintf("%s_%d", p.name, n)
		body := fmt.Sprintf(`{"content": "says", "hash": %q}`, hash)
		for {
			try, cancel := context.WithTimeout(ctx, 5*time.Second)
			a, err := p.request(try, http.MethodPost, directPath(to), []byte(body))
			cancel()
			if err == nil && a.status == http.StatusAccepted {
				break
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil && a.status != http.StatusServiceUnavailable {
				return fmt.Errorf("sending %s: status %d: %s", hash, a.status, a.body)
			}
			pause(ctx, 50*time.Millisecond)
		}
		g.mu.Lock()
		g.accepted[i] = append(g.accepted[i], hash)
		g.mu.Unlock()
	}
}

func (g *gossip) count() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, hashes := range g.accepted {
		n += len(hashes)
	}
	return n
}

// more waits until n more messages have been accepted.
func (g *gossip) more(n int) {
	g.t.Helper()
	from := g.count()
	require.Eventually(g.t, func() bool { return g.count() >= from+n }, patience, pollEvery, "the gossip has stopped")
}

// finish checks that everything that was accepted is there once, in the order in which it was sent, and was heard like that by both.
func (g *gossip) finish(heard bool) {
	g.t.Helper()
	close(g.stop)
	require.NoError(g.t, g.senders.Wait())
	for i, p := range g.people {
		next := (i + 1) % len(g.people)
		to := g.people[next]
		var history []event.PersonalMessage
		require.Eventually(g.t, func() bool {
			history = p.personal(to)
			return len(history) >= len(g.accepted[i])
		}, patience, 100*time.Millisecond, "accepted messages are missing")
		var hashes []string
		for j, m := range history {
			require.Equal(g.t, int64(j+1), m.Seq)
			hashes = append(hashes, m.Hash)
		}
		require.Equal(g.t, g.accepted[i], hashes, "once, and in the order in which it was sent")
		require.Equal(g.t, int64(len(history)), to.with(p).Unread)
		if !heard {
			continue
		}
		for _, e := range []*ear{g.ears[i], g.ears[next]} {
			require.Eventually(g.t, func() bool {
				e.mu.Lock()
				defer e.mu.Unlock()
				return len(e.heard[history[0].ChatID]) == len(history)
			}, patience, pollEvery, "not everything was heard")
			e.mu.Lock()
			require.Empty(g.t, e.faults)
			require.True(g.t, slices.Equal(history, e.heard[history[0].ChatID]))
			e.mu.Unlock()
		}
	}
	g.t.Logf("%d personal messages accepted", g.count())
}
