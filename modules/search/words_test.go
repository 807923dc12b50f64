package search

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSplit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                            "",
		"  -- !?  ":                   "",
		"Hello, World!":               "hello world",
		"Größe GRÖSSE grösse":         "grosse grosse grosse",
		"Cafe\u0301 CAFÉ":             "cafe cafe",
		"Łódź, Øresund, Þór":          "lodz oresund þor",
		"Ёлка И ЕЛКА":                 "елка и елка",
		"İstanbul ısı I":              "istanbul isi i",
		"ὈΔΥΣΣΕΎΣ":                    "οδυσσευσ",
		"don't":                       "don t",
		"ann@example.com":             "ann example com",
		"https://example.com/a?b=1#c": "https example com a b 1 c",
		"foo_bar(fooBar)":             "foo bar foobar",
		"東京都":                         "東京 京都 都",
		"東京 tower":                    "東京 京 tower",
		"x東y":                         "x 東 y",
		"ｶﾞﾗｽ":                        "ガラ ラス ス",
		"데이터베이스":                      "데이 이터 터베 베이 이스 스",
		"ภาษาไทย":                     "ภา าษ ษา าไ ไท ทย ย",
		"ＦＵＬＬ　ｗｉｄｔｈ １２":               "full width 12",
		"نَصٌّ عَرَبِيّ مـــد":        "نص عربي مد",
		"שָׁלוֹם":                     "שלום",
		"हिन्दी":                      "हिन्दी",
		"👍🏽 ok 👩\u200d💻❤\ufe0f":       "👍 ok 👩 💻 ❤",
		"a\u00adb \u202eRTL":          "ab rtl",
		"\u0301\u0301 \ufe0f":         "",
		"ﬁne ½ ①":                     "fine 12 1",
	} {
		var got []string
		for _, w := range split(text) {
			got = append(got, w.text)
		}
		require.Equal(t, want, strings.Join(got, " "), text)
	}
	long := strings.Repeat("a", 70) + strings.Repeat("é", 10)
	require.Equal(t, strings.Repeat("a", maxWord), split(long)[0].text)
	require.Equal(t, strings.Repeat("e", maxWord), split(strings.Repeat("é", 70))[0].text)
}

// Whatever a text is, its words are parts of it, none is empty, and none means anything to a database.
func TestSplitAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		last := 0
		for _, w := range split(text) {
			require.NotEmpty(t, w.text)
			require.True(t, utf8.ValidString(w.text))
			require.NotContains(t, w.text, " ")
			require.False(t, strings.ContainsAny(w.text, `'"\:&|!<>()*=-+^{}`+"\x00"), "%q", w.text)
			require.LessOrEqual(t, last, w.from)
			require.Less(t, w.from, w.to)
			require.LessOrEqual(t, w.to, len(text))
			require.True(t, utf8.ValidString(text[w.from:w.to]))
			last = w.from
		}
	})
}

// shown marks the hits of a snippet.
func shown(parts []Part) string {
	var b strings.Builder
	for _, p := range parts {
		if p.Hit {
			b.WriteString("[" + p.Text + "]")
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

func TestSnippet(t *testing.T) {
	t.Parallel()
	show := func(typed, text string) string {
		return shown(snippet(text, Parse(typed).match(text)))
	}
	require.Equal(t, "[Hello], <b>[world]</b>", show("world hello", "Hello, <b>world</b>"), "text stays text")
	require.Equal(t, "say [hello world] again", show(`"hello world"`, "say hello world again"))
	require.Equal(t, "in [東京都]に", show("東京都", "in 東京都に"))
	require.Equal(t, "in [東]京都に", show("東", "in 東京都に"))
	require.Equal(t, "[programming]", show("prog", "programming"))
	require.Equal(t, "[👍]🏽", show("👍", "👍🏽"))
	require.Equal(t, "[Café] au lait", show("cafe", "Café au lait"))

	long := strings.Repeat("before ", 50) + "needle" + strings.Repeat(" after", 50)
	got := show("needle", long)
	require.True(t, strings.HasPrefix(got, "…before "), got)
	require.True(t, strings.HasSuffix(got, "…"), got)
	require.Contains(t, got, "before [needle] after")
	require.LessOrEqual(t, utf8.RuneCountInString(got), maxSnippet+4)
	require.Equal(t, "[needle]"+strings.Repeat(" after", 39)+"…", show("needle", "needle"+strings.Repeat(" after", 50)))
	require.Contains(t, show("x", strings.Repeat("é", 300)+" x"), "…"+strings.Repeat("é", lead-1)+" [x]")
}

// A snippet of a text that is short is the text, and of one that is long a part of it.
func TestSnippetAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(1, 600, -1).Draw(t, "text")
		q := Parse(rapid.StringN(1, 4, -1).Draw(t, "typed"))
		hits := q.match(text)
		if len(hits) == 0 {
			return
		}
		var b strings.Builder
		for _, p := range snippet(text, hits) {
			require.NotEmpty(t, p.Text)
			require.True(t, utf8.ValidString(p.Text))
			b.WriteString(p.Text)
		}
		if utf8.RuneCountInString(text) <= maxSnippet {
			require.Equal(t, text, b.String())
			return
		}
		require.Contains(t, text, strings.TrimSuffix(strings.TrimPrefix(b.String(), cut), cut))
	})
}
