package seed

import "strings"

// everyone is whom "@channel" calls.
const everyone = 0

// callRow is a user, or everyone, whom a message calls by name.
type callRow struct {
	Channel int64 `json:"channel"`
	Seq     int64 `json:"seq"`
	User    int64 `json:"usr"`
}

// answer has a few conversations become threads: everything in them answers the first message, some of it by name. Another
// few begin by calling everyone. First says which messages begin a conversation; the very first one does.
func answer(messages []messageRow, first []bool, speakers []speaker) (calls []callRow) {
	usernames := make(map[int64]string, len(speakers))
	for _, s := range speakers {
		usernames[s.ID] = s.Username
	}
	var begin messageRow
	thread := false
	for i := range messages {
		m := &messages[i]
		chance := draw(60, m.Channel, m.Seq, callDraw)
		switch {
		case first[i]:
			if thread = chance < 12; chance == 59 {
				m.Content = "@channel " + m.Content
				calls = append(calls, callRow{m.Channel, m.Seq, everyone})
			}
			begin = *m
		case thread:
			m.Reply, m.Thread = begin.Seq, begin.Seq
			if m.Sender != begin.Sender && chance < 30 {
				m.Content = "@" + usernames[begin.Sender] + " " + m.Content
				calls = append(calls, callRow{m.Channel, m.Seq, begin.Sender})
			}
		}
	}
	return calls
}

// calls lists whom the lines of the demo call; anybody whom one of them names may read the channel.
func (c demoChannel) calls(messages []messageRow, users map[string]int64) (rows []callRow) {
	for _, m := range messages {
		for name, id := range users {
			if m.Sender != id && strings.Contains(m.Content, "@"+name) {
				rows = append(rows, callRow{m.Channel, m.Seq, id})
			}
		}
		if strings.Contains(m.Content, "@channel") {
			rows = append(rows, callRow{m.Channel, m.Seq, everyone})
		}
	}
	return rows
}
