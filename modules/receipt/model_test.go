package receipt

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/app/bus"
	"parley/app/event"
)

// model is what must be so of one public channel with four readers, whose database a property test fills.
type model struct {
	*world

	rt       *rapid.T
	channel  int64
	group    int64
	messages []modelMessage
	members  map[int64]bool
	cursors  map[int64]cursor
	since    map[int64]int64
	rows     map[[2]int64]Status // by seq and user
	last     []bus.Message       // the latest batch
	claims   map[int64]claim     // of it, by user
}

type modelMessage struct {
	sender  int64
	deleted bool
	calls   []int64 // users who are mentioned; 0 is everybody
}

// Any sequence of messages, receipts, repeats, deletions, leaving and coming back ends with cursors and recipients as the model has
// them; what is told is what the model says, and nothing else.
func TestReceiptsFollowTheModel(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.store.part = 7
		run := int64(1)
		rapid.Check(t, func(rt *rapid.T) {
			run++
			w.group(run, 2*run, 2*run+1)
			m := &model{
				world: w, rt: rt, channel: 2 * run, group: run, members: map[int64]bool{1: true, 2: true, 3: true, 4: true},
				cursors: make(map[int64]cursor), since: make(map[int64]int64), rows: make(map[[2]int64]Status),
			}
			actions := []func(*rapid.T){m.sayAny, m.tellAny, m.tellAgain, m.deleteAny, m.leaveOrJoin, m.settleSome}
			for range rapid.IntRange(1, 12).Draw(rt, "actions") {
				actions[rapid.IntRange(0, len(actions)-1).Draw(rt, "action")](rt)
				m.check(rt)
			}
			w.settleAll()
			m.checkRows()
		})
	})
}

func (m *model) sayAny(rt *rapid.T) {
	for range rapid.IntRange(1, 12).Draw(rt, "messages") {
		msg := modelMessage{sender: rapid.Int64Range(1, 4).Draw(rt, "sender")}
		m.say(m.channel, msg.sender)
		for _, user := range rapid.SliceOfNDistinct(rapid.Int64Range(0, 4), 0, 2, rapid.ID).Draw(rt, "mentioned") {
			m.mention(m.channel, int64(len(m.messages))+1, user)
			msg.calls = append(msg.calls, user)
		}
		m.messages = append(m.messages, msg)
	}
}

func (m *model) deleteAny(rt *rapid.T) {
	if len(m.messages) == 0 {
		return
	}
	seq := rapid.IntRange(1, len(m.messages)).Draw(rt, "seq")
	m.delete(m.channel, int64(seq))
	m.messages[seq-1].deleted, m.messages[seq-1].calls = true, nil
}

func (m *model) settleSome(rt *rapid.T) {
	_, err := m.store.settle(m.t.Context())
	require.NoError(rt, err)
}

// leaveOrJoin does what the groups do with the cursors.
func (m *model) leaveOrJoin(rt *rapid.T) {
	user := rapid.Int64Range(1, 4).Draw(rt, "user")
	last := int64(len(m.messages))
	if m.members[user] {
		m.exec(`DELETE FROM channel_cursors WHERE channel_id = ? AND user_id = ?`, m.channel, user)
		m.exec(`DELETE FROM group_members WHERE group_id = ? AND user_id = ?`, m.group, user)
		delete(m.cursors, user)
	} else {
		m.exec(`INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES (?, ?, 'member', 0)`, m.group, user)
		m.exec(`INSERT INTO channel_cursors (channel_id, user_id, read_seq, delivered_seq, since_seq) VALUES (?, ?, ?, ?, ?)`,
			m.channel, user, last, last, last)
		m.cursors[user], m.since[user] = cursor{last, last}, last
	}
	m.members[user] = !m.members[user]
}

// tellAny has a batch handled of a few messages with a few receipts each.
func (m *model) tellAny(rt *rapid.T) {
	m.last, m.claims = nil, make(map[int64]claim)
	claims := m.claims
	for range rapid.IntRange(1, 3).Draw(rt, "batch") {
		var users []event.Receipt
		for _, user := range rapid.SliceOfNDistinct(rapid.Int64Range(1, 5), 1, 4, rapid.ID).Draw(rt, "users") {
			seq := rapid.Int64Range(0, int64(len(m.messages))+3).Draw(rt, "seq")
			r, c := m.got(user, seq), claim{delivered: seq}
			if rapid.Bool().Draw(rt, "read") {
				r, c = m.read(user, seq), claim{delivered: seq, read: seq}
			}
			c.at = r.At.Time
			users = append(users, r)
			claims[user] = claims[user].join(c)
		}
		m.last = append(m.last, receipts(m.t, m.channel, users...))
	}
	var want []told
	for _, status := range []Status{Delivered, Read} {
		for user := int64(1); user <= 5; user++ {
			want = append(want, m.expect(user, status, claims[user])...)
		}
	}
	for user := int64(1); user <= 5; user++ {
		want = append(want, m.advance(user, claims[user])...)
	}
	require.Equal(rt, want, m.handle(m.last...))
}

// expect lists what senders are told of a user's claim.
func (m *model) expect(user int64, s Status, c claim) (want []told) {
	if !m.members[user] || c.at.IsZero() {
		return nil
	}
	from := m.cursors[user]
	to := from.advance(c, int64(len(m.messages)))
	low, high := from.read, to.read
	if s == Delivered {
		low, high = max(from.delivered, to.read), to.delivered
	}
	senders := make(map[int64]bool)
	for seq := low + 1; seq <= high; seq++ {
		senders[m.messages[seq-1].sender] = true
	}
	for sender := int64(1); sender <= 4; sender++ {
		if senders[sender] && sender != user {
			want = append(want, status(sender, m.channel, user, s, high, c.at.UnixMilli()))
		}
	}
	return want
}

// advance moves a user's cursor, and lists what its devices are told.
func (m *model) advance(user int64, c claim) []told {
	if !m.members[user] || c.at.IsZero() {
		return nil
	}
	from := m.cursors[user]
	to := from.advance(c, int64(len(m.messages)))
	m.cursors[user] = to
	for i, msg := range m.messages {
		key := [2]int64{int64(i) + 1, user}
		switch seq := int64(i) + 1; {
		case msg.sender == user:
		case seq > from.read && seq <= to.read:
			m.rows[key] = Read
		case seq > from.delivered && seq <= to.delivered && m.rows[key] < Delivered:
			m.rows[key] = Delivered
		}
	}
	if to.read == from.read {
		return nil
	}
	unread, mentions := int64(0), int64(0)
	for _, msg := range m.messages[to.read:] {
		if msg.sender == user || msg.deleted {
			continue
		}
		unread++
		if slices.Contains(msg.calls, user) || slices.Contains(msg.calls, 0) {
			mentions++
		}
	}
	return []told{onward(user, m.channel, to.read, unread, mentions)}
}

// tellAgain has the latest batch handled once more: nothing moves, unless it was ahead of the channel, and only members are told of.
func (m *model) tellAgain(rt *rapid.T) {
	for user, c := range m.claims {
		m.advance(user, c)
	}
	for _, redelivered := range []bool{false, true} {
		for i := range m.last {
			m.last[i].Redelivered = redelivered
		}
		for _, e := range m.handle(m.last...) {
			got := decode[struct{ UserID, UpToSeq, ReadSeq int64 }](m.t, e.Payload)
			if e.Event == event.ReadCursor {
				require.Equal(rt, m.cursors[e.User].read, got.ReadSeq)
				continue
			}
			require.True(rt, m.members[got.UserID])
			require.NotEqual(rt, e.User, got.UserID)
			require.LessOrEqual(rt, got.UpToSeq, m.cursors[got.UserID].delivered)
		}
	}
}

// check compares the cursors.
func (m *model) check(rt *rapid.T) {
	type row struct{ UserID, DeliveredSeq, ReadSeq int64 }
	want := make(map[int64]cursor)
	for user, c := range m.cursors {
		if c != (cursor{}) || m.since[user] > 0 {
			want[user] = c
		}
	}
	got := make(map[int64]cursor)
	for _, r := range rows[row](m.world, `SELECT user_id, delivered_seq, read_seq FROM channel_cursors WHERE channel_id = ?`, m.channel) {
		require.LessOrEqual(rt, r.DeliveredSeq, int64(len(m.messages)))
		if c := (cursor{r.DeliveredSeq, r.ReadSeq}); c != (cursor{}) {
			got[r.UserID] = c
		} else {
			delete(want, r.UserID)
		}
	}
	for user, c := range want {
		if c == (cursor{}) {
			delete(want, user)
		}
	}
	require.Equal(rt, want, got)
	if len(m.messages) == 0 {
		return
	}
	// Whoever asks is answered with what will be in the rows, written or not.
	seq := rapid.IntRange(1, len(m.messages)).Draw(rt, "asked about")
	id := rows[int64](m.world, `SELECT id FROM messages WHERE channel_id = ? AND seq = ?`, m.channel, seq)[0]
	list, err := m.store.recipients(m.t.Context(), m.group, m.channel, id, 0, 10)
	require.NoError(rt, err)
	var found, expected []string
	for _, r := range list {
		found = append(found, fmt.Sprint(r.UserID, " ", r.Status))
	}
	for user := int64(1); user <= 4; user++ {
		if m.members[user] && m.messages[seq-1].sender != user && m.since[user] < int64(seq) {
			expected = append(expected, fmt.Sprint(user, " ", m.rows[[2]int64{int64(seq), user}]))
		}
	}
	require.Equal(rt, expected, found, "recipients of %d", seq)
}

// checkRows compares the recipients' rows when nothing waits.
func (m *model) checkRows() {
	type row struct{ Seq, ReceiverID, Status int64 }
	got := make(map[[2]int64]Status)
	for _, r := range rows[row](m.world, `SELECT m.seq, r.receiver_id, r.status
		FROM message_recipients r JOIN messages m ON m.id = r.message_id WHERE m.channel_id = ?`, m.channel) {
		got[[2]int64{r.Seq, r.ReceiverID}] = Status(r.Status)
	}
	want := m.rows
	require.Equal(m.rt, want, got)
}
