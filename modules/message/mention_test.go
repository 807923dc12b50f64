package message

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// named lists the names of calls as they count first.
func named(c calls) []string {
	var names []string
	for _, n := range c.names {
		names = append(names, n.bare)
	}
	if c.everyone {
		names = append(names, "*")
	}
	return names
}

func TestCallsIn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"nobody":                           {"hello", nil},
		"empty":                            {"", nil},
		"alone":                            {"@ann", []string{"ann"}},
		"in a sentence":                    {"Have you seen @ann and @ben?", []string{"ann", "ben"}},
		"capitals":                         {"@ANN, @Ben", []string{"ann", "ben"}},
		"the same twice":                   {"@ann @Ann @ann", []string{"ann"}},
		"everybody":                        {"@channel: lunch!", []string{"*"}},
		"everybody, loudly":                {"@CHANNEL", []string{"*"}},
		"everybody and somebody":           {"@channel and @ann", []string{"ann", "*"}},
		"a name that begins like everyone": {"@channels @channel-two", []string{"channels", "channel-two"}},
		"all that a name may have":         {"@a.b_c-9 @9to5", []string{"a.b_c-9", "9to5"}},
		"the end of a sentence":            {"Thanks @ann. And @ben... @cat- @dan_", []string{"ann", "ben", "cat", "dan"}},
		"punctuation around":               {`(@ann) [@ben] "@cat" '@dan' <@eve> {@fay} @gus, @hal; @ida! @jon: @kai?`, []string{"ann", "ben", "cat", "dan", "eve", "fay", "gus", "hal", "ida", "jon", "kai"}},
		"a possessive":                     {"@ann's idea", []string{"ann"}},
		"emphasis":                         {"*@ann* **@ben** _@cat_ ~~@dan~~ ||@eve||", []string{"ann", "ben", "cat", "dan", "eve"}},
		"either":                           {"@ann/@ben", []string{"ann", "ben"}},
		"a dash or dots before":            {"well…@ann - -@ben so...@cat", []string{"ann", "ben", "cat"}},
		"several lines":                    {"@ann\n@ben\r\n\n@cat", []string{"ann", "ben", "cat"}},
		"an emoji beside it":               {"👋@ann👋", []string{"ann"}},
		"no spaces between words":          {"你好@ann你好", []string{"ann"}},

		"an e-mail address":        {"write to bob@ann.org or a.b+c-@ann.org", nil},
		"a word":                   {"foo@ann foo_@ann é@ann 7@ann", nil},
		"a word goes on":           {"@annä @ann@ben.social", nil},
		"twice":                    {"@@ann", nil},
		"a space":                  {"@ ann", nil},
		"too short and too long":   {"@al @" + strings.Repeat("a", 33), nil},
		"as long as may be":        {"@" + strings.Repeat("a", 32) + ".", []string{strings.Repeat("a", 32)}},
		"as short as may be":       {"@al_ @al.", []string{"al_", "al."}},
		"begins with a mark":       {"@.ann @_ann @-ann", nil},
		"a URL":                    {"https://example.org/@ann and http://x/?to=@ben&@cat", nil},
		"after a URL":              {"https://example.org @ann <https://x/@y>@ben", []string{"ann", "ben"}},
		"a link":                   {"[@ann](https://example.org/@ben) @cat", []string{"ann", "cat"}},
		"a URL without its scheme": {"WWW.example.org/@ann www.x/(@ben)", nil},
		"a path":                   {"example.org/@ann and/@ben", nil},
		"escaped":                  {`\@ann \\@ben`, []string{"ben"}},

		"code":                       {"`@ann` ``@ben`` and @cat", []string{"cat"}},
		"code with ticks in it":      {"`` `@ann` `` @ben", []string{"ben"}},
		"a tick":                     {"it`s @ann", []string{"ann"}},
		"ticks that do not match":    {"``@ann` @ben", []string{"ann", "ben"}},
		"an escaped tick":            {"\\`@ann` @ben", []string{"ann", "ben"}},
		"code ends at its paragraph": {"a ` tick\n\n@ann and ` another", []string{"ann"}},
		"code over two lines":        {"`a\n@ann`", nil},
		"block":                      {"@ann\n```go\n@ben\n\n@cat\n```\n@dan", []string{"ann", "dan"}},
		"block of tildes":            {"~~~\n@ann\n```\n@ben\n~~~~\n@cat", []string{"cat"}},
		"block that does not end":    {"```\n@ann", nil},
		"block in a list":            {"- so:\n   ```\n   @ann\n   ```\n> ```\n> @ben\n> ```\n@cat", []string{"cat"}},
		"no block on one line":       {"```@ann``` @ben", []string{"ben"}},
		"a longer block":             {"````\n```\n@ann\n````\n@ben", []string{"ben"}},
		"a block with words behind":  {"```\n@ann\n``` no\n@ben\n```", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, named(callsIn(tc.text)))
		})
	}
}

// What may be part of a name, or of the sentence, is left to those who know the names.
func TestACallMayEndWithPunctuation(t *testing.T) {
	t.Parallel()
	require.Equal(t, []call{{"ann", "ann"}, {"ben", "ben_"}, {"cat", "cat..."}}, callsIn("@ann @ben_ @Cat...").names)
}

func TestCallsAreBounded(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 3 * maxCalls {
		fmt.Fprintf(&text, "@user%d ", i)
	}
	text.WriteString("@channel")
	found := callsIn(text.String())
	require.Len(t, found.names, maxCalls)
	require.Equal(t, "user49", found.names[maxCalls-1].bare)
	require.True(t, found.everyone)
}

// TestCallsInHostileTexts: none takes more than time in proportion to its length.
func TestCallsInHostileTexts(t *testing.T) {
	t.Parallel()
	var ticks strings.Builder
	for n := 1; ticks.Len() < 1<<18; n++ {
		ticks.WriteString(strings.Repeat("`", n) + "@a ")
	}
	for name, text := range map[string]string{
		"ticks of all lengths": ticks.String(),
		"at":                   strings.Repeat("@", 1<<18),
		"names":                strings.Repeat("@aaa", 1<<16),
		"one name":             "@" + strings.Repeat("a.", 1<<17),
		"underscores":          strings.Repeat("_@", 1<<17),
		"escapes":              strings.Repeat(`\@`, 1<<17),
		"URLs":                 strings.Repeat("a://@ ", 1<<15),
		"www":                  strings.Repeat("@www.", 1<<15),
		"fences":               strings.Repeat("```\n@abc\n", 1<<14),
		"empty lines":          strings.Repeat("\n", 1<<18) + "@ann",
		"half characters":      strings.Repeat("@\xe4\xbd", 1<<16),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			callsIn(text)
			require.Less(t, time.Since(begin), 5*time.Second)
		})
	}
}

func FuzzCallsIn(f *testing.F) {
	for _, seed := range []string{"@ann", "`@ann` ``", "```\n@ann\n```", "https://x/@y", "\\@ann\\", "a@b", "@channel.", "@\xff", "~~~@", "> ```\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found := callsIn(text)
		require.LessOrEqual(t, len(found.names), maxCalls)
		folded := strings.ToLower(text)
		for _, n := range found.names {
			require.Contains(t, folded, "@"+n.bare)
			require.True(t, strings.HasPrefix(n.whole, n.bare))
			for _, name := range []string{n.bare, n.whole} {
				require.True(t, len(name) >= minName && len(name) <= maxName && !slices.Contains([]byte("._-"), name[0]), name)
			}
		}
		if found.any() {
			require.Contains(t, text, "@")
		}
	})
}

func BenchmarkCallsIn(b *testing.B) {
	for name, text := range map[string]string{
		"plain":   "The quick brown fox jumps over the lazy dog.",
		"long":    strings.Repeat("The quick brown fox jumps over the lazy dog. ", 88),
		"address": strings.Repeat("Write to someone@example.org or say `@nothing`. ", 80),
		"calls":   "Could @ann or @ben have a look at this, please?",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				callsIn(text)
			}
		})
	}
}
