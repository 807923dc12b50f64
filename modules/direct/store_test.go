package direct

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// The people of the tests: ann, ben, cat, dan and gone share a group; eve is alone in hers; gone is disabled.
const (
	ann int64 = iota + 1
	ben
	cat
	dan
	eve
	gone
	nobody
)

const fixture = `
	INSERT INTO users (id, username, display_name, password_hash, created_at) VALUES
		(1, 'ann', 'Ann', '', 1), (2, 'ben', 'Ben', '', 2), (3, 'cat', 'Cat', '', 3), (4, 'dan', 'Dan', '', 4), (5, 'eve', 'Eve', '', 5);
	INSERT INTO users (id, username, display_name, password_hash, created_at, disabled_at) VALUES (6, 'gone', 'Gone', '', 6, 7);
	INSERT INTO groups (id, name, created_at) VALUES (1, 'one', 0), (2, 'two', 0);
	INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES
		(1, 1, 'owner', 0), (1, 2, 'member', 0), (1, 3, 'member', 0), (1, 4, 'member', 0), (1, 6, 'member', 0), (2, 5, 'owner', 0);`

// open fills a fresh database.
func open(t testing.TB, db *store.Store, anyone bool) *Store {
	t.Helper()
	s := NewStore(db, anyone, nil)
	s.exec(t, fixture)
	return s
}

func (s *Store) exec(t require.TestingT, statement string, args ...any) {
	require.NoError(t, s.db.Write(ctxOf(t), func(tx *gorm.DB) error { return tx.Exec(statement, args...).Error }))
}

func say(from, to int64, hash string) event.DirectSend {
	return event.DirectSend{SenderID: from, ReceiverID: to, Content: "says " + hash, Hash: hash}
}

func got(reader, other int64, status string, seq, at int64) event.DirectReceipt {
	return event.DirectReceipt{ReaderID: reader, OtherID: other, Status: status, Seq: seq, At: event.FromMillis(at)}
}

func persist(t require.TestingT, s *Store, sends ...event.DirectSend) []Outcome {
	outcomes, err := s.Persist(ctxOf(t), sends)
	require.NoError(t, err)
	require.Len(t, outcomes, len(sends))
	return outcomes
}

func all(t require.TestingT, s *Store, user, other int64) []event.PersonalMessage {
	messages, more, err := s.Page(ctxOf(t), user, other, Range{After: 0, Limit: 100_000})
	require.NoError(t, err)
	require.False(t, more)
	return messages
}

func chatWith(t require.TestingT, s *Store, user, other int64) Chat {
	chats, _, err := s.Chats(ctxOf(t), user, 0, 100_000)
	require.NoError(t, err)
	for _, c := range chats {
		if c.User.ID == other {
			return c
		}
	}
	return Chat{}
}

func TestPersistNumbersEachChat(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, false)
		outcomes := persist(t, s, say(ann, ben, "a"), say(ann, cat, "b"), say(ben, ann, "c"), say(ann, ben, "d"), say(ann, ann, "e"))
		for i, seq := range []int64{1, 1, 2, 3, 1} {
			require.Nil(t, outcomes[i].Refused)
			require.Equal(t, seq, outcomes[i].Message.Seq)
			require.NotZero(t, outcomes[i].Message.MessageID)
		}
		persist(t, s, say(ben, ann, "f"))
		kept := all(t, s, ann, ben)
		require.Len(t, kept, 4)
		require.Equal(t, outcomes[0].Message, kept[0], "the event and the history are the same")
		require.Equal(t, kept, all(t, s, ben, ann), "for both")
		require.Equal(t, "says f", kept[3].Content)
		require.Equal(t, ann, kept[3].ReceiverID)
		notes := all(t, s, ann, ann)
		require.Len(t, notes, 1)
		require.Equal(t, ann, notes[0].ReceiverID)
		require.Less(t, kept[0].MessageID, kept[1].MessageID)
	})
}

func TestPersistKeepsARepeatOnce(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, false)
		first := persist(t, s, say(ann, ben, "a"), say(ann, ben, "a"))
		require.Equal(t, first[0], first[1], "twice in one batch")
		changed := say(ann, ben, "a")
		changed.Content = "something else"
		again := persist(t, s, say(ann, ben, "b"), changed)
		require.Equal(t, first[0], again[1], "in a later batch: the first one counts")
		require.Len(t, all(t, s, ann, ben), 2)
		require.Equal(t, int64(3), persist(t, s, say(ben, ann, "a"))[0].Message.Seq, "another sender's hash")
		require.Equal(t, int64(1), persist(t, s, say(ann, cat, "a"))[0].Message.Seq, "another chat's hash")
		require.Equal(t, int64(2), chatWith(t, s, ben, ann).Unread, "what is repeated is not unread twice")
	})
}

func TestPersistRefuses(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, false)
		require.NoError(t, s.Block(t.Context(), dan, ann))
		for name, tc := range map[string]struct {
			send event.DirectSend
			want error
		}{
			"no group in common":     {say(ann, eve, "x"), ErrNoSharedGroup},
			"blocked":                {say(ann, dan, "x"), ErrBlocked},
			"blocking":               {say(dan, ann, "x"), ErrBlocking},
			"disabled":               {say(ann, gone, "x"), ErrUserNotFound},
			"no such user":           {say(ann, nobody, "x"), ErrUserNotFound},
			"no such sender":         {say(nobody, ann, "x"), ErrUserNotFound},
			"nobody's notes to self": {say(nobody, nobody, "x"), ErrUserNotFound},
		} {
			outcomes := persist(t, s, say(ann, ben, "before "+name), tc.send, say(ann, ben, "after "+name))
			require.ErrorIs(t, outcomes[1].Refused, tc.want, name)
			require.Equal(t, outcomes[0].Message.Seq+1, outcomes[2].Message.Seq, "%s: no gap", name)
			c, err := s.chat(t.Context(), pairOf(tc.send.SenderID, tc.send.ReceiverID))
			require.NoError(t, err)
			require.Nil(t, c, "%s: no chat without a message", name)
		}
		require.Nil(t, persist(t, NewStore(db, true, nil), say(ann, eve, "y"))[0].Refused, "where anyone may")
	})
}

// TestPersistRefusesOnlyWhatIsNotKeptYet: a message kept before stays confirmed when it comes again, whatever has become of the two.
func TestPersistRefusesOnlyWhatIsNotKeptYet(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, false)
		kept := persist(t, s, say(cat, ben, "a"))[0]
		s.exec(t, "DELETE FROM group_members WHERE user_id = 3")
		outcomes := persist(t, s, say(cat, ben, "a"), say(cat, ben, "b"))
		require.Equal(t, kept, outcomes[0])
		require.ErrorIs(t, outcomes[1].Refused, ErrNoSharedGroup)
		require.Len(t, all(t, s, ben, cat), 1, "the history stays readable")
		require.NoError(t, s.Block(t.Context(), ben, cat))
		require.Equal(t, kept, persist(t, s, say(cat, ben, "a"))[0])
	})
}

func TestPersistSurvivesAnyText(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, false)
		for i, content := range []string{`"quotes" \back\slash`, "line\nbreak\ttab\r", "\u2028\u2029\ufeff", "😀 é ☃", `{"json": true}`, "a\u0001b", `\u0000`, "'; DROP TABLE messages; --", "?", ":name @name $1", "12"} {
			send := say(ann, ben, fmt.Sprint(i)) // a hash that looks like a number
			send.Content = content
			require.Equal(t, content, persist(t, s, send)[0].Message.Content)
			require.Equal(t, content, persist(t, s, send)[0].Message.Content, "found again")
			require.Len(t, all(t, s, ann, ben), i+1)
			require.Equal(t, content, all(t, s, ann, ben)[i].Content)
		}
	})
}

// TestPersistFromManySides runs batches against each other that make the same chats at once, and touch them in different order.
func TestPersistFromManySides(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, false)
		const workers, rounds = 8, 10
		var wg sync.WaitGroup
		errs := make(chan error, 2*workers)
		for w := range workers {
			wg.Go(func() {
				for r := range rounds {
					hash := fmt.Sprintf("%d-%d", w, r)
					sends := []event.DirectSend{say(ann, ben, hash), say(cat, ann, hash)}
					if w%2 == 0 {
						sends[0], sends[1] = sends[1], sends[0]
					}
					if _, err := s.Persist(t.Context(), sends); err != nil {
						errs <- err
						return
					}
					if _, err := s.Receive(t.Context(), []event.DirectReceipt{got(ben, ann, Read, int64(r), 1), got(ann, cat, Read, int64(r), 1)}); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		wg.Wait()
		close(errs)
		require.NoError(t, <-errs)
		for _, other := range []int64{ben, cat} {
			kept := all(t, s, ann, other)
			require.Len(t, kept, workers*rounds)
			for i, m := range kept {
				require.Equal(t, int64(i+1), m.Seq, "no gap, no repeat")
			}
		}
		require.Equal(t, int64(workers*rounds-rounds+1), chatWith(t, s, ben, ann).Unread)
	})
}

// TestAUserIsDeletedWhileAChatIsMade: one of the two comes first.
func TestAUserIsDeletedWhileAChatIsMade(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, true)
		for i := range int64(20) {
			id := 100 + i
			s.exec(t, "INSERT INTO users (id, username, display_name, password_hash, created_at) VALUES (?, ?, 'x', 'x', 0)", id, fmt.Sprint("user", id))
			var wg sync.WaitGroup
			var deleted error
			wg.Go(func() {
				deleted = s.db.Write(t.Context(), func(tx *gorm.DB) error { return tx.Exec("DELETE FROM users WHERE id = ?", id).Error })
			})
			outcomes, err := s.Persist(t.Context(), []event.DirectSend{say(ann, id, "a"), say(ann, ben, fmt.Sprint(id))})
			wg.Wait()
			require.NoError(t, err)
			require.Nil(t, outcomes[1].Refused)
			if deleted == nil {
				require.ErrorIs(t, outcomes[0].Refused, ErrUserNotFound)
			} else {
				require.ErrorIs(t, deleted, store.ErrReference, "the row stays for as long as there is a chat")
				require.Nil(t, outcomes[0].Refused)
			}
		}
	})
}

// TestAnyBatchingKeepsEachMessageOnceInOrder cuts a random stream with repeats into random batches, some of them
// redelivered, and compares with the stream without its repeats.
func TestAnyBatchingKeepsEachMessageOnceInOrder(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, false)
		run := 0
		rapid.Check(t, func(rt *rapid.T) {
			run++
			before := len(all(rt, s, ann, ben))
			stream := rapid.SliceOfN(rapid.IntRange(0, 15), 1, 40).Draw(rt, "stream")
			var want []string
			seen := make(map[string]bool)
			var sends []event.DirectSend
			for _, n := range stream {
				send := say(ann, ben, fmt.Sprintf("r%d-%d", run, n))
				if n%2 == 0 {
					send = say(ben, ann, send.Hash)
				}
				sends = append(sends, send)
				if !seen[send.Hash] {
					seen[send.Hash] = true
					want = append(want, send.Hash)
				}
			}
			for len(sends) > 0 {
				size := rapid.IntRange(1, len(sends)).Draw(rt, "batch")
				for range rapid.IntRange(1, 2).Draw(rt, "deliveries") {
					persist(rt, s, sends[:size]...)
				}
				sends = sends[size:]
			}
			var kept []string
			for _, m := range all(rt, s, ann, ben)[before:] {
				kept = append(kept, m.Hash)
			}
			require.Equal(rt, want, kept)
		})
	})
}
