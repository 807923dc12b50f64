package message

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

// The people and places of the tests: users 1–4 are in group 1 with the public
// channel 1 and the private channel 2 of users 1 and 2; user 5 is in no group. Group 2 with channel 3 is user 5's own… and nobody else's.
const fixture = `
	INSERT INTO users (id, username, display_name, password_hash, created_at) VALUES
		(1, 'ann', 'Ann', '', 0), (2, 'ben', 'Ben', '', 0), (3, 'cat', 'Cat', '', 0), (4, 'dan', 'Dan', '', 0), (5, 'eve', 'Eve', '', 0);
	INSERT INTO groups (id, name, created_at) VALUES (1, 'one', 0), (2, 'two', 0);
	INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES
		(1, 1, 'owner', 0), (1, 2, 'member', 0), (1, 3, 'member', 0), (1, 4, 'member', 0), (2, 5, 'owner', 0);
	INSERT INTO channels (id, group_id, name, private, created_at) VALUES
		(1, 1, 'general', %[1]s, 0), (2, 1, 'secret', %[2]s, 0), (3, 2, 'general', %[1]s, 0);
	INSERT INTO channel_members (channel_id, user_id, joined_at) VALUES (2, 1, 0), (2, 2, 0);`

// open fills a fresh database.
func open(t *testing.T, db *store.Store, eager int) *Store {
	t.Helper()
	yes, no := "true", "false"
	if db.Dialect() == store.SQLite {
		yes, no = "1", "0"
	}
	require.NoError(t, db.Write(t.Context(), func(tx *gorm.DB) error {
		return tx.Exec(fmt.Sprintf(fixture, no, yes)).Error
	}))
	return NewStore(db, eager, nil)
}

func say(sender, channel int64, hash string) event.Send {
	group := int64(1)
	if channel == 3 {
		group = 2
	}
	return event.Send{SenderID: sender, GroupID: group, ChannelID: channel, Content: "says " + hash, Hash: hash}
}

func persist(t *testing.T, s *Store, sends ...event.Send) []Outcome {
	t.Helper()
	outcomes, err := s.Persist(t.Context(), sends)
	require.NoError(t, err)
	require.Len(t, outcomes, len(sends))
	return outcomes
}

func all(t *testing.T, s *Store, channel int64) []event.Message {
	t.Helper()
	messages, more, err := NewReader(s.db).Page(t.Context(), 1, channel, Range{After: 0, Limit: 100_000})
	require.NoError(t, err)
	require.False(t, more)
	return messages
}

// recipients lists who has a row for a message.
func recipients(t *testing.T, s *Store, message int64) []int64 {
	t.Helper()
	var ids []int64
	require.NoError(t, s.db.Read(t.Context()).Raw(
		"SELECT receiver_id FROM message_recipients WHERE message_id = ? AND status = 0 ORDER BY receiver_id", message).Scan(&ids).Error)
	return ids
}

func TestPersistNumbersEachChannel(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 1000)
		outcomes := persist(t, s, say(1, 1, "a"), say(1, 2, "b"), say(2, 1, "c"), say(2, 1, "d"))
		for i, seq := range []int64{1, 1, 2, 3} {
			require.Nil(t, outcomes[i].Refused)
			require.Equal(t, seq, outcomes[i].Message.Seq)
			require.NotZero(t, outcomes[i].Message.MessageID)
		}
		persist(t, s, say(3, 1, "e"))
		kept := all(t, s, 1)
		require.Len(t, kept, 4)
		require.Equal(t, outcomes[0].Message, kept[0], "the event and the history are the same")
		require.Equal(t, "says e", kept[3].Content)
	})
}

func TestPersistKeepsARepeatOnce(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 1000)
		first := persist(t, s, say(1, 1, "a"), say(1, 1, "a"))
		require.Equal(t, first[0], first[1], "twice in one batch")
		changed := say(1, 1, "a")
		changed.Content = "something else"
		again := persist(t, s, say(1, 1, "b"), changed)
		require.Equal(t, first[0], again[1], "in a later batch: the first one counts")
		require.Len(t, all(t, s, 1), 2)
		require.Equal(t, []int64{2, 3, 4}, recipients(t, s, first[0].Message.MessageID))

		require.Equal(t, int64(3), persist(t, s, say(2, 1, "a"))[0].Message.Seq, "another sender's hash")
		require.Equal(t, int64(1), persist(t, s, say(1, 2, "a"))[0].Message.Seq, "another channel's hash")
	})
}

func TestPersistWritesRecipients(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 4)
		outcomes := persist(t, s, say(3, 1, "public"), say(2, 2, "private"))
		require.Equal(t, []int64{1, 2, 4}, recipients(t, s, outcomes[0].Message.MessageID), "the group but the sender")
		require.Equal(t, []int64{1}, recipients(t, s, outcomes[1].Message.MessageID), "the private channel's members but the sender")

		large := NewStore(db, 3, nil)
		outcomes = persist(t, large, say(3, 1, "large"), say(2, 2, "small"))
		require.Empty(t, recipients(t, s, outcomes[0].Message.MessageID), "more than eager readers")
		require.Equal(t, []int64{1}, recipients(t, s, outcomes[1].Message.MessageID))
	})
}

func TestPersistRefuses(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 1000)
		elsewhere := say(1, 1, "elsewhere")
		elsewhere.GroupID = 2
		for name, tc := range map[string]struct {
			send event.Send
			want error
		}{
			"not in the group":               {say(5, 1, "x"), ErrNotMember},
			"not in the private channel":     {say(3, 2, "x"), ErrNotMember},
			"no such channel":                {say(1, 99, "x"), ErrChannelNotFound},
			"the channel is another group's": {elsewhere, ErrChannelNotFound},
			"no such user":                   {say(99, 1, "x"), ErrNotMember},
		} {
			outcomes := persist(t, s, say(1, 1, "before "+name), tc.send, say(1, 1, "after "+name))
			require.ErrorIs(t, outcomes[1].Refused, tc.want, name)
			require.Equal(t, outcomes[0].Message.Seq+1, outcomes[2].Message.Seq, "%s: no gap", name)
		}
	})
}

// TestPersistRefusesOnlyWhatIsNotKeptYet: a message kept before its sender was removed stays confirmed when it comes again.
func TestPersistRefusesOnlyWhatIsNotKeptYet(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 1000)
		kept := persist(t, s, say(3, 1, "a"))[0]
		require.NoError(t, db.Write(t.Context(), func(tx *gorm.DB) error {
			return tx.Exec("DELETE FROM group_members WHERE user_id = 3").Error
		}))
		outcomes := persist(t, s, say(3, 1, "a"), say(3, 1, "b"))
		require.Equal(t, kept, outcomes[0])
		require.ErrorIs(t, outcomes[1].Refused, ErrNotMember)
	})
}

func TestPersistSurvivesAnyText(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 1000)
		for i, content := range []string{`"quotes" \back\slash`, "line\nbreak\ttab\r", "\u2028\u2029\ufeff", "😀 é ☃", `{"json": true}`, "a\u0001b", `\u0000`, "'; DROP TABLE messages; --", "?", ":name $1"} {
			send := say(1, 1, fmt.Sprint("h", i))
			send.Content = content
			require.Equal(t, content, persist(t, s, send)[0].Message.Content)
		}
		for i, m := range all(t, s, 1) {
			require.Equal(t, int64(i+1), m.Seq)
		}
		require.Equal(t, `\u0000`, all(t, s, 1)[6].Content)
	})
}

// TestPersistFromManySides runs batches against each other that touch the same channels in different order.
func TestPersistFromManySides(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 1000)
		const workers, rounds = 8, 10
		var wg sync.WaitGroup
		errs := make(chan error, workers)
		for w := range workers {
			wg.Go(func() {
				for r := range rounds {
					hash := fmt.Sprintf("%d-%d", w, r)
					sends := []event.Send{say(1, 1, hash), say(1, 2, hash)}
					if w%2 == 0 {
						sends[0], sends[1] = sends[1], sends[0]
					}
					if _, err := s.Persist(t.Context(), sends); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		wg.Wait()
		close(errs)
		require.NoError(t, <-errs)
		for channel := range int64(2) {
			kept := all(t, s, channel+1)
			require.Len(t, kept, workers*rounds)
			for i, m := range kept {
				require.Equal(t, int64(i+1), m.Seq, "no gap, no repeat")
			}
		}
	})
}

// TestAnyBatchingKeepsEachMessageOnceInOrder cuts a random stream with repeats into random batches, some of them
// redelivered, and compares with the stream without its repeats.
func TestAnyBatchingKeepsEachMessageOnceInOrder(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLiteURL(t))
	s := open(t, db, 1000)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		before := len(all(t, s, 1))
		stream := rapid.SliceOfN(rapid.IntRange(0, 15), 1, 40).Draw(rt, "stream")
		var want []string
		seen := make(map[int]bool)
		var sends []event.Send
		for _, n := range stream {
			hash := fmt.Sprintf("r%d-%d", run, n)
			sends = append(sends, say(1, 1, hash))
			if !seen[n] {
				seen[n] = true
				want = append(want, hash)
			}
		}
		for len(sends) > 0 {
			size := rapid.IntRange(1, len(sends)).Draw(rt, "batch")
			for range rapid.IntRange(1, 2).Draw(rt, "deliveries") {
				persist(t, s, sends[:size]...)
			}
			sends = sends[size:]
		}
		var got []string
		for _, m := range all(t, s, 1)[before:] {
			got = append(got, m.Hash)
		}
		require.Equal(rt, want, got)
	})
}

func TestPage(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 1000)
		var sends []event.Send
		for i := range 10 {
			sends = append(sends, say(1, 1, fmt.Sprint("h", i)))
		}
		persist(t, s, sends...)
		for name, tc := range map[string]struct {
			r    Range
			want []int64
			more bool
		}{
			"the latest":               {Range{After: fromEnd, Limit: 3}, []int64{8, 9, 10}, true},
			"everything":               {Range{After: fromEnd, Limit: 10}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, false},
			"before":                   {Range{After: fromEnd, Before: 4, Limit: 2}, []int64{2, 3}, true},
			"before, to the beginning": {Range{After: fromEnd, Before: 3, Limit: 2}, []int64{1, 2}, false},
			"after":                    {Range{After: 7, Limit: 2}, []int64{8, 9}, true},
			"after, to the end":        {Range{After: 8, Limit: 2}, []int64{9, 10}, false},
			"after 0 is the beginning": {Range{After: 0, Limit: 2}, []int64{1, 2}, true},
			"after the end":            {Range{After: 10, Limit: 2}, []int64{}, false},
			"between":                  {Range{After: 2, Before: 5, Limit: 10}, []int64{3, 4}, false},
			"before the first":         {Range{After: fromEnd, Before: 1, Limit: 10}, []int64{}, false},
		} {
			messages, more, err := NewReader(s.db).Page(t.Context(), 1, 1, tc.r)
			require.NoError(t, err, name)
			got := []int64{}
			for _, m := range messages {
				got = append(got, m.Seq)
			}
			require.Equal(t, tc.want, got, name)
			require.Equal(t, tc.more, more, name)
		}
		messages, _, err := NewReader(s.db).Page(t.Context(), 1, 2, Range{After: fromEnd, Limit: 5})
		require.NoError(t, err)
		require.NotNil(t, messages, "an empty list is [] in JSON, not null")
	})
}
