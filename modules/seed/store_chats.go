package seed

// chatRow is a personal chat to be made.
type chatRow struct {
	Low        int64 `json:"low"`
	High       int64 `json:"high"`
	Last       int64 `json:"last"`
	LowRead    int64 `json:"lr"`
	LowUnread  int64 `json:"lu"`
	HighRead   int64 `json:"hr"`
	HighUnread int64 `json:"hu"`
	At         int64 `json:"at"`
	Latest     int64 `json:"latest"` // when the last message was sent
}

// personalRow is a message of it.
type personalRow struct {
	Seq     int64  `json:"seq"`
	Sender  int64  `json:"sender"`
	Hash    string `json:"hash"`
	Content string `json:"content"`
	At      int64  `json:"at"`
}

// insertChat makes a personal chat with its messages.
func (t tables) insertChat(c chatRow, rows []personalRow) error {
	var id int64
	if err := t.rows(&id, `
		INSERT INTO direct_chats (low_id, high_id, last_seq, low_read_seq, low_read_at, low_delivered_seq, low_delivered_at, low_unread,
			high_read_seq, high_read_at, high_delivered_seq, high_delivered_at, high_unread, created_at)
		SELECT r.low, r.high, r.last, r.lr, r.latest, r.last, r.latest, r.lu, r.hr, r.latest, r.last, r.latest, r.hu, r.at
		FROM `+t.list("low bigint", "high bigint", "last bigint", "lr bigint", "lu bigint", "hr bigint", "hu bigint", "at bigint", "latest bigint")+`
		RETURNING id`, []chatRow{c}); err != nil {
		return err
	}
	if _, err := t.exec(`
		INSERT INTO direct_messages (chat_id, seq, sender_id, hash, content, created_at)
		SELECT CAST(? AS bigint), r.seq, r.sender, r.hash, r.content, r.at
		FROM `+t.list("seq bigint", "sender bigint", "hash text", "content text", "at bigint")+` ORDER BY r.seq`, id, rows); err != nil {
		return err
	}
	_, err := t.exec(`
		UPDATE direct_chats SET last_message_id = (SELECT max(id) FROM direct_messages m WHERE m.chat_id = direct_chats.id AND m.seq = last_seq)
		WHERE id = ?`, id)
	return err
}
