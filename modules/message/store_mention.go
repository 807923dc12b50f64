package message

import (
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
)

// calling is one name that a message calls, as the statement call takes it. No name calls everyone.
type calling struct {
	Message int64  `json:"message"`
	Channel int64  `json:"channel"`
	Seq     int64  `json:"seq"`
	Sender  int64  `json:"sender"`
	At      int64  `json:"at"`
	Group   int64  `json:"group"`
	Private bool   `json:"private"`
	Bare    string `json:"bare"`
	Whole   string `json:"whole"`
}

// callingsOf lists whom a message of a channel calls.
func callingsOf(c calls, m *event.Message, private bool) []calling {
	all := make([]calling, 0, len(c.names)+1)
	row := calling{
		Message: m.MessageID, Channel: m.ChannelID, Seq: m.Seq, Sender: m.SenderID, At: m.CreatedAt.UnixMilli(),
		Group: m.GroupID, Private: private,
	}
	if c.everyone {
		all = append(all, row)
	}
	for _, name := range c.names {
		row.Bare, row.Whole = name.bare, name.whole
		all = append(all, row)
	}
	return all
}

// writeMentions keeps those who are called and may be, and hands them to use, in no certain order.
func writeMentions(tx *gorm.DB, statement string, callings []calling, use func(message, user int64)) error {
	data, err := store.JSON(callings)
	if err != nil {
		return err
	}
	return store.Each(tx, statement, []any{data}, func(scan store.Scanner) error {
		var message, user int64
		if err := scan(&message, &user); err != nil {
			return err
		}
		use(message, user)
		return nil
	})
}

// replaceMentions keeps whom a message calls since it was edited, in the place of those whom it called before.
func replaceMentions(tx *gorm.DB, d store.Dialect, before string, m *event.Message) error {
	m.Mentions = nil
	was, is := callsIn(before), callsIn(m.Content)
	if was.any() {
		if err := tx.Exec(`DELETE FROM mentions WHERE message_id = ?`, m.MessageID).Error; err != nil {
			return err
		}
	}
	if !is.any() {
		return nil
	}
	b := newBatch([]event.Send{{ChannelID: m.ChannelID}}, statementsOf(d), 0)
	if err := b.lock(tx); err != nil { // it is locked already; but now the statement is planned as the worker's is
		return err
	}
	callings := callingsOf(is, m, b.channels[m.ChannelID].Private)
	if err := writeMentions(tx, b.sql.call, callings, func(_, user int64) { mention(m, user) }); err != nil {
		return err
	}
	sortMentions(m)
	return nil
}

// mention adds a user to those whom a message calls, or everyone, who is user 0.
func mention(m *event.Message, user int64) {
	if m.Mentions == nil {
		m.Mentions = new(event.Mentions)
	}
	if user == 0 {
		m.Mentions.Channel = true
		return
	}
	m.Mentions.Users = append(m.Mentions.Users, user)
}

// sortMentions puts users in the order of their ids, however the database has found them.
func sortMentions(m *event.Message) {
	if m.Mentions != nil {
		slices.Sort(m.Mentions.Users)
	}
}

// mentionsOf reads a list of users, such as "7,0,3".
func mentionsOf(list string) *event.Mentions {
	if list == "" {
		return nil
	}
	var m event.Message
	for id := range strings.SplitSeq(list, ",") {
		user, _ := strconv.ParseInt(id, 10, 64) // the database has written it
		mention(&m, user)
	}
	sortMentions(&m)
	return m.Mentions
}
