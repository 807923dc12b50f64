package catchup

import (
	"context"
	"encoding/json"
	"fmt"

	"parley/app/store"
)

// Store finds messages, whoever may read them.
type Store struct {
	db *store.Store
}

// NewStore returns a Store on db.
func NewStore(db *store.Store) *Store { return &Store{db: db} }

// wanted is a channel as the statements take it.
type wanted struct {
	Channel int64 `json:"channel"`
	After   int64 `json:"after"`
	Upto    int64 `json:"upto"`
	Seq     int64 `json:"seq"` // from where on changes are told
	ID      int64 `json:"id"`
}

// statements take a list of wanted channels as one JSON parameter: with as many entries as there may be, their texts are the same.
type statements struct {
	delivered string // list, user → channel, delivered seq
	changed   string // list, most each → channel, id, thread or 0, changed seq; by channel, in the order of the changes
	missed    string // list → channel, id, thread or 0; by channel and seq
}

// On PostgreSQL plans are made once a connection and must not depend on how few rows there were then; see the statements that keep
// messages. The first of these rules scans of whole tables out for the others.
var postgresStatements = statements{
	delivered: `
		SELECT c.channel_id, c.delivered_seq
		FROM (SELECT set_config('enable_seqscan', 'off', true) || set_config('jit', 'off', true) AS settings) AS planner
		CROSS JOIN channel_cursors c
		WHERE planner.settings IS NOT NULL
			AND c.channel_id IN (SELECT channel FROM json_to_recordset(?::json) AS w (channel bigint)) AND c.user_id = ?`,
	changed: `
		SELECT m.channel_id, m.id, m.thread_id, m.changed_seq
		FROM json_to_recordset(?::json) AS w (channel bigint, after bigint, seq bigint, id bigint)
		CROSS JOIN LATERAL (
			SELECT channel_id, id, COALESCE(thread_id, 0) AS thread_id, changed_seq FROM messages
			WHERE channel_id = w.channel AND changed_seq IS NOT NULL AND changed_seq >= w.seq AND (changed_seq > w.seq OR id > w.id)
				AND messages.seq <= w.after
			ORDER BY changed_seq, id LIMIT ?
		) AS m
		ORDER BY m.channel_id, m.changed_seq, m.id`,
	missed: `
		SELECT m.channel_id, m.id, m.thread_id
		FROM json_to_recordset(?::json) AS w (channel bigint, after bigint, upto bigint)
		CROSS JOIN LATERAL (
			SELECT channel_id, seq, id, COALESCE(thread_id, 0) AS thread_id FROM messages
			WHERE channel_id = w.channel AND seq > w.after AND seq <= w.upto ORDER BY seq LIMIT ` + limitEach + `
		) AS m
		ORDER BY m.channel_id, m.seq`,
}

// limitEach is MaxEach.
const limitEach = `200`

var sqliteStatements = statements{
	delivered: `
		SELECT c.channel_id, c.delivered_seq
		FROM json_each(?) AS w CROSS JOIN channel_cursors c ON c.channel_id = w.value ->> 'channel' AND c.user_id = ?`,
	changed: `
		SELECT m.channel_id, m.id, COALESCE(m.thread_id, 0), m.changed_seq
		FROM json_each(?) AS w CROSS JOIN messages m
		WHERE m.id IN (
			SELECT x.id FROM messages x
			WHERE x.channel_id = w.value ->> 'channel' AND x.changed_seq IS NOT NULL AND x.changed_seq >= w.value ->> 'seq'
				AND (x.changed_seq > w.value ->> 'seq' OR x.id > w.value ->> 'id') AND x.seq <= w.value ->> 'after'
			ORDER BY x.changed_seq, x.id LIMIT ?)
		ORDER BY m.channel_id, m.changed_seq, m.id`,
	missed: `
		SELECT m.channel_id, m.id, COALESCE(m.thread_id, 0)
		FROM json_each(?) AS w
		CROSS JOIN messages m ON m.channel_id = w.value ->> 'channel' AND m.seq > w.value ->> 'after' AND m.seq <= w.value ->> 'upto'
		ORDER BY m.channel_id, m.seq`,
}

func (s *Store) sql() statements {
	if s.db.Dialect() == store.SQLite {
		return sqliteStatements
	}
	return postgresStatements
}

// delivered reads how far the user's devices have got the channels.
func (s *Store) delivered(ctx context.Context, userID int64, list []*asked) error {
	return s.each(ctx, s.sql().delivered, list, func(of map[int64]*asked, scan store.Scanner) error {
		var id, seq int64
		if err := scan(&id, &seq); err != nil {
			return err
		}
		of[id].answer.DeliveredSeq = seq
		return nil
	}, userID)
}

// changed finds at most most changed messages of each channel. The last one is there to say that there are more than are told.
func (s *Store) changed(ctx context.Context, list []*asked, most int) error {
	return s.each(ctx, s.sql().changed, list, func(of map[int64]*asked, scan store.Scanner) error {
		var (
			id, thread int64
			p          position
		)
		if err := scan(&id, &p.id, &thread, &p.seq); err != nil {
			return err
		}
		c := of[id]
		if len(c.changed)+1 == most {
			c.answer.MoreChanges = true
			return nil
		}
		c.last = p
		c.changed = append(c.changed, p.id)
		c.roots = append(c.roots, thread)
		return nil
	}, most)
}

// missed finds the messages of each channel up to where they are told.
func (s *Store) missed(ctx context.Context, list []*asked) error {
	return s.each(ctx, s.sql().missed, list, func(of map[int64]*asked, scan store.Scanner) error {
		var id, message, thread int64
		if err := scan(&id, &message, &thread); err != nil {
			return err
		}
		of[id].missed = append(of[id].missed, message)
		of[id].roots = append(of[id].roots, thread)
		return nil
	})
}

// each runs a statement that takes a list of channels, and then more, and hands each row to use.
func (s *Store) each(ctx context.Context, sql string, list []*asked, use func(of map[int64]*asked, scan store.Scanner) error, more ...any) error {
	if len(list) == 0 {
		return nil
	}
	entries := make([]wanted, len(list))
	of := make(map[int64]*asked, len(list))
	for i, c := range list {
		entries[i] = wanted{Channel: c.ID, After: c.after, Upto: c.upto, Seq: c.from.changed.seq, ID: c.from.changed.id}
		of[c.ID] = c
	}
	data, err := json.Marshal(entries)
	if err != nil {
		return fmt.Errorf("encode a list of channels: %w", err)
	}
	rows, err := s.db.Read(ctx).Raw(sql, append([]any{string(data)}, more...)...).Rows()
	if err != nil {
		return store.Map(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := use(of, rows.Scan); err != nil {
			return store.Map(err)
		}
	}
	return store.Map(rows.Err())
}
