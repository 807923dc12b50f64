package pin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// changes makes changes as the messages' own module does, to any message that is there, for anybody. It keeps what is told of them.
type changes struct {
	db   *store.Store
	told []event.Pinned
}

func (c *changes) Change(ctx context.Context, _ int64, at event.Place, do func(tx *gorm.DB, m event.Target) ([]bus.Message, error)) error {
	var events []bus.Message
	if err := c.db.Write(ctx, func(tx *gorm.DB) (err error) {
		m := event.Target{
			Message: event.Message{MessageID: at.MessageID, GroupID: at.GroupID, ChannelID: at.ChannelID, Seq: at.MessageID},
			Now:     event.At(time.Now()),
		}
		events, err = do(tx, m)
		return err
	}); err != nil {
		return err
	}
	for _, msg := range events {
		emit, err := event.Decode[event.Emit](msg, event.TypeEmit)
		if err != nil {
			return err
		}
		if emit.Event != event.MessagePinned || msg.Key != event.ChannelKey(at.ChannelID) {
			return fmt.Errorf("%s to %s", emit.Event, msg.Key)
		}
		var p event.Pinned
		if err := json.Unmarshal(emit.Payload, &p); err != nil {
			return err
		}
		c.told = append(c.told, p)
	}
	return nil
}

// world is a database with messages of any number, in any channel.
type world struct {
	*Store
	t       *testing.T
	changes *changes
}

func onBoth(t *testing.T, run func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		c := &changes{db: db}
		run(t, &world{NewStore(db, c), t, c})
	})
}

func place(channel, message int64) event.Place {
	return event.Place{GroupID: 1, ChannelID: channel, MessageID: message}
}

func (w *world) pin(channel, message, user int64) {
	w.t.Helper()
	require.NoError(w.t, w.Pin(w.t.Context(), user, place(channel, message)))
}

func (w *world) unpin(channel, message, user int64) {
	w.t.Helper()
	require.NoError(w.t, w.Unpin(w.t.Context(), user, place(channel, message)))
}

// list returns the pins of a channel, and checks that the messages show the same.
func (w *world) list(channel int64) []int64 {
	w.t.Helper()
	ids, err := w.List(w.t.Context(), channel)
	require.NoError(w.t, err)
	messages := make([]event.Message, len(ids))
	for i, id := range ids {
		messages[i].MessageID = id
	}
	require.NoError(w.t, w.Annotate(w.t.Context(), 1, messages))
	for i, m := range messages {
		require.NotNil(w.t, m.PinnedAt)
		require.Positive(w.t, m.PinnedBy)
		if i > 0 {
			require.True(w.t, m.PinnedAt.Before(messages[i-1].PinnedAt.Time), "the newest first")
		}
	}
	return ids
}

func TestPin(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		require.Empty(t, w.list(1))
		w.pin(1, 10, 3)
		w.pin(1, 11, 4)
		w.pin(1, 10, 5) // it is already
		w.pin(2, 20, 3)
		require.Equal(t, []int64{11, 10}, w.list(1))
		require.Equal(t, []int64{20}, w.list(2))
		require.Len(t, w.changes.told, 3)

		messages := []event.Message{{MessageID: 12}, {MessageID: 10}, {MessageID: 10, DeletedAt: &event.Time{}}}
		require.NoError(t, w.Annotate(t.Context(), 9, messages))
		told := w.changes.told[0]
		require.Equal(t, event.Pinned{GroupID: 1, ChannelID: 1, MessageID: 10, Seq: 10, UserID: 3, Pinned: true, At: told.At}, told)
		require.Equal(t, event.Message{MessageID: 10, PinnedAt: &told.At, PinnedBy: 3}, messages[1], "as it was told")
		require.Nil(t, messages[0].PinnedAt)
		require.NoError(t, w.Annotate(t.Context(), 9, messages[2:]))

		w.unpin(1, 10, 4)
		w.unpin(1, 10, 4)
		told = w.changes.told[3]
		require.Len(t, w.changes.told, 4)
		require.Equal(t, event.Pinned{GroupID: 1, ChannelID: 1, MessageID: 10, Seq: 10, UserID: 4, At: told.At}, told)
		require.Equal(t, []int64{11}, w.list(1))
		w.pin(1, 10, 4)
		require.Equal(t, []int64{10, 11}, w.list(1), "pinned anew")
		require.NoError(t, w.db.Write(t.Context(), func(tx *gorm.DB) error { return w.Forget(tx, 10) }))
		require.Equal(t, []int64{11}, w.list(1))
	})
}

func TestPinsAreLimited(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		for i := range int64(MaxPins) {
			w.pin(1, i+1, 1)
		}
		require.ErrorIs(t, w.Pin(t.Context(), 1, place(1, MaxPins+1)), ErrFull)
		w.pin(1, 5, 1) // is among them
		w.pin(2, MaxPins+2, 1)
		w.unpin(1, 5, 1)
		w.pin(1, MaxPins+1, 1)
		require.Len(t, w.list(1), MaxPins)
	})
}

// TestPinsModel: whatever people do, the list is what a list would be.
func TestPinsModel(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		channel := int64(0)
		rapid.Check(t, func(rt *rapid.T) {
			channel++
			var want []int64
			w.changes.told = nil
			changed := 0
			for range rapid.IntRange(1, 20).Draw(rt, "steps") {
				message := channel*10 + rapid.Int64Range(0, 4).Draw(rt, "message")
				user := rapid.Int64Range(1, 3).Draw(rt, "user")
				pinned := slices.Contains(want, message)
				if rapid.Bool().Draw(rt, "pin") {
					w.pin(channel, message, user)
					if !pinned {
						want = slices.Insert(want, 0, message)
						changed++
					}
				} else {
					w.unpin(channel, message, user)
					if pinned {
						want = slices.DeleteFunc(want, func(m int64) bool { return m == message })
						changed++
					}
				}
			}
			require.Len(rt, w.changes.told, changed)
			got := w.list(channel)
			require.Len(rt, got, len(want))
			for i := range want {
				require.Equal(rt, want[i], got[i])
			}
		})
	})
}
