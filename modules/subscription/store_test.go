package subscription

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// User 1 is in both groups and in the private channel 11; user 2 in group 1 alone; user 3 is disabled; user 4 is in no group.
const fixture = `
	INSERT INTO users (id, username, display_name, password_hash, disabled_at, membership_version, created_at) VALUES
		(1, 'ann', 'Ann', '', NULL, 7, 0), (2, 'ben', 'Ben', '', NULL, 1, 0), (3, 'cat', 'Cat', '', 99, 5, 0), (4, 'dan', 'Dan', '', NULL, 0, 0);
	INSERT INTO groups (id, name, version, created_at) VALUES (1, 'one', 3, 0), (2, 'two', 4, 0);
	INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES
		(1, 1, 'owner', 0), (1, 2, 'member', 0), (1, 3, 'member', 0), (2, 1, 'member', 0);
	INSERT INTO channels (id, group_id, name, private, created_at) VALUES
		(10, 1, 'general', %[1]s, 0), (11, 1, 'secret', %[2]s, 0), (12, 1, 'more', %[1]s, 0);
	INSERT INTO channel_members (channel_id, user_id, joined_at) VALUES (11, 1, 0);`

func openStore(t *testing.T, db *store.Store) *Store {
	t.Helper()
	yes, no := "true", "false"
	if db.Dialect() == store.SQLite {
		yes, no = "1", "0"
	}
	require.NoError(t, db.Write(t.Context(), func(tx *gorm.DB) error { return tx.Exec(fmt.Sprintf(fixture, no, yes)).Error }))
	return NewStore(db)
}

func TestSnapshots(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := openStore(t, db)
		users, groups, err := s.Snapshots(t.Context(), []int64{1, 2, 3, 4, 99})
		require.NoError(t, err)
		require.Equal(t, map[int64]*event.Snapshot{
			1:  {UserID: 1, Version: 7, Groups: []int64{1, 2}, Private: []event.PrivateChannel{{GroupID: 1, ChannelID: 11}}},
			2:  {UserID: 2, Version: 1, Groups: []int64{1}},
			3:  {UserID: 3, Disabled: true, Groups: []int64{}},
			4:  {UserID: 4, Groups: []int64{}},
			99: {UserID: 99, Disabled: true, Groups: []int64{}},
		}, users)
		one, two := group(1, 3, 10, 12), event.SnapshotGroup{ID: 2, Version: 4, Channels: []int64{}}
		require.Equal(t, map[int64]*event.SnapshotGroup{1: &one, 2: &two}, groups)
	})
}

func TestServerList(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := openStore(t, db)
		require.NoError(t, s.Register(t.Context(), []string{"a", "b"}))
		require.NoError(t, s.Register(t.Context(), []string{"b", "c"}))
		require.NoError(t, s.Register(t.Context(), []string{"c"}))
		ids, err := s.Servers(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"a", "b", "c"}, ids)
		require.NoError(t, s.Forget(t.Context(), "b"))
		require.NoError(t, s.Forget(t.Context(), "b"))
		ids, err = s.Servers(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"a", "c"}, ids)
	})
}

// published collects what a worker publishes.
type published struct {
	WorkerBus // Declare and Consume are not called

	msgs []bus.Message
	err  error
}

func (p *published) Publish(_ context.Context, msgs ...bus.Message) error {
	p.msgs = append(p.msgs, msgs...)
	return p.err
}

func TestWorkerAnswersEachRequest(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := openStore(t, db)
		p := &published{}
		w := NewWorker(s, p, 16, NewWorkerMetrics(nil), discard)
		var batch []bus.Message
		for i, r := range []event.SubscriptionRequest{{UserID: 1, ServerID: "a"}, {UserID: 2, Also: []int64{1, 3, 99}, ServerID: "b"}, {UserID: 4, ServerID: "b"}} {
			r.RequestID = int64(i + 1)
			msg, err := event.Encode(event.SubscriptionKey, event.TypeRequest, r)
			require.NoError(t, err)
			batch = append(batch, msg)
		}
		require.NoError(t, w.Work(t.Context(), batch))
		require.Len(t, p.msgs, 3)
		for i, want := range []struct {
			key           string
			users, groups []int64
		}{{"server:a", []int64{1}, []int64{1, 2}}, {"server:b", []int64{2, 1, 3, 99}, []int64{1, 2}}, {"server:b", []int64{4}, nil}} {
			require.Equal(t, want.key, p.msgs[i].Key)
			got, err := event.Decode[event.Snapshots](p.msgs[i], event.TypeSnapshot)
			require.NoError(t, err)
			require.Equal(t, int64(i+1), got.RequestID)
			var users, groups []int64
			for _, u := range got.Users {
				users = append(users, u.UserID)
				require.Equal(t, u.UserID == 3 || u.UserID == 99, u.Disabled)
			}
			for _, g := range got.Groups {
				groups = append(groups, g.ID)
			}
			require.Equal(t, want.users, users)
			require.Equal(t, want.groups, groups, "each once")
		}
		servers, err := s.Servers(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"a", "b"}, servers)

		p.err = bus.ErrUnavailable
		require.ErrorIs(t, w.Work(t.Context(), batch), bus.ErrTransient)
		err = w.Work(t.Context(), []bus.Message{{Type: event.TypeRequest, Body: []byte("{")}})
		require.Error(t, err)
		require.NotErrorIs(t, err, bus.ErrTransient)
		require.NoError(t, w.GaveUp(t.Context(), batch[0], errors.New("cause")))
	})
}

// servers is a fake of the list of servers, and of the bus that reaches them: by id, the error of a call.
type servers struct {
	calls     map[string]error
	forgotten []string
	asked     chan event.Fence
	err       error
}

func (s *servers) Servers(context.Context) ([]string, error) {
	var ids []string
	for id := range s.calls {
		ids = append(ids, id)
	}
	return ids, s.err
}

func (s *servers) Forget(_ context.Context, id string) error {
	s.forgotten = append(s.forgotten, id)
	return nil
}

func (s *servers) Call(_ context.Context, msg bus.Message) (bus.Message, error) {
	f, err := event.Decode[event.Fence](msg, event.TypeFence)
	if err != nil {
		return bus.Message{}, err
	}
	s.asked <- f
	return bus.Message{}, s.calls[msg.Key[len("server:"):]]
}

func TestFence(t *testing.T) {
	t.Parallel()
	s := &servers{calls: map[string]error{"a": nil, "gone": bus.ErrUnroutable, "b": nil}, asked: make(chan event.Fence, 10)}
	require.NoError(t, NewFence(s, s, discard).Wait(t.Context(), 7))
	require.Equal(t, []string{"gone"}, s.forgotten)
	require.Len(t, s.asked, 3)
	require.Equal(t, event.Fence{UserID: 7}, <-s.asked)

	s = &servers{calls: map[string]error{"a": context.DeadlineExceeded, "b": nil}, asked: make(chan event.Fence, 10)}
	require.ErrorContains(t, NewFence(s, s, discard).Wait(t.Context(), 7), "server a")
	require.Len(t, s.asked, 2, "one that hangs does not keep the others from being asked")

	s.err = store.ErrUnavailable
	require.ErrorIs(t, NewFence(s, s, discard).Wait(t.Context(), 7), store.ErrUnavailable)
}
