package direct

import (
	"strings"

	"parley/app/store"
)

// statements are what the worker asks of the database. The lists that they take go in as one JSON parameter, so
// that a statement's text, and with it its prepared plan, does not depend on the size of a batch; table reads it.
type statements struct {
	lock   string // pairs → chats that exist
	look   string // questions → messages that are kept already
	relate string // directions → standings
	create string // pairs and a time → chats that did not exist
	insert string // messages → their ids
	save   string // chats
	count  string // ranges of chats → how many messages in each are the other one's
	missed string // pairs with a range each → messages
}

// column is a field of the objects in a list, with its type on PostgreSQL.
type column struct{ name, typ string }

// ints are columns of whole numbers.
func ints(names ...string) []column {
	columns := make([]column, 0, len(names))
	for _, name := range names {
		columns = append(columns, column{name, "bigint"})
	}
	return columns
}

// table begins a statement with the table q, of the objects in a list that is one JSON parameter.
func table(d store.Dialect, columns ...column) string {
	fields := make([]string, 0, len(columns))
	for _, c := range columns {
		if d == store.Postgres {
			fields = append(fields, c.name+" "+c.typ)
		} else {
			fields = append(fields, "value ->> '"+c.name+"' AS "+c.name)
		}
	}
	list := strings.Join(fields, ", ")
	if d == store.Postgres {
		return "WITH q AS (SELECT * FROM json_to_recordset(?::json) AS list (" + list + "))"
	}
	return "WITH q AS MATERIALIZED (SELECT " + list + " FROM json_each(?))"
}

// chatColumns are those of a chat c that chat.scan reads.
const chatColumns = `c.id, c.low_id, c.high_id, c.last_seq, c.last_message_id,
	c.low_read_seq, c.low_read_at, c.low_delivered_seq, c.low_delivered_at, c.low_unread,
	c.high_read_seq, c.high_read_at, c.high_delivered_seq, c.high_delivered_at, c.high_unread`

// messageColumns are those of a message m that row.scan reads.
const messageColumns = `m.id, m.chat_id, m.seq, m.sender_id, m.hash, m.content, m.created_at`

// How the two of a direction q stand to each other: the fields of a standing. Scalar subqueries with a limit, so that each is answered by
// an index, however few rows there were when the plan was made.
const relation = `
	coalesce((SELECT u.disabled_at IS NULL AND (SELECT true FROM users s WHERE s.id = q.sender) FROM users u WHERE u.id = q.receiver), false),
	coalesce((SELECT true FROM group_members a JOIN group_members b ON b.group_id = a.group_id AND b.user_id = q.receiver
		WHERE a.user_id = q.sender LIMIT 1), false),
	coalesce((SELECT true FROM user_blocks b WHERE b.user_id = q.receiver AND b.blocked_id = q.sender), false),
	coalesce((SELECT true FROM user_blocks b WHERE b.user_id = q.sender AND b.blocked_id = q.receiver), false)`

// byIndex joins the rows of a table that a condition picks by an index. PostgreSQL, which may think of other ways, is kept from it by
// what bounds them. More conditions may follow.
func byIndex(d store.Dialect, alias, table, condition, bound string, more ...string) string {
	if d == store.Postgres {
		joined := "LATERAL (SELECT * FROM " + table + " " + alias + " WHERE " + condition + " " + bound + ") AS " + alias
		if len(more) > 0 {
			joined += " WHERE " + strings.Join(more, " AND ")
		}
		return joined
	}
	return table + " " + alias + " WHERE " + strings.Join(append(more, condition), " AND ")
}

func statementsOf(d store.Dialect) statements {
	pairs := table(d, ints("low", "high")...)
	s := statements{
		look: table(d, append(ints("i", "chat", "sender"), column{"hash", "text"})...) + `
			SELECT q.i, ` + messageColumns + `
			FROM q CROSS JOIN ` + byIndex(d, "m", "direct_messages", "m.sender_id = q.sender AND m.chat_id = q.chat AND m.hash = q.hash", "LIMIT 1"),
		relate: table(d, ints("sender", "receiver")...) + `
			SELECT q.sender, q.receiver, ` + relation + ` FROM q`,
		create: pairs + `
			INSERT INTO direct_chats (low_id, high_id, created_at) SELECT low, high, ? FROM q WHERE true
			ON CONFLICT (low_id, high_id) DO NOTHING RETURNING id, low_id, high_id`,
		insert: table(d, append(ints("chat", "seq", "sender", "at"), column{"hash", "text"}, column{"content", "text"})...) + `
			INSERT INTO direct_messages (chat_id, seq, sender_id, hash, content, created_at)
			SELECT chat, seq, sender, hash, content, at FROM q
			RETURNING chat_id, seq, id`,
		save: table(d, ints("id", "last", "message", "lr", "lra", "ld", "lda", "lu", "hr", "hra", "hd", "hda", "hu")...) + `
			UPDATE direct_chats SET last_seq = q.last, last_message_id = q.message,
				low_read_seq = q.lr, low_read_at = q.lra, low_delivered_seq = q.ld, low_delivered_at = q.lda, low_unread = q.lu,
				high_read_seq = q.hr, high_read_at = q.hra, high_delivered_seq = q.hd, high_delivered_at = q.hda, high_unread = q.hu
			FROM q WHERE direct_chats.id = q.id`,
		count: table(d, ints("i", "chat", "reader", "after", "upto")...) + `
			SELECT q.i, (SELECT count(*) FROM direct_messages m
				WHERE m.chat_id = q.chat AND m.seq > q.after AND m.seq <= q.upto AND m.sender_id <> q.reader)
			FROM q`,
		// A chat's numbers have no gaps, so that a number bounds what is read.
		missed: table(d, ints("low", "high", "after", "upto")...) + `
			SELECT c.low_id, c.high_id, c.last_seq, ` + messageColumns + `
			FROM q CROSS JOIN direct_chats c
			CROSS JOIN ` + byIndex(d, "m", "direct_messages", "m.chat_id = c.id AND m.seq > q.after AND m.seq <= q.upto", "ORDER BY m.seq LIMIT 1000", "c.low_id = q.low AND c.high_id = q.high"),
	}
	if d == store.SQLite { // there are no rows to lock: the one writer holds everything
		s.lock = pairs + `
			SELECT ` + chatColumns + `, NULL FROM q CROSS JOIN direct_chats c WHERE c.low_id = q.low AND c.high_id = q.high`
		return s
	}
	// Scans of whole tables, and of whole indexes, which a merge join makes, are ruled out for the transaction, as plans are made once a
	// connection, when tables may be tiny.
	s.lock = pairs + `
		SELECT ` + chatColumns + `, planner.settings
		FROM (SELECT set_config('enable_seqscan', 'off', true) || set_config('enable_mergejoin', 'off', true) || set_config('jit', 'off', true)
			AS settings) AS planner
		CROSS JOIN q CROSS JOIN LATERAL (SELECT * FROM direct_chats WHERE low_id = q.low AND high_id = q.high FOR NO KEY UPDATE) AS c`
	return s
}
