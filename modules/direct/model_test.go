package direct

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/app/event"
	"parley/app/problem"
	"parley/app/store"
	"parley/app/store/storetest"
)

// ctxOf is a context for what tests of both kinds share.
func ctxOf(require.TestingT) context.Context { return context.Background() }

// mark is how far somebody has got, and when.
type mark struct{ seq, at int64 }

// model is what the store should say, kept in the simplest way.
type model struct {
	people   []int64
	member   map[int64]bool
	blocks   map[direction]bool
	messages map[pair][]event.PersonalMessage
	// how far somebody has got, from → to
	read, delivered map[direction]mark
}

func (m *model) refusal(d direction) *problem.Problem {
	return d.refusal(standing{
		there: true, shared: d.from == d.to || m.member[d.from] && m.member[d.to],
		blocked: m.blocks[direction{d.to, d.from}], blocking: m.blocks[d],
	}, false)
}

// send expects a batch's outcomes.
func (m *model) send(rt *rapid.T, sends []event.DirectSend, outcomes []Outcome) {
	for i, s := range sends {
		d, p, o := direction{s.SenderID, s.ReceiverID}, pairOf(s.SenderID, s.ReceiverID), outcomes[i]
		var kept *event.PersonalMessage
		for _, k := range m.messages[p] {
			if k.Hash == s.Hash && k.SenderID == s.SenderID {
				kept = &k
			}
		}
		switch want := m.refusal(d); {
		case kept != nil:
			require.Equal(rt, *kept, o.Message, "the same as the first time")
		case want != nil:
			require.Equal(rt, want, o.Refused)
		default:
			require.Nil(rt, o.Refused)
			require.Equal(rt, int64(len(m.messages[p])+1), o.Message.Seq)
			m.messages[p] = append(m.messages[p], o.Message)
		}
	}
}

// receive notes receipts.
func (m *model) receive(receipts []event.DirectReceipt) {
	for _, r := range receipts {
		d := direction{r.ReaderID, r.OtherID}
		reached := mark{min(r.Seq, int64(len(m.messages[pairOf(d.from, d.to)]))), r.At.UnixMilli()}
		if reached.seq > m.delivered[d].seq {
			m.delivered[d] = reached
		}
		if r.Status == Read && reached.seq > m.read[d].seq {
			m.read[d] = reached
		}
	}
}

func (m *model) unread(d direction) (n int64) {
	for _, k := range m.messages[pairOf(d.from, d.to)] {
		if k.SenderID != d.from && k.Seq > m.read[d].seq {
			n++
		}
	}
	return n
}

// check compares everything that the store says with what it should say.
func (m *model) check(rt *rapid.T, s *Store) {
	for _, me := range m.people {
		chats, more, err := s.Chats(ctxOf(rt), me, 0, 100)
		require.NoError(rt, err)
		require.False(rt, more)
		for i := 1; i < len(chats); i++ {
			require.Greater(rt, chats[i-1].LastMessage.MessageID, chats[i].LastMessage.MessageID, "the newest first")
		}
		found := make(map[int64]Chat)
		for _, c := range chats {
			found[c.User.ID] = c
		}
		for _, other := range m.people {
			d, p := direction{me, other}, pairOf(me, other)
			c, want := found[other], m.messages[p]
			if len(want) == 0 {
				require.Zero(rt, c)
				continue
			}
			back := direction{other, me}
			require.Equal(rt, want, all(rt, s, me, other))
			require.Equal(rt, int64(len(want)), c.LastSeq)
			require.Equal(rt, want[len(want)-1], c.LastMessage)
			require.Equal(rt, m.unread(d), c.Unread, "unread of %d with %d", me, other)
			require.Equal(rt, m.read[d].seq, c.ReadSeq)
			require.Equal(rt, m.blocks[d], c.Blocked)
			require.Equal(rt, side{
				read: m.read[back].seq, readAt: m.read[back].at, delivered: m.delivered[back].seq, deliveredAt: m.delivered[back].at,
			}.position(), c.Other)
		}
		blocks, _, err := s.Blocks(ctxOf(rt), me, 0, 100)
		require.NoError(rt, err)
		n := 0
		for _, other := range m.people {
			if m.blocks[direction{me, other}] {
				require.Equal(rt, other, blocks[n].User.ID)
				n++
			}
		}
		require.Len(rt, blocks, n)
	}
}

// TestTheStoreDoesWhatTheModelSays: messages in batches, receipts, blocks, and people who come and go; everything may come again.
func TestTheStoreDoesWhatTheModelSays(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, false)
		next := int64(100)
		rapid.Check(t, func(rt *rapid.T) {
			m := &model{
				member: make(map[int64]bool), blocks: make(map[direction]bool), messages: make(map[pair][]event.PersonalMessage),
				read: make(map[direction]mark), delivered: make(map[direction]mark),
			}
			for range 3 {
				next++
				s.exec(rt, "INSERT INTO users (id, username, display_name, password_hash, created_at) VALUES (?, ?, 'x', 'x', 0)", next, fmt.Sprint("user", next))
				s.exec(rt, "INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES (1, ?, 'member', 0)", next)
				m.people, m.member[next] = append(m.people, next), true
			}
			person, clock := rapid.SampledFrom(m.people), int64(1000)
			rt.Repeat(map[string]func(*rapid.T){
				"send": func(rt *rapid.T) {
					var sends []event.DirectSend
					for range rapid.IntRange(1, 8).Draw(rt, "messages") {
						sends = append(sends, say(person.Draw(rt, "from"), person.Draw(rt, "to"), fmt.Sprint(rapid.IntRange(0, 30).Draw(rt, "hash"))))
					}
					outcomes := persist(rt, s, sends...)
					m.send(rt, sends, outcomes)
					if rapid.Bool().Draw(rt, "again") {
						again := persist(rt, s, sends...)
						for i, o := range outcomes {
							require.Equal(rt, o.Message, again[i].Message)
						}
					}
				},
				"receive": func(rt *rapid.T) {
					var receipts []event.DirectReceipt
					for range rapid.IntRange(1, 6).Draw(rt, "receipts") {
						clock++
						receipts = append(receipts, got(person.Draw(rt, "reader"), person.Draw(rt, "other"),
							rapid.SampledFrom([]string{Delivered, Read}).Draw(rt, "status"), rapid.Int64Range(0, 20).Draw(rt, "seq"), clock))
					}
					progress, err := s.Receive(ctxOf(rt), receipts)
					require.NoError(rt, err)
					again, err := s.Receive(ctxOf(rt), receipts)
					require.NoError(rt, err)
					require.Equal(rt, progress, again, "what is to be told is the same when the batch comes again")
					m.receive(receipts)
				},
				"block": func(rt *rapid.T) {
					d := direction{person.Draw(rt, "who"), person.Draw(rt, "whom")}
					if d.from == d.to {
						return
					}
					m.blocks[d] = !m.blocks[d]
					if m.blocks[d] {
						require.NoError(rt, s.Block(ctxOf(rt), d.from, d.to))
						require.NoError(rt, s.Block(ctxOf(rt), d.from, d.to), "again changes nothing")
					} else {
						require.NoError(rt, s.Unblock(ctxOf(rt), d.from, d.to))
					}
				},
				"come or go": func(rt *rapid.T) {
					who := person.Draw(rt, "who")
					if m.member[who] = !m.member[who]; m.member[who] {
						s.exec(rt, "INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES (1, ?, 'member', 0)", who)
					} else {
						s.exec(rt, "DELETE FROM group_members WHERE user_id = ?", who)
					}
				},
			})
			m.check(rt, s)
		})
	})
}
