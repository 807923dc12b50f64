package message

import (
	"parley/app/event"
	"parley/app/store"
)

// row is a row of messages.
type row struct {
	ID        int64  `json:"-"`
	ChannelID int64  `json:"channel"`
	Seq       int64  `json:"seq"`
	SenderID  int64  `json:"sender"`
	Hash      string `json:"hash"`
	Content   string `json:"content"`
	CreatedAt int64  `json:"at" gorm:"autoCreateTime:false"`
}

// TableName implements gorm's Tabler.
func (row) TableName() string { return "messages" }

func (r row) message(groupID int64) event.Message {
	return event.Message{
		MessageID: r.ID,
		GroupID:   groupID,
		ChannelID: r.ChannelID,
		Seq:       r.Seq,
		SenderID:  r.SenderID,
		Content:   r.Content,
		Hash:      r.Hash,
		CreatedAt: event.FromMillis(r.CreatedAt),
	}
}

// Who may read a channel: everyone in its group, or the members of a private channel, who are in the group as well.
const (
	publicReaders  = "group_members WHERE group_id = ?"
	privateReaders = "channel_members WHERE channel_id = ?"
)

// statements are those of the hot path that differ between the dialects. Lists
// go in as one JSON parameter, so that a statement's text, and with it its
// prepared plan, does not depend on the size of the batch.
type statements struct {
	lock    string // channel ids
	repeats string // pairs with hash → i and the row kept
	allowed string // pairs → i of those who may write
	insert  string // rows → id, channel_id, seq
}

func statementsOf(d store.Dialect) statements {
	if d == store.SQLite {
		return sqliteStatements
	}
	return postgresStatements
}

var postgresStatements = statements{
	lock: `SELECT id, group_id, last_seq, private FROM channels WHERE id IN ? ORDER BY id FOR NO KEY UPDATE`,
	repeats: `
		SELECT p.i, m.id, m.channel_id, m.seq, m.sender_id, m.hash, m.content, m.created_at
		FROM json_to_recordset(?::json) AS p (i int, sender bigint, channel bigint, hash text)
		JOIN messages m ON m.sender_id = p.sender AND m.channel_id = p.channel AND m.hash = p.hash`,
	allowed: `
		SELECT p.i
		FROM json_to_recordset(?::json) AS p (i int, sender bigint, channel bigint)
		JOIN channels c ON c.id = p.channel
		JOIN group_members g ON g.group_id = c.group_id AND g.user_id = p.sender
		WHERE NOT c.private
		   OR EXISTS (SELECT 1 FROM channel_members x WHERE x.channel_id = c.id AND x.user_id = p.sender)`,
	insert: `
		INSERT INTO messages (channel_id, seq, sender_id, hash, content, created_at)
		SELECT r.channel, r.seq, r.sender, r.hash, r.content, r.at
		FROM json_to_recordset(?::json) AS r (channel bigint, seq bigint, sender bigint, hash text, content text, at bigint)
		ORDER BY r.channel, r.seq
		RETURNING id, channel_id, seq`,
}

var sqliteStatements = statements{
	lock: `SELECT id, group_id, last_seq, private FROM channels WHERE id IN ? ORDER BY id`, // the one writer holds everything
	repeats: `
		SELECT p.value ->> 'i' AS i, m.id, m.channel_id, m.seq, m.sender_id, m.hash, m.content, m.created_at
		FROM json_each(?) AS p
		JOIN messages m ON m.sender_id = p.value ->> 'sender' AND m.channel_id = p.value ->> 'channel' AND m.hash = p.value ->> 'hash'`,
	allowed: `
		SELECT p.value ->> 'i'
		FROM json_each(?) AS p
		JOIN channels c ON c.id = p.value ->> 'channel'
		JOIN group_members g ON g.group_id = c.group_id AND g.user_id = p.value ->> 'sender'
		WHERE NOT c.private
		   OR EXISTS (SELECT 1 FROM channel_members x WHERE x.channel_id = c.id AND x.user_id = p.value ->> 'sender')`,
	insert: `
		INSERT INTO messages (channel_id, seq, sender_id, hash, content, created_at)
		SELECT value ->> 'channel', value ->> 'seq', value ->> 'sender', value ->> 'hash', value ->> 'content', value ->> 'at'
		FROM json_each(?)
		WHERE true
		ORDER BY key
		RETURNING id, channel_id, seq`,
}
