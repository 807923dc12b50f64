package seed

import (
	_ "embed" // the texts
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

//go:embed talk.txt
var talkScript string

// line is what one of the people in a conversation says; who numbers them from 0.
type line struct {
	who  int
	text string
}

// conversations reads talk.txt: conversations between empty lines, each line "a: text" with a letter for its speaker. A
// \n within a text begins a new line of it.
func conversations(script string) [][]line {
	var all [][]line
	for block := range strings.SplitSeq(strings.TrimSpace(script), "\n\n") {
		var lines []line
		for l := range strings.SplitSeq(block, "\n") {
			who, text, _ := strings.Cut(l, ": ")
			lines = append(lines, line{letter(who), strings.ReplaceAll(text, `\n`, "\n")})
		}
		all = append(all, lines)
	}
	return all
}

// letter is which speaker a name of one letter means.
func letter(name string) int { return int(name[0] - 'a') }

// speaker is somebody who may write to a channel.
type speaker struct {
	ID          int64
	DisplayName string
	Username    string
}

// talk is the endless conversation of one channel.
type talk struct {
	rand     *rand.Rand
	scripts  [][]line
	speakers []speaker
	order    []int // scripts that have not come up yet
	rest     []line
	cast     []int             // speakers of the current conversation, in the order of its letters
	words    map[string]string // that it has used
}

// newTalk begins a conversation between speakers, of whom there must be one at least. The same seed makes the same conversation.
func newTalk(seed uint64, scripts [][]line, speakers []speaker) *talk {
	return &talk{rand: rand.New(rand.NewPCG(prngSeed, seed)), scripts: scripts, speakers: speakers}
}

// next returns who says what next, and whether that begins a conversation.
func (t *talk) next() (senderID int64, text string, first bool) {
	if first = len(t.rest) == 0; first {
		if len(t.order) == 0 {
			t.order = t.rand.Perm(len(t.scripts))
		}
		t.rest, t.order = t.scripts[t.order[0]], t.order[1:]
		t.cast = t.rand.Perm(len(t.speakers))
		t.words = make(map[string]string)
	}
	said := t.rest[0]
	t.rest = t.rest[1:]
	return t.who(said.who).ID, t.fill(said.text), first
}

// who is the speaker that a letter stands for. Few people have several.
func (t *talk) who(letter int) speaker { return t.speakers[t.cast[letter%len(t.cast)]] }

// fill puts names, days and the like in the places that a text has for them: {a} to {d} are the names of the speakers.
func (t *talk) fill(text string) string {
	var b strings.Builder
	for {
		before, rest, open := strings.Cut(text, "{")
		b.WriteString(before)
		if !open {
			return b.String()
		}
		what, after, _ := strings.Cut(rest, "}")
		b.WriteString(t.word(what))
		text = after
	}
}

// word is the same each time within one conversation.
func (t *talk) word(what string) string {
	word, used := t.words[what]
	if !used {
		word = t.newWord(what)
		t.words[what] = word
	}
	return word
}

func (t *talk) newWord(what string) string {
	pick := func(words ...string) string { return words[t.rand.IntN(len(words))] }
	first := func(s speaker) string {
		name, _, _ := strings.Cut(s.DisplayName, " ")
		return name
	}
	switch what {
	case "a", "b", "c", "d":
		return first(t.who(letter(what)))
	case "name":
		return first(t.who(letter("e"))) // takes no part, if there are enough
	case "day":
		return pick("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
	case "time":
		return strconv.Itoa(8+t.rand.IntN(13)) + pick(":00", ":15", ":30", ":45")
	case "place":
		return pick("the old mill", "the library", "Café Linden", "the station", "the community hall", "number 12", "the boathouse")
	default:
		return strconv.Itoa(3 + t.rand.IntN(15))
	}
}

const (
	// prngSeed makes every run produce the same.
	prngSeed = 0x5061726c6579 // "Parley"
	// burst is how likely a message is part of a conversation that goes on, rather than the first after a silence.
	burst = 0.8
)

// moments are n times in ascending order, after from and not after to, in
// milliseconds since the epoch: bursts of messages with long silences in between.
func moments(r *rand.Rand, from, to int64, n int) []int64 {
	silences := make([]float64, n)
	var sum float64
	for i := range silences {
		silence := float64(3*time.Hour) * r.ExpFloat64()
		if r.Float64() < burst {
			silence = float64(40*time.Second) * r.ExpFloat64()
		}
		sum += silence
		silences[i] = sum
	}
	at := make([]int64, n)
	for i, s := range silences {
		at[i] = from + int64(float64(to-from)*s/sum)
	}
	return at
}

// mix makes one number of several, the same ones each time, that looks like a random one.
func mix(parts ...int64) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write(strconv.AppendInt(nil, p, 16))
		_, _ = h.Write([]byte{'.'})
	}
	// FNV's low bits are poor for short inputs.
	x := h.Sum64()
	x ^= x >> 31
	return x * 0x9e3779b97f4a7c15 >> 1
}

// draw is a number below n that depends on nothing but the parts.
func draw(n int, parts ...int64) int { return int(mix(parts...) >> 8 % uint64(n)) }
