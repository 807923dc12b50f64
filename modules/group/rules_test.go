package group

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/problem"
)

// text is one input of a rule: kept as want, or refused with a message that contains wrong.
type text struct{ name, in, want, wrong string }

func runTexts(t *testing.T, rule func(*checks, string) string, texts []text) {
	t.Helper()
	for _, tt := range texts {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var c checks
			kept := rule(&c, tt.in)
			if tt.wrong == "" {
				require.NoError(t, c.err())
				require.Equal(t, tt.want, kept)
				return
			}
			err := c.err()
			require.ErrorIs(t, err, problem.Invalid)
			require.Len(t, problem.From(err).Fields, 1)
			require.Contains(t, problem.From(err).Fields[0].Message, tt.wrong)
		})
	}
}

func TestGroupName(t *testing.T) {
	t.Parallel()
	runTexts(t, (*checks).groupName, []text{
		{"plain", "Ops", "Ops", ""},
		{"trimmed", " \t Ops team \u00a0", "Ops team", ""},
		{"any script", "Δοκιμή 测试 🎉", "Δοκιμή 测试 🎉", ""},
		{"joined emoji", "👩\u200d🚒", "👩\u200d🚒", ""},
		{"longest", strings.Repeat("ä", 100), strings.Repeat("ä", 100), ""},
		{"longest after trimming", strings.Repeat("ä", 100) + "  ", strings.Repeat("ä", 100), ""},
		{"too long", strings.Repeat("ä", 101), "", "longer than 100"},
		{"empty", "", "", "empty"},
		{"space only", " \t\n", "", "empty"},
		{"nothing to see", "\u200b\u200d", "", "empty"},
		{"NUL", "a\x00b", "", "control"},
		{"line feed", "a\nb", "", "control"},
		{"escape", "a\x1b[31mb", "", "control"},
		{"delete", "a\x7fb", "", "control"},
		{"C1 control", "a\u0085b", "", "control"},
		{"not UTF-8", "a\xffb", "", "UTF-8"},
	})
}

func TestDescription(t *testing.T) {
	t.Parallel()
	runTexts(t, (*checks).description, []text{
		{"empty", "", "", ""},
		{"lines", "one\r\ntwo\n\nthree\n", "one\ntwo\n\nthree", ""},
		{"longest", strings.Repeat("ä", 1000), strings.Repeat("ä", 1000), ""},
		{"too long", strings.Repeat("ä", 1001), "", "longer than 1000"},
		{"NUL", "a\x00b", "", "control"},
		{"tab", "a\tb", "", "control"},
	})
}

func TestTopic(t *testing.T) {
	t.Parallel()
	runTexts(t, (*checks).topic, []text{
		{"empty", "", "", ""},
		{"trimmed", " What we do ", "What we do", ""},
		{"longest", strings.Repeat("ä", 250), strings.Repeat("ä", 250), ""},
		{"too long", strings.Repeat("ä", 251), "", "longer than 250"},
		{"lines", "a\nb", "", "control"},
	})
}

func TestChannelName(t *testing.T) {
	t.Parallel()
	runTexts(t, (*checks).channelName, []text{
		{"plain", "general", "general", ""},
		{"signs", "a-b_2", "a-b_2", ""},
		{"capitals", "GeneRAL-Ä", "general-ä", ""},
		{"other scripts", "объявления", "объявления", ""},
		{"vowel signs", "हिन्दी", "हिन्दी", ""},
		{"decomposed", "cafe\u0301", "caf\u00e9", ""},
		{"other digits", "٣", "٣", ""},
		{"longest", strings.Repeat("ä", 64), strings.Repeat("ä", 64), ""},
		{"too long", strings.Repeat("ä", 65), "", "longer than 64"},
		{"empty", "", "", "empty"},
		{"space inside", "a b", "", "made of letters"},
		{"space around", " ab", "", "made of letters"},
		{"NUL", "a\x00", "", "made of letters"},
		{"line feed", "a\n", "", "made of letters"},
		{"punctuation", "a.b", "", "made of letters"},
		{"hash sign", "#a", "", "made of letters"},
		{"emoji", "a🎉", "", "made of letters"},
		{"not UTF-8", "a\xff", "", "made of letters"},
	})
}

func TestEveryWrongFieldIsReported(t *testing.T) {
	t.Parallel()
	var c checks
	c.groupName("")
	c.description("\x00")
	c.role("king")
	fields := problem.From(c.err()).Fields
	require.Equal(t, []problem.Field{
		{Field: "name", Message: "must not be empty"},
		{Field: "description", Message: "must not contain control characters"},
		{Field: "role", Message: "must be one of owner, admin, member"},
	}, fields)
}
