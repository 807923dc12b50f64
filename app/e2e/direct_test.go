package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/store/storetest"
	"parley/app/testenv"
)

// personalChat is what the tests read of a personal chat.
type personalChat struct {
	ChatID  int64                                 `json:"chatId"`
	User    struct{ ID int64 }                    `json:"user"`
	LastSeq int64                                 `json:"lastSeq"`
	ReadSeq int64                                 `json:"readSeq"`
	Unread  int64                                 `json:"unread"`
	Other   struct{ DeliveredSeq, ReadSeq int64 } `json:"other"`
	Blocked bool                                  `json:"blocked"`
	Last    event.PersonalMessage                 `json:"lastMessage"`
}

func directPath(to *person) string { return fmt.Sprintf("/direct/%d/messages", to.id) }

// tell sends a personal message that must be accepted at once.
func (p *person) tell(to *person, hash string) {
	p.t.Helper()
	p.do(http.MethodPost, directPath(to), map[string]string{"content": "says " + hash, "hash": hash}, http.StatusAccepted, nil)
}

// refusedBy sends a personal message that must be refused.
func (p *person) refusedBy(to int64, status int, code string) {
	p.t.Helper()
	a, err := p.request(p.t.Context(), http.MethodPost, fmt.Sprintf("/direct/%d/messages", to), []byte(`{"content": "x", "hash": "refused"}`))
	require.NoError(p.t, err)
	require.Equal(p.t, status, a.status, "%s", a.body)
	require.Equal(p.t, code, a.code())
}

// with reads a chat of the list; zero if it is not there.
func (p *person) with(other *person) personalChat {
	p.t.Helper()
	var chats []personalChat
	p.do(http.MethodGet, "/direct", nil, http.StatusOK, &chats)
	for _, c := range chats {
		if c.User.ID == other.id {
			return c
		}
	}
	return personalChat{}
}

// personal reads the history with somebody, from the beginning.
func (p *person) personal(other *person) []event.PersonalMessage {
	p.t.Helper()
	var all []event.PersonalMessage
	for more := true; more; {
		var page struct {
			Messages []event.PersonalMessage `json:"messages"`
			HasMore  bool                    `json:"hasMore"`
		}
		p.do(http.MethodGet, fmt.Sprintf("%s?after=%d&limit=200", directPath(other), len(all)), nil, http.StatusOK, &page)
		all, more = append(all, page.Messages...), page.HasMore
	}
	return all
}

// await reads up to the next event that is about personal chats, and returns its payload. It must have that name.
func (w *watcher) await(name string, into any) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	for {
		e, err := w.conn.Next(ctx)
		require.NoError(w.t, err, "waiting for %s", name)
		require.NoError(w.t, undocumented(e.Name, e.Payload))
		if !strings.HasPrefix(e.Name, "PERSONAL_") && e.Name != event.ReadCursor {
			continue
		}
		require.Equal(w.t, name, e.Name, "%s", e.Payload)
		require.NoError(w.t, e.Decode(into))
		return
	}
}

// awaitMessages reads messages that must come next, with these seqs.
func (w *watcher) awaitMessages(name string, seqs ...int64) (all []event.PersonalMessage) {
	w.t.Helper()
	for _, seq := range seqs {
		var m event.PersonalMessage
		w.await(name, &m)
		require.Equal(w.t, seq, m.Seq)
		all = append(all, m)
	}
	return all
}

// report tells over the socket how far somebody has got.
func (w *watcher) report(name string, other *person, seq int64) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	ack, err := w.conn.EmitAck(ctx, name, map[string]int64{"userId": other.id, "seq": seq})
	require.NoError(w.t, err)
	require.NoError(w.t, undocumented(name+"_ACK", ack))
	require.JSONEq(w.t, `{"ok": true}`, string(ack))
}

// personalStatus is the payload of PERSONAL_MESSAGE_STATUS.
type personalStatus struct {
	UserID  int64
	Status  string
	UpToSeq int64
}

// personalCursor is the payload of READ_CURSOR.
type personalCursor struct{ UserID, ReadSeq, Unread int64 }

func TestPersonalChats(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		people := c.people(t, "person", 3)
		ann, ben, eve := people[0], people[1], people[2]
		g := ann.group("friends", ben)
		anns := []*watcher{ann.watcher(0), ann.watcher(1)}
		bens := []*watcher{ben.watcher(0), ben.watcher(1)}

		for i := range 5 {
			ann.tell(ben, fmt.Sprint("m", i))
		}
		var sent, received []event.PersonalMessage
		for i := range 2 {
			sent = anns[i].awaitMessages(event.PersonalSent, 1, 2, 3, 4, 5)
			received = bens[i].awaitMessages(event.PersonalReceive, 1, 2, 3, 4, 5)
		}
		require.Equal(t, sent, received)
		require.Equal(t, "says m2", sent[2].Content)
		require.Equal(t, []int64{ann.id, ben.id}, []int64{sent[0].SenderID, sent[0].ReceiverID})
		require.Equal(t, sent, ann.personal(ben))
		require.Equal(t, sent, ben.personal(ann))

		// Again with the same hash: confirmed again, and there once.
		ann.tell(ben, "m4")
		for i := range 2 {
			require.Equal(t, sent[4:], anns[i].awaitMessages(event.PersonalSent, 5))
			require.Equal(t, sent[4:], bens[i].awaitMessages(event.PersonalReceive, 5))
		}
		require.Len(t, ann.personal(ben), 5)

		benReads(t, ann, ben, anns, bens)
		blocking(t, ann, ben, anns, bens)

		// Notes to oneself are sent, and not received: the next event is that of another chat.
		ann.tell(ann, "note")
		for _, w := range anns {
			note := w.awaitMessages(event.PersonalSent, 1)[0]
			require.Equal(t, note.SenderID, note.ReceiverID)
		}
		ben.tell(ann, "after-the-note")
		for i := range 2 {
			anns[i].awaitMessages(event.PersonalReceive, 7)
			bens[i].awaitMessages(event.PersonalSent, 7)
		}
		require.Len(t, ann.personal(ann), 1)
		require.Zero(t, ann.with(ann).Unread)

		// Strangers; and what was said stays when the last group is left.
		ann.refusedBy(eve.id, http.StatusForbidden, "no_shared_group")
		eve.refusedBy(ann.id, http.StatusForbidden, "no_shared_group")
		ann.refusedBy(1<<40, http.StatusNotFound, "user_not_found")
		require.Empty(t, eve.personal(ann))
		ann.remove(g, ben)
		ann.refusedBy(ben.id, http.StatusForbidden, "no_shared_group")
		ben.refusedBy(ann.id, http.StatusForbidden, "no_shared_group")
		require.Len(t, ben.personal(ann), 7)
		require.Equal(t, int64(7), ben.with(ann).LastSeq)
		eve.group("new friends", ann, ben)
		ben.tell(ann, "again")
		bens[0].awaitMessages(event.PersonalSent, 8)
	})
}

// benReads has ben get and read what ann has written, over the socket and over HTTP.
func benReads(t *testing.T, ann, ben *person, anns, bens []*watcher) {
	t.Helper()
	require.Equal(t, int64(5), ben.with(ann).Unread)
	require.Zero(t, ann.with(ben).Unread)
	var status personalStatus
	var cursor personalCursor

	bens[0].report(event.MessageDelivered, ann, 4)
	for _, w := range anns {
		w.await(event.PersonalStatus, &status)
		require.Equal(t, personalStatus{ben.id, "DELIVERED", 4}, status)
	}
	bens[1].report(event.MessageRead, ann, 3)
	for i := range 2 {
		anns[i].await(event.PersonalStatus, &status)
		require.Equal(t, personalStatus{ben.id, "READ", 3}, status)
		bens[i].await(event.ReadCursor, &cursor)
		require.Equal(t, personalCursor{ann.id, 3, 2}, cursor)
	}
	require.Equal(t, int64(2), ben.with(ann).Unread)
	require.Equal(t, struct{ DeliveredSeq, ReadSeq int64 }{4, 3}, ann.with(ben).Other)

	read := fmt.Sprintf("/direct/%d/read", ann.id)
	for _, seq := range []int64{1, 99} { // back, and beyond the end
		var answer personalCursor
		ben.do(http.MethodPost, read, map[string]int64{"seq": seq}, http.StatusAccepted, &answer)
		require.Equal(t, personalCursor{UserID: ann.id, ReadSeq: min(max(seq, 3), 5)}, answer)
	}
	for i := range 2 {
		anns[i].await(event.PersonalStatus, &status)
		require.Equal(t, personalStatus{ben.id, "READ", 5}, status)
		bens[i].await(event.ReadCursor, &cursor)
		require.Equal(t, personalCursor{ann.id, 5, 0}, cursor)
	}
	require.Equal(t, int64(5), ann.with(ben).Other.ReadSeq)
}

// blocking keeps both from writing until it is taken back.
func blocking(t *testing.T, ann, ben *person, anns, bens []*watcher) {
	t.Helper()
	block := fmt.Sprintf("/blocks/%d", ann.id)
	ben.do(http.MethodPut, block, nil, http.StatusNoContent, nil)
	require.True(t, ben.with(ann).Blocked)
	require.False(t, ann.with(ben).Blocked)
	ann.refusedBy(ben.id, http.StatusForbidden, "blocked")
	ben.refusedBy(ann.id, http.StatusForbidden, "blocking")
	var blocks []struct{ User struct{ ID int64 } }
	ben.do(http.MethodGet, "/blocks", nil, http.StatusOK, &blocks)
	require.Len(t, blocks, 1)
	require.Len(t, ben.personal(ann), 5, "what was said stays readable")
	ben.do(http.MethodDelete, block, nil, http.StatusNoContent, nil)
	ann.tell(ben, "friends-again")
	for i := range 2 {
		anns[i].awaitMessages(event.PersonalSent, 6)
		bens[i].awaitMessages(event.PersonalReceive, 6)
	}
}

// TestPersonalMessagesToAnyone: where direct.anyone is on, people need no group in common.
func TestPersonalMessagesToAnyone(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, map[string]string{"PARLEY_DIRECT_ANYONE": "true"})
	people := c.people(t, "person", 2)
	ann, eve := people[0], people[1]
	watching := eve.watcher(0)
	ann.tell(eve, "hello")
	watching.awaitMessages(event.PersonalReceive, 1)
	eve.do(http.MethodPut, fmt.Sprintf("/blocks/%d", ann.id), nil, http.StatusNoContent, nil)
	ann.refusedBy(eve.id, http.StatusForbidden, "blocked")
}

// TestAPersonalMessageIsRefusedWhenItsTurnComes: what has changed since the 202 counts, and its sender is told.
func TestAPersonalMessageIsRefusedWhenItsTurnComes(t *testing.T) {
	t.Parallel()
	c := split(t)
	people := c.people(t, "person", 4)
	ann, ben, cat, dan := people[0], people[1], people[2], people[3]
	friends, others := ann.group("friends", ben, dan), ann.group("others", cat)
	require.NotEqual(t, friends.ID, others.ID)
	watching := ann.watcher(0)
	c.worker.kill()
	for _, p := range []*person{ben, cat, dan} {
		ann.tell(p, "to-"+p.name)
	}
	ben.do(http.MethodPut, fmt.Sprintf("/blocks/%d", ann.id), nil, http.StatusNoContent, nil)
	ann.do(http.MethodPut, fmt.Sprintf("/blocks/%d", dan.id), nil, http.StatusNoContent, nil)
	parley(t, c.env, "", "user", "disable", cat.name)
	c.worker.restart()
	codes := make(map[string]string)
	for range 3 {
		var failed struct {
			Hash, Code, Detail string
			UserID             int64
		}
		watching.await(event.PersonalFailed, &failed)
		require.NotEmpty(t, failed.Detail)
		codes[failed.Hash] = failed.Code
	}
	require.Equal(t, map[string]string{"to-" + ben.name: "blocked", "to-" + cat.name: "user_not_found", "to-" + dan.name: "blocking"}, codes)
	require.Empty(t, ann.personal(ben))
}

// TestWorkerKilledDuringPersonalChats: nothing is lost, doubled or out of order.
func TestWorkerKilledDuringPersonalChats(t *testing.T) {
	t.Parallel()
	c := startSplit(t, services(t, testenv.AMQPURL(t), storetest.PostgresURL(t)), nil)
	g := c.gossip(t, talkers)
	for range 3 {
		g.more(100)
		c.worker.kill()
		g.more(20)
		c.worker.restart()
	}
	g.more(100)
	g.finish(true)
}

// TestEmbeddedKilledDuringPersonalChats: what was answered 202 is on disk, without any broker.
func TestEmbeddedKilledDuringPersonalChats(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, nil)
	g := c.gossip(t, talkers)
	for range 2 {
		g.more(100)
		c.api.kill()
		c.api.restart()
	}
	g.more(100)
	g.finish(false)
}
