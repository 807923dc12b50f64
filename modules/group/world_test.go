package group

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// published is an event as it went to the bus.
type published struct {
	Key string
	event.Emit
}

// fakeRelay publishes the outbox into a list.
type fakeRelay struct {
	store *store.Store
	steps *steps

	mu     sync.Mutex
	events []published
	away   error // what Flush answers while the bus is away
}

func (r *fakeRelay) Flush(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps.add("flush")
	if r.away != nil {
		return r.away
	}
	// Cut short in the middle, it would publish the same events once more the next time; tests expect each once.
	_, err := r.store.Outbox(context.WithoutCancel(ctx), 100_000, func(_ context.Context, msgs []bus.Message) error {
		for _, msg := range msgs {
			e, err := event.Decode[event.Emit](msg, event.TypeEmit)
			if err != nil {
				return err
			}
			r.events = append(r.events, published{Key: msg.Key, Emit: e})
		}
		return nil
	})
	return err
}

// fakeFence notes for whom it was asked to wait.
type fakeFence struct {
	steps *steps
	err   error
}

func (f *fakeFence) Wait(_ context.Context, userID int64) error {
	f.steps.add(fmt.Sprintf("fence %d", userID))
	return f.err
}

// steps are what happened after commits, in order.
type steps struct {
	mu  sync.Mutex
	all []string
}

func (s *steps) add(step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, step)
}

func (s *steps) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.all
	s.all = nil
	return all
}

// world is a server's groups with a handful of people.
type world struct {
	*Service
	t     *testing.T
	relay *fakeRelay
	fence *fakeFence
	steps *steps
}

// The people of every world, by their ids. Gone is disabled, and nobody is not there.
const (
	ann int64 = iota + 1
	ben
	cat
	dan
	eve
	gone
	nobody
)

func newWorld(t *testing.T, s *store.Store) *world {
	t.Helper()
	st := &steps{}
	w := &world{t: t, relay: &fakeRelay{store: s, steps: st}, fence: &fakeFence{steps: st}, steps: st}
	w.Service = New(s, w.relay, w.fence, slog.New(slog.DiscardHandler))
	for i, name := range []string{"ann", "ben", "cat", "dan", "eve", "gone"} {
		w.exec(`INSERT INTO users (id, username, display_name, password_hash, created_at) VALUES (?, ?, ?, '', ?)`, i+1, name, name, 1000+i)
	}
	w.exec(`UPDATE users SET disabled_at = 5 WHERE id = ?`, gone)
	return w
}

// onBoth runs a test in a new world on every kind of database.
func onBoth(t *testing.T, run func(w *world)) {
	t.Helper()
	storetest.Run(t, func(t *testing.T, s *store.Store) { run(newWorld(t, s)) })
}

func (w *world) ctx() context.Context { return w.t.Context() }

// exec runs one statement as a transaction of its own.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	require.NoError(w.t, w.change(w.ctx(), func(t *tx) error { return t.exec(sql, args...) }))
}

// number reads one number.
func (w *world) number(sql string, args ...any) (n int64) {
	w.t.Helper()
	require.NoError(w.t, w.read(w.ctx()).need(&n, sql, args...))
	return n
}

// take returns the events since the last time.
func (w *world) take() []published {
	w.relay.mu.Lock()
	defer w.relay.mu.Unlock()
	events := w.relay.events
	w.relay.events = nil
	return events
}

// group makes a group of ann's, with ben as an admin and cat as a member, and forgets the events of that.
func (w *world) group() Group {
	w.t.Helper()
	g, err := w.Create(w.ctx(), ann, NewGroup{Name: "Ops"})
	require.NoError(w.t, err)
	for user, role := range map[int64]Role{ben: RoleAdmin, cat: RoleMember} {
		_, err = w.AddMember(w.ctx(), ann, g.ID, user, role)
		require.NoError(w.t, err)
	}
	w.take()
	w.steps.take()
	return g
}

// private makes a private channel of the actor's with more members, and forgets the events of that.
func (w *world) private(actor, groupID int64, name string, members ...int64) Channel {
	w.t.Helper()
	c, err := w.CreateChannel(w.ctx(), actor, groupID, NewChannel{Name: name, Private: true})
	require.NoError(w.t, err)
	for _, m := range members {
		_, err = w.AddChannelMember(w.ctx(), actor, groupID, c.ID, m)
		require.NoError(w.t, err)
	}
	w.take()
	w.steps.take()
	return c
}

// say puts a message with a recipient into a channel, as a worker would.
func (w *world) say(channelID, sender int64) {
	w.t.Helper()
	seq := w.number(`SELECT last_seq + 1 FROM channels WHERE id = ?`, channelID)
	w.exec(`INSERT INTO messages (channel_id, seq, sender_id, hash, content, created_at) VALUES (?, ?, ?, ?, 'x', 0)`,
		channelID, seq, sender, fmt.Sprint(seq))
	w.exec(`UPDATE channels SET last_seq = ? WHERE id = ?`, seq, channelID)
	w.exec(`INSERT INTO message_recipients (message_id, receiver_id, updated_at)
		SELECT id, 1, 0 FROM messages WHERE channel_id = ? AND seq = ?`, channelID, seq)
}

// payload is an event's payload as generic JSON.
func payload(t *testing.T, e published) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal(e.Payload, &m))
	return m
}

// userVersion numbers the last change of what a user may hear.
func (w *world) userVersion(id int64) int64 {
	return w.number(`SELECT membership_version FROM users WHERE id = ?`, id)
}
