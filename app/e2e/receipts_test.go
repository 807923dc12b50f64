package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"parley/app/event"
	"parley/app/store/storetest"
	"parley/app/testenv"
)

// receiptStatus is the payload of GROUP_MESSAGE_STATUS.
type receiptStatus struct {
	ChannelID int64
	UserID    int64
	Status    string
	UpToSeq   int64
	Count     *int64
	Users     []struct{ UserID, UpToSeq int64 }
}

// readCursor is the payload of READ_CURSOR.
type readCursor struct{ ChannelID, ReadSeq, Unread, Mentions int64 }

// upcoming reads up to the next event with the name, which is documented as all before it are, and decodes its payload.
func upcoming[T any](w *watcher, name string) (payload T) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	for {
		e, err := w.conn.Next(ctx)
		require.NoError(w.t, err, "waiting for %s", name)
		require.NoError(w.t, undocumented(e.Name, e.Payload))
		if e.Name == name {
			require.NoError(w.t, e.Decode(&payload))
			return payload
		}
	}
}

// tells has a device tell how far it has got; the server must acknowledge it.
func (w *watcher) tells(name string, c channel, seq int64) {
	w.t.Helper()
	require.JSONEq(w.t, `{"ok": true}`, string(w.asks(name, map[string]int64{"channelId": c.ID, "seq": seq})))
}

// asks sends an event and returns how it is acknowledged.
func (w *watcher) asks(name string, payload any) json.RawMessage {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	ack, err := w.conn.EmitAck(ctx, name, payload)
	require.NoError(w.t, err)
	require.NoError(w.t, undocumented(name+"_ACK", ack))
	return ack
}

// recipients lists who has a message, as "name STATUS", sorted; it reads page by page.
func (p *person) recipients(c channel, m event.Message, people ...*person) (list []string) {
	p.t.Helper()
	names := make(map[int64]string)
	for _, other := range people {
		names[other.id] = other.name
	}
	path := fmt.Sprintf("%s/%d/recipients?limit=1", messagesPath(c), m.MessageID)
	for path != "" {
		a, err := p.request(p.t.Context(), http.MethodGet, path, nil)
		require.NoError(p.t, err)
		require.Equal(p.t, http.StatusOK, a.status, "%s", a.body)
		var page struct {
			Recipients []struct {
				UserID int64
				Status string
			}
		}
		require.NoError(p.t, json.Unmarshal(a.body, &page))
		for _, r := range page.Recipients {
			list = append(list, names[r.UserID]+" "+r.Status)
		}
		link, _, _ := strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "</api/v1"), ">")
		path = link
	}
	slices.Sort(list)
	return list
}

// seen is a channel as GET /groups shows it.
func (p *person) seen(c channel) (readSeq, unread, mentions int64) {
	p.t.Helper()
	var groups []struct {
		Channels []struct{ ID, ReadSeq, Unread, Mentions int64 }
	}
	p.do(http.MethodGet, "/groups", nil, http.StatusOK, &groups)
	for _, g := range groups {
		for _, ch := range g.Channels {
			if ch.ID == c.ID {
				return ch.ReadSeq, ch.Unread, ch.Mentions
			}
		}
	}
	p.t.Fatalf("%s does not see channel %d", p.name, c.ID)
	return 0, 0, 0
}

func (p *person) requireSeen(c channel, readSeq, unread, mentions int64) {
	p.t.Helper()
	r, u, m := p.seen(c)
	require.Equal(p.t, []int64{readSeq, unread, mentions}, []int64{r, u, m}, "readSeq, unread, mentions of %s", p.name)
}

// TestReceipts: from DELIVERED to READ, told to every device of the sender; the reader's devices keep together.
func TestReceipts(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		people := c.people(t, "person", 4)
		ann, ben, cat, eve := people[0], people[1], people[2], people[3]
		g := ann.group("friends", ben, cat)
		general := g.Channels[0]
		anns := []*watcher{ann.watcher(0), ann.watcher(1)}
		bens := []*watcher{ben.watcher(0), ben.watcher(1)}
		for i, text := range []string{"one", "two @" + ben.name, "three"} {
			ann.send(general, fmt.Sprint("h", i), text)
		}
		for range 3 {
			upcoming[event.Message](bens[0], event.MessageReceive)
		}
		history := ann.history(general)
		require.Equal(t, []string{ben.name + " SENT", cat.name + " SENT"}, ann.recipients(general, history[0], people...))
		ben.requireSeen(general, 0, 3, 1)

		bens[0].tells(event.MessageDelivered, general, 3)
		for _, w := range anns {
			require.Equal(t, receiptStatus{ChannelID: general.ID, UserID: ben.id, Status: "DELIVERED", UpToSeq: 3}, upcoming[receiptStatus](w, event.MessageStatus))
		}
		require.Equal(t, []string{ben.name + " DELIVERED", cat.name + " SENT"}, cat.recipients(general, history[2], people...))
		ben.requireSeen(general, 0, 3, 1)

		bens[0].tells(event.MessageRead, general, 2)
		for _, w := range anns {
			require.Equal(t, receiptStatus{ChannelID: general.ID, UserID: ben.id, Status: "READ", UpToSeq: 2}, upcoming[receiptStatus](w, event.MessageStatus))
		}
		for _, w := range bens {
			require.Equal(t, readCursor{general.ID, 2, 1, 0}, upcoming[readCursor](w, event.ReadCursor))
		}
		require.Equal(t, []string{ben.name + " READ", cat.name + " SENT"}, ann.recipients(general, history[1], people...))
		require.Equal(t, []string{ben.name + " DELIVERED", cat.name + " SENT"}, ann.recipients(general, history[2], people...))
		ben.requireSeen(general, 2, 1, 0)

		// Nothing goes back, nor beyond the latest message.
		bens[1].tells(event.MessageRead, general, 1)
		path := fmt.Sprintf("/groups/%d/channels/%d/read", g.ID, general.ID)
		var taken struct{ ChannelID, ReadSeq int64 }
		ben.do(http.MethodPost, path, map[string]int64{"seq": 99}, http.StatusAccepted, &taken)
		require.Equal(t, general.ID, taken.ChannelID)
		for _, w := range bens {
			require.Equal(t, readCursor{general.ID, 3, 0, 0}, upcoming[readCursor](w, event.ReadCursor))
		}
		require.Equal(t, receiptStatus{ChannelID: general.ID, UserID: ben.id, Status: "READ", UpToSeq: 3}, upcoming[receiptStatus](anns[1], event.MessageStatus))
		ben.requireSeen(general, 3, 0, 0)

		// A deleted message is not unread. Whoever comes later has nothing unread, and is no recipient of what was said before.
		ann.send(general, "h3", "four @channel")
		ann.send(general, "h4", "five")
		bens[0].awaitSeq(general, 5)
		ben.requireSeen(general, 3, 2, 1)
		history = ann.history(general)
		ann.do(http.MethodDelete, fmt.Sprintf("%s/%d", messagesPath(general), history[3].MessageID), nil, http.StatusNoContent, nil)
		ben.requireSeen(general, 3, 1, 0)
		late := eve.watcher(1)
		ann.add(g, eve)
		upcoming[json.RawMessage](late, event.JoinedGroup)
		eve.requireSeen(general, 5, 0, 0)
		ann.send(general, "h5", "six")
		late.awaitSeq(general, 6)
		eve.requireSeen(general, 5, 1, 0)
		late.tells(event.MessageRead, general, 6)
		require.Equal(t, readCursor{general.ID, 6, 0, 0}, upcoming[readCursor](late, event.ReadCursor))
		history = ann.history(general)
		require.Equal(t, []string{ben.name + " READ", cat.name + " SENT"}, ann.recipients(general, history[2], people...))
		require.Equal(t, []string{ben.name + " SENT", cat.name + " SENT", eve.name + " READ"}, ann.recipients(general, history[5], people...))

		// Whoever was removed is none of the recipients, and hears nothing of those of the messages that it had sent.
		eve.send(general, "h6", "seven")
		bens[0].awaitSeq(general, 7)
		ann.remove(g, eve)
		require.Equal(t, []string{ben.name + " SENT", cat.name + " SENT"}, ann.recipients(general, history[5], people...))
		bens[0].tells(event.MessageRead, general, 7)
		for upcoming[receiptStatus](anns[0], event.MessageStatus).UpToSeq != 7 {
			continue
		}
		eve.group("alone")
		late.hearsNothing(event.MessageStatus, event.JoinedGroup)
	})
}

// hearsNothing reads up to an event, before which there must be none with the name.
func (w *watcher) hearsNothing(name, until string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	for {
		e, err := w.conn.Next(ctx)
		require.NoError(w.t, err)
		require.NotEqual(w.t, name, e.Name, "%s", e.Payload)
		if e.Name == until {
			return
		}
	}
}

// awaitSeq reads up to a message of the channel.
func (w *watcher) awaitSeq(c channel, seq int64) {
	w.t.Helper()
	for {
		if m := upcoming[event.Message](w, event.MessageReceive); m.ChannelID == c.ID && m.Seq == seq {
			return
		}
	}
}

// TestReceiptsThatAreRefused: those who may not read learn nothing, and nothing is kept of them.
func TestReceiptsThatAreRefused(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, nil)
	ann, eve := c.person(t, "ann"), c.person(t, "eve")
	g := ann.group("friends")
	general := g.Channels[0]
	ann.send(general, "h", "one")
	w := eve.watcher(0)
	for _, name := range []string{event.MessageRead, event.MessageDelivered} {
		for payload, code := range map[string]string{
			fmt.Sprintf(`{"channelId": %d, "seq": 1}`, general.ID): "channel_not_found",
			`{"channelId": 0, "seq": 1}`:                           "malformed_request",
			`{"channelId": 1}`:                                     "malformed_request",
			`{"channelId": 1, "userId": 2, "seq": 1}`:              "malformed_request",
			`{"channelId": 1, "seq": -1}`:                          "malformed_request",
			`{"channelId": 1, "seq": 1.5}`:                         "malformed_request",
			`{"channelId": 1, "seq": 9007199254740992}`:            "malformed_request",
			`"x"`: "malformed_request",
		} {
			require.Contains(t, string(w.asks(name, json.RawMessage(payload))), `"code":"`+code+`"`, payload)
		}
	}
	message := ann.history(general)[0]
	read := fmt.Sprintf("/groups/%d/channels/%d/read", g.ID, general.ID)
	recipients := fmt.Sprintf("%s/%d/recipients", messagesPath(general), message.MessageID)
	for _, tc := range []struct {
		who          *person
		method, path string
		body         string
		status       int
		code         string
	}{
		{eve, http.MethodPost, read, `{"seq": 1}`, http.StatusNotFound, "group_not_found"},
		{eve, http.MethodGet, recipients, ``, http.StatusNotFound, "group_not_found"},
		{ann, http.MethodPost, read, `{}`, http.StatusBadRequest, "validation_failed"},
		{ann, http.MethodPost, read, `{"seq": -1}`, http.StatusBadRequest, "validation_failed"},
		{ann, http.MethodPost, read, `{"seq": 1, "more": 2}`, http.StatusBadRequest, "validation_failed"},
		{ann, http.MethodPost, read, ``, http.StatusUnsupportedMediaType, "unsupported_media_type"},
		{ann, http.MethodGet, recipients + "?limit=0", ``, http.StatusBadRequest, "validation_failed"},
		{ann, http.MethodGet, recipients + "?more=0", ``, http.StatusBadRequest, "validation_failed"},
		{ann, http.MethodGet, messagesPath(general) + "/999/recipients", ``, http.StatusNotFound, "message_not_found"},
		{ann, http.MethodGet, messagesPath(general) + "/x/recipients", ``, http.StatusNotFound, "not_found"},
	} {
		a, err := tc.who.request(t.Context(), tc.method, tc.path, []byte(tc.body))
		require.NoError(t, err)
		require.Equal(t, tc.status, a.status, "%s %s %s", tc.method, tc.path, tc.body)
		require.Equal(t, tc.code, a.code(), "%s %s %s", tc.method, tc.path, tc.body)
	}
	require.Empty(t, ann.recipients(general, message))
}

// TestReceiptsInLargeGroups: above message.eager_recipients, senders hear how many.
func TestReceiptsInLargeGroups(t *testing.T) {
	t.Parallel()
	for _, s := range setups() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			c := s.start(t, map[string]string{"PARLEY_MESSAGE_EAGER_RECIPIENTS": "3"})
			people := c.people(t, "person", 4)
			ann := people[0]
			g := ann.group("many", people[1:]...)
			general := g.Channels[0]
			sender := ann.watcher(0)
			ann.send(general, "h0", "one")
			ann.send(general, "h1", "two")
			for i, p := range people[1:] {
				w := p.watcher(i)
				w.tells(event.MessageRead, general, 2)
				got := upcoming[receiptStatus](sender, event.MessageStatus)
				require.NotNil(t, got.Count)
				require.EqualValues(t, i+1, *got.Count)
				got.Count = nil
				require.Equal(t, receiptStatus{ChannelID: general.ID, Status: "READ", UpToSeq: 2}, got, "without names")
			}
			names := []string{people[1].name + " READ", people[2].name + " READ", people[3].name + " READ"}
			for _, m := range ann.history(general) {
				require.Equal(t, names, ann.recipients(general, m, people...))
			}
		})
	}
}

// TestALongHistoryIsReadAtOnce: the receipt is told at once, and the recipients' rows follow in the background, in parts, while messages go on; also
// when the worker is killed meanwhile.
func TestALongHistoryIsReadAtOnce(t *testing.T) {
	t.Parallel()
	const n = 3000
	c := startSplit(t, services(t, testenv.AMQPURL(t), storetest.PostgresURL(t)), nil)
	ann, ben := c.person(t, "ann"), c.person(t, "ben")
	general := ann.group("friends", ben).Channels[0]
	var senders errgroup.Group
	for part := range 10 {
		senders.Go(func() error {
			for i := range n / 10 {
				if err := ann.insist(t.Context(), general, fmt.Sprintf("h%d_%d", part, i), "message"); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, senders.Wait())
	sender, reader := ann.watcher(0), ben.watcher(1)
	require.Eventually(t, func() bool { return len(ben.history(general)) == n }, patience, pollEvery)

	reader.tells(event.MessageRead, general, n)
	require.Equal(t, receiptStatus{ChannelID: general.ID, UserID: ben.id, Status: "READ", UpToSeq: n}, upcoming[receiptStatus](sender, event.MessageStatus))
	c.worker.kill()
	c.worker.restart()
	ann.send(general, "next", "goes on")
	reader.awaitSeq(general, n+1)
	ben.requireSeen(general, n, 1, 0)
	history := ben.history(general)
	for _, i := range []int{0, n / 2, n - 1} {
		require.Equal(t, []string{"ben READ"}, ann.recipients(general, history[i], ann, ben), "whether it is written or not")
	}

	db := storetest.Open(t, c.env["PARLEY_DATABASE_URL"])
	count := func(rows string) (n int) {
		require.NoError(t, db.Read(t.Context()).Raw("SELECT count(*) FROM "+rows).Scan(&n).Error)
		return n
	}
	require.Eventually(t, func() bool { return count("receipt_ranges") == 0 }, patience, pollEvery)
	require.Equal(t, n, count("message_recipients WHERE status = 2"))
}

// TestReceiptsSurviveTheWorker: what was acknowledged is neither lost nor taken back when the worker is killed, and nobody's messages wait for
// the rows of a long history.
func TestReceiptsSurviveTheWorker(t *testing.T) {
	t.Parallel()
	c := startSplit(t, services(t, testenv.AMQPURL(t), storetest.PostgresURL(t)), nil)
	const n, rounds = 4, 4
	people := c.people(t, "person", n)
	g := people[0].group("friends", people[1:]...)
	general := g.Channels[0]
	var devices []*watcher
	for i, p := range people {
		devices = append(devices, p.watcher(i))
	}
	last := 0
	for round := range rounds {
		for range 50 {
			last++
			require.NoError(t, people[last%n].insist(t.Context(), general, fmt.Sprint("h", last), "message"))
		}
		require.Eventually(t, func() bool { return len(people[0].history(general)) == last }, patience, pollEvery)
		var telling errgroup.Group
		for i, w := range devices {
			telling.Go(func() error {
				for seq := last - 49; seq <= last; seq += 1 + (seq+i)%7 {
					w.tells([]string{event.MessageDelivered, event.MessageRead}[seq%2], general, int64(seq))
				}
				w.tells(event.MessageRead, general, int64(last))
				return nil
			})
		}
		pause(t.Context(), time.Duration(round)*20*time.Millisecond)
		c.worker.kill()
		require.NoError(t, telling.Wait())
		c.worker.restart()
	}
	for i, w := range devices {
		for upcoming[readCursor](w, event.ReadCursor) != (readCursor{ChannelID: general.ID, ReadSeq: int64(last)}) {
			continue
		}
		people[i].requireSeen(general, int64(last), 0, 0)
	}
	for i, m := range people[0].history(general) {
		if i%10 > 0 && i < last-10 {
			continue
		}
		list := people[0].recipients(general, m, people...)
		require.Len(t, list, n-1)
		for _, r := range list {
			require.Contains(t, r, "READ", "message %d", m.Seq)
		}
	}
}
