package catchup

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// seqs lists the numbers of messages.
func seqs(messages []event.Message) []int64 {
	list := []int64{}
	for _, m := range messages {
		list = append(list, m.Seq)
	}
	return list
}

func TestSync(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t := w.t
		w.channel(10, 9)
		w.channel(11, 2)
		w.channel(12, 0)
		w.change(10, 3, "three")
		w.exec(`INSERT INTO channel_cursors (channel_id, user_id, read_seq, delivered_seq) VALUES (10, 1, 3, 6), (11, 1, 1, 1)`)
		w.chats[2] = 5

		a := w.sync(Request{Channels: map[string]int64{"10": 6, "11": 3, "12": 0, "99": 4}, Direct: map[string]int64{"2": 3, "3": 0, "4": 1}})
		ten := a.Channels["10"]
		require.Equal(t, []int64{7, 8, 9}, seqs(ten.Messages))
		require.Equal(t, []int64{3}, seqs(ten.Changes))
		require.Equal(t, "three", ten.Changes[0].Content)
		require.Equal(t, Channel{
			Messages: ten.Messages, Changes: ten.Changes, LastSeq: 9, ReadSeq: 3, DeliveredSeq: 6, Unread: 4, Mentions: 5,
		}, *ten)
		require.Equal(t, Channel{
			Messages: []event.Message{}, Changes: []event.Message{}, Reset: true, LastSeq: 2, ReadSeq: 3, DeliveredSeq: 1, Unread: 4, Mentions: 5,
		}, *a.Channels["11"])
		require.Empty(t, a.Channels["12"].Messages)
		require.False(t, a.Channels["12"].Reset)
		require.Equal(t, []int64{99}, a.Gone)
		require.Nil(t, a.Next)
		require.Equal(t, 3, a.Groups, "as they are listed")
		require.Equal(t, []int64{1}, a.MemberLists)
		require.Len(t, a.Direct, 3)
		require.Len(t, a.Direct["2"].Messages, 2)
		require.False(t, a.Direct["3"].Reset)
		require.Nil(t, a.Direct["3"].Chat)
		require.True(t, a.Direct["4"].Reset)

		again := w.sync(Request{Since: a.Token})
		require.Equal(t, []Member{{GroupID: 1, UserID: 2, Member: int64(maxMembers)}}, again.Members)
		require.Empty(t, again.MemberLists)
		require.NotNil(t, again.Channels)

		_, err := w.Sync(t.Context(), reader, Request{Since: "?"})
		require.Error(t, err)
	})
}

// TestThreadsFirstMessages: who hears of a reply, or of the end of one, hears how many there are.
func TestThreadsFirstMessages(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		w.channel(10, 12)
		after := func(seq int64) []int64 {
			return seqs(w.sync(Request{Channels: map[string]int64{"10": seq}}).Channels["10"].Changes)
		}
		require.Empty(w.t, after(0), "it is among the messages")
		require.Equal(w.t, []int64{1}, after(4), "5 and 10 are replies")
		require.Empty(w.t, after(11))
		w.change(10, 10, "changed")
		require.Equal(w.t, []int64{1, 10}, after(11))
		require.Equal(w.t, []int64{1, 10}, after(12))
		w.change(10, 2, "changed")
		w.say(10, 1)
		require.Empty(w.t, after(13))
		require.Equal(w.t, []int64{1, 2, 10}, after(12), "also what was told before at the same time")
	})
}

// TestGoingOn: what does not fit into an answer comes with the next ones.
func TestGoingOn(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		for id := int64(10); id < 24; id++ {
			w.channel(id, 10)
		}
		w.say(10, 500)
		c := &client{known: make(map[int64][]string)}
		for id := int64(10); id < 24; id++ {
			c.known[id] = nil
		}
		require.Equal(w.t, 3, c.catchUp(w), "510 messages, 200 at a time")
		c.knows(w)
		for seq := int64(1); seq <= 400; seq++ {
			w.change(10, seq, fmt.Sprint("changed ", seq))
		}
		w.say(10, 300)
		require.Equal(w.t, 4, c.catchUp(w), "400 changes, 142 at a time, and then 200 at a time; 300 messages beside the last of them")
		c.knows(w)
		w.chats[2] = 450
		a := w.sync(Request{Direct: map[string]int64{"2": 0}})
		require.Equal(w.t, &Request{Channels: map[string]int64{}, Direct: map[string]int64{"2": 200}, More: true}, a.Next)
		require.Nil(w.t, w.sync(*a.Next).Lists)
	})
}

// TestRandomAbsences: whatever happens while a client is away, or asks, it knows everything in the end.
func TestRandomAbsences(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		const channels = 6
		for id := int64(10); id < 10+channels; id++ {
			w.channel(id, 0)
		}
		random := rand.New(rand.NewPCG(1, 2))
		c := &client{known: map[int64][]string{10: nil, 11: nil, 12: nil, 13: nil}}
		for range 25 {
			for range random.IntN(12) {
				id := 10 + random.Int64N(channels)
				w.say(id, random.IntN(40)*random.IntN(8))
				var last int64
				require.NoError(w.t, w.db.Read(w.t.Context()).Raw(`SELECT last_seq FROM channels WHERE id = ?`, id).Scan(&last).Error)
				for range random.IntN(20) {
					w.change(id, 1+random.Int64N(last+1), strconv.Itoa(random.Int()))
				}
			}
			c.catchUp(w)
			c.knows(w)
		}
	})
}

// TestOneMoment: nothing in an answer is newer than anything else in it.
func TestOneMoment(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		w.channel(10, 3)
		late := lateGroups{fakeGroups{w.db}, func() {
			w.say(10, 1)
			w.change(10, 1, "new")
		}}
		a, err := New(NewStore(w.db), late, w.chats, fakeMessages{w.db}).Sync(w.t.Context(), reader, Request{Channels: map[string]int64{"10": 1}})
		require.NoError(w.t, err)
		require.Equal(w.t, []int64{2, 3}, seqs(a.Channels["10"].Messages))
		require.Empty(w.t, a.Channels["10"].Changes)
	})
}

// lateGroups has something happen after the groups have been read.
type lateGroups struct {
	fakeGroups

	happens func()
}

func (g lateGroups) Groups(ctx context.Context, userID int64) (any, []Place, error) {
	list, places, err := g.fakeGroups.Groups(ctx, userID)
	g.happens()
	return list, places, err
}

// TestStatementsAreFew: as many for one channel as for as many as there may be.
func TestStatementsAreFew(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewRegistry()
			w := newWorld(t, storetest.OpenCounted(t, url(t), store.NewMetrics(registry)))
			for id := int64(10); id < 10+MaxChannels; id++ {
				w.channel(id, 6)
				w.change(id, 1, "changed")
			}
			for _, n := range []int64{1, 50, MaxChannels} {
				r := Request{Channels: make(map[string]int64)}
				for id := int64(10); id < 10+n; id++ {
					r.Channels[strconv.FormatInt(id, 10)] = 2
				}
				before := statementsOf(t, registry)
				a := w.sync(r)
				require.Len(t, a.Channels, int(n))
				for _, c := range a.Channels {
					require.Len(t, c.Messages, 4)
					require.Len(t, c.Changes, 1)
				}
				// BEGIN, the fake's groups, cursors, changes, messages, the fake's reading of them, COMMIT
				require.Equal(t, 7, statementsOf(t, registry)-before, "%d channels", n)
			}
		})
	}
}

// statementsOf is how many statements have read something.
func statementsOf(t *testing.T, r *prometheus.Registry) (n int) {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "parley_store_statements_total" {
			for _, m := range f.GetMetric() {
				if m.GetLabel()[0].GetValue() == "read" {
					n += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return n
}

// BenchmarkSync is a client that comes back to 50 channels, with 20 messages missed in each.
func BenchmarkSync(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, storetest.Open(b, url(b)))
			r := Request{Channels: make(map[string]int64)}
			for id := int64(10); id < 60; id++ {
				w.channel(id, 200)
				w.change(id, 100, "changed")
				r.Channels[strconv.FormatInt(id, 10)] = 180
			}
			b.ReportAllocs()
			for b.Loop() {
				w.sync(r)
			}
		})
	}
}
