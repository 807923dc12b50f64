package search

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Query is what somebody looks for: texts that have all of the wanted phrases and none of the unwanted ones.
type Query struct {
	wanted, unwanted []phrase
}

// phrase is words that follow each other.
type phrase []term

// term is a word, or the beginning of one.
type term struct {
	text   string
	prefix bool
}

// minPrefix is how many characters the last word needs for being the beginning of others, too. Shorter ones begin too many.
const minPrefix = 3

// quotes makes one kind of quotation marks of those that telephones put in by themselves.
var quotes = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`)

// Parse reads what somebody has typed. Whatever it is, it is a query: words, "phrases" in quotation marks, and -either to be left out.
// What belongs together, such as an address, is a phrase. The last word may be the beginning of one, unless something follows it.
func Parse(typed string) Query {
	var q Query
	rest := quotes.Replace(typed)
	for {
		rest = strings.TrimLeftFunc(rest, unicode.IsSpace)
		if rest == "" {
			return q
		}
		var (
			piece  string
			quoted bool
		)
		unwanted := len(rest) > 1 && rest[0] == '-'
		if unwanted {
			rest = rest[1:]
		}
		if quoted = rest[0] == '"'; quoted {
			piece, rest, _ = strings.Cut(rest[1:], `"`)
		} else {
			end := strings.IndexFunc(rest, func(r rune) bool { return r == '"' || unicode.IsSpace(r) })
			if end < 0 {
				end = len(rest)
			}
			piece, rest = rest[:end], rest[end:]
		}
		p := phraseOf(piece, !quoted && !unwanted && rest == "")
		switch {
		case len(p) == 0:
		case unwanted:
			q.unwanted = append(q.unwanted, p)
		default:
			q.wanted = append(q.wanted, p)
		}
	}
}

// phraseOf makes a phrase of the words of a text. If it is unfinished, its last word may be the beginning of one.
func phraseOf(text string, unfinished bool) phrase {
	words := split(text)
	p := make(phrase, 0, len(words))
	for i, w := range words {
		t := term{text: w.text}
		if i == len(words)-1 {
			switch {
			case w.end && i > 0 && words[i-1].dense && !words[i-1].end:
				continue // the character is in the word before, and need not end a run
			case w.end:
				t.prefix = true // alone: whatever follows it
			case unfinished && w.to == len(text) && utf8.RuneCountInString(w.text) >= minPrefix:
				t.prefix = true
			}
		}
		p = append(p, t)
	}
	return p
}

// Empty says that nothing is looked for, and nothing found.
func (q Query) Empty() bool { return len(q.wanted) == 0 }

// terms lists what a text must have, each once.
func (q Query) terms() []term {
	var all []term
	for _, p := range q.wanted {
		for _, t := range p {
			if !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	return all
}

// without lists what a text must not have. Phrases of several words are not in it: each of them may be there.
func (q Query) without() []term {
	var all []term
	for _, p := range q.unwanted {
		if len(p) == 1 && !slices.Contains(all, p[0]) {
			all = append(all, p[0])
		}
	}
	return all
}

// span is a part of a text, in bytes.
type span struct{ from, to int }

// match finds the wanted phrases in a text, in order and without overlaps. It returns none if one of them is not there, or an unwanted one is.
func (q Query) match(text string) []span {
	if q.Empty() {
		return nil
	}
	words := split(text)
	for _, p := range q.unwanted {
		if len(p.in(words)) > 0 {
			return nil
		}
	}
	var all []span
	for _, p := range q.wanted {
		found := p.in(words)
		if len(found) == 0 {
			return nil
		}
		all = append(all, found...)
	}
	return merge(all)
}

// in finds every occurrence of a phrase.
func (p phrase) in(words []word) []span {
	var found []span
	for i := 0; i+len(p) <= len(words); i++ {
		if !p.at(words[i:]) {
			continue
		}
		last := words[i+len(p)-1]
		to := last.to
		if last.dense && p[len(p)-1].prefix {
			to = last.first
		}
		found = append(found, span{words[i].from, to})
	}
	return found
}

// at says whether words begin with the phrase.
func (p phrase) at(words []word) bool {
	for i, t := range p {
		if w := words[i].text; w != t.text && (!t.prefix || !strings.HasPrefix(w, t.text)) {
			return false
		}
	}
	return true
}

// merge joins spans that touch or overlap, in order.
func merge(all []span) []span {
	slices.SortFunc(all, func(a, b span) int { return a.from - b.from })
	merged := all[:1]
	for _, s := range all[1:] {
		if last := &merged[len(merged)-1]; s.from <= last.to {
			last.to = max(last.to, s.to)
		} else {
			merged = append(merged, s)
		}
	}
	return merged
}
