package seed

import "slices"

// span is a part of a channel's messages: those from Low to High. Goal is where High will be when the run is done.
type span struct {
	Channel int64 `json:"channel"`
	Low     int64 `json:"low"`
	High    int64 `json:"high"`
	Goal    int64 `json:"goal"`
}

// readers is the FROM clause of who may read the channels of a list of spans: r is the span, c the
// channel, u the reader, x its membership. An AND may follow.
func (t tables) readers() string {
	return `
		FROM ` + t.list("channel bigint", "low bigint", "high bigint", "goal bigint") + `
		JOIN channels c ON c.id = r.channel
		JOIN group_members x ON x.group_id = c.group_id
		JOIN users u ON u.id = x.user_id
		LEFT JOIN channel_members p ON p.channel_id = c.id AND p.user_id = x.user_id
		WHERE (NOT c.private OR p.user_id IS NOT NULL)`
}

// lockChannels keeps everybody else from numbering messages of the channels, and then reads these. That takes two
// statements: what PostgreSQL reads besides the row that it locks is as old as the beginning of the wait.
func (t tables) lockChannels(ids []int64) ([]channelState, error) {
	var locked []int64
	if err := t.rows(&locked, t.locking(`
		SELECT id FROM channels WHERE id IN (SELECT r.id FROM `+t.list("id bigint")+`) ORDER BY id`,
		`FOR NO KEY UPDATE`), idsOf(ids)); err != nil {
		return nil, err
	}
	return t.channelStates("id", ids)
}

// audience is who may read a channel.
type audience struct {
	readers  int
	speakers []speaker // those of them who may have something to say
}

// maxSpeakers is between how many people a conversation goes back and forth.
const maxSpeakers = 12

// audiences finds out who may read channels. Only people who are made up, and of these only a few in each channel, become
// speakers; more are looked at, as some may be real.
func (t tables) audiences(spans []span, madeUp map[int64]bool) (map[int64]*audience, error) {
	var found []struct {
		Channel, ID int64
		Readers     int
		DisplayName string
		Username    string
	}
	if err := t.rows(&found, `
		SELECT channel, id, readers, display_name, username FROM (
			SELECT c.id AS channel, u.id, u.display_name, u.username,
				count(*) OVER (PARTITION BY c.id) AS readers,
				row_number() OVER (PARTITION BY c.id ORDER BY `+spread+`, u.id) AS place`+t.readers()+`
		) AS ranked WHERE place <= ? ORDER BY channel, place`, spans, int64(4*maxSpeakers)); err != nil {
		return nil, err
	}
	all := make(map[int64]*audience, len(spans))
	for _, f := range found {
		a := all[f.Channel]
		if a == nil {
			a = &audience{readers: f.Readers}
			all[f.Channel] = a
		}
		if madeUp[f.ID] && len(a.speakers) < maxSpeakers {
			a.speakers = append(a.speakers, speaker{f.ID, f.DisplayName, f.Username})
		}
	}
	return all, nil
}

// messageRow is a message to be added.
type messageRow struct {
	Channel int64  `json:"channel"`
	Seq     int64  `json:"seq"`
	Sender  int64  `json:"sender"`
	Hash    string `json:"hash"`
	Content string `json:"content"`
	At      int64  `json:"at"`
	Reply   int64  `json:"reply"`  // the seq of the message that it answers, or 0
	Thread  int64  `json:"thread"` // the seq of that one's first, with Reply
}

// insertMessages adds messages to channels that are locked, and advances these.
func (t tables) insertMessages(rows []messageRow, spans []span) error {
	if _, err := t.exec(`
		INSERT INTO messages (channel_id, seq, sender_id, hash, content, created_at)
		SELECT r.channel, r.seq, r.sender, r.hash, r.content, r.at
		FROM `+t.list("channel bigint", "seq bigint", "sender bigint", "hash text", "content text", "at bigint")+`
		ORDER BY r.channel, r.seq`, rows); err != nil {
		return err
	}
	_, err := t.exec(`
		UPDATE channels SET last_seq = r.high
		FROM `+t.list("channel bigint", "high bigint")+` WHERE channels.id = r.channel`, spans)
	return err
}

// insertAnswers says of messages what they answer, and whom they call.
func (t tables) insertAnswers(rows []messageRow, calls []callRow) error {
	replies := slices.DeleteFunc(slices.Clone(rows), func(m messageRow) bool { return m.Reply == 0 })
	for i := range replies {
		replies[i].Content = ""
	}
	if len(replies) > 0 {
		if _, err := t.exec(`
			UPDATE messages SET reply_to = answered.id, thread_id = root.id
			FROM `+t.list("channel bigint", "seq bigint", "reply bigint", "thread bigint")+`
			JOIN messages answered ON answered.channel_id = r.channel AND answered.seq = r.reply
			JOIN messages root ON root.channel_id = r.channel AND root.seq = r.thread
			WHERE messages.channel_id = r.channel AND messages.seq = r.seq`, replies); err != nil {
			return err
		}
	}
	if len(calls) == 0 {
		return nil
	}
	_, err := t.exec(`
		INSERT INTO mentions (channel_id, user_id, seq, message_id, sender_id, created_at)
		SELECT m.channel_id, r.usr, m.seq, m.id, m.sender_id, m.created_at
		FROM `+t.list("channel bigint", "seq bigint", "usr bigint")+`
		JOIN messages m ON m.channel_id = r.channel AND m.seq = r.seq
		WHERE true ORDER BY m.channel_id, r.usr, m.seq`, calls)
	return err
}

// advanceCursors has the readers of the spans' channels read on, each as far as it is in the habit of: half of them everything,
// some all but the latest messages, some a part, a few nothing. Nobody who has read further goes back.
func (t tables) advanceCursors(spans []span) error {
	_, err := t.exec(`
		INSERT INTO channel_cursors (channel_id, user_id, read_seq, delivered_seq)
		SELECT channel, reader,
			CASE WHEN goal < 0 THEN 0 WHEN goal > high THEN high ELSE goal END,
			CASE WHEN habit < 95 THEN high ELSE 0 END
		FROM (
			SELECT c.id AS channel, x.user_id AS reader, r.high, `+spread+` AS habit,
				CASE
					WHEN `+spread+` < 50 THEN r.goal
					WHEN `+spread+` < 80 THEN r.goal - (`+spread+` - 49)
					WHEN `+spread+` < 95 THEN r.goal * (`+spread+` - 80) / 20
					ELSE 0
				END AS goal`+t.readers()+`
		) AS reading
		WHERE true ORDER BY channel, reader
		ON CONFLICT (channel_id, user_id) DO UPDATE SET
			read_seq = CASE WHEN excluded.read_seq > channel_cursors.read_seq THEN excluded.read_seq ELSE channel_cursors.read_seq END,
			delivered_seq = CASE WHEN excluded.delivered_seq > channel_cursors.delivered_seq
				THEN excluded.delivered_seq ELSE channel_cursors.delivered_seq END`, spans)
	return err
}

// cursorRow is how far somebody has read.
type cursorRow struct {
	User int64 `json:"usr"`
	Read int64 `json:"has_read"`
}

// insertCursors has everybody in a span's channel read all of it, but for some, who have got it all the same.
func (t tables) insertCursors(at span, unread []cursorRow) error {
	if _, err := t.exec(`
		INSERT INTO channel_cursors (channel_id, user_id, read_seq, delivered_seq)
		SELECT c.id, x.user_id, r.high, r.high`+t.readers()+` ORDER BY x.user_id`, []span{at}); err != nil || len(unread) == 0 {
		return err
	}
	_, err := t.exec(`
		UPDATE channel_cursors SET read_seq = r.has_read
		FROM `+t.list("usr bigint", "has_read bigint")+`
		WHERE channel_cursors.user_id = r.usr AND channel_cursors.channel_id = CAST(? AS bigint)`, unread, at.Channel)
	return err
}

// insertRecipients adds a row for each of the spans' messages and each reader but its sender, as far as that one has read.
func (t tables) insertRecipients(spans []span) (int, error) {
	return t.exec(`
		WITH reading AS MATERIALIZED (
			SELECT c.id AS channel, r.low, r.high, x.user_id AS reader,
				COALESCE((SELECT k.read_seq FROM channel_cursors k WHERE k.channel_id = c.id AND k.user_id = x.user_id), 0) AS has_read,
				COALESCE((SELECT k.delivered_seq FROM channel_cursors k WHERE k.channel_id = c.id AND k.user_id = x.user_id), 0) AS has_got`+
		t.readers()+`
		)
		INSERT INTO message_recipients (message_id, receiver_id, status, updated_at)
		SELECT m.id, reading.reader,
			CASE WHEN m.seq <= reading.has_read THEN 2 WHEN m.seq <= reading.has_got THEN 1 ELSE 0 END, m.created_at
		FROM reading JOIN messages m ON m.channel_id = reading.channel AND m.seq BETWEEN reading.low AND reading.high
		WHERE m.sender_id <> reading.reader
		ORDER BY m.id, reading.reader`, spans)
}
