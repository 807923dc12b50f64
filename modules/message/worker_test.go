package message

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

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

func kept(channel, seq, sender int64) Outcome {
	return Outcome{Message: event.Message{MessageID: 100*channel + seq, GroupID: 1, ChannelID: channel, Seq: seq, SenderID: sender, Content: "hi", Hash: "a"}}
}

// lines splits the messages of a channel.
func lines(t *testing.T, msg bus.Message) []event.Posted {
	t.Helper()
	require.Equal(t, event.TypePosted, msg.Type)
	var all []event.Posted
	for rest := msg.Body; len(rest) > 0; {
		m, next, err := event.NextPosted(rest)
		require.NoError(t, err)
		all, rest = append(all, m), next
	}
	return all
}

func TestWorkPublishesOncePerChannel(t *testing.T) {
	t.Parallel()
	outcomes := []Outcome{kept(2, 4, 7), kept(3, 1, 7), {Refused: ErrNotMember}, kept(2, 5, 9), kept(2, 6, 7)}
	keeper := keeperFunc(func([]event.Send) ([]Outcome, error) { return outcomes, nil })
	b := &workerBus{}
	w := NewWorker(keeper, b, nil, 1, NewWorkerMetrics(nil), discard)
	accepted := time.UnixMilli(1_700_000_000_123)
	var batch []bus.Message
	for i := range outcomes {
		batch = append(batch, incoming(t, event.Send{
			SenderID: 8, ChannelID: 2, Hash: "b", AcceptedAt: event.At(accepted.Add(time.Duration(i) * time.Second)),
		}))
	}
	require.NoError(t, w.Work(t.Context(), batch))
	require.Len(t, b.published, 3)

	two, three, failed := b.published[0], b.published[1], b.published[2]
	require.Equal(t, "channel:2", two.Key)
	require.Equal(t, []string{"user:7", "user:9"}, two.Also, "the senders' devices, each server once")
	got := lines(t, two)
	require.Len(t, got, 3)
	for i, want := range []event.Posted{
		{Seq: 4, SenderID: 7, AcceptedAt: accepted},
		{Seq: 5, SenderID: 9, AcceptedAt: accepted.Add(3 * time.Second)},
		{Seq: 6, SenderID: 7, AcceptedAt: accepted.Add(4 * time.Second)},
	} {
		want.Payload = got[i].Payload
		require.Equal(t, want, got[i])
	}
	require.JSONEq(t, `{"messageId":204,"groupId":1,"channelId":2,"seq":4,"senderId":7,"content":"hi","hash":"a","createdAt":"0001-01-01T00:00:00.000Z"}`,
		string(got[0].Payload))

	require.Equal(t, "channel:3", three.Key)
	require.Equal(t, []string{"user:7"}, three.Also)
	require.Len(t, lines(t, three), 1)

	require.Equal(t, "user:8", failed.Key)
	e, err := event.Decode[event.Emit](failed, event.TypeEmit)
	require.NoError(t, err)
	require.Equal(t, event.MessageFailed, e.Event)
	require.JSONEq(t, `{"hash":"b","channelId":2,"code":"not_a_member","detail":"You are not a member of this channel any more."}`, string(e.Payload))
}

// What one bus message carries is bounded, and the order of a channel goes on in the next one.
func TestTellingIsBoundedAndInOrder(t *testing.T) {
	t.Parallel()
	const n = 250
	sends, outcomes := make([]event.Send, n), make([]Outcome, n)
	for i := range outcomes {
		outcomes[i] = kept(int64(i%2), int64(i/2+1), int64(i))
		outcomes[i].Message.Content = strings.Repeat("x", i%2*10_000)
	}
	msgs, err := tell(sends, outcomes)
	require.NoError(t, err)
	require.Greater(t, len(msgs), 4)
	last := make(map[string]int64)
	for _, msg := range msgs {
		require.Less(t, len(msg.Body), 300<<10)
		got := lines(t, msg)
		require.LessOrEqual(t, len(got), 64)
		for _, m := range got {
			require.Equal(t, last[msg.Key]+1, m.Seq)
			last[msg.Key] = m.Seq
		}
	}
	require.Equal(t, map[string]int64{"channel:0": n / 2, "channel:1": n / 2}, last)
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
		err := NewWorker(tc.keeper, &workerBus{err: tc.publish}, nil, 1, NewWorkerMetrics(nil), discard).Work(t.Context(), []bus.Message{tc.msg})
		require.Error(t, err, name)
		require.Equal(t, tc.transient, errors.Is(err, bus.ErrTransient), name)
	}
}

func TestGaveUpTellsTheSender(t *testing.T) {
	t.Parallel()
	b := &workerBus{}
	w := NewWorker(nil, b, nil, 1, NewWorkerMetrics(nil), discard)
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
