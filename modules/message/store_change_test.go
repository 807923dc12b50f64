package message

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/problem"
	"parley/app/store"
	"parley/app/store/storetest"
)

type kicks int

func (k *kicks) Kick() { *k++ }

// outboxOf lists the events that wait to be announced, and checks that all of them go through the partition.
func outboxOf(t *testing.T, db *store.Store, partition int) (events []bus.Message) {
	t.Helper()
	_, err := db.Outbox(t.Context(), 100, func(_ context.Context, msgs []bus.Message) error {
		for _, msg := range msgs {
			require.Equal(t, event.PartitionKey(partition), msg.Key)
			of, changed, err := event.Announced(msg)
			require.NoError(t, err)
			require.Len(t, changed, len(of))
			events = append(events, of...)
		}
		return nil
	})
	require.NoError(t, err)
	return events
}

func TestChange(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 10)
		first := persist(t, s, say(1, 2, "a"))[0].Message
		persist(t, s, say(1, 2, "b"))
		var kicked kicks
		c := NewChanges(db, &kicked, 16)
		place := event.Place{GroupID: 1, ChannelID: 2, MessageID: first.MessageID}
		changedSeq := func() (seq *int64) {
			require.NoError(t, db.Read(t.Context()).Raw(`SELECT changed_seq FROM messages WHERE id = ?`, first.MessageID).Scan(&seq).Error)
			return seq
		}

		// Without events, nothing is told, nor marked.
		require.NoError(t, c.Change(t.Context(), 2, place, func(_ *gorm.DB, m event.Target) ([]bus.Message, error) {
			require.Equal(t, first, m.Message)
			require.Equal(t, "member", m.Role)
			require.False(t, m.Moderated())
			return nil, nil
		}))
		require.Nil(t, changedSeq())
		require.Zero(t, kicked)

		// An error undoes everything.
		require.ErrorContains(t, c.Change(t.Context(), 1, place, func(tx *gorm.DB, m event.Target) ([]bus.Message, error) {
			require.True(t, m.Moderated())
			require.NoError(t, tx.Exec(`UPDATE messages SET content = 'x' WHERE id = ?`, m.MessageID).Error)
			return nil, errors.New("no")
		}), "no")
		require.Equal(t, "says a", all(t, s, 2)[0].Content)

		events := []bus.Message{{Key: "channel:2", Type: "t", Body: []byte(`{"n":1}`)}, {Key: "user:1", Type: "t", Body: []byte(`{"n":2}`)}}
		require.NoError(t, c.Change(t.Context(), 1, place, func(*gorm.DB, event.Target) ([]bus.Message, error) {
			return append([]bus.Message(nil), events...), nil
		}))
		require.EqualValues(t, 2, *changedSeq(), "the channel was at 2")
		require.Equal(t, events, outboxOf(t, db, event.Partition(2, 16)))
		require.EqualValues(t, 1, kicked)

		for name, tc := range map[string]struct {
			actor int64
			at    event.Place
		}{
			"not in the group":            {5, place},
			"not in the private channel":  {3, place},
			"no such message":             {1, event.Place{GroupID: 1, ChannelID: 2, MessageID: 999}},
			"a message of another one":    {1, event.Place{GroupID: 1, ChannelID: 1, MessageID: first.MessageID}},
			"a channel of another group":  {1, event.Place{GroupID: 2, ChannelID: 2, MessageID: first.MessageID}},
			"no such channel in no group": {1, event.Place{GroupID: 9, ChannelID: 9, MessageID: first.MessageID}},
		} {
			require.ErrorIs(t, c.Change(t.Context(), tc.actor, tc.at, func(*gorm.DB, event.Target) ([]bus.Message, error) {
				t.Errorf("%s: may change it", name)
				return nil, nil
			}), ErrMessageNotFound, name)
		}
	})
}

// forgets records what it is to forget.
type forgets []int64

func (f *forgets) Forget(_ *gorm.DB, messageID int64) error {
	*f = append(*f, messageID)
	return nil
}

func TestEditAndDelete(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 10)
		sent := persist(t, s, say(2, 1, "a"), say(3, 1, "b"))
		mine := event.Place{GroupID: 1, ChannelID: 1, MessageID: sent[0].Message.MessageID}
		other := event.Place{GroupID: 1, ChannelID: 1, MessageID: sent[1].Message.MessageID}
		var forgotten forgets
		e := NewEditor(NewChanges(db, new(kicks), 16), &forgotten)
		announced := func() []bus.Message { return outboxOf(t, db, event.Partition(1, 16)) }
		payload := func(msg bus.Message, name string, into any) {
			t.Helper()
			emit, err := event.Decode[event.Emit](msg, event.TypeEmit)
			require.NoError(t, err)
			require.Equal(t, name, emit.Event)
			require.Equal(t, event.ChannelKey(1), msg.Key)
			require.NoError(t, json.Unmarshal(emit.Payload, into))
		}

		require.NoError(t, e.Edit(t.Context(), 2, mine, "first"))
		require.NoError(t, e.Edit(t.Context(), 2, mine, "second"))
		require.NoError(t, e.Edit(t.Context(), 2, mine, "second"), "nothing changes")
		require.ErrorIs(t, e.Edit(t.Context(), 1, mine, "not mine"), problem.Forbidden, "not even owners")
		told := announced()
		require.Len(t, told, 2)
		var m event.Message
		payload(told[1], event.MessageUpdated, &m)
		require.Equal(t, all(t, s, 1)[0], m, "what is told is what is kept")
		require.Equal(t, "second", m.Content)
		require.NotNil(t, m.EditedAt)

		edits, err := e.Edits(t.Context(), 1, mine)
		require.NoError(t, err)
		require.Len(t, edits, 2)
		require.Equal(t, []string{"says a", "first"}, []string{edits[0].Content, edits[1].Content})
		_, err = e.Edits(t.Context(), 2, mine)
		require.ErrorIs(t, err, problem.Forbidden)
		_, err = e.Edits(t.Context(), 5, mine)
		require.ErrorIs(t, err, ErrMessageNotFound)

		require.ErrorIs(t, e.Delete(t.Context(), 2, other), problem.Forbidden)
		require.NoError(t, e.Delete(t.Context(), 1, other), "an owner")
		require.NoError(t, e.Delete(t.Context(), 2, mine), "the author")
		require.NoError(t, e.Delete(t.Context(), 2, mine), "again")
		told = announced()
		require.Len(t, told, 2)
		var d event.Deleted
		payload(told[0], event.MessageDeleted, &d)
		left := all(t, s, 1)
		require.Equal(t, event.Deleted{GroupID: 1, ChannelID: 1, MessageID: other.MessageID, Seq: 2, DeletedBy: 1, DeletedAt: *left[1].DeletedAt}, d)
		require.Empty(t, left[0].Content)
		require.NotNil(t, left[0].DeletedAt)
		require.Nil(t, left[0].EditedAt)
		require.Equal(t, []int64{other.MessageID, mine.MessageID}, []int64(forgotten))
		require.ErrorIs(t, e.Edit(t.Context(), 2, mine, "back"), ErrMessageDeleted)
		edits, err = e.Edits(t.Context(), 1, mine)
		require.NoError(t, err)
		require.Empty(t, edits, "what it said is gone")

		require.EqualValues(t, 3, persist(t, s, say(2, 1, "c"))[0].Message.Seq, "a place is not given out again")
		require.Equal(t, sent[0].Message.MessageID, persist(t, s, say(2, 1, "a"))[0].Message.MessageID, "sent again, it stays deleted")
	})
}
