package search

import (
	"strings"
	"unicode/utf8"
)

// Part is a part of a snippet.
type Part struct {
	Text string `json:"text"`
	Hit  bool   `json:"hit"` // it is what was looked for
}

const (
	// maxSnippet is how many characters of a message a snippet shows.
	maxSnippet = 240
	// lead is how many of them come before the first hit, at most.
	lead = 60
	cut  = "…"
)

// snippet is the part of a text around the first hit, as parts: clients decide how a hit looks, and what is text stays text.
func snippet(text string, hits []span) []Part {
	from, to := 0, len(text)
	if utf8.RuneCountInString(text) > maxSnippet {
		from, to = window(text, hits[0].from)
	}
	var parts []Part
	add := func(s string, hit bool) {
		if s != "" {
			parts = append(parts, Part{s, hit})
		}
	}
	at, before := from, ""
	if from > 0 {
		before = cut
	}
	for _, h := range hits {
		if h.from >= to {
			break
		}
		add(before+text[at:h.from], false)
		before = ""
		at = min(h.to, to)
		add(text[h.from:at], true)
	}
	after := text[at:to]
	if to < len(text) {
		after += cut
	}
	add(after, false)
	return parts
}

// window is the part to show: it begins some characters before the first hit, after a space if there is one soon.
func window(text string, hit int) (from, to int) {
	from = hit
	for range lead {
		_, n := utf8.DecodeLastRuneInString(text[:from])
		from -= n
	}
	if from > 0 {
		if space := strings.IndexAny(text[from:(from+hit)/2], " \n\t"); space >= 0 {
			from += space + 1
		}
	}
	to = from
	for range maxSnippet {
		_, n := utf8.DecodeRuneInString(text[to:])
		to += n
	}
	return from, to
}
