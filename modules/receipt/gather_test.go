package receipt

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/socket"
)

// fakeBus takes a while for each message.
type fakeBus struct {
	mu    sync.Mutex
	takes time.Duration
	err   error
	msgs  []bus.Message
	trips []trip
	reads map[[2]int64]int64 // by channel and user: the furthest
}

// trip is a message's way to the bus.
type trip struct {
	channel    int64
	users      []event.Receipt
	begun, end time.Time
}

func (b *fakeBus) Send(ctx context.Context, msg bus.Message) error {
	b.mu.Lock()
	takes, err := b.takes, b.err
	b.mu.Unlock()
	begun := time.Now()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		r, _ := event.Decode[event.Receipts](msg, event.TypeReceipts) // told checks it
		b.msgs = append(b.msgs, msg)
		b.trips = append(b.trips, trip{r.ChannelID, r.Users, begun, time.Now()})
		if b.reads == nil {
			b.reads = make(map[[2]int64]int64)
		}
		for _, u := range r.Users {
			at := [2]int64{r.ChannelID, u.UserID}
			b.reads[at] = max(b.reads[at], u.Read)
		}
	}
	return err
}

// furthest is the latest message that the bus knows a user to have read.
func (b *fakeBus) furthest(channel, user int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reads[[2]int64{channel, user}]
}

// fakeDirect keeps reports of personal chats.
type fakeDirect struct {
	mu  sync.Mutex
	all []string
}

func (d *fakeDirect) Report(_ context.Context, reader, other int64, status string, seq int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, fmt.Sprint(reader, " ", other, " ", status, " ", seq))
	return nil
}

type fakeServer struct{ events []string }

func (s *fakeServer) On(event string, _ func(*socket.Conn, json.RawMessage, func(any))) {
	s.events = append(s.events, event)
}

// host runs tasks for as long as a test.
type host struct {
	ctx   context.Context //nolint:containedctx // the life of the tasks
	tasks sync.WaitGroup
}

func (*host) Logger() *slog.Logger { return discard }

func (h *host) Go(_ string, run func(context.Context) error) {
	h.tasks.Go(func() { _ = run(h.ctx) })
}

// conn is a connection of a user who hears channels 3 and 4.
type conn int64

func (c conn) UserID() int64       { return int64(c) }
func (c conn) In(room string) bool { return room == "channel:3" || room == "channel:4" }

// desk is a started Socket in a bubble of time.
type desk struct {
	*Socket
	t      *testing.T
	bus    *fakeBus
	direct *fakeDirect

	mu   sync.Mutex
	acks []string
}

func inBubble(t *testing.T, run func(d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b, server, direct, h := &fakeBus{}, &fakeServer{}, &fakeDirect{}, &host{ctx: ctx}
		d := &desk{Socket: NewSocket(server, b, direct, func() int { return 16 }, NewGatherMetrics(nil), discard), t: t, bus: b, direct: direct}
		require.NoError(t, d.Stop(t.Context()), "legal before Start")
		require.NoError(t, d.Init(h))
		slices.Sort(server.events)
		require.Equal(t, []string{event.MessageDelivered, event.MessageRead}, server.events)
		require.NoError(t, d.Start(t.Context()))
		run(d)
		cancel()
		require.NoError(t, d.Stop(context.Background()))
		require.NoError(t, d.Stop(context.Background()))
		h.tasks.Wait()
		synctest.Wait()
		require.Empty(t, d.gatherer.boxes)
	})
}

// tell has a user tell; the acknowledgement comes when it comes.
func (d *desk) tell(user int64, s Status, payload string) {
	name := map[Status]string{Delivered: event.MessageDelivered, Read: event.MessageRead}[s]
	d.hear(conn(user), name, s, json.RawMessage(payload), func(answer any) {
		data, err := json.Marshal(answer)
		require.NoError(d.t, err)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.acks = append(d.acks, string(data))
	})
}

// told lists what the bus has got since the last time, sorted: "channel (user delivered read) …".
func (d *desk) told() (all []string) {
	synctest.Wait()
	d.bus.mu.Lock()
	defer d.bus.mu.Unlock()
	for _, msg := range d.bus.msgs {
		r, err := event.Decode[event.Receipts](msg, event.TypeReceipts)
		require.NoError(d.t, err)
		require.Equal(d.t, event.PartitionKey(event.Partition(r.ChannelID, 16)), msg.Key)
		slices.SortFunc(r.Users, func(a, b event.Receipt) int { return int(a.UserID - b.UserID) })
		line := fmt.Sprint(r.ChannelID)
		for _, u := range r.Users {
			line += fmt.Sprintf(" (%d %d %d)", u.UserID, u.Delivered, u.Read)
		}
		all = append(all, line)
	}
	d.bus.msgs = nil
	slices.Sort(all)
	return all
}

// acknowledged counts the acknowledgements since the last time: those that say ok, and the others.
func (d *desk) acknowledged() (ok, refused int) {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.acks {
		if a == `{"ok":true}` {
			ok++
		} else {
			require.Contains(d.t, a, `"code":"unavailable"`)
			refused++
		}
	}
	d.acks = nil
	return ok, refused
}

func (d *desk) requireAcknowledged(ok, refused int) {
	d.t.Helper()
	gotOK, gotRefused := d.acknowledged()
	require.Equal(d.t, []int{ok, refused}, []int{gotOK, gotRefused})
}

func TestAReceiptIsAcknowledgedWhenTheBusHasIt(t *testing.T) {
	t.Parallel()
	inBubble(t, func(d *desk) {
		d.bus.takes = time.Second
		d.tell(7, Read, `{"channelId": 3, "seq": 5}`)
		d.requireAcknowledged(0, 0)
		<-time.After(time.Second)
		require.Equal(t, []string{"3 (7 5 5)"}, d.told())
		d.requireAcknowledged(1, 0)
	})
}

// While one message is on its way, and a moment longer, what comes waits: newer receipts take the place of older ones, and all go together.
func TestReceiptsAreGathered(t *testing.T) {
	t.Parallel()
	inBubble(t, func(d *desk) {
		d.bus.takes = 10 * time.Millisecond
		d.tell(7, Delivered, `{"channelId": 3, "seq": 5}`)
		synctest.Wait()
		for seq := range 8 {
			d.tell(7, Delivered, fmt.Sprintf(`{"channelId": 3, "seq": %d}`, seq))
			d.tell(8, Read, fmt.Sprintf(`{"channelId": 3, "seq": %d}`, 9-seq))
		}
		d.tell(7, Read, `{"channelId": 3, "seq": 4}`)
		d.tell(9, Read, `{"channelId": 4, "seq": 1}`)
		<-time.After(10 * time.Millisecond)
		require.Equal(t, []string{"3 (7 5 0)", "4 (9 1 1)"}, d.told(), "another channel does not wait")
		d.requireAcknowledged(2, 0)
		<-time.After(pace + 10*time.Millisecond)
		require.Equal(t, []string{"3 (7 7 4) (8 9 9)"}, d.told())
		d.requireAcknowledged(17, 0)
		<-time.After(2 * pace)
		synctest.Wait()
		require.Empty(t, d.gatherer.boxes, "nothing is left of a silent channel")
		d.tell(7, Read, `{"channelId": 3, "seq": 8}`)
		<-time.After(10 * time.Millisecond)
		require.Equal(t, []string{"3 (7 8 8)"}, d.told(), "and its next one goes at once")
	})
}

func TestABusThatIsAwayRefuses(t *testing.T) {
	t.Parallel()
	inBubble(t, func(d *desk) {
		d.bus.err = bus.ErrUnavailable
		d.tell(7, Read, `{"channelId": 3, "seq": 5}`)
		d.requireAcknowledged(0, 1)
		<-time.After(pace)
		d.bus.mu.Lock()
		d.bus.err = nil
		d.bus.mu.Unlock()
		d.tell(7, Read, `{"channelId": 3, "seq": 5}`)
		d.requireAcknowledged(1, 0)

		d.bus.mu.Lock()
		d.bus.takes = time.Hour
		d.bus.mu.Unlock()
		d.tell(7, Read, `{"channelId": 4, "seq": 5}`)
		synctest.Wait()
		for range maxAcks + 5 {
			d.tell(7, Read, `{"channelId": 4, "seq": 6}`)
		}
		d.requireAcknowledged(0, 5)
		<-time.After(sendTimeout)
		d.requireAcknowledged(0, 1)
	})
}

// Whoever waits when the server ends is refused, and whoever comes later.
func TestStopRefuses(t *testing.T) {
	t.Parallel()
	inBubble(t, func(d *desk) {
		d.bus.takes = time.Second
		d.tell(7, Read, `{"channelId": 3, "seq": 5}`)
		synctest.Wait()
		d.tell(7, Read, `{"channelId": 3, "seq": 6}`)
		require.NoError(t, d.Stop(t.Context()))
		d.tell(7, Read, `{"channelId": 3, "seq": 7}`)
		d.requireAcknowledged(0, 2)
		<-time.After(time.Second)
		d.requireAcknowledged(1, 0)
	})
}

func TestReceiptsOfPersonalChats(t *testing.T) {
	t.Parallel()
	inBubble(t, func(d *desk) {
		d.tell(7, Delivered, `{"userId": 8, "seq": 5}`)
		d.requireAcknowledged(1, 0)
		d.tell(7, Delivered, `{"userId": 8, "seq": 7}`)
		d.tell(7, Read, `{"userId": 8, "seq": 6}`)
		d.tell(8, Read, `{"userId": 7, "seq": 1}`)
		<-time.After(2 * pace)
		d.requireAcknowledged(3, 0)
		slices.Sort(d.direct.all)
		require.Equal(t, []string{"7 8 DELIVERED 5", "7 8 DELIVERED 7", "7 8 READ 6", "8 7 READ 1"}, d.direct.all)
		require.Empty(t, d.told())
	})
}

func TestWhatIsNotAReceipt(t *testing.T) {
	t.Parallel()
	inBubble(t, func(d *desk) {
		for payload, code := range map[string]string{
			`null`: "malformed_request", `7`: "malformed_request", `{"channelId": 3}`: "malformed_request",
			`{"channelId": 3, "seq": "1"}`: "malformed_request", `{"channelId": 3, "seq": -1}`: "malformed_request",
			`{"seq": 1}`: "malformed_request", `{"channelId": 3, "userId": 4, "seq": 1}`: "malformed_request",
			`{"channelId": 5, "seq": 1}`: "channel_not_found",
		} {
			d.tell(7, Read, payload)
			require.Len(t, d.acks, 1, payload)
			require.Contains(t, d.acks[0], `{"error":{"code":"`+code+`"`, payload)
			d.acks = nil
		}
		require.Empty(t, d.told())
	})
}
