package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// load is a conversation that goes on while things break: some people, each sending one message after the other, each with a device.
type load struct {
	t        testing.TB
	people   []*person
	channels []channel
	devices  []*device
	book     *ledger
	text     string

	ctx     context.Context //nolint:containedctx // the life of the load
	cancel  context.CancelFunc
	senders errgroup.Group
	stop    chan struct{} // closed to let senders finish the message at hand
	once    sync.Once
}

// load begins a conversation of n people in three channels, in short messages.
func (c *cluster) load(t testing.TB, n int) *load {
	t.Helper()
	return c.loadOf(t, n, "message ")
}

// loadOf begins a conversation in messages that begin with text.
func (c *cluster) loadOf(t testing.TB, n int, text string) *load {
	t.Helper()
	l := &load{t: t, people: c.people(t, "person", n), book: newLedger(), text: text, stop: make(chan struct{})}
	g := l.people[0].group("friends", l.people[1:]...)
	l.channels = []channel{g.Channels[0], l.people[0].channel(g, "second", false), l.people[0].channel(g, "third", false)}
	for i, p := range l.people {
		l.devices = append(l.devices, p.device(i, l.channels...))
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	for _, p := range l.people {
		l.senders.Go(func() error { return l.talk(p) })
	}
	t.Cleanup(func() {
		l.cancel()
		_ = l.senders.Wait()
	})
	return l
}

// talk sends until told to stop. What is not answered with 202 is sent again with the same hash.
func (l *load) talk(p *person) error {
	for i := 0; ; i++ {
		select {
		case <-l.stop:
			return nil
		default:
		}
		ch, hash := l.channels[i%len(l.channels)], fmt.Sprintf("%s_%d", p.name, i)
		if err := p.insist(l.ctx, ch, hash, l.text+hash); err != nil {
			return err
		}
		l.book.note(ch, hash)
	}
}

// more waits until n more messages have been accepted.
func (l *load) more(n int) {
	l.t.Helper()
	from := l.book.count()
	require.Eventually(l.t, func() bool { return l.book.count() >= from+n }, patience, pollEvery, "the conversation has stopped")
}

// finish ends the conversation and checks every promise: what was accepted is in the history once and without gaps, and every
// client knows all of it, in order.
func (l *load) finish() {
	l.t.Helper()
	l.once.Do(func() { close(l.stop) })
	require.NoError(l.t, l.senders.Wait())
	for _, ch := range l.channels {
		l.book.check(l.people[0], ch)
		for _, d := range l.devices {
			d.check(ch)
		}
	}
	l.t.Logf("%d messages accepted", l.book.count())
}
