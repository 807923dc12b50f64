package cli_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSeed(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	const line = "seed --users 12 --groups 3 --channels 7 --messages 200"
	r := s.run(line)
	require.Zero(t, r.code, r.stderr)
	require.Regexp(t, `^Added 12 users, 3 groups, \d+ memberships, 7 channels, and 200 messages with \d+ recipients in .*s\.\n`+
		`The password of made-up users is parley-demo\n$`, r.stdout)
	require.Contains(t, r.stderr, "users: 12 of 12\ngroups: 3 of 3\nmemberships: ", "plain lines, as this is no terminal")
	require.Contains(t, r.stderr, "\nmessages: 200 of 200\n")

	require.Equal(t, "There is as much already; nothing was added.\n", s.ok(line))
	r = s.run("seed --users 12 --groups 3 --channels 7 --messages 250")
	require.Contains(t, r.stdout, "Added 0 users, 0 groups, 0 memberships, 0 channels, and 50 messages with ")
	require.Contains(t, s.ok("user list"), "ada.abara")
}

func TestSeedRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"seed --users 0":                       "groups need users",
		"seed --groups 0":                      "channels and messages need groups",
		"seed --messages -5":                   "--messages must not be negative",
		"seed --groups 0 --channels 0":         "channels and messages need groups",
		"seed --users 0 --groups 0 --channels": "flag needs an argument",
	} {
		r := newShell(t).run(line)
		require.Equal(t, 2, r.code, line)
		require.Contains(t, r.stderr, want)
	}
}
