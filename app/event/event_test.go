package event

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"parley/app/bus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files anew")

var moment = At(time.Date(2026, 3, 14, 15, 9, 26, 535_897_932, time.FixedZone("", 3600)))

// samples are messages of every type, with every field set.
func samples(t *testing.T) map[string]bus.Message {
	t.Helper()
	message := Message{MessageID: 1, GroupID: 2, ChannelID: 3, Seq: 4, SenderID: 5, Content: "<é> \"😀\"", Hash: "a-1", CreatedAt: moment}
	must := func(msg bus.Message, err error) bus.Message {
		require.NoError(t, err)
		return msg
	}
	return map[string]bus.Message{
		"send": must(Encode(PartitionKey(7), TypeSend, Send{
			SenderID: 5, GroupID: 2, ChannelID: 3, Content: "<é> \"😀\"", Hash: "a-1", AcceptedAt: moment,
		})),
		"request":  must(Encode(SubscriptionKey, TypeRequest, SubscriptionRequest{UserID: 5, ServerID: "host-1", RequestID: 6})),
		"requests": must(Encode(SubscriptionKey, TypeRequest, SubscriptionRequest{UserID: 5, Also: []int64{8, 9}, ServerID: "host-1", RequestID: 6})),
		"snapshots": must(Encode(ServerKey("host-1"), TypeSnapshot, Snapshots{
			RequestID: 6,
			Users: []Snapshot{
				{UserID: 5, Version: 7, Groups: []int64{2}, Private: []PrivateChannel{{GroupID: 2, ChannelID: 11}}},
				{UserID: 8, Disabled: true, Groups: []int64{}},
			},
			Groups:     []SnapshotGroup{{ID: 2, Version: 8, Channels: []int64{3, 4}}},
			Partitions: 16,
		})),
		"direct-send": must(Encode(PartitionKey(PairPartition(5, 6, 16)), TypeDirectSend, DirectSend{
			SenderID: 5, ReceiverID: 6, Content: "<é> \"😀\"", Hash: "a-1", AcceptedAt: moment,
		})),
		"direct-receipt": must(Encode(PartitionKey(7), TypeDirectReceipt, DirectReceipt{ReaderID: 5, OtherID: 6, Status: "READ", Seq: 4, At: moment})),
		"direct-message": must(NewEmit(UserKey(6), Emit{Event: PersonalReceive}, PersonalMessage{
			MessageID: 1, ChatID: 2, Seq: 4, SenderID: 5, ReceiverID: 6, Content: "<é> \"😀\"", Hash: "a-1", CreatedAt: moment,
		})),
		"posted": posted(t, message),
		"except": must(NewEmit(GroupKey(2), Emit{Event: MemberLeft, ExceptUser: 5}, map[string]int64{"groupId": 2})),
		"failed": must(NewEmit(UserKey(5), Emit{Event: MessageFailed}, Failed{Hash: "a-1", ChannelID: 3, Code: "c", Detail: "d"})),
		"change-user": must(NewEmit(UserKey(5), Emit{Event: JoinedGroup, Change: &Change{
			Kind: GroupJoined, UserID: 5, GroupID: 2, Channels: []int64{3}, Version: 7,
		}}, map[string]int{"any": 1})),
		"change-group":    must(NewEmit(GroupKey(2), Emit{Event: GroupRemoved, Change: &Change{Kind: GroupDeleted, GroupID: 2, Version: 9}}, nil)),
		"change-disabled": must(NewEmit(UserKey(5), Emit{Change: &Change{Kind: UserDisabled, UserID: 5}}, nil)),
		"change-sessions": must(NewEmit(UserKey(5), Emit{Change: &Change{Kind: SessionsEnded, UserID: 5, Families: []string{"f-1", "f-2"}}}, nil)),
		"announce":        must(Announce(7, must(NewEmit(ChannelKey(3), Emit{Event: MessageDeleted}, Deleted{GroupID: 2, ChannelID: 3, MessageID: 1, Seq: 4, DeletedBy: 5, DeletedAt: moment})), 1)),
		"receipts": must(Encode(PartitionKey(7), TypeReceipts, Receipts{ChannelID: 3, Users: []Receipt{
			{UserID: 5, Delivered: 4, Read: 2, At: moment}, {UserID: 6, Delivered: 4, At: moment},
		}})),
		"bundle": must(NewBundle(Bundle{Events: []BundledEvent{
			{Users: []int64{5, 6}, Channel: 3, Event: MessageStatus, Payload: []byte(`{"any":1}`)}, {Users: []int64{6, 7}, Event: ReadCursor, Payload: []byte(`{}`)},
		}})),
		"fence": must(Encode(ServerKey("host-1"), TypeFence, Fence{UserID: 5})),
		"presence-ask": must(Encode(PresenceRequestKey, TypePresenceAsk, PresenceAsk{
			ServerID: "host-1", RequestID: 6, Asks: []PresenceWish{{ViewerID: 5, UserIDs: []int64{8, 9}}},
		})),
		"presence-known": must(Encode(ServerKey("host-1"), TypePresenceKnown, PresenceKnown{
			RequestID: 6, Answers: [][]LastSeen{{{UserID: 8, SeenAt: moment.UnixMilli()}, {UserID: 9}}, {}},
		})),
		"presence-seen":  must(Encode(PresenceRequestKey, TypePresenceSeen, PresenceSeen{Users: []LastSeen{{UserID: 8, SeenAt: moment.UnixMilli()}}})),
		"presence-probe": must(Encode(UserKey(8), TypePresenceProbe, PresenceProbe{UserID: 8, ServerID: "host-1"})),
		"presence-states": must(Encode(PresenceKey(8), TypePresenceStates, PresenceStates{ServerID: "host-1", Users: []UserPresence{
			{UserID: 8, State: UserOnline}, {UserID: 9, State: UserOffline, SeenAt: moment.UnixMilli()},
		}})),
		"presence": must(Encode(WorkersKey, TypePresence, Presence{WorkerID: "host-1", State: WorkerHello})),
	}
}

// posted is two messages of a channel.
func posted(t *testing.T, first Message) bus.Message {
	t.Helper()
	second := first
	second.MessageID, second.Seq, second.SenderID, second.Content = 2, 5, 6, "a\nb"
	p := NewPost(first.ChannelID)
	require.NoError(t, p.Add(first, moment.Time))
	require.NoError(t, p.Add(second, moment.Add(time.Second)))
	return p.Message()
}

// TestEncodingIsPinned: processes of two versions talk to each other while a deployment is updated. If
// this fails because a field was added, run it with -update; if one was renamed or removed, think again.
func TestEncodingIsPinned(t *testing.T) {
	t.Parallel()
	for name, msg := range samples(t) {
		path := filepath.Join("testdata", name+".golden")
		key := strings.Join(append([]string{msg.Key}, msg.Also...), " ")
		got := fmt.Sprintf("%s\n%s\n%s\n", key, msg.Type, msg.Body)
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), got, name)
	}
}

func TestDecodeReadsWhatEncodeWrote(t *testing.T) {
	t.Parallel()
	send, err := Decode[Send](samples(t)["send"], TypeSend)
	require.NoError(t, err)
	require.Equal(t, Send{SenderID: 5, GroupID: 2, ChannelID: 3, Content: "<é> \"😀\"", Hash: "a-1", AcceptedAt: moment}, send)

	_, err = Decode[Send](samples(t)["fence"], TypeSend)
	require.ErrorContains(t, err, `expected a message.send message, got "fence"`)
	_, err = Decode[Send](bus.Message{Type: TypeSend, Body: []byte(`{"senderId": "x"}`)}, TypeSend)
	require.ErrorContains(t, err, "decode message.send")

	newer := bus.Message{Type: TypeFence, Body: []byte(`{"userId": 5, "since": "a later version"}`)}
	fence, err := Decode[Fence](newer, TypeFence)
	require.NoError(t, err, "fields of a newer version are ignored")
	require.Equal(t, Fence{UserID: 5}, fence)
}

func TestPostedReadsWhatWasAdded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := NewPost(3)
		var want []Message
		for range rapid.IntRange(1, 5).Draw(rt, "messages") {
			m := Message{
				MessageID: rapid.Int64Min(1).Draw(rt, "id"), ChannelID: 3,
				Seq: rapid.Int64Range(1, 1<<53).Draw(rt, "seq"), SenderID: rapid.Int64Range(1, 1<<53).Draw(rt, "sender"),
				Content: rapid.String().Draw(rt, "content"), Hash: "a", CreatedAt: moment,
			}
			require.NoError(rt, p.Add(m, moment.Time))
			want = append(want, m)
		}
		msg := p.Message()
		rest := msg.Body
		for _, m := range want {
			got, next, err := NextPosted(rest)
			require.NoError(rt, err)
			require.Equal(rt, m.Seq, got.Seq)
			require.Equal(rt, m.SenderID, got.SenderID)
			require.Equal(rt, moment.UnixMilli(), got.AcceptedAt.UnixMilli())
			require.Contains(rt, msg.Also, UserKey(m.SenderID))
			var back Message
			require.NoError(rt, json.Unmarshal(got.Payload, &back))
			require.Equal(rt, m, back)
			rest = next
		}
		require.Empty(rt, rest)
	})
	for _, bad := range []string{"\n", "1 2 3 {}", "1 2 {}\n", "1 2 3 x\n", "-1 2 3 {}\n", "1  3 {}\n", "1 2 3 {\n", "1234567890123456789 2 3 {}\n"} {
		_, _, err := NextPosted([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(moment)
	require.NoError(t, err)
	require.Equal(t, `"2026-03-14T14:09:26.535Z"`, string(data), "UTC, milliseconds")
	var back Time
	require.NoError(t, json.Unmarshal(data, &back))
	require.True(t, back.Equal(moment.Time))
	require.True(t, FromMillis(moment.UnixMilli()).Equal(moment.Time))
	for _, bad := range []string{`1`, `null`, `"yesterday"`, `""`} {
		require.Error(t, json.Unmarshal([]byte(bad), &back), bad)
	}
}

func TestPartitionIsStableAndSpread(t *testing.T) {
	t.Parallel()
	require.Equal(t, []int{12, 5, 2, 3, 0}, []int{Partition(1, 16), Partition(2, 16), Partition(3, 16), Partition(4, 16), Partition(5, 16)},
		"must never change: messages on their way would lose their order")
	counts := make([]int, 16)
	for id := range int64(16_000) {
		counts[Partition(id, 16)]++
	}
	for p, n := range counts {
		require.InDelta(t, 1000, n, 250, "partition %d", p)
	}
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 1024).Draw(rt, "n")
		p := Partition(rapid.Int64().Draw(rt, "channel"), n)
		require.GreaterOrEqual(rt, p, 0)
		require.Less(rt, p, n)
	})
}

// FuzzDecode feeds the decoders of everything that arrives from the bus: they may refuse, never panic, and what they
// take survives another round.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{}`, `null`, `[]`, `{"payload": {"a": [1]}, "change": {"kind": "group.left", "channels": [1]}}`, `{"groups": [{}], "users": [{"private": [{}]}]}`, `{"acceptedAt": "2026-03-14T14:09:26.535Z"}`, "\x00", `{"event": "\ud800"}`, "1 2 3 {\"a\": 1}\n4 5 6 {}\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		again[Send](t, TypeSend, body)
		again[Emit](t, TypeEmit, body)
		again[Snapshots](t, TypeSnapshot, body)
		again[SubscriptionRequest](t, TypeRequest, body)
		again[Fence](t, TypeFence, body)
		for rest := body; len(rest) > 0; {
			m, next, err := NextPosted(rest)
			if err != nil {
				break
			}
			require.Less(t, len(m.Payload), len(rest))
			rest = next
		}
		again[Presence](t, TypePresence, body)
		again[PresenceAsk](t, TypePresenceAsk, body)
		again[PresenceKnown](t, TypePresenceKnown, body)
		again[PresenceSeen](t, TypePresenceSeen, body)
		again[PresenceProbe](t, TypePresenceProbe, body)
		again[PresenceStates](t, TypePresenceStates, body)
		again[Receipts](t, TypeReceipts, body)
		again[Bundle](t, TypeBundle, body)
		events, _, err := Announced(bus.Message{Key: "k", Type: TypeAnnounce, Body: body})
		for _, e := range events {
			require.True(t, err != nil || e.Key != "")
		}
	})
}

func again[T any](t *testing.T, typ string, body []byte) {
	t.Helper()
	first, err := Decode[T](bus.Message{Type: typ, Body: body}, typ)
	if err != nil {
		return
	}
	msg, err := Encode("key", typ, first)
	require.NoError(t, err)
	second, err := Decode[T](msg, typ)
	require.NoError(t, err)
	once, err := json.Marshal(first)
	require.NoError(t, err)
	twice, err := json.Marshal(second)
	require.NoError(t, err)
	require.JSONEq(t, string(once), string(twice))
}
