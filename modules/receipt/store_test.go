package receipt

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

func TestReceiptsMoveCursorsAndAreTold(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.say(1, 1, 2, 1, 3) // seq 1 to 4
		require.Equal(t, []told{status(1, 1, 2, Delivered, 3, 1001)}, w.handle(receipts(t, 1, w.got(2, 3))), "not oneself")
		require.Equal(t, cursor{3, 0}, w.cursorOf(1, 2))

		require.Equal(t, []told{
			status(1, 1, 2, Read, 4, 1002), status(3, 1, 2, Read, 4, 1002), onward(2, 1, 4, 0, 0),
		}, w.handle(receipts(t, 1, w.read(2, 4))))
		require.Equal(t, cursor{4, 4}, w.cursorOf(1, 2))

		w.say(1, 2)
		require.Equal(t, []told{onward(2, 1, 5, 0, 0)}, w.handle(receipts(t, 1, w.read(2, 5))), "one's own message needs no receipt")
		require.Empty(t, w.handle(receipts(t, 1, w.read(2, 3), w.got(2, 1))), "back")
		require.Equal(t, cursor{5, 5}, w.cursorOf(1, 2))

		// Several messages, one of them of the same user; what was read is not told as delivered, too.
		require.Equal(t, []told{
			status(2, 1, 3, Delivered, 5, 1009), status(1, 1, 3, Read, 3, 1009), status(2, 1, 3, Read, 3, 1009),
			status(1, 1, 4, Read, 1, 1007), onward(3, 1, 3, 1, 0), onward(4, 1, 1, 4, 0),
		}, w.handle(receipts(t, 1, w.got(3, 2)), receipts(t, 1, w.read(4, 1)), receipts(t, 1, event.Receipt{UserID: 3, Delivered: 99, Read: 3, At: event.FromMillis(1009)})))

		w.settleAll()
		require.Equal(t, []string{
			"1 2 READ 1002", "1 3 READ 1009", "1 4 READ 1007", "2 3 READ 1009", "3 2 READ 1002", "3 3 READ 1009",
			"4 2 READ 1002", "5 3 DELIVERED 1009",
		}, w.written(1))
		require.Empty(t, rows[int64](w, `SELECT id FROM receipt_ranges`))
	})
}

func TestReceiptsOfThoseWhoMayNotReadAreDropped(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.say(1, 1)
		w.say(2, 1)
		require.Empty(t, w.handle(receipts(t, 1, w.read(5, 1), w.read(99, 1)), receipts(t, 2, w.read(3, 1)), receipts(t, 99, w.read(1, 1))))
		require.Empty(t, rows[int64](w, `SELECT user_id FROM channel_cursors`))
		require.Empty(t, rows[int64](w, `SELECT id FROM receipt_ranges`))
		require.Len(t, w.handle(receipts(t, 2, w.read(2, 1), w.read(4, 1))), 2, "the others' are not")
	})
}

// What has been committed is told again when it comes again, since it may not have been published.
func TestReceiptsThatComeAgain(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.say(1, 1, 1, 1)
		batch := receipts(t, 1, w.read(2, 3), w.got(3, 2))
		first := w.handle(batch)
		require.Len(t, first, 3)
		require.Equal(t, first, w.handle(batch), "tried again")
		w.say(1, 1)
		newer := receipts(t, 1, w.read(2, 4))
		require.Len(t, w.handle(newer), 2)
		require.Empty(t, w.handle(receipts(t, 1, w.read(2, 4))), "another device, which knows no more")
		batch.Redelivered, newer.Redelivered = true, true
		require.Equal(t, []told{
			status(1, 1, 3, Delivered, 2, 1002), status(1, 1, 2, Read, 4, 1003), onward(2, 1, 4, 0, 0),
		}, w.handle(batch, newer), "another worker's: as far as it is now")
		require.Len(t, rows[int64](w, `SELECT id FROM receipt_ranges`), 3, "but nothing is noted twice")
	})
}

func TestUnreadIsWhatOthersSaidAndDidNotTakeBack(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.say(1, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1) // 1 to 10
		w.delete(1, 6)
		w.delete(1, 8)
		w.mention(1, 4, 2)
		w.mention(1, 4, 0)
		w.mention(1, 9, 2)
		w.mention(1, 9, 0)
		w.mention(1, 7, 0)
		w.mention(1, 5, 0) // by user 2
		w.mention(1, 2, 2) // likewise
		w.mention(1, 8, 2)
		w.delete(1, 8)
		for seq, want := range map[int64][2]int64{1: {5, 3}, 3: {4, 3}, 4: {3, 2}, 6: {3, 2}, 7: {2, 1}, 9: {1, 0}, 10: {0, 0}} {
			w.exec(`DELETE FROM channel_cursors`)
			events := w.handle(receipts(t, 1, w.read(2, seq)))
			require.Equal(t, onward(2, 1, seq, want[0], want[1]), events[len(events)-1], "%d", seq)
		}
	})
}

// Those who are far behind are counted by the database, to the same result.
func TestUnreadOfThoseWhoAreFarBehind(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		senders := make([]int64, maxTail+500)
		for i := range senders {
			senders[i] = int64(1 + i%4)
		}
		w.say(1, senders...)
		w.exec(`UPDATE messages SET deleted_at = 1 WHERE seq % 97 = 0`)
		for _, seq := range []int64{1, 2, 499, 500, 501, 502, 1999, maxTail + 499, maxTail + 500} {
			w.exec(`DELETE FROM channel_cursors`)
			want := rows[int64](w, `SELECT count(*) FROM messages WHERE channel_id = 1 AND seq > ? AND sender_id <> 2 AND deleted_at IS NULL`, seq)
			events := w.handle(receipts(t, 1, w.read(2, seq), w.read(3, maxTail+400)))
			require.Contains(t, events, onward(2, 1, seq, want[0], 0), "%d", seq)
		}
	})
}

func TestLargeChannelsGetCounts(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		w := newWorld(t, db, 3)
		w.say(1, 1, 2, 1)
		w.say(2, 1)
		events := w.handle(receipts(t, 1, w.read(2, 1), w.read(3, 2), w.got(4, 3)), receipts(t, 2, w.got(2, 1)))
		counted := func(to int64, s Status, upTo, n, at int64) told {
			return told{to, event.MessageStatus, fmt.Sprintf(`{"channelId":1,"status":%q,"upToSeq":%d,"at":"1970-01-01T00:00:01.%03dZ","count":%d}`, s.String(), upTo, at, n)}
		}
		require.Equal(t, []told{
			counted(1, Delivered, 3, 1, 3), counted(2, Delivered, 3, 1, 3),
			counted(1, Read, 2, 1, 2), counted(2, Read, 2, 1, 2),
			onward(2, 1, 1, 1, 0), onward(3, 1, 2, 1, 0),
			status(1, 2, 2, Delivered, 1, 1004),
		}, events)
		events = w.handle(receipts(t, 1, w.read(2, 2), w.read(4, 2)))
		require.Equal(t, counted(1, Read, 2, 3, 6), events[0], "with those who had got there before")
		w.settleAll()
		require.Equal(t, []string{"1 2 READ 1001", "1 3 READ 1002", "1 4 READ 1006", "2 3 READ 1002", "2 4 READ 1006", "3 4 DELIVERED 1003"}, w.written(1),
			"rows begin with the first receipt")
	})
}

func TestCrowdsAreNamedInOneEvent(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		const n = 600
		w.crowd(100, n)
		w.say(1, 1, 2, 3)
		var all []event.Receipt
		for user := int64(100); user < 100+n; user++ {
			all = append(all, w.read(user, 1+user%3))
		}
		events := w.handle(receipts(t, 1, all...))
		require.Len(t, events, 3+n)
		for i, to := range []int64{1, 2, 3} {
			require.Equal(t, to, events[i].User)
			got := decode[struct {
				UserID, UpToSeq int64
				Status          string
				Users           []upTo
			}](t, events[i].Payload)
			require.Zero(t, got.UserID)
			require.EqualValues(t, 3, got.UpToSeq)
			require.Equal(t, "READ", got.Status)
			require.Len(t, got.Users, n)
			for _, u := range got.Users {
				require.Equal(t, 1+u.UserID%3, u.UpToSeq)
			}
		}
	})
}

// A range is written in parts, also when it is the only one.
func TestLargeRangesAreWrittenInParts(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.store.part = 70
		w.say(1, slices.Repeat([]int64{1, 2}, 100)...)
		w.handle(receipts(t, 1, w.got(3, 150), w.read(4, 200)))
		w.handle(receipts(t, 1, w.read(3, 150)))
		require.Equal(t, 500/70+1, w.settleAll())
		all := w.written(1)
		require.Len(t, all, 350)
		require.Equal(t, "1 3 READ 1003", all[0])
		require.Equal(t, "200 4 READ 1002", all[349])
	})
}

// Ranges of channels that are gone go, too, and those of one that is being deleted wait for nobody.
func TestRangesOfDeletedChannels(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.say(1, 1)
		w.say(2, 1)
		w.handle(receipts(t, 1, w.read(2, 1)), receipts(t, 2, w.read(2, 1)))
		if w.db.Dialect() == store.Postgres {
			require.NoError(t, w.db.Write(t.Context(), func(tx *gorm.DB) error {
				require.NoError(t, tx.Exec(`SELECT id FROM channels WHERE id = 1 FOR UPDATE`).Error)
				require.Equal(t, 1, w.settleAll(), "only the other one")
				return nil
			}))
			require.Equal(t, []int64{1}, rows[int64](w, `SELECT channel_id FROM receipt_ranges`))
		}
		w.exec(`DELETE FROM messages WHERE channel_id = 1`)
		w.exec(`DELETE FROM channels WHERE id = 1`)
		w.settleAll()
		require.Empty(t, rows[int64](w, `SELECT channel_id FROM receipt_ranges`))
		require.Len(t, rows[int64](w, `SELECT message_id FROM message_recipients`), 1)
	})
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.say(1, 1, 1)
		w.say(2, 2)
		first := rows[int64](w, `SELECT id FROM messages WHERE channel_id = 1 AND seq = 1`)[0]
		secret := rows[int64](w, `SELECT id FROM messages WHERE channel_id = 2`)[0]
		list := func(channel, message, after int64, limit int) (all []string) {
			found, err := w.store.recipients(t.Context(), 1, channel, message, after, limit)
			require.NoError(t, err)
			require.NotNil(t, found)
			for _, r := range found {
				all = append(all, fmt.Sprint(r.UserID, " ", r.Status, " ", r.At.UnixMilli()))
			}
			return all
		}
		require.Equal(t, []string{"2 SENT 500", "3 SENT 500", "4 SENT 500"}, list(1, first, 0, 10))
		w.handle(receipts(t, 1, w.got(2, 1)))
		w.settleAll()
		w.handle(receipts(t, 1, w.got(3, 2), w.read(2, 2)))
		want := []string{"2 READ 1003", "3 DELIVERED 1002", "4 SENT 500"}
		require.Equal(t, want, list(1, first, 0, 10), "while the ranges wait")
		w.settleAll()
		require.Equal(t, want, list(1, first, 0, 10), "and afterwards")
		require.Equal(t, want[1:2], list(1, first, 2, 1), "a page")
		require.Equal(t, []string{"1 SENT 500"}, list(2, secret, 0, 10), "the private channel's members")

		// Whoever comes later was not meant, and whoever has left is none of those who can be asked about.
		w.exec(`INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES (1, 5, 'member', 600)`)
		w.exec(`INSERT INTO channel_cursors (channel_id, user_id, read_seq, delivered_seq, since_seq) VALUES (1, 5, 1, 1, 1)`)
		w.exec(`DELETE FROM group_members WHERE user_id = 3`)
		require.Equal(t, []string{want[0], want[2]}, list(1, first, 0, 10))
		second := rows[int64](w, `SELECT id FROM messages WHERE channel_id = 1 AND seq = 2`)[0]
		require.Equal(t, []string{"2 READ 1003", "4 SENT 500", "5 SENT 500"}, list(1, second, 0, 10))

		for _, wrong := range [][3]int64{{1, 1, secret}, {1, 2, first}, {2, 1, first}, {1, 1, 1 << 40}} {
			_, err := w.store.recipients(t.Context(), wrong[0], wrong[1], wrong[2], 0, 10)
			require.ErrorIs(t, err, ErrMessageNotFound, "%v", wrong)
		}
	})
}
