package seed

// reactionRow is an emoji that somebody puts to a message.
type reactionRow struct {
	Channel int64  `json:"channel"`
	Seq     int64  `json:"seq"`
	Emoji   string `json:"emoji"`
	User    int64  `json:"usr"`
	At      int64  `json:"at"` // different for each reaction to a message
}

// pinRow is a pinned message.
type pinRow struct {
	Channel int64 `json:"channel"`
	Seq     int64 `json:"seq"`
	User    int64 `json:"usr"`
	At      int64 `json:"at"` // different for each pin in a channel
}

// reactionEmoji are those that people choose, some more often than others, in the form in which reactions are kept.
var reactionEmoji = []string{"👍", "👍", "👍", "👍", "❤️", "❤️", "😂", "😂", "🎉", "👀", "🙏", "✅"}

const (
	reactedTo = 12            // of a hundred messages
	untilPin  = int64(60_000) // milliseconds from when a message was sent
)

// reactTo has a few of the speakers react to a few of the messages.
func reactTo(messages []messageRow, speakers []speaker) (rows []reactionRow) {
	for _, m := range messages {
		if draw(100, m.Channel, m.Seq, reactDraw) >= reactedTo {
			continue
		}
		first := draw(len(reactionEmoji), m.Channel, m.Seq, emojiDraw)
		seen := make(map[reactionRow]bool)
		for i := range int64(1 + draw(4, m.Channel, m.Seq, crowdDraw)) {
			who := speakers[draw(len(speakers), m.Channel, m.Seq, i, reactorDraw)]
			emoji := reactionEmoji[(first+int(i)/2*5)%len(reactionEmoji)] // two or so agree
			row := reactionRow{Channel: m.Channel, Seq: m.Seq, Emoji: emoji, User: who.ID}
			if who.ID == m.Sender || seen[row] {
				continue
			}
			seen[row] = true
			row.At = m.At + i + 1
			rows = append(rows, row)
		}
	}
	return rows
}

// pinOne chooses a message of the beginning of a channel to be pinned.
func pinOne(messages []messageRow, speakers []speaker, now int64) []pinRow {
	m := messages[draw(min(len(messages), 30), messages[0].Channel, pinDraw)]
	return []pinRow{{m.Channel, m.Seq, speakers[0].ID, min(m.At+untilPin, now)}}
}

// reactions are those to a script's lines, which become messages.
func (c demoChannel) reactions(messages []messageRow, users map[string]int64) (rows []reactionRow) {
	for i, l := range c.lines {
		m := messages[i]
		var n int64
		for _, r := range l.reactions {
			for _, who := range r.who {
				n++
				rows = append(rows, reactionRow{m.Channel, m.Seq, r.emoji, users[who], m.At + n})
			}
		}
	}
	return rows
}

// pins are those of a script's lines.
func (c demoChannel) pins(messages []messageRow, users map[string]int64, now int64) (rows []pinRow) {
	for i, l := range c.lines {
		if l.pinnedBy != "" {
			m := messages[i]
			rows = append(rows, pinRow{m.Channel, m.Seq, users[l.pinnedBy], min(m.At+untilPin, now)})
		}
	}
	for i := len(rows) - 2; i >= 0; i-- { // in their order, although none is after now
		rows[i].At = min(rows[i].At, rows[i+1].At-1)
	}
	return rows
}

// insertMarks adds what people have put to messages that are there.
func (t tables) insertMarks(reactions []reactionRow, pins []pinRow) error {
	if _, err := t.exec(`
		INSERT INTO reactions (channel_id, message_id, emoji, user_id, created_at)
		SELECT m.channel_id, m.id, r.emoji, r.usr, r.at
		FROM `+t.list("channel bigint", "seq bigint", "emoji text", "usr bigint", "at bigint")+`
		JOIN messages m ON m.channel_id = r.channel AND m.seq = r.seq
		ORDER BY m.id, r.emoji, r.usr`, reactions); err != nil {
		return err
	}
	_, err := t.exec(`
		INSERT INTO pins (message_id, channel_id, user_id, created_at)
		SELECT m.id, m.channel_id, r.usr, r.at
		FROM `+t.list("channel bigint", "seq bigint", "usr bigint", "at bigint")+`
		JOIN messages m ON m.channel_id = r.channel AND m.seq = r.seq
		ORDER BY m.id`, pins)
	return err
}
