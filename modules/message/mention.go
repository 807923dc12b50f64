package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxCalls is how many different names in one text count.
const maxCalls = 50

// everyone is the name that calls all who may read the channel.
const everyone = "channel"

// Lengths of usernames, in characters; see the module of users.
const (
	minName = 3
	maxName = 32
)

// calls is whom a text calls by name; who that is, and may be called, nobody has looked up yet.
type calls struct {
	names    []call
	everyone bool
}

// call is a name in lower case. What ends it may be part of it or of the sentence: bare is what is left without, and
// counts if there is somebody of that name.
type call struct{ bare, whole string }

func (c *calls) any() bool { return c.everyone || len(c.names) > 0 }

// add notes a name as it was written: it begins with a letter or digit.
func (c *calls) add(name string) {
	whole := strings.ToLower(name)
	bare := strings.TrimRight(whole, "._-")
	if bare == everyone {
		c.everyone = true
		return
	}
	if len(whole) > maxName {
		whole = bare
	}
	if len(bare) < minName {
		bare = whole
	}
	if len(bare) < minName || len(bare) > maxName || len(c.names) == maxCalls {
		return
	}
	for _, known := range c.names {
		if known == (call{bare, whole}) {
			return
		}
	}
	c.names = append(c.names, call{bare, whole})
}

// callsIn finds whom a text calls, as @name or @channel. Code does not call anybody, nor what is part of a word, an e-mail
// address or a URL. It takes time in proportion to the text's length, and nothing for a text without an @.
func callsIn(text string) calls {
	var found calls
	if strings.IndexByte(text, '@') < 0 {
		return found
	}
	var (
		fence string // the marks that began a block of code; "" outside
		begin int    // of the paragraph
	)
	for at := 0; at < len(text); {
		line := text[at:]
		if i := strings.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		end := at + len(line)
		marks, info := fenceOf(line)
		switch {
		case fence != "":
			if strings.HasPrefix(marks, fence) && info == "" {
				fence = ""
			}
			begin = end
		case marks != "":
			found.paragraph(text[begin:at])
			fence, begin = marks, end
		case strings.TrimSpace(line) == "":
			found.paragraph(text[begin:at])
			begin = end
		}
		at = end
	}
	found.paragraph(text[begin:])
	return found
}

// fenceOf returns the three or more ` or ~ that a line begins or ends a block of code with, and what follows them.
func fenceOf(line string) (marks, info string) {
	line = strings.TrimLeft(line, " \t>") // in lists and quotations, too
	if line == "" || line[0] != '`' && line[0] != '~' {
		return "", ""
	}
	n := run(line)
	if n < 3 || line[0] == '`' && strings.IndexByte(line[n:], '`') >= 0 {
		return "", ""
	}
	return line[:n], strings.TrimSpace(line[n:])
}

// run is how often a text's first character, an ASCII one, is repeated at its beginning.
func run(text string) int {
	n := 1
	for n < len(text) && text[n] == text[0] {
		n++
	}
	return n
}

// paragraph finds calls in a text without empty lines and blocks of code.
func (c *calls) paragraph(text string) {
	if strings.IndexByte(text, '@') < 0 {
		return
	}
	var (
		ends   = lastRuns(text)
		inWord bool // an @ here would be part of what is before it
		called = -1 // where the last call ended
		size   int  // of the character at hand
		r      rune // that one
	)
	for at := 0; at < len(text); at += size {
		r, size = utf8.DecodeRuneInString(text[at:])
		switch {
		case r == '@':
			end, ok := nameEnd(text, at+1)
			if ok && !inWord {
				c.add(text[at+1 : end])
				called = end
			}
			size, inWord = end-at, true
		case r == '`':
			size, inWord = run(text[at:]), false
			if ends[size] > at {
				size = spanEnd(text, at+size, size) - at
			}
		case r == '\\' && at+1 < len(text) && text[at+1] < utf8.RuneSelf:
			size, inWord = 2, false // an escaped mark is none
		case r == '/':
			inWord = at != called // names may be separated by it
		case beginsURL(text[at:], inWord):
			if i := strings.IndexAny(text[at:], " \t\r\n<>\""); i >= 0 {
				size = i
			} else {
				size = len(text) - at
			}
			inWord = true
		case r < utf8.RuneSelf && strings.IndexByte("_*~-+=&%#$", byte(r)) >= 0:
			// Emphasis around a name, or part of a word or address: it depends on what was before.
		default:
			inWord = continues(r)
		}
	}
}

// beginsURL says whether a text begins with what follows a scheme, or with www.
func beginsURL(text string, inWord bool) bool {
	if inWord {
		return text[0] == ':' && strings.HasPrefix(text, "://")
	}
	return text[0]|0x20 == 'w' && len(text) > 4 && strings.EqualFold(text[:4], "www.")
}

// nameEnd returns the end of the name that begins at a place, and whether it may call somebody.
func nameEnd(text string, begin int) (end int, ok bool) {
	end = begin
	for end < len(text) && inName(text[end]) {
		end++
	}
	if end == begin || strings.IndexByte("._-", text[begin]) >= 0 {
		return end, false
	}
	next, _ := utf8.DecodeRuneInString(text[end:])
	return end, next != '@' && !continues(next)
}

func inName(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '.' || b == '-'
}

// continues says whether a character joins what is beside it to one word. Scripts that put no spaces between words do not.
func continues(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	}
	return (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)) &&
		!unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// lastRuns finds, for each number of backticks in a row, where the last such row begins. Only a row that is followed by one of
// the same length begins a span of code; without this, each that does not would be looked for to the text's end.
func lastRuns(text string) map[int]int {
	var last map[int]int
	for at := 0; at < len(text); at++ {
		if text[at] != '`' {
			continue
		}
		if last == nil {
			last = make(map[int]int)
		}
		n := run(text[at:])
		last[n] = at
		at += n
	}
	return last
}

// spanEnd returns the end of a span of code, from where its content begins, which ends with n backticks in a row.
func spanEnd(text string, at, n int) int {
	for {
		at += strings.IndexByte(text[at:], '`')
		size := run(text[at:])
		at += size
		if size == n {
			return at
		}
	}
}
