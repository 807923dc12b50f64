package message

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// replyTo is a message of channel 1 that answers another one, as the API sends it.
func replyTo(t *testing.T, threads *Threads, sender int64, hash string, message int64) event.Send {
	t.Helper()
	s := say(sender, 1, hash)
	s.ReplyTo = message
	var err error
	s.ThreadID, err = threads.Reply(t.Context(), s)
	require.NoError(t, err)
	return s
}

// remove deletes a message as its sender would.
func remove(t *testing.T, db *store.Store, m event.Message) {
	t.Helper()
	at := event.Place{GroupID: m.GroupID, ChannelID: m.ChannelID, MessageID: m.MessageID}
	require.NoError(t, NewEditor(NewChanges(db, new(kicks), 16)).Delete(t.Context(), m.SenderID, at))
}

func TestThread(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 10)
		threads := NewThreads(db)
		root := persist(t, s, say(1, 1, "root"), say(2, 1, "other"))[0].Message
		first := persist(t, s, replyTo(t, threads, 2, "first", root.MessageID))[0].Message
		require.Equal(t, root.MessageID, first.ReplyTo)
		require.Equal(t, root.MessageID, first.ThreadID)
		second := persist(t, s, say(1, 1, "between"), replyTo(t, threads, 3, "second", first.MessageID))[1].Message
		require.Equal(t, first.MessageID, second.ReplyTo)
		require.Equal(t, root.MessageID, second.ThreadID, "a reply to a reply is in the same thread")
		third := persist(t, s, replyTo(t, threads, 3, "third", root.MessageID))[0].Message
		require.Equal(t, second, persist(t, s, say(3, 1, "second"))[0].Message, "a repeat is told as it is kept")

		r := NewReader(db, threads)
		page := func(message, after int64, limit int) Thread {
			t.Helper()
			thread, err := r.Thread(t.Context(), 1, event.Place{GroupID: 1, ChannelID: 1, MessageID: message}, after, limit)
			require.NoError(t, err)
			return thread
		}
		root.Replies = 3
		require.Equal(t, Thread{root, []event.Message{first, second, third}, false}, page(root.MessageID, 0, 3))
		require.Equal(t, Thread{root, []event.Message{first, second}, true}, page(second.MessageID, 0, 2))
		require.Equal(t, Thread{root, []event.Message{third}, false}, page(second.MessageID, second.Seq, 2))
		other := all(t, s, 1)[1]
		require.Equal(t, Thread{other, []event.Message{}, false}, page(other.MessageID, 0, 2), "a thread of one")
		for _, at := range []event.Place{{GroupID: 1, ChannelID: 2, MessageID: root.MessageID}, {GroupID: 1, ChannelID: 1, MessageID: 999}} {
			_, err := r.Thread(t.Context(), 1, at, 0, 10)
			require.ErrorIs(t, err, ErrMessageNotFound)
		}

		remove(t, db, second)
		thread := page(first.MessageID, 0, 10)
		require.Equal(t, int64(2), thread.Root.Replies, "deleted ones do not count")
		require.Len(t, thread.Messages, 3)
		require.NotNil(t, thread.Messages[1].DeletedAt, "but keep their places")
		remove(t, db, root)
		thread = page(first.MessageID, 0, 10)
		require.NotNil(t, thread.Root.DeletedAt)
		require.Equal(t, int64(2), thread.Root.Replies, "a thread outlives its root")
	})
}

func TestWhatCanBeAnswered(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 10)
		threads := NewThreads(db)
		root := persist(t, s, say(1, 1, "root"))[0].Message
		elsewhere := persist(t, s, say(1, 2, "elsewhere"))[0].Message
		kept := replyTo(t, threads, 2, "kept", root.MessageID)
		persist(t, s, kept)
		remove(t, db, root)

		_, err := threads.Reply(t.Context(), event.Send{SenderID: 1, ChannelID: 1, Hash: "x", ReplyTo: elsewhere.MessageID})
		require.ErrorIs(t, err, ErrMessageNotFound, "of another channel")
		for _, id := range []int64{0, -1, 999, 1 << 62} {
			_, err := threads.Reply(t.Context(), event.Send{SenderID: 1, ChannelID: 1, Hash: "x", ReplyTo: id})
			require.ErrorIs(t, err, ErrMessageNotFound)
		}
		_, err = threads.Reply(t.Context(), event.Send{SenderID: 3, ChannelID: 1, Hash: "kept", ReplyTo: root.MessageID})
		require.ErrorIs(t, err, ErrMessageDeleted)
		thread, err := threads.Reply(t.Context(), kept)
		require.NoError(t, err, "sending again is safe")
		require.Equal(t, root.MessageID, thread)
	})
}

// Answered together, everybody gets the answer to the own question.
func TestManyAnswerAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 10)
		threads := NewThreads(db)
		var sends []event.Send
		for i := range 20 {
			sends = append(sends, say(1, 1+int64(i%2), fmt.Sprint("h", i)))
		}
		outcomes := persist(t, s, sends...)
		var askers sync.WaitGroup
		for range 5 {
			for _, o := range outcomes {
				askers.Go(func() {
					m := o.Message
					thread, err := threads.Reply(t.Context(), event.Send{ChannelID: m.ChannelID, ReplyTo: m.MessageID})
					require.NoError(t, err)
					require.Equal(t, m.MessageID, thread)
					_, err = threads.Reply(t.Context(), event.Send{ChannelID: 3 - m.ChannelID, ReplyTo: m.MessageID})
					require.ErrorIs(t, err, ErrMessageNotFound)
				})
			}
		}
		askers.Wait()
	})
}

// What comes again is told as it is by now.
func TestARepeatIsToldAsItIsNow(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 10)
		sent := persist(t, s, say(2, 1, "a"), say(2, 1, "b"))
		e := NewEditor(NewChanges(db, new(kicks), 16))
		require.NoError(t, e.Edit(t.Context(), 2, event.Place{GroupID: 1, ChannelID: 1, MessageID: sent[0].Message.MessageID}, "@cat, look"))
		remove(t, db, sent[1].Message)
		again := persist(t, s, say(2, 1, "a"), say(2, 1, "b"), say(2, 1, "a"))
		require.Equal(t, "@cat, look", again[0].Message.Content)
		require.NotNil(t, again[0].Message.EditedAt)
		require.Equal(t, &event.Mentions{Users: []int64{3}}, again[0].Message.Mentions)
		require.Equal(t, again[0], again[2])
		require.Empty(t, again[1].Message.Content)
		require.NotNil(t, again[1].Message.DeletedAt)
		kept := all(t, s, 1)
		require.Equal(t, kept[1], again[1].Message)
		kept[0].Mentions = again[0].Message.Mentions // the reader has no annotator here
		require.Equal(t, kept[0], again[0].Message)
		require.Len(t, kept, 2)
		require.NoError(t, db.Write(t.Context(), func(tx *gorm.DB) error { return tx.Exec("DELETE FROM group_members WHERE user_id = 2").Error }))
		require.Equal(t, again[1], persist(t, s, say(2, 1, "b"))[0], "also for one who has left")
	})
}
