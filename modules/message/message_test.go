package message

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/problem"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		content, hash string
		wrong         []string // fields
	}{
		"plain":                     {"hello", "a1_-Z", nil},
		"one character":             {"x", "h", nil},
		"longest":                   {strings.Repeat("é", 10), strings.Repeat("h", 64), nil},
		"surrogates are characters": {strings.Repeat("😀", 10), "h", nil},
		"too long":                  {strings.Repeat("é", 11), "h", []string{"content"}},
		"empty":                     {"", "h", []string{"content"}},
		"blank":                     {" \n\t ", "h", []string{"content"}},
		"NUL":                       {"a\x00b", "h", []string{"content"}},
		"not UTF-8":                 {"a\xff", "h", []string{"content"}},
		"no hash":                   {"a", "", []string{"hash"}},
		"hash too long":             {"a", strings.Repeat("h", 65), []string{"hash"}},
		"hash with a space":         {"a", "a b", []string{"hash"}},
		"hash with a newline":       {"a", "ab\n", []string{"hash"}},
		"hash beyond ASCII":         {"a", "é", []string{"hash"}},
		"everything at once":        {"", "", []string{"content", "hash"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Validate(tc.content, tc.hash, 10)
			if tc.wrong == nil {
				require.NoError(t, err)
				return
			}
			var p *problem.Problem
			require.ErrorAs(t, err, &p)
			require.ErrorIs(t, p, problem.Invalid)
			var fields []string
			for _, f := range p.Fields {
				fields = append(fields, f.Field)
			}
			require.Equal(t, tc.wrong, fields)
		})
	}
}
