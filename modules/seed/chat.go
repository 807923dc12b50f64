package seed

import (
	"fmt"
	"math/rand/v2"
)

// playChat makes a personal chat, whose last message was sent before until. Each of the two has got everything, and has read what the other one had said before the last answer.
func (s *Seeder) playChat(t tables, c demoChat, users map[string]int64, until int64) error {
	one, other := users[c.who[0]], users[c.who[1]]
	n := len(c.lines)
	row := chatRow{Low: min(one, other), High: max(one, other), Last: int64(n), At: until - demoSince}
	at := moments(rand.New(rand.NewPCG(prngSeed, uint64(row.Low<<32|row.High))), until-demoSince, until, n)
	rows := make([]personalRow, n)
	for i, l := range c.lines {
		seq := int64(i + 1)
		rows[i] = personalRow{Seq: seq, Sender: users[l.who], Hash: fmt.Sprintf("demo-%d", seq), Content: l.text, At: at[i]}
		switch {
		case one == other:
			row.LowRead = seq
		case rows[i].Sender == row.Low: // and so has read what was said before
			row.LowRead, row.LowUnread = seq, 0
			row.HighUnread++
		default:
			row.HighRead, row.HighUnread = seq, 0
			row.LowUnread++
		}
	}
	row.Latest = at[n-1]
	return t.insertChat(row, rows)
}
