package user

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUsernameRule(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"ann":                   "ann",
		"Ann":                   "ann",
		"0x_.-":                 "0x_.-",
		strings.Repeat("a", 32): strings.Repeat("a", 32),
		"":                      "",
		"an":                    "",
		strings.Repeat("a", 33): "",
		"_ann":                  "",
		".ann":                  "",
		"-ann":                  "",
		" ann":                  "",
		"ann ":                  "",
		"an n":                  "",
		"ann@x":                 "",
		"änn":                   "",
		"\u212aelvin":           "", // the sign for kelvin, which Unicode folds to k
		"ann\x00":               "",
		"ann\xff":               "",
	} {
		var c checks
		require.Equal(t, want, c.username(given), "%q", given)
		require.Equal(t, want == "", c.err() != nil, "%q", given)
	}
}

func TestPasswordRule(t *testing.T) {
	t.Parallel()
	for given, ok := range map[string]bool{
		"12345678":                true,
		"        ":                true,
		"пароль!!":                true, // counted in characters
		strings.Repeat("ä", 256):  true,
		"1234567":                 false,
		"":                        false,
		strings.Repeat("ä", 257):  false,
		"12345678\xff":            false,
		"correct horse battery 🐎": true,
	} {
		var c checks
		c.password("password", given)
		require.Equal(t, ok, c.err() == nil, "%q", given)
	}
}

func TestDisplayNameRule(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Ann":                    "Ann",
		"  Ann Example \t":       "Ann Example",
		"Ænn 🦊":                  "Ænn 🦊",
		strings.Repeat("ä", 64):  strings.Repeat("ä", 64),
		"A":                      "A",
		"":                       "-",
		"   ":                    "-",
		"\u200b\u2060":           "-", // nothing to see
		strings.Repeat("ä", 65):  "-",
		"Ann\nExample":           "-",
		"Ann\x1b[31m":            "-",
		"Ann\xff":                "-",
		"\u200fعائشة":            "\u200fعائشة",
		"\n" + "Ann" + "\u0085 ": "Ann",
	} {
		var c checks
		kept := c.displayName(given)
		require.Equal(t, want == "-", c.err() != nil, "%q", given)
		if want != "-" {
			require.Equal(t, want, kept)
		}
	}
}

func TestRegistrationReportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 65)
	_, err := Registration{Username: "!", Password: "short", DisplayName: &long}.check()
	require.ErrorContains(t, err, "validation_failed")

	empty := ""
	for _, r := range []Registration{
		{Username: "Ann", Password: "12345678"},
		{Username: "Ann", Password: "12345678", DisplayName: &empty},
	} {
		account, err := r.check()
		require.NoError(t, err)
		require.Equal(t, "ann", account.Username)
		require.Equal(t, "ann", account.DisplayName)
	}
}

func TestPatternsAreLiteral(t *testing.T) {
	t.Parallel()
	require.Equal(t, `100\%\_\\%`, beginsWith(`100%_\`))
}
