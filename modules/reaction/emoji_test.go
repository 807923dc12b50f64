package reaction

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ written, kept string }{
		"a face":                                  {"😀", "😀"},
		"a heart":                                 {"\u2764\ufe0f", "\u2764\ufe0f"},
		"a heart as keyboards also write it":      {"\u2764", "\u2764\ufe0f"},
		"a heart as text":                         {"\u2764\ufe0e", "\u2764\ufe0f"},
		"a face with a superfluous selector":      {"😀\ufe0f", "😀"},
		"a skin tone":                             {"👍🏽", "👍🏽"},
		"a skin tone, on what is a picture by it": {"☝🏿", "☝🏿"},
		"a skin tone after a selector":            {"☝\ufe0f🏿", "☝🏿"},
		"a skin tone alone":                       {"🏽", "🏽"},
		"a family":                                {"👨\u200d👩\u200d👧\u200d👦", "👨\u200d👩\u200d👧\u200d👦"},
		"a profession":                            {"👩🏾\u200d🚒", "👩🏾\u200d🚒"},
		"two skin tones":                          {"🧑🏻\u200d❤\u200d💋\u200d🧑🏿", "🧑🏻\u200d❤\ufe0f\u200d💋\u200d🧑🏿"},
		"the rainbow flag, not qualified":         {"🏳\u200d🌈", "🏳\ufe0f\u200d🌈"},
		"a flag":                                  {"🇫🇷", "🇫🇷"},
		"a part of a country":                     {"🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"},
		"a keycap":                                {"1\ufe0f\u20e3", "1\ufe0f\u20e3"},
		"a keycap, not qualified":                 {"#\u20e3", "#\ufe0f\u20e3"},
		"a sign that is text by itself":           {"©", "©\ufe0f"},
		"of Unicode 17":                           {"🫪", "🫪"},
	} {
		got, ok := canonical(c.written)
		require.True(t, ok, name)
		require.Equal(t, c.kept, got, name)
	}
	for name, s := range map[string]string{
		"nothing":                     "",
		"a selector":                  "\ufe0f",
		"a joiner":                    "\u200d",
		"a letter":                    "a",
		"a digit":                     "1",
		"a digit with a selector":     "1\ufe0f",
		"a number sign":               "#",
		"a word":                      "thumbsup",
		"a short code":                ":+1:",
		"two faces":                   "😀😀",
		"a face and a space":          "😀 ",
		"a face and a letter":         "😀a",
		"two flags":                   "🇫🇷🇩🇪",
		"half a flag":                 "🇫",
		"no country's flag":           "🇽🇽",
		"half of a joined one":        "👨\u200d",
		"joined, but nothing by that": "😀\u200d😀",
		"a skin tone on a tree":       "🌳🏽",
		"two skin tones on one":       "👍🏽🏽",
		"a keycap of a letter":        "A\ufe0f\u20e3",
		"a star that is no emoji":     "★",
		"a combining accent":          "😀\u0301",
		"a flag that does not end":    "🏴\U000e0067\U000e0062",
		"a line":                      "😀\n",
		"not UTF-8":                   "\xf0\x9f\x98",
		"NUL":                         "😀\x00",
		"a comment of the list":       "# Copyright",
	} {
		_, ok := canonical(s)
		require.False(t, ok, name)
	}
}

// TestListOfEmoji: each is found as it is listed, and bounds hold.
func TestListOfEmoji(t *testing.T) {
	t.Parallel()
	require.Len(t, emojiForms(), 3953, "all of Unicode 17, and no two that differ by a selector alone")
	for bare, emoji := range emojiForms() {
		for _, s := range []string{bare, emoji} {
			got, ok := canonical(s)
			require.True(t, ok)
			require.Equal(t, emoji, got)
		}
		require.Less(t, utf8.RuneCountInString(emoji), maxEmojiText)
	}
}
