package message

import "parley/app/store"

// statements are those of the hot path; they differ between the dialects. Lists
// go in as one JSON parameter, so that a statement's text, and with it its
// prepared plan, does not depend on the size of the batch.
type statements struct {
	lock string // channel ids → id, group_id, last_seq, private, nothing of interest
	look string // limit of readers, twice; questions → i, may write, readers, id, and of what is kept: seq, content, created_at, reply_to, thread_id, edited_at, deleted_at, mentions
	// write takes entries; the last one writes recipients and nothing else. Some entries are taken by none of its rows.
	write []string
	// call takes callings and writes mentions → message_id, user_id
	call string
}

func statementsOf(d store.Dialect) statements {
	if d == store.SQLite {
		return sqliteStatements
	}
	return postgresStatements
}

// The plans are made once a connection, and must not depend on how few rows the tables had then: a table that
// fits on a page or two is read as a whole, and goes on to be read as a whole when it has grown a thousand times as large, until its
// statistics are made anew. So scans of whole tables are ruled out for the transaction, and each row asks by an index
// of its own (a scalar subquery, or LATERAL with a limit, a lock or an order: these are not turned into another kind of join).
var postgresStatements = statements{
	lock: `
		SELECT c.id, c.group_id, c.last_seq, c.private, planner.settings
		FROM (SELECT set_config('enable_seqscan', 'off', true) || set_config('jit', 'off', true) AS settings) AS planner
		CROSS JOIN json_array_elements_text(?::json) AS wanted (id)
		CROSS JOIN LATERAL (
			SELECT id, group_id, last_seq, private FROM channels WHERE channels.id = wanted.id::bigint FOR NO KEY UPDATE
		) AS c`,
	look: `
		SELECT q.i,
			coalesce((SELECT true FROM group_members g WHERE g.group_id = q.group AND g.user_id = q.sender), false)
				AND (NOT q.private OR coalesce((SELECT true FROM channel_members x WHERE x.channel_id = q.channel AND x.user_id = q.sender), false)),
			CASE WHEN q.count AND q.private
				THEN (SELECT count(*) FROM (SELECT 1 FROM channel_members x WHERE x.channel_id = q.channel LIMIT ?) AS r)
			WHEN q.count
				THEN (SELECT count(*) FROM (SELECT 1 FROM group_members g WHERE g.group_id = q.group LIMIT ?) AS r)
			END,
			coalesce(m.id, nextval('messages_id_seq')), m.seq, m.content, m.created_at, m.reply_to, m.thread_id, m.edited_at, m.deleted_at,
			CASE WHEN m.id IS NOT NULL THEN (SELECT string_agg(n.user_id::text, ',') FROM mentions n WHERE n.message_id = m.id) END
		FROM json_to_recordset(?::json) AS q (i int, sender bigint, "group" bigint, channel bigint, private boolean, hash text, count boolean)
		LEFT JOIN LATERAL (
			SELECT id, seq, content, created_at, reply_to, thread_id, edited_at, deleted_at FROM messages
			WHERE sender_id = q.sender AND channel_id = q.channel AND hash = q.hash LIMIT 1
		) AS m ON true`,
	// Recipients go in in the order of their key.
	write: []string{`
		WITH entries AS (
			SELECT * FROM json_to_recordset(?::json) AS e (id bigint, channel bigint, seq bigint, sender bigint, hash text, content text,
				at bigint, reply bigint, thread bigint, "group" bigint, private boolean, eager boolean, last boolean)
		), written AS (
			INSERT INTO messages (id, channel_id, seq, sender_id, hash, content, created_at, reply_to, thread_id)
			SELECT id, channel, seq, sender, hash, content, at, reply, thread FROM entries
		), advanced AS (
			UPDATE channels SET last_seq = e.seq FROM entries e WHERE e.last AND channels.id = e.channel
		)
		INSERT INTO message_recipients (message_id, receiver_id, status, updated_at)
		SELECT e.id, reader.user_id, 0, e.at
		FROM entries e CROSS JOIN LATERAL (SELECT user_id FROM group_members g WHERE g.group_id = e.group ORDER BY user_id) AS reader
		WHERE e.eager AND NOT e.private AND reader.user_id <> e.sender
		UNION ALL
		SELECT e.id, reader.user_id, 0, e.at
		FROM entries e CROSS JOIN LATERAL (SELECT user_id FROM channel_members x WHERE x.channel_id = e.channel ORDER BY user_id) AS reader
		WHERE e.eager AND e.private AND reader.user_id <> e.sender`},
	call: `
		WITH q AS (
			SELECT * FROM json_to_recordset(?::json) AS q (message bigint, channel bigint, seq bigint, sender bigint, at bigint,
				"group" bigint, private boolean, bare text, whole text)
		)` + insertMentions,
}

// insertMentions adds who is called by the rows of q, and may read the channel; a row without a name calls everyone. A
// name without the punctuation behind it comes first.
const insertMentions = `, called AS (
			SELECT q.*, CASE WHEN q.bare = '' THEN 0 ELSE (
				SELECT u.id FROM users u JOIN group_members g ON g.user_id = u.id AND g.group_id = q."group"
				WHERE u.username IN (q.bare, q.whole)
					AND (NOT q.private OR EXISTS (SELECT 1 FROM channel_members x WHERE x.channel_id = q.channel AND x.user_id = u.id))
				ORDER BY length(u.username) LIMIT 1) END AS called
			FROM q
		)
		INSERT INTO mentions (channel_id, user_id, seq, message_id, sender_id, created_at)
		SELECT DISTINCT channel, called, seq, message, sender, at FROM called WHERE called <> sender
		RETURNING message_id, user_id`

var sqliteStatements = statements{
	// There are no rows to lock: the one writer holds everything.
	lock: `
		SELECT c.id, c.group_id, c.last_seq, c.private, NULL
		FROM json_each(?) AS wanted CROSS JOIN channels c ON c.id = wanted.value`,
	look: `
		SELECT q.value ->> 'i',
			EXISTS (SELECT 1 FROM group_members g WHERE g.group_id = q.value ->> 'group' AND g.user_id = q.value ->> 'sender')
				AND (NOT q.value ->> 'private'
					OR EXISTS (SELECT 1 FROM channel_members x WHERE x.channel_id = q.value ->> 'channel' AND x.user_id = q.value ->> 'sender')),
			CASE WHEN q.value ->> 'count' AND q.value ->> 'private'
				THEN (SELECT count(*) FROM (SELECT 1 FROM channel_members x WHERE x.channel_id = q.value ->> 'channel' LIMIT ?))
			WHEN q.value ->> 'count'
				THEN (SELECT count(*) FROM (SELECT 1 FROM group_members g WHERE g.group_id = q.value ->> 'group' LIMIT ?))
			END,
			coalesce(m.id, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0) + 1 + (q.value ->> 'i')), m.seq, m.content, m.created_at,
			m.reply_to, m.thread_id, m.edited_at, m.deleted_at,
			CASE WHEN m.id IS NOT NULL THEN (SELECT group_concat(n.user_id) FROM mentions n WHERE n.message_id = m.id) END
		FROM json_each(?) AS q
		LEFT JOIN messages m ON m.sender_id = q.value ->> 'sender' AND m.channel_id = q.value ->> 'channel' AND m.hash = q.value ->> 'hash'`,
	write: []string{
		`INSERT INTO messages (id, channel_id, seq, sender_id, hash, content, created_at, reply_to, thread_id)
		SELECT value ->> 'id', value ->> 'channel', value ->> 'seq', value ->> 'sender', value ->> 'hash', value ->> 'content', value ->> 'at',
			value ->> 'reply', value ->> 'thread'
		FROM json_each(?)`,
		`UPDATE channels SET last_seq = e.value ->> 'seq' FROM json_each(?) AS e WHERE e.value ->> 'last' AND channels.id = e.value ->> 'channel'`,
		`WITH entries AS MATERIALIZED ( -- each value is taken out of the JSON once, not once a reader
			SELECT value ->> 'id' AS id, value ->> 'channel' AS channel, value ->> 'sender' AS sender, value ->> 'at' AS at,
				value ->> 'group' AS "group", value ->> 'private' AS private
			FROM json_each(?) WHERE value ->> 'eager'
		)
		INSERT INTO message_recipients (message_id, receiver_id, status, updated_at)
		SELECT e.id, reader.user_id, 0, e.at
		FROM entries e CROSS JOIN group_members reader ON reader.group_id = e."group"
		WHERE NOT e.private AND reader.user_id <> e.sender
		UNION ALL
		SELECT e.id, reader.user_id, 0, e.at
		FROM entries e CROSS JOIN channel_members reader ON reader.channel_id = e.channel
		WHERE e.private AND reader.user_id <> e.sender`,
	},
	call: `
		WITH q AS MATERIALIZED (
			SELECT value ->> 'message' AS message, value ->> 'channel' AS channel, value ->> 'seq' AS seq, value ->> 'sender' AS sender,
				value ->> 'at' AS at, value ->> 'group' AS "group", value ->> 'private' AS private, value ->> 'bare' AS bare, value ->> 'whole' AS whole
			FROM json_each(?)
		)` + insertMentions,
}
