package loadtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// model is a sequence written as simply as possible.
type model struct {
	known            map[int64]bool
	connection       map[int64]bool // what the connection was sent
	highest, excused int64
	late, twice      int
	unexplainedJumps []map[int64]bool
	jumpedAt         []time.Duration
	past             int // jumps of earlier connections
}

func (m *model) arrive(seq int64, catchingUp bool, now time.Duration) {
	m.known[seq] = true
	if m.connection[seq] {
		m.twice++
		return
	}
	if seq < m.highest {
		m.late++
		for _, j := range m.unexplainedJumps[m.past:] {
			delete(j, seq)
		}
	} else if len(m.connection) > 0 && seq > m.highest+1 && !catchingUp {
		over := make(map[int64]bool)
		for s := m.highest + 1; s < seq; s++ {
			if s > m.excused {
				over[s] = true
			}
		}
		m.unexplainedJumps, m.jumpedAt = append(m.unexplainedJumps, over), append(m.jumpedAt, now)
	}
	m.connection[seq] = true
	m.highest = max(m.highest, seq)
}

func (m *model) jumps() (n int) {
	for _, j := range m.unexplainedJumps {
		if len(j) > 0 {
			n++
		}
	}
	return n
}

// Whatever comes, in whatever order, over whatever connections: the sequence counts as its model does.
func TestSequence(t *testing.T) {
	t.Parallel()
	const base, top = 5, 25
	mark := func(seq int64) uint64 { return mix(uint64(seq)) }
	rapid.Check(t, func(t *rapid.T) {
		ch := &channel{base: base}
		for seq := int64(base + 1); seq <= top; seq++ {
			ch.history.entries = append(ch.history.entries, entry{seq, seq - base - 1, mark(seq)})
			ch.history.sum += mark(seq)
		}
		s := &sequence{channel: ch, top: base, last: base}
		m := &model{known: map[int64]bool{}, connection: map[int64]bool{base: true}, highest: base}
		late, twice := 0, 0
		now := time.Duration(0)
		next := int64(base + 1)
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			now += time.Second
			switch rapid.SampledFrom([]string{"next", "next", "next", "any", "reconnect", "resync", "caught up", "history"}).Draw(t, "step") {
			case "next":
				if next > top {
					continue
				}
				verdict, _ := s.arrive(next, mark(next), now)
				m.arrive(next, s.due != s.done, now)
				late, twice = count(verdict, late, twice)
				next++
			case "any":
				seq := rapid.Int64Range(base+1, top).Draw(t, "seq")
				next = max(next, seq+1)
				m.arrive(seq, s.due != s.done, now)
				verdict, _ := s.arrive(seq, mark(seq), now)
				late, twice = count(verdict, late, twice)
			case "reconnect":
				s.reconnected()
				m.connection, m.highest = map[int64]bool{}, 0
				m.past = len(m.unexplainedJumps)
			case "resync":
				s.resync(now)
				for i, at := range m.jumpedAt {
					if now-at <= resyncGrace {
						m.unexplainedJumps[i] = nil
					}
				}
			case "caught up":
				s.caughtUp(s.due)
				for seq := range m.known {
					m.excused = max(m.excused, seq)
				}
			case "history":
				for seq := s.missing() + 1; seq < next; seq++ {
					s.learn(seq, mark(seq))
					m.known[seq] = true
				}
			}
		}
		require.Equal(t, m.late, late)
		require.Equal(t, m.twice, twice)
		require.EqualValues(t, len(m.known), s.known)
		require.Len(t, s.jumps, m.jumps())
		incomplete := make([]bool, top-base)
		lost, sum := s.unknown(&ch.history, incomplete)
		require.Equal(t, top-base-len(m.known), lost)
		require.Equal(t, ch.history.sum, s.sum+sum)
		for n, missing := range incomplete {
			require.Equal(t, !m.known[int64(n)+base+1], missing)
		}
	})
}

func count(verdict arrival, late, twice int) (int, int) {
	switch verdict {
	case arrivedLate:
		late++
	case arrivedTwice:
		twice++
	case arrivedInOrder:
	}
	return late, twice
}

// RESYNC explains the jumps right before it, and not those of long ago.
func TestResyncGrace(t *testing.T) {
	t.Parallel()
	s := &sequence{channel: &channel{}}
	s.last, s.top = 1, 1
	s.arrive(3, 0, time.Second)
	s.arrive(5, 0, 9*time.Second)
	s.resync(12 * time.Second)
	require.Len(t, s.jumps, 1)
	require.Equal(t, span{2, 2}, s.jumps[0].over)
}
