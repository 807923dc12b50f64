package receipt

import "parley/app/store"

// statements differ between the dialects. Lists go in as one JSON parameter, so that a statement's text, and with it its
// prepared plan, does not depend on how many users there are. Messages wait in the partition for each of them to go to the database and
// back, so there are few.
type statements struct {
	lock  string   // limit of readers, twice; channel ids → id, group_id, last_seq, private, readers, nothing of interest
	look  string   // seats → i, delivered_seq, read_seq, moved_at; users who may not read the channel are left out
	write []string // moves
	learn string   // questions → kind, and what its answers are: see read
}

func statementsOf(d store.Dialect) statements {
	if d == store.SQLite {
		return sqliteStatements
	}
	return postgresStatements
}

// On PostgreSQL, plans are made once a connection, often when the tables are tiny. So scans of whole tables are ruled out for the
// transaction, and each row asks by an index of its own.
var postgresStatements = statements{
	// FOR KEY SHARE waits for the channel's deletion, and for nothing else.
	lock: `
		SELECT c.id, c.group_id, c.last_seq, c.private,
			CASE WHEN c.private
				THEN (SELECT count(*) FROM (SELECT 1 FROM channel_members x WHERE x.channel_id = c.id LIMIT ?) AS r)
				ELSE (SELECT count(*) FROM (SELECT 1 FROM group_members g WHERE g.group_id = c.group_id LIMIT ?) AS r)
			END, planner.settings
		FROM (SELECT set_config('enable_seqscan', 'off', true) || set_config('jit', 'off', true) AS settings) AS planner
		CROSS JOIN json_array_elements_text(?::json) AS wanted (id)
		CROSS JOIN LATERAL (
			SELECT id, group_id, last_seq, private FROM channels WHERE channels.id = wanted.id::bigint FOR KEY SHARE
		) AS c`,
	look: `
		SELECT t.i, coalesce(c.delivered_seq, 0), coalesce(c.read_seq, 0), coalesce(c.moved_at, 0)
		FROM json_to_recordset(?::json) AS t (i int, channel bigint, "group" bigint, private boolean, "user" bigint)
		LEFT JOIN LATERAL (
			SELECT delivered_seq, read_seq, moved_at FROM channel_cursors WHERE channel_id = t.channel AND user_id = t."user" LIMIT 1
		) AS c ON true
		WHERE coalesce((SELECT true FROM group_members g WHERE g.group_id = t."group" AND g.user_id = t."user"), false)
			AND (NOT t.private OR coalesce((SELECT true FROM channel_members x WHERE x.channel_id = t.channel AND x.user_id = t."user"), false))`,
	write: []string{`
		WITH moves AS MATERIALIZED (SELECT ?::json AS lists),
		moved AS (
			INSERT INTO channel_cursors AS c (channel_id, user_id, delivered_seq, read_seq, moved_at)
			SELECT channel, "user", delivered, read, at
			FROM moves CROSS JOIN json_to_recordset(moves.lists -> 'cursors')
				AS t (channel bigint, "user" bigint, delivered bigint, read bigint, at bigint)
			ORDER BY channel, "user"
			ON CONFLICT (channel_id, user_id) DO UPDATE SET
				delivered_seq = greatest(c.delivered_seq, excluded.delivered_seq), read_seq = greatest(c.read_seq, excluded.read_seq),
				moved_at = excluded.moved_at
		)
		INSERT INTO receipt_ranges (channel_id, user_id, status, from_seq, to_seq, at)
		SELECT channel, "user", status, "from", "to", at
		FROM moves CROSS JOIN json_to_recordset(moves.lists -> 'ranges')
			AS t (channel bigint, "user" bigint, status smallint, "from" bigint, "to" bigint, at bigint)`,
	},
	// One's own messages are looked for by their sender: + 0 keeps the planner from reading all that is unread.
	learn: `
		WITH questions AS MATERIALIZED (SELECT ?::json AS lists)
		SELECT 0 AS kind, w.channel AS a, m.seq AS b, m.sender_id AS c, m.deleted AS d
		FROM questions CROSS JOIN json_to_recordset(questions.lists -> 'windows') AS w (channel bigint, "from" bigint, "to" bigint)
		CROSS JOIN LATERAL (
			SELECT seq, sender_id, deleted_at IS NOT NULL AS deleted FROM messages
			WHERE channel_id = w.channel AND seq > w."from" AND seq <= w."to" ORDER BY seq
		) AS m
		UNION ALL
		SELECT 1, t.i, t.last - t.read
			- (SELECT count(*) FROM messages m WHERE m.channel_id = t.channel AND m.sender_id = t."user" AND m.seq + 0 > t.read AND m.seq + 0 <= t.last)
			- (SELECT count(*) FROM messages m WHERE m.channel_id = t.channel AND m.seq > t.read AND m.seq <= t.last
				AND m.deleted_at IS NOT NULL AND m.sender_id <> t."user"), 0, false
		FROM questions CROSS JOIN json_to_recordset(questions.lists -> 'far') AS t (i bigint, channel bigint, "user" bigint, read bigint, last bigint)
		UNION ALL
		SELECT 2, t.i, (SELECT count(DISTINCT m.seq) FROM mentions m
			WHERE m.channel_id = t.channel AND m.user_id IN (t."user", 0) AND m.seq > t.read AND m.seq <= t.last AND m.sender_id <> t."user"), 0, false
		FROM questions CROSS JOIN json_to_recordset(questions.lists -> 'behind') AS t (i bigint, channel bigint, "user" bigint, read bigint, last bigint)
		UNION ALL
		SELECT 3, t.channel, (SELECT count(*) FROM channel_cursors c WHERE c.channel_id = t.channel AND c.since_seq < t."to"
			AND CASE t.status WHEN 1 THEN c.delivered_seq ELSE c.read_seq END >= t."to"), t.status, false
		FROM questions CROSS JOIN json_to_recordset(questions.lists -> 'goals') AS t (channel bigint, status bigint, "to" bigint)`,
}

var sqliteStatements = statements{
	lock: `
		SELECT c.id, c.group_id, c.last_seq, c.private,
			CASE WHEN c.private
				THEN (SELECT count(*) FROM (SELECT 1 FROM channel_members x WHERE x.channel_id = c.id LIMIT ?))
				ELSE (SELECT count(*) FROM (SELECT 1 FROM group_members g WHERE g.group_id = c.group_id LIMIT ?))
			END, NULL
		FROM json_each(?) AS wanted CROSS JOIN channels c ON c.id = wanted.value`,
	look: `
		SELECT t.value ->> 'i', coalesce(c.delivered_seq, 0), coalesce(c.read_seq, 0), coalesce(c.moved_at, 0)
		FROM json_each(?) AS t
		LEFT JOIN channel_cursors c ON c.channel_id = t.value ->> 'channel' AND c.user_id = t.value ->> 'user'
		WHERE EXISTS (SELECT 1 FROM group_members g WHERE g.group_id = t.value ->> 'group' AND g.user_id = t.value ->> 'user')
			AND (NOT t.value ->> 'private'
				OR EXISTS (SELECT 1 FROM channel_members x WHERE x.channel_id = t.value ->> 'channel' AND x.user_id = t.value ->> 'user'))`,
	write: []string{
		`INSERT INTO channel_cursors (channel_id, user_id, delivered_seq, read_seq, moved_at)
		SELECT value ->> 'channel', value ->> 'user', value ->> 'delivered', value ->> 'read', value ->> 'at'
		FROM json_each(?, '$.cursors') WHERE true
		ON CONFLICT (channel_id, user_id) DO UPDATE SET
			delivered_seq = max(delivered_seq, excluded.delivered_seq), read_seq = max(read_seq, excluded.read_seq), moved_at = excluded.moved_at`,
		`INSERT INTO receipt_ranges (channel_id, user_id, status, from_seq, to_seq, at)
		SELECT value ->> 'channel', value ->> 'user', value ->> 'status', value ->> 'from', value ->> 'to', value ->> 'at'
		FROM json_each(?, '$.ranges')`,
	},
	learn: `
		WITH questions AS MATERIALIZED (SELECT ? AS lists)
		SELECT 0, w.value ->> 'channel', m.seq, m.sender_id, m.deleted_at IS NOT NULL
		FROM questions CROSS JOIN json_each(questions.lists, '$.windows') AS w
		CROSS JOIN messages m ON m.channel_id = w.value ->> 'channel' AND m.seq > w.value ->> 'from' AND m.seq <= w.value ->> 'to'
		UNION ALL
		SELECT 1, t.value ->> 'i', (t.value ->> 'last') - (t.value ->> 'read')
			- (SELECT count(*) FROM messages m WHERE m.channel_id = t.value ->> 'channel' AND m.sender_id = t.value ->> 'user'
				AND m.seq + 0 > t.value ->> 'read' AND m.seq + 0 <= t.value ->> 'last')
			- (SELECT count(*) FROM messages m WHERE m.channel_id = t.value ->> 'channel' AND m.seq > t.value ->> 'read'
				AND m.seq <= t.value ->> 'last' AND m.deleted_at IS NOT NULL AND m.sender_id <> t.value ->> 'user'), 0, false
		FROM questions CROSS JOIN json_each(questions.lists, '$.far') AS t
		UNION ALL
		SELECT 2, t.value ->> 'i', (SELECT count(DISTINCT m.seq) FROM mentions m
			WHERE m.channel_id = t.value ->> 'channel' AND m.user_id IN (t.value ->> 'user', 0)
				AND m.seq > t.value ->> 'read' AND m.seq <= t.value ->> 'last' AND m.sender_id <> t.value ->> 'user'), 0, false
		FROM questions CROSS JOIN json_each(questions.lists, '$.behind') AS t
		UNION ALL
		SELECT 3, t.value ->> 'channel', (SELECT count(*) FROM channel_cursors c
			WHERE c.channel_id = t.value ->> 'channel' AND c.since_seq < t.value ->> 'to'
				AND CASE t.value ->> 'status' WHEN 1 THEN c.delivered_seq ELSE c.read_seq END >= t.value ->> 'to'), t.value ->> 'status', false
		FROM questions CROSS JOIN json_each(questions.lists, '$.goals') AS t`,
}
