package receipt

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// world is a database with people: users 1–4 are in group 1 with the public channel 1, the private channel 2 is of users 1 and 2; user 5
// is in no group.
type world struct {
	t      testing.TB
	db     *store.Store
	store  *Store
	worker *Worker
	clock  int64 // of receipts, in milliseconds
}

const eager = 1000

// onBoth runs a test on every kind of database.
func onBoth(t *testing.T, run func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Run(t, func(t *testing.T, db *store.Store) { run(t, newWorld(t, db, eager)) })
}

func newWorld(t testing.TB, db *store.Store, eager int) *world {
	t.Helper()
	w := &world{t: t, db: db, store: NewStore(db, eager), clock: 1000}
	w.worker = NewWorker(w.store, NewWorkerMetrics(nil), discard)
	for i := range 5 {
		w.exec(`INSERT INTO users (id, username, display_name, password_hash, created_at) VALUES (?, ?, '', '', 0)`, i+1, fmt.Sprint("user", i+1))
	}
	w.group(1, 1, 2)
	return w
}

// group makes a group with a public and a private channel.
func (w *world) group(group, public, private int64) {
	w.exec(`INSERT INTO groups (id, name, created_at) VALUES (?, 'group', 0)`, group)
	w.exec(`INSERT INTO channels (id, group_id, name, private, created_at) VALUES (?, ?, 'public', ?, 0), (?, ?, 'private', ?, 0)`,
		public, group, false, private, group, true)
	for user := range int64(4) {
		w.exec(`INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES (?, ?, 'member', 0)`, group, user+1)
	}
	for user := range int64(2) {
		w.exec(`INSERT INTO channel_members (channel_id, user_id, joined_at) VALUES (?, ?, 0)`, private, user+1)
	}
}

// exec runs one statement as a transaction of its own.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	require.NoError(w.t, w.db.Write(w.t.Context(), func(tx *gorm.DB) error { return tx.Exec(sql, args...).Error }))
}

// rows reads all rows of a query.
func rows[T any](w *world, sql string, args ...any) (all []T) {
	w.t.Helper()
	require.NoError(w.t, w.db.Read(w.t.Context()).Raw(sql, args...).Scan(&all).Error)
	return all
}

// say puts messages into a channel, as a worker would, without recipients.
func (w *world) say(channel int64, senders ...int64) {
	w.t.Helper()
	last := rows[int64](w, `SELECT last_seq FROM channels WHERE id = ?`, channel)[0]
	require.NoError(w.t, w.db.Write(w.t.Context(), func(tx *gorm.DB) error {
		for part := range slices.Chunk(senders, 500) {
			var values []string
			for _, sender := range part {
				last++
				values = append(values, fmt.Sprintf("(%d, %d, %d, 'h%d', 'x', 500)", channel, last, sender, last))
			}
			if err := tx.Exec(`INSERT INTO messages (channel_id, seq, sender_id, hash, content, created_at) VALUES ` +
				strings.Join(values, ", ")).Error; err != nil {
				return err
			}
		}
		return tx.Exec(`UPDATE channels SET last_seq = ? WHERE id = ?`, last, channel).Error
	}))
}

// crowd makes users members of group 1, from that id on.
func (w *world) crowd(first, n int64) {
	w.t.Helper()
	for _, fill := range []string{
		`INSERT INTO users (id, username, display_name, password_hash, created_at) SELECT i, 'user' || i, '', '', 0 FROM n`,
		`INSERT INTO group_members (group_id, user_id, role, joined_at) SELECT 1, i, 'member', 0 FROM n`,
	} {
		w.exec(`WITH RECURSIVE n (i) AS (SELECT CAST(? AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < ?) `+fill, first, first+n-1)
	}
}

func (w *world) delete(channel, seq int64) {
	w.t.Helper()
	w.exec(`UPDATE messages SET deleted_at = 1 WHERE channel_id = ? AND seq = ?`, channel, seq)
	w.exec(`DELETE FROM mentions WHERE channel_id = ? AND seq = ?`, channel, seq)
}

func (w *world) mention(channel, seq, user int64) {
	w.t.Helper()
	w.exec(`INSERT INTO mentions (channel_id, user_id, seq, message_id, sender_id, created_at)
		SELECT channel_id, ?, seq, id, sender_id, created_at FROM messages WHERE channel_id = ? AND seq = ?`, user, channel, seq)
}

// got and read are what users tell. Each has a time of its own.
func (w *world) got(user, seq int64) event.Receipt {
	w.clock++
	return event.Receipt{UserID: user, Delivered: seq, At: event.FromMillis(w.clock)}
}

func (w *world) read(user, seq int64) event.Receipt {
	w.clock++
	return event.Receipt{UserID: user, Read: seq, At: event.FromMillis(w.clock)}
}

func receipts(t testing.TB, channel int64, users ...event.Receipt) bus.Message {
	t.Helper()
	msg, err := event.Encode(event.PartitionKey(0), event.TypeReceipts, event.Receipts{ChannelID: channel, Users: users})
	require.NoError(t, err)
	return msg
}

// told is an event as one user gets it.
type told struct {
	User    int64
	Event   string
	Payload string
}

// handle has messages handled, and lists what users get.
func (w *world) handle(msgs ...bus.Message) []told {
	w.t.Helper()
	published, err := w.worker.Handle(w.t.Context(), msgs)
	require.NoError(w.t, err)
	return unpack(w.t, published)
}

func unpack(t testing.TB, published []bus.Message) (all []told) {
	t.Helper()
	for _, msg := range published {
		b, err := event.Decode[event.Bundle](msg, event.TypeBundle)
		require.NoError(t, err)
		keys := append([]string{msg.Key}, msg.Also...)
		require.LessOrEqual(t, len(keys), maxBundle)
		for _, e := range b.Events {
			for _, user := range e.Users {
				require.True(t, slices.Contains(keys, event.UserKey(user)))
				all = append(all, told{user, e.Event, string(e.Payload)})
			}
		}
	}
	return all
}

// cursorOf is a user's cursor in a channel: delivered and read.
func (w *world) cursorOf(channel, user int64) cursor {
	w.t.Helper()
	var c struct{ DeliveredSeq, ReadSeq int64 }
	require.NoError(w.t, w.db.Read(w.t.Context()).Raw(
		`SELECT delivered_seq, read_seq FROM channel_cursors WHERE channel_id = ? AND user_id = ?`, channel, user).Scan(&c).Error)
	return cursor{c.DeliveredSeq, c.ReadSeq}
}

// settleAll writes the recipients of all ranges.
func (w *world) settleAll() (transactions int) {
	w.t.Helper()
	for {
		done, err := w.store.settle(w.t.Context())
		require.NoError(w.t, err)
		if done.ranges == 0 && done.messages == 0 {
			return transactions
		}
		transactions++
	}
}

// written lists the recipients' rows of a channel as "seq user status at".
func (w *world) written(channel int64) []string {
	w.t.Helper()
	type row struct{ Seq, ReceiverID, Status, UpdatedAt int64 }
	var all []string
	for _, r := range rows[row](w, `SELECT m.seq, r.receiver_id, r.status, r.updated_at
		FROM message_recipients r JOIN messages m ON m.id = r.message_id WHERE m.channel_id = ? ORDER BY m.seq, r.receiver_id`, channel) {
		all = append(all, fmt.Sprint(r.Seq, " ", r.ReceiverID, " ", Status(r.Status), " ", r.UpdatedAt))
	}
	return all
}

// status and onward are the events that tests expect.
func status(to, channel, user int64, s Status, upTo, at int64) told {
	return told{to, event.MessageStatus, fmt.Sprintf(`{"channelId":%d,"userId":%d,"status":%q,"upToSeq":%d,"at":%q}`,
		channel, user, s.String(), upTo, time.UnixMilli(at).UTC().Format("2006-01-02T15:04:05.000Z"))}
}

func onward(user, channel, read, unread, mentions int64) told {
	return told{user, event.ReadCursor, fmt.Sprintf(`{"channelId":%d,"readSeq":%d,"unread":%d,"mentions":%d}`, channel, read, unread, mentions)}
}

// decode reads a payload.
func decode[T any](t testing.TB, payload string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(payload), &v))
	return v
}
