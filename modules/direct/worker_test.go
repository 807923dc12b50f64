package direct

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// incoming makes bus messages.
func incoming[T any](t testing.TB, typ string, bodies ...T) []bus.Message {
	t.Helper()
	msgs := make([]bus.Message, 0, len(bodies))
	for _, body := range bodies {
		msg, err := event.Encode(event.PartitionKey(0), typ, body)
		require.NoError(t, err)
		msgs = append(msgs, msg)
	}
	return msgs
}

// told lists what is told to whom, in the order in which a socket server where all are connected emits it.
func told(t testing.TB, msgs []bus.Message) []string {
	t.Helper()
	var lines []string
	for _, msg := range msgs {
		if msg.Type == event.TypeEmit {
			e, err := event.Decode[event.Emit](msg, event.TypeEmit)
			require.NoError(t, err)
			lines = append(lines, msg.Key+" "+e.Event+" "+string(e.Payload))
			continue
		}
		b, err := event.Decode[event.Bundle](msg, event.TypeBundle)
		require.NoError(t, err)
		for _, e := range b.Events {
			require.Len(t, e.Users, 1)
			require.Contains(t, append(msg.Also, msg.Key), event.UserKey(e.Users[0]))
			lines = append(lines, event.UserKey(e.Users[0])+" "+e.Event+" "+string(e.Payload))
		}
	}
	return lines
}

// fakeKeeper keeps nothing.
type fakeKeeper struct {
	outcomes []Outcome
	err      error
}

func (k fakeKeeper) Persist(context.Context, []event.DirectSend) ([]Outcome, error) {
	return k.outcomes, k.err
}

func TestSendsAreToldToBoth(t *testing.T) {
	t.Parallel()
	message := func(seq, from, to int64) Outcome {
		return Outcome{Message: event.PersonalMessage{MessageID: 10 * seq, ChatID: 3, Seq: seq, SenderID: from, ReceiverID: to, Content: "hi", Hash: "a"}}
	}
	h := NewSends(fakeKeeper{outcomes: []Outcome{message(1, 7, 8), {Refused: ErrBlocked}, message(2, 8, 7), message(5, 9, 9)}})
	events, err := h.Handle(t.Context(), incoming(t, event.TypeDirectSend, say(7, 8, "a"), say(7, 6, "b"), say(8, 7, "a"), say(9, 9, "a")))
	require.NoError(t, err)
	payload := func(seq, id, from, to string) string {
		return ` {"messageId":` + id + `,"chatId":3,"seq":` + seq + `,"senderId":` + from + `,"receiverId":` + to +
			`,"content":"hi","hash":"a","createdAt":"0001-01-01T00:00:00.000Z"}`
	}
	require.Len(t, events, 3, "the two of a chat are told together")
	require.Equal(t, []string{
		"user:7 PERSONAL_MESSAGE_SENT" + payload("1", "10", "7", "8"),
		"user:8 PERSONAL_MESSAGE_RECEIVE" + payload("1", "10", "7", "8"),
		"user:8 PERSONAL_MESSAGE_SENT" + payload("2", "20", "8", "7"),
		"user:7 PERSONAL_MESSAGE_RECEIVE" + payload("2", "20", "8", "7"),
		`user:7 PERSONAL_MESSAGE_FAILED {"hash":"b","userId":6,"code":"blocked","detail":"This person does not accept messages from you."}`,
		"user:9 PERSONAL_MESSAGE_SENT" + payload("5", "50", "9", "9"),
	}, told(t, events))
}

func TestErrorsOfHandlers(t *testing.T) {
	t.Parallel()
	broken := []bus.Message{{Type: event.TypeDirectSend, Body: []byte("{")}}
	_, err := NewSends(fakeKeeper{}).Handle(t.Context(), broken)
	require.Error(t, err)
	_, err = NewSends(fakeKeeper{err: store.ErrUnavailable}).Handle(t.Context(), incoming(t, event.TypeDirectSend, say(1, 2, "a")))
	require.ErrorIs(t, err, store.ErrUnavailable)

	events, err := NewSends(fakeKeeper{}).GaveUp(t.Context(), incoming(t, event.TypeDirectSend, say(7, 8, "a"))[0])
	require.NoError(t, err)
	require.Equal(t, []string{`user:7 PERSONAL_MESSAGE_FAILED {"hash":"a","userId":8,"code":"not_kept","detail":"The message could not be kept."}`}, told(t, events))
	events, err = NewSends(fakeKeeper{}).GaveUp(t.Context(), broken[0])
	require.NoError(t, err, "nobody to tell")
	require.Empty(t, events)

	receipts := NewReceipts(nil, NewWorkerMetrics(nil))
	_, err = receipts.Handle(t.Context(), broken)
	require.Error(t, err)
	events, err = receipts.GaveUp(t.Context(), broken[0])
	require.NoError(t, err)
	require.Empty(t, events)
}

// TestAReceiptIsToldToBoth, and a batch that comes again, whole or message by message, is told again until everything has been said.
func TestAReceiptIsToldToBoth(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, false)
		persist(t, s, say(ann, ben, "a"), say(ann, ben, "b"), say(ben, ann, "c"), say(ann, ben, "d"), say(ann, ann, "e"))
		h := NewReceipts(s, NewWorkerMetrics(nil))
		batch := incoming(t, event.TypeDirectReceipt,
			got(ben, ann, Delivered, 2, 1000), got(ben, ann, Read, 1, 2000), got(ann, ben, Read, 3, 3000),
			got(ben, ann, Delivered, 4, 4000), got(ann, ann, Read, 1, 5000), got(ann, cat, Read, 1, 6000), got(nobody, ann, Read, 1, 7000))
		want := []string{
			`user:1 PERSONAL_MESSAGE_STATUS {"userId":2,"status":"DELIVERED","upToSeq":4,"at":"1970-01-01T00:00:04.000Z"}`,
			`user:1 PERSONAL_MESSAGE_STATUS {"userId":2,"status":"READ","upToSeq":1,"at":"1970-01-01T00:00:02.000Z"}`,
			`user:2 READ_CURSOR {"userId":1,"readSeq":1,"unread":2}`,
			`user:2 PERSONAL_MESSAGE_STATUS {"userId":1,"status":"READ","upToSeq":3,"at":"1970-01-01T00:00:03.000Z"}`,
			`user:1 READ_CURSOR {"userId":2,"readSeq":3,"unread":0}`,
			`user:1 READ_CURSOR {"userId":1,"readSeq":1,"unread":0}`,
		}
		for range 2 {
			events, err := h.Handle(t.Context(), batch)
			require.NoError(t, err)
			require.Equal(t, want, told(t, events))
		}
		var again []string
		for _, msg := range batch {
			events, err := h.Handle(t.Context(), []bus.Message{msg})
			require.NoError(t, err)
			again = append(again, told(t, events)...)
		}
		for _, line := range want {
			require.Contains(t, again, line)
		}
		events, err := h.Handle(t.Context(), incoming(t, event.TypeDirectReceipt, got(ben, ann, Read, 1, 9000), got(ben, ann, Delivered, 3, 9001)))
		require.NoError(t, err)
		require.Empty(t, events, "another device says the same, or less")
	})
}

// TestRedelivery: whatever a crash leaves of a batch, its messages are kept once and told in order.
func TestRedelivery(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		h := NewSends(open(t, db, false))
		batch := incoming(t, event.TypeDirectSend, say(ann, ben, "a"), say(ben, ann, "b"), say(ann, eve, "c"), say(ann, ben, "a"), say(ann, ben, "d"))
		first, err := h.Handle(t.Context(), batch)
		require.NoError(t, err)
		lines := told(t, first)
		require.Len(t, lines, 9)
		for _, cut := range []int{5, 2, 1} { // as another worker takes it
			var again []string
			for part := range slices.Chunk(batch, cut) {
				events, err := h.Handle(t.Context(), part)
				require.NoError(t, err)
				again = append(again, told(t, events)...)
			}
			require.ElementsMatch(t, lines, again)
			require.Equal(t, chatEvents(lines), chatEvents(again), "a chat's in order")
		}
	})
}

// chatEvents leaves out what a sender is told alone.
func chatEvents(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return strings.Contains(line, event.PersonalFailed) })
}

// TestTellingIsBoundedAndInOrder: the order of a chat goes on in the next bus message.
func TestTellingIsBoundedAndInOrder(t *testing.T) {
	t.Parallel()
	const n = 250
	outcomes := make([]Outcome, n)
	for i := range outcomes {
		outcomes[i].Message = event.PersonalMessage{Seq: int64(i/2 + 1), SenderID: 1, ReceiverID: 2 + int64(i%2), Content: strings.Repeat("x", i%2*10_000)}
	}
	events, err := NewSends(fakeKeeper{outcomes: outcomes}).Handle(t.Context(), incoming(t, event.TypeDirectSend, make([]event.DirectSend, n)...))
	require.NoError(t, err)
	require.Greater(t, len(events), 6)
	last := make(map[string]int64)
	for _, msg := range events {
		require.Less(t, len(msg.Body), 300<<10)
		b, err := event.Decode[event.Bundle](msg, event.TypeBundle)
		require.NoError(t, err)
		require.LessOrEqual(t, len(b.Events), maxBundle)
		for _, e := range b.Events {
			var m event.PersonalMessage
			require.NoError(t, json.Unmarshal(e.Payload, &m))
			key := fmt.Sprint(e.Event, m.ReceiverID)
			require.Equal(t, last[key]+1, m.Seq)
			last[key] = m.Seq
		}
	}
	require.Len(t, last, 4)
}

// sendFunc is a bus that takes what is sent.
type sendFunc func(bus.Message) error

func (f sendFunc) Send(_ context.Context, msg bus.Message) error { return f(msg) }

func TestReports(t *testing.T) {
	t.Parallel()
	var sent []bus.Message
	away := errors.New("away")
	partitions := 0
	r := NewReporter(sendFunc(func(msg bus.Message) error {
		sent = append(sent, msg)
		return away
	}), func() int { return partitions })
	require.ErrorIs(t, r.Report(t.Context(), 7, 8, Read, 3), bus.ErrUnavailable, "nobody is subscribed yet")
	partitions = 4
	require.ErrorIs(t, r.Report(t.Context(), 7, 8, Read, 3), away)
	require.ErrorIs(t, r.Report(t.Context(), 8, 7, Delivered, 4), away)
	require.Equal(t, event.PartitionKey(event.PairPartition(7, 8, 4)), sent[0].Key)
	require.Equal(t, sent[0].Key, sent[1].Key)
	body, err := event.Decode[event.DirectReceipt](sent[0], event.TypeDirectReceipt)
	require.NoError(t, err)
	require.NotZero(t, body.At)
	body.At = event.Time{}
	require.Equal(t, event.DirectReceipt{ReaderID: 7, OtherID: 8, Status: Read, Seq: 3}, body)
}
