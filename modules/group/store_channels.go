package group

import (
	"cmp"
	"slices"

	"parley/app/event"
	"parley/app/store"
)

// channelRow is a row of channels, with the role of the one who asks in its group and how far that one has got in it.
type channelRow struct {
	ID        int64
	GroupID   int64
	Name      string
	Topic     string
	Private   bool
	LastSeq   int64
	CreatedAt int64
	ReadSeq   int64
	Unread    int64
	Mentions  int64
	Role      Role
}

func (r channelRow) channel() Channel {
	return Channel{
		ID: r.ID, GroupID: r.GroupID, Name: r.Name, Topic: r.Topic, Private: r.Private,
		LastSeq: r.LastSeq, CreatedAt: event.FromMillis(r.CreatedAt),
	}
}

func (r channelRow) open() OpenChannel {
	return OpenChannel{Channel: r.channel(), ReadSeq: r.ReadSeq, Unread: r.Unread, Mentions: r.Mentions}
}

const channelColumns = `id, group_id, name, topic, private, last_seq, created_at`

// insertChannel makes a channel without members.
func (t *tx) insertChannel(groupID int64, c NewChannel) (Channel, error) {
	var r channelRow
	err := t.need(&r, `
		INSERT INTO channels (group_id, name, topic, private, created_at) VALUES (?, ?, ?, ?, ?)
		RETURNING `+channelColumns, groupID, c.Name, c.Topic, c.Private, t.now.UnixMilli())
	return r.channel(), err
}

// updateChannel changes what is not nil.
func (t *tx) updateChannel(channelID int64, name, topic *string) (Channel, error) {
	var r channelRow
	err := t.need(&r, `
		UPDATE channels SET name = COALESCE(?, name), topic = COALESCE(?, topic) WHERE id = ?
		RETURNING `+channelColumns, name, topic, channelID)
	return r.channel(), err
}

// deleteBatch is how many channels are deleted with one set of statements: far below SQLite's limit of parameters.
const deleteBatch = 1000

// documentsOf are the entries in the search index of the messages of channels.
const documentsOf = `SELECT d.id FROM messages m JOIN search_documents d ON d.message_id = m.id AND d.direct = false WHERE m.channel_id IN ?`

// deleteChannels removes channels with their messages. They are locked before their messages are looked for, in the order of
// their ids: a worker that is adding messages holds that lock, too.
func (t *tx) deleteChannels(ids []int64) error {
	slices.Sort(ids)
	for batch := range slices.Chunk(ids, deleteBatch) {
		var locked []int64
		if err := t.rows(&locked, t.locking(`SELECT id FROM channels WHERE id IN ? ORDER BY id`, `FOR UPDATE`), batch); err != nil {
			return err
		}
		if t.dialect == store.SQLite { // elsewhere the words are a column of search_documents
			if err := t.exec(`DELETE FROM search_words WHERE rowid IN (`+documentsOf+`)`, batch); err != nil {
				return err
			}
		}
		for _, sql := range []string{
			`DELETE FROM search_documents WHERE id IN (` + documentsOf + `)`,
			`DELETE FROM search_positions WHERE direct = false AND place_id IN ?`,
			`DELETE FROM message_recipients WHERE message_id IN (SELECT id FROM messages WHERE channel_id IN ?)`,
			`DELETE FROM reactions WHERE channel_id IN ?`,
			`DELETE FROM pins WHERE channel_id IN ?`,
			`DELETE FROM mentions WHERE channel_id IN ?`,
			`DELETE FROM message_edits WHERE channel_id IN ?`,
			`DELETE FROM receipt_ranges WHERE channel_id IN ?`,
			`DELETE FROM messages WHERE channel_id IN ?`,
			`DELETE FROM channels WHERE id IN ?`, // and channel_members, channel_cursors
		} {
			if err := t.exec(sql, batch); err != nil {
				return err
			}
		}
	}
	return nil
}

// userVersion is a user with its raised membership version.
type userVersion struct {
	ID                int64
	MembershipVersion int64
}

// raiseChannelMembers numbers one more change of what each member of a private channel may hear.
func (t *tx) raiseChannelMembers(channelID int64) (users []userVersion, err error) {
	sql := `
		UPDATE users SET membership_version = membership_version + 1
		WHERE id IN (SELECT user_id FROM channel_members WHERE channel_id = ?)
		RETURNING id, membership_version`
	if t.dialect == store.Postgres { // which locks in the order of ids only when told so
		sql = `
		WITH locked AS (
			SELECT u.id FROM users u JOIN channel_members m ON m.user_id = u.id
			WHERE m.channel_id = ? ORDER BY u.id FOR NO KEY UPDATE OF u)
		UPDATE users SET membership_version = membership_version + 1 FROM locked WHERE users.id = locked.id
		RETURNING users.id, users.membership_version`
	}
	err = t.rows(&users, sql, channelID)
	slices.SortFunc(users, func(a, b userVersion) int { return cmp.Compare(a.ID, b.ID) })
	return users, err
}
