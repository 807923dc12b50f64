package message

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/store"
)

type keeperFunc func([]event.Send) ([]Outcome, error)

func (f keeperFunc) Persist(_ context.Context, sends []event.Send) ([]Outcome, error) {
	return f(sends)
}

// workerBus records what is published.
type workerBus struct {
	WorkerBus // Declare and Consume are not called

	published []bus.Message
	err       error
}

func (b *workerBus) Publish(_ context.Context, msgs ...bus.Message) error {
	b.published = append(b.published, msgs...)
	return b.err
}

func incoming(t *testing.T, s event.Send) bus.Message {
	t.Helper()
	msg, err := event.Encode(event.PartitionKey(0), event.TypeSend, s)
	require.NoError(t, err)
	return msg
}

func TestWorkPublishesOncePerMessageAndAudience(t *testing.T) {
	t.Parallel()
	kept := event.Message{MessageID: 9, GroupID: 1, ChannelID: 2, Seq: 4, SenderID: 7, Content: "hi", Hash: "a"}
	keeper := keeperFunc(func(sends []event.Send) ([]Outcome, error) {
		require.Len(t, sends, 2)
		return []Outcome{{Message: kept}, {Refused: ErrNotMember}}, nil
	})
	b := &workerBus{}
	w := NewWorker(keeper, b, nil, 1, discard)
	require.NoError(t, w.Work(t.Context(), []bus.Message{
		incoming(t, event.Send{SenderID: 7, ChannelID: 2, Hash: "a"}), incoming(t, event.Send{SenderID: 8, ChannelID: 2, Hash: "b"}),
	}))
	require.Len(t, b.published, 3)

	for i, want := range []struct {
		key  string
		emit event.Emit
	}{
		{"user:7", event.Emit{Event: "GROUP_MESSAGE_SENT"}},
		{"channel:2", event.Emit{Event: "GROUP_MESSAGE_RECEIVE", ExceptUser: 7, Seq: 4}},
		{"user:8", event.Emit{Event: "GROUP_MESSAGE_FAILED"}},
	} {
		require.Equal(t, want.key, b.published[i].Key)
		got, err := event.Decode[event.Emit](b.published[i], event.TypeEmit)
		require.NoError(t, err)
		payload := string(got.Payload)
		got.Payload = nil
		require.Equal(t, want.emit, got)
		if i == 2 {
			require.JSONEq(t, `{"hash":"b","channelId":2,"code":"not_a_member","detail":"You are not a member of this channel any more."}`, payload)
		} else {
			require.JSONEq(t, `{"messageId":9,"groupId":1,"channelId":2,"seq":4,"senderId":7,"content":"hi","hash":"a","createdAt":"0001-01-01T00:00:00.000Z"}`, payload)
		}
	}
}

func TestWorkTellsWhoIsToBlame(t *testing.T) {
	t.Parallel()
	fine := keeperFunc(func(sends []event.Send) ([]Outcome, error) { return make([]Outcome, len(sends)), nil })
	failing := func(err error) Keeper { return keeperFunc(func([]event.Send) ([]Outcome, error) { return nil, err }) }
	good := incoming(t, event.Send{SenderID: 7, Hash: "a"})
	for name, tc := range map[string]struct {
		keeper    Keeper
		publish   error
		msg       bus.Message
		transient bool
	}{
		"the database is away": {failing(store.ErrUnavailable), nil, good, true},
		"the broker is away":   {fine, bus.ErrUnavailable, good, true},
		"a broken rule":        {failing(store.ErrConflict), nil, good, false},
		"not a message":        {fine, nil, bus.Message{Type: event.TypeSend, Body: []byte("{")}, false},
		"another type":         {fine, nil, bus.Message{Type: "x", Body: []byte("{}")}, false},
	} {
		err := NewWorker(tc.keeper, &workerBus{err: tc.publish}, nil, 1, discard).Work(t.Context(), []bus.Message{tc.msg})
		require.Error(t, err, name)
		require.Equal(t, tc.transient, errors.Is(err, bus.ErrTransient), name)
	}
}

func TestGaveUpTellsTheSender(t *testing.T) {
	t.Parallel()
	b := &workerBus{}
	w := NewWorker(nil, b, nil, 1, discard)
	require.NoError(t, w.GaveUp(t.Context(), incoming(t, event.Send{SenderID: 7, ChannelID: 2, Hash: "a"}), errors.New("cause")))
	require.Len(t, b.published, 1)
	require.Equal(t, "user:7", b.published[0].Key)
	require.Contains(t, string(b.published[0].Body), "not_kept")
	require.NotContains(t, string(b.published[0].Body), "cause")

	require.NoError(t, w.GaveUp(t.Context(), bus.Message{Type: event.TypeSend, Body: []byte("{")}, errors.New("cause")), "nobody to tell")
	require.Len(t, b.published, 1)
}

// settings is a fake of the shared settings.
type settings struct{ kept string }

func (s *settings) Setting(_ context.Context, _, value string) (string, error) {
	if s.kept == "" {
		s.kept = value
	}
	return s.kept, nil
}

func TestPartitionsAreTheSameForAll(t *testing.T) {
	t.Parallel()
	shared := &settings{}
	require.NoError(t, NewPartitions(shared, 16).Start(t.Context()))
	require.NoError(t, NewPartitions(shared, 16).Start(t.Context()))
	require.ErrorContains(t, NewPartitions(shared, 8).Start(t.Context()), "message.partitions is 8, but this deployment was set up with 16")
}
