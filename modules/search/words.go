package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// word is a word of a text, as both the index and queries have it. In scripts that put no spaces between words, each character together with
// the next one is a word, and so is the last one alone: whatever part of a sentence somebody looks for is then a row of such words.
type word struct {
	text     string // folded: without case, accents and differences of form
	from, to int    // its place, in bytes
	first    int    // where its first character ends
	dense    bool   // of a script without spaces
	end      bool   // the last character of a dense run, alone
}

// maxWord is how many characters of a word count. What is longer is no word.
const maxWord = 64

// dense are the scripts that put no spaces between words, or, like Korean, only between what others would call phrases.
var dense = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Yi,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
}

// kind is what a character is for the words around it.
type kind int

const (
	separates kind = iota
	belongs        // to a word
	stands         // as a character of a script without spaces
	symbol         // a word of its own, such as an emoji
	joins          // what is before it, whatever that is: accents, vowel signs
	ignored
)

func kindOf(r rune) kind {
	switch {
	case r < utf8.RuneSelf:
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' {
			return belongs
		}
		return separates
	case 0x1f3fb <= r && r <= 0x1f3ff: // the colour of skin
		return ignored
	case 0x1f000 <= r && r <= 0x1fbff, r >= 0x2190 && unicode.Is(unicode.So, r):
		return symbol
	case 0x1160 <= r && r <= 0x11ff: // the vowel or the end of a Korean syllable
		return joins
	case r == 'ﾞ', r == 'ﾟ': // the marks of a half-width kana
		return joins
	case r == 'ー', r == 'ｰ': // they make a kana long
		return stands
	case unicode.IsMark(r):
		return joins
	case unicode.IsLetter(r), unicode.IsNumber(r):
		if r >= 0x0e00 && unicode.IsOneOf(dense, r) {
			return stands
		}
		return belongs
	case unicode.Is(unicode.Cf, r): // invisible, such as a soft hyphen
		return ignored
	}
	return separates
}

// split takes a text apart into its words, in their order.
func split(text string) []word {
	s := splitter{text: text, words: make([]word, 0, len(text)/5+1)}
	for at, r := range text {
		s.take(at, at+utf8.RuneLen(r), kindOf(r))
	}
	s.endWord()
	s.endRun()
	return s.words
}

// splitter is the state of split. Either a word is open, or a run of characters of a script without spaces, or neither.
type splitter struct {
	text     string
	words    []word
	open     bool
	from, to int    // of the open word
	run      []word // the characters of the open run
}

func (s *splitter) take(from, to int, k kind) {
	switch k {
	case ignored:
		return
	case joins:
		switch {
		case s.open:
			s.to = to
		case len(s.run) > 0:
			s.run[len(s.run)-1].to = to
		}
		return
	case belongs:
		s.endRun()
		if !s.open {
			s.open, s.from = true, from
		}
		s.to = to
		return
	}
	s.endWord()
	if k == stands {
		s.run = append(s.run, word{from: from, to: to, dense: true})
		return
	}
	s.endRun()
	if k == symbol {
		s.words = append(s.words, word{text: s.text[from:to], from: from, to: to, first: to})
	}
}

func (s *splitter) endWord() {
	if !s.open {
		return
	}
	s.open = false
	if text := fold(s.text[s.from:s.to]); text != "" {
		s.words = append(s.words, word{text: shorten(text), from: s.from, to: s.to, first: s.to})
	}
}

// endRun makes words of the characters of a run: each with the next one, and the last one.
func (s *splitter) endRun() {
	if len(s.run) == 0 {
		return
	}
	for i := range s.run {
		c := &s.run[i]
		c.text, c.first = foldDense(s.text[c.from:c.to]), c.to
	}
	for i, c := range s.run {
		if i+1 < len(s.run) {
			c.text += s.run[i+1].text
			c.to = s.run[i+1].to
		} else {
			c.end = true
		}
		if c.text != "" {
			s.words = append(s.words, c)
		}
	}
	s.run = s.run[:0]
}

// shorten cuts what is no word any more.
func shorten(text string) string {
	if len(text) <= maxWord {
		return text
	}
	n := 0
	for at := range text {
		if n == maxWord {
			return text[:at]
		}
		n++
	}
	return text
}

// foldDense folds a character of a script without spaces. Nearly all of them are as they should be.
func foldDense(c string) string {
	if r, n := utf8.DecodeRuneInString(c); n == len(c) &&
		(0x3041 <= r && r <= 0x30ff || 0x3400 <= r && r <= 0x9fff || 0xac00 <= r && r <= 0xd7a3) {
		return c
	}
	return fold(c)
}

// fold makes the same of what people take for the same word: without case, accents, width, ligatures. Vowels of scripts that write
// them above and below the letters (Hindi, say) stay; those that are usually left out (Arabic, Hebrew) do not.
func fold(w string) string {
	ascii := true
	for i := range len(w) {
		if w[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(w)
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(w) {
		r = unicode.ToLower(r)
		if plain, special := plainly[r]; special {
			b.WriteString(plain)
			continue
		}
		if !accent(r) && (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)) {
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(b.String())
}

// plainly is how letters are written that have no accent to be taken away, and yet are one for those who cannot type them.
var plainly = map[rune]string{'ß': "ss", 'ς': "σ", 'ı': "i", 'ø': "o", 'ł': "l", 'đ': "d", 'æ': "ae", 'œ': "oe"}

// accent says that a mark, or the Arabic stroke that only makes words longer, does not make another word.
func accent(r rune) bool {
	switch {
	case r < 0x0300:
		return false
	case r <= 0x036f, // Latin, Greek, Cyrillic
		0x0591 <= r && r <= 0x05c7,                           // Hebrew
		r == 0x0640, 0x064b <= r && r <= 0x065f, r == 0x0670, // Arabic
		0x1ab0 <= r && r <= 0x1aff, 0x1dc0 <= r && r <= 0x1dff, // more of the first
		0x20d0 <= r && r <= 0x20ff, 0xfe00 <= r && r <= 0xfe0f: // around symbols; forms of them
		return true
	}
	return false
}
