package receipt

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"parley/app/store"
)

// maxRanges is the most ranges that one transaction of the background looks at.
const maxRanges = 128

// Statements of the background. A range whose channel is being deleted right now is left alone; nobody waits for anybody, so
// that the locks of the ranges and those of the channels may be taken in any order.
const (
	postgresPlanner = `SELECT set_config('enable_seqscan', 'off', true) || set_config('jit', 'off', true)`
	claimRanges     = `SELECT id, channel_id, user_id, status, from_seq, to_seq, at FROM receipt_ranges ORDER BY id LIMIT ?`
	claimLock       = ` FOR UPDATE SKIP LOCKED`
	holdChannels    = `SELECT id FROM channels WHERE id `
	holdLock        = ` FOR KEY SHARE SKIP LOCKED`
	deleteRanges    = `DELETE FROM receipt_ranges WHERE id `
	postgresListed  = `= ANY (?::bigint[])` // of Dialect.List
	sqliteListed    = `IN (SELECT value FROM json_each(?))`

	// Both write in the order of the table's key.
	postgresSettle = `
		INSERT INTO message_recipients AS r (message_id, receiver_id, status, updated_at)
		SELECT DISTINCT ON (m.id, t."user") m.id, t."user", t.status, t.at
		FROM json_to_recordset(?::json) AS t (channel bigint, "user" bigint, status smallint, "from" bigint, "to" bigint, at bigint)
		CROSS JOIN LATERAL (
			SELECT id, sender_id FROM messages WHERE channel_id = t.channel AND seq > t."from" AND seq <= t."to" ORDER BY seq
		) AS m
		WHERE m.sender_id <> t."user"
		ORDER BY m.id, t."user", t.status DESC, t.at
		ON CONFLICT (message_id, receiver_id) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at
			WHERE r.status < excluded.status`
	sqliteSettle = `
		INSERT INTO message_recipients (message_id, receiver_id, status, updated_at)
		SELECT m.id, t.value ->> 'user', t.value ->> 'status', t.value ->> 'at'
		FROM json_each(?) AS t
		CROSS JOIN messages m ON m.channel_id = t.value ->> 'channel' AND m.seq > t.value ->> 'from' AND m.seq <= t.value ->> 'to'
		WHERE m.sender_id <> t.value ->> 'user'
		ORDER BY m.id, t.value ->> 'user', t.value ->> 'status' DESC, t.value ->> 'at'
		ON CONFLICT (message_id, receiver_id) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at
			WHERE status < excluded.status`
)

// progress is what one transaction of the background has come to.
type progress struct {
	ranges   int // that are finished
	messages int // that were looked at
	waiting  int // ranges before it, about
}

// settle writes the recipients of the oldest waiting ranges, as many as fit into a transaction.
func (s *Store) settle(ctx context.Context) (done progress, err error) {
	var waiting int
	err = s.db.Read(ctx).Raw("SELECT coalesce(max(id) - min(id) + 1, 0) FROM receipt_ranges").Scan(&waiting).Error
	if err != nil || waiting == 0 {
		return progress{}, store.Map(err)
	}
	err = s.db.Write(ctx, func(tx *gorm.DB) error {
		done = progress{waiting: waiting}
		claimed, err := s.claim(tx)
		if err != nil || len(claimed) == 0 {
			return err
		}
		held, gone, err := s.hold(tx, claimed)
		if err != nil {
			return err
		}
		parts, finished, begun := s.cut(claimed, held, gone)
		for _, p := range parts {
			done.messages += int(p.To - p.From)
		}
		if err := exec(tx, s.pick(postgresSettle, sqliteSettle), parts); err != nil {
			return err
		}
		if begun != nil {
			if err := tx.Exec("UPDATE receipt_ranges SET from_seq = ? WHERE id = ?", begun.From, begun.ID).Error; err != nil {
				return err
			}
		}
		if done.ranges = len(finished); done.ranges == 0 {
			return nil
		}
		return tx.Exec(deleteRanges+s.pick(postgresListed, sqliteListed), s.db.Dialect().List(finished)).Error
	})
	return done, err
}

// claim takes the oldest ranges that no other process has taken.
func (s *Store) claim(tx *gorm.DB) (claimed []rangeRow, err error) {
	if s.db.Dialect() == store.Postgres {
		if err := tx.Exec(postgresPlanner).Error; err != nil {
			return nil, err
		}
	}
	err = store.Each(tx, claimRanges+s.pick(claimLock, ""), []any{maxRanges}, func(scan store.Scanner) error {
		var r rangeRow
		if err := scan(&r.ID, &r.Channel, &r.User, &r.Status, &r.From, &r.To, &r.At); err != nil {
			return err
		}
		claimed = append(claimed, r)
		return nil
	})
	return claimed, err
}

// hold keeps the channels of ranges from being deleted: those that are not gone, and not being deleted already.
func (s *Store) hold(tx *gorm.DB, claimed []rangeRow) (held, gone []int64, err error) {
	var all []int64
	for _, r := range claimed {
		all = append(all, r.Channel)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	look, list := holdChannels+s.pick(postgresListed, sqliteListed), s.db.Dialect().List(all)
	if err := tx.Raw(look+s.pick(holdLock, ""), list).Scan(&held).Error; err != nil || len(held) == len(all) {
		return held, nil, err
	}
	var there []int64
	if err := tx.Raw(look, list).Scan(&there).Error; err != nil {
		return nil, nil, err
	}
	return held, slices.DeleteFunc(all, func(id int64) bool { return slices.Contains(there, id) }), nil
}

// cut takes as much of the ranges as fits into a transaction: the parts to be written, the ranges that are finished with
// that, and what is left of one that is not.
func (s *Store) cut(claimed []rangeRow, held, gone []int64) (parts []rangeRow, finished []int64, begun *rangeRow) {
	room := int64(s.part)
	for _, r := range claimed {
		if slices.Contains(gone, r.Channel) {
			finished = append(finished, r.ID)
			continue
		}
		if !slices.Contains(held, r.Channel) {
			continue
		}
		rest := r
		r.To = min(r.To, r.From+room)
		room -= r.To - r.From
		parts = append(parts, r)
		if rest.From = r.To; rest.From < rest.To {
			return parts, finished, &rest
		}
		if finished = append(finished, r.ID); room == 0 {
			break
		}
	}
	return parts, finished, nil
}

func (s *Store) pick(postgres, sqlite string) string {
	if s.db.Dialect() == store.Postgres {
		return postgres
	}
	return sqlite
}

// message is the message that somebody asks about.
type message struct {
	ID, Seq, SenderID, CreatedAt int64
	Private                      bool
}

// The readers of a public and of a private channel.
const (
	publicReaders  = `group_members p LEFT JOIN channel_cursors c ON c.channel_id = @channel AND c.user_id = p.user_id`
	privateReaders = `channel_members p LEFT JOIN channel_cursors c ON c.channel_id = @channel AND c.user_id = p.user_id`
)

// recipients returns at most limit of those whom a message was for and who may still read it, with ids greater than after: not its
// sender, and not those who joined after it.
func (s *Store) recipients(ctx context.Context, groupID, channelID, messageID, after int64, limit int) ([]Recipient, error) {
	db := s.db.Read(ctx)
	var found message
	result := db.Raw(`
		SELECT m.id, m.seq, m.sender_id, m.created_at, c.private FROM messages m JOIN channels c ON c.id = m.channel_id
		WHERE m.id = ? AND m.channel_id = ? AND c.group_id = ?`, messageID, channelID, groupID).Scan(&found)
	if result.Error != nil {
		return nil, store.Map(result.Error)
	}
	if result.RowsAffected == 0 {
		return nil, ErrMessageNotFound
	}
	readers, of := publicReaders, `p.group_id = @group`
	if found.Private {
		readers, of = privateReaders, `p.channel_id = @channel`
	}
	rows, err := db.Raw(`
		SELECT p.user_id, coalesce(r.status, 0), coalesce(r.updated_at, 0), coalesce(c.delivered_seq, 0), coalesce(c.read_seq, 0),
			coalesce((SELECT min(w.at) FROM receipt_ranges w
				WHERE w.channel_id = @channel AND w.user_id = p.user_id AND w.status = 1 AND w.from_seq < @seq AND w.to_seq >= @seq), 0),
			coalesce((SELECT min(w.at) FROM receipt_ranges w
				WHERE w.channel_id = @channel AND w.user_id = p.user_id AND w.status = 2 AND w.from_seq < @seq AND w.to_seq >= @seq), 0)
		FROM `+readers+` LEFT JOIN message_recipients r ON r.message_id = @message AND r.receiver_id = p.user_id
		WHERE `+of+` AND p.user_id > @after AND p.user_id <> @sender AND coalesce(c.since_seq, 0) < @seq
		ORDER BY p.user_id LIMIT @limit`, map[string]any{
		"group": groupID, "channel": channelID, "message": found.ID, "seq": found.Seq, "sender": found.SenderID, "after": after, "limit": limit,
	}).Rows()
	if err != nil {
		return nil, store.Map(err)
	}
	defer rows.Close()
	list := []Recipient{}
	for rows.Next() {
		var (
			user int64
			st   standing
		)
		if err := rows.Scan(&user, &st.row, &st.rowAt, &st.deliveredSeq, &st.readSeq, &st.deliveredAt, &st.readAt); err != nil {
			return nil, store.Map(err)
		}
		list = append(list, st.recipient(user, found.Seq, found.CreatedAt))
	}
	return list, store.Map(rows.Err())
}
