package seed

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestOptionsCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, ""},
		{Options{Users: 1}, ""},
		{Options{Users: 1, Groups: 1}, ""},
		{Options{Users: 1, Groups: 2, Channels: 1, Messages: 3}, ""},
		{Options{Users: 1, Messages: -1}, "must not be negative"},
		{Options{Groups: 1}, "groups need users"},
		{Options{Users: 1, Channels: 1}, "channels and messages need groups"},
		{Options{Users: 1, Messages: 1}, "channels and messages need groups"},
	} {
		err := c.o.Check()
		if c.want == "" {
			require.NoError(t, err, "%+v", c.o)
			continue
		}
		require.ErrorContains(t, err, c.want, "%+v", c.o)
	}
}

func TestNamesDiffer(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z]+\.[a-z]+[0-9]*$`)
	people := make(map[string]bool)
	for i := range 13_000 {
		p := personAt(i)
		require.Regexp(t, form, p.username)
		require.False(t, people[p.username], p.username)
		people[p.username] = true
	}
	groups := make(map[string]bool)
	for i := range 2_000 {
		g := groupAt(i)
		require.False(t, groups[g.name], g.name)
		groups[g.name] = true
		channels := make(map[string]bool)
		for n := range 60 {
			c := g.channelAt(n)
			require.False(t, channels[c.name], c.name)
			channels[c.name] = true
		}
		require.False(t, channels["general"])
	}
}

func TestScriptsAreWhole(t *testing.T) {
	t.Parallel()
	places := regexp.MustCompile(`\{[^}]*\}`)
	known := []string{"{a}", "{b}", "{c}", "{d}", "{name}", "{day}", "{time}", "{place}", "{n}"}
	scripts := conversations(talkScript)
	require.Greater(t, len(scripts), 40)
	for _, lines := range scripts {
		for _, l := range lines {
			require.True(t, l.who >= 0 && l.who < 4, l.text)
			require.NotEmpty(t, strings.TrimSpace(l.text))
			for _, place := range places.FindAllString(l.text, -1) {
				require.Contains(t, known, place)
			}
		}
	}

	d := readDemo(demoScript)
	var people []string
	for _, p := range d.people {
		people = append(people, p.username)
	}
	for _, g := range d.groups {
		require.NotEmpty(t, g.description)
		require.Equal(t, "general", g.channels[0].name)
		for _, c := range g.channels {
			readers := c.members
			if readers == nil {
				readers = g.members
			}
			require.Subset(t, people, g.members)
			require.Subset(t, g.members, readers)
			require.NotEmpty(t, c.topic)
			for i, l := range c.lines {
				require.Contains(t, readers, l.who, l.text)
				require.NotEmpty(t, l.text)
				require.LessOrEqual(t, l.answers, i, l.text)
				require.Subset(t, readers, l.unread, l.text)
				for _, later := range c.lines[i+1:] {
					require.NotContains(t, l.unread, later.who, "has read what came before %q", later.text)
				}
				if l.pinnedBy != "" {
					require.Contains(t, readers, l.pinnedBy, l.text)
				}
				for _, r := range l.reactions {
					require.NotEmpty(t, r.emoji)
					require.NotEmpty(t, r.who, l.text)
					require.Subset(t, readers, r.who, l.text)
				}
			}
		}
	}
}

// TestPersonalChatsOfTheDemo: those who talk share a group, and say something themselves.
func TestPersonalChatsOfTheDemo(t *testing.T) {
	t.Parallel()
	d := readDemo(demoScript)
	require.NotEmpty(t, d.chats)
	for _, c := range d.chats {
		require.True(t, slices.ContainsFunc(d.groups, func(g demoGroup) bool {
			return slices.Contains(g.members, c.who[0]) && slices.Contains(g.members, c.who[1])
		}), "%v", c.who)
		require.NotEmpty(t, c.lines)
		for _, l := range c.lines {
			require.Contains(t, c.who, l.who)
			require.NotEmpty(t, l.text)
			require.Empty(t, l.reactions)
		}
	}
}

// TestReactionsAreEmoji: each is one of those that the reactions' own module takes, in its form.
func TestReactionsAreEmoji(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("../reaction/emoji.txt")
	require.NoError(t, err)
	known := strings.Split(string(list), "\n")
	require.Subset(t, known, reactionEmoji)
	n, pins := 0, 0
	for _, g := range readDemo(demoScript).groups {
		for _, c := range g.channels {
			for _, l := range c.lines {
				for _, r := range l.reactions {
					require.Contains(t, known, r.emoji)
					n++
				}
				if l.pinnedBy != "" {
					pins++
				}
			}
		}
	}
	require.Greater(t, n, 30)
	require.Greater(t, pins, 5)
}

func TestTalkGoesBackAndForth(t *testing.T) {
	t.Parallel()
	speakers := []speaker{{1, "Ada Berg", "ada"}, {2, "Ben Cruz", "ben"}, {3, "Cleo Dahl", "cleo"}, {4, "Dina Falk", "dina"}, {5, "Emil Garcia", "emil"}}
	scripts := conversations(talkScript)
	begin := func(seed uint64, speakers []speaker) func() (int64, string) {
		talk := newTalk(seed, scripts, speakers)
		return func() (int64, string) {
			who, text, _ := talk.next()
			return who, text
		}
	}

	one, same, other, alone := begin(1, speakers), begin(1, speakers), begin(2, speakers), begin(3, speakers[:1])
	said := make(map[int64]int)
	differs, lengths := 0, make(map[int]bool)
	for range 2_000 {
		who, text := one()
		sameWho, sameText := same()
		require.Equal(t, who, sameWho)
		require.Equal(t, text, sameText)
		require.True(t, utf8.ValidString(text))
		require.NotContains(t, text, "{")
		said[who]++
		lengths[len(text)] = true
		if _, otherText := other(); otherText != text {
			differs++
		}
		who, _ = alone()
		require.EqualValues(t, 1, who)
	}
	require.Len(t, said, len(speakers))
	require.Greater(t, differs, 1_000)
	require.Greater(t, len(lengths), 80, "texts of many lengths")
}

func TestMomentsAscendWithinTheirTime(t *testing.T) {
	t.Parallel()
	p := part{channel: channelState{ID: 7, CreatedAt: 10 * day}, moments: make([]int64, 500)}
	p.plan(100 * day)
	require.True(t, slices.IsSorted(p.moments))
	require.GreaterOrEqual(t, p.moments[0], 58*day)
	require.LessOrEqual(t, p.moments[499], 100*day)

	late := part{channel: channelState{ID: 7, CreatedAt: 10 * day, LastAt: 100 * day}, moments: make([]int64, 3)}
	late.plan(100 * day)
	require.Equal(t, []int64{100 * day, 100 * day, 100 * day}, late.moments, "not before the last message, nor in the future")
}

func TestBatchesAreBoundedByRows(t *testing.T) {
	t.Parallel()
	parts := []*part{
		{channel: channelState{ID: 1, Members: 9}, moments: make([]int64, 5)},
		{channel: channelState{ID: 2, Members: 5_000}, moments: make([]int64, 70)}, // above the eager limit: a row a message
		{channel: channelState{ID: 3, Members: 999}, moments: make([]int64, 2)},
	}
	var taken [][]int
	for batch := takeParts(parts, 100, 1000); len(batch) > 0; batch = takeParts(parts, 100, 1000) {
		var ns []int
		for _, p := range batch {
			ns = append(ns, int(p.channel.ID), p.n)
		}
		taken = append(taken, ns)
		finish(parts, batch)
	}
	require.Equal(t, [][]int{{1, 5, 2, 50}, {2, 20}, {3, 1}, {3, 1}}, taken)
}

func TestPlanMessagesSharesEverythingOut(t *testing.T) {
	t.Parallel()
	channels := []channelState{{ID: 1, Name: "general", LastSeq: 5}, {ID: 2, Name: "random"}, {ID: 3, Name: "help"}}
	for total := range 300 {
		n := 0
		for _, p := range planMessages(total, channels) {
			n += len(p.moments)
		}
		require.Equal(t, max(0, total-5), n)
	}
}
