package message

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// markers lists what is marked.
type markers struct {
	told []int64
	err  error
}

func (m *markers) Told(_ context.Context, ids []int64) error {
	m.told = append(m.told, ids...)
	return m.err
}

func TestAnnouncements(t *testing.T) {
	t.Parallel()
	announce := func(key string, changed int64) bus.Message {
		msg, err := event.Announce(3, bus.Message{Key: key, Type: event.TypeEmit, Body: []byte(`{}`)}, changed)
		require.NoError(t, err)
		return msg
	}
	joined := announce("channel:1", 11)
	joined.Body = append(joined.Body, announce("channel:1", 12).Body...)
	m := &markers{}
	events, err := NewAnnouncer(m).Handle(t.Context(), []bus.Message{joined, announce("user:7", 0)})
	require.NoError(t, err)
	require.Len(t, events, 3)
	require.Equal(t, "user:7", events[2].Key)
	require.Equal(t, []int64{11, 12}, m.told)

	none := &markers{}
	_, err = NewAnnouncer(none).Handle(t.Context(), []bus.Message{announce("user:7", 0)})
	require.NoError(t, err)
	require.Empty(t, none.told)

	_, err = NewAnnouncer(&markers{err: store.ErrUnavailable}).Handle(t.Context(), []bus.Message{joined})
	require.ErrorIs(t, err, store.ErrUnavailable, "they are not told before they are marked")
	_, err = NewAnnouncer(m).Handle(t.Context(), []bus.Message{{Type: event.TypeAnnounce, Body: []byte("{}")}})
	require.Error(t, err)
	told, err := NewAnnouncer(m).GaveUp(t.Context(), joined)
	require.NoError(t, err)
	require.Empty(t, told)
}

// TestChangesAreFoundByWhoHeardMore: what was accepted before a change may be told before the change is. Who has heard only that finds
// the change nevertheless.
func TestChangesAreFoundByWhoHeardMore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, 10)
		first := persist(t, s, say(2, 1, "a"))[0].Message
		other := persist(t, s, say(2, 2, "a"))[0].Message
		e := NewEditor(NewChanges(db, new(kicks), 16))
		changedSeq := func(id int64) (seq *int64) {
			require.NoError(t, db.Read(t.Context()).Raw(`SELECT changed_seq FROM messages WHERE id = ?`, id).Scan(&seq).Error)
			return seq
		}
		require.NoError(t, e.Edit(t.Context(), 2, event.Place{GroupID: 1, ChannelID: 1, MessageID: first.MessageID}, "edited"))
		require.NoError(t, s.Told(t.Context(), []int64{first.MessageID, other.MessageID}))
		require.EqualValues(t, 1, *changedSeq(first.MessageID))

		persist(t, s, say(2, 1, "b"), say(2, 1, "c")) // which waited for the worker
		require.NoError(t, s.Told(t.Context(), []int64{first.MessageID, other.MessageID, 999}))
		require.EqualValues(t, 3, *changedSeq(first.MessageID))
		require.Nil(t, changedSeq(other.MessageID), "it has not changed")
	})
}
