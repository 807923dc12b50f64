package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const password = "correct horse"

// create makes users with one password, and returns their names.
func (s *shell) create(names ...string) {
	s.t.Helper()
	for _, name := range names {
		r := s.with(strings.NewReader(password), "user", "create", name, "--password-stdin")
		require.Zero(s.t, r.code, r.stderr)
	}
}

func TestUserCommands(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	require.Regexp(t, `^ID +USERNAME +DISPLAY NAME +STATE +CREATED\n$`, s.ok("user list"))
	require.Equal(t, "[]\n", s.ok("user list --json"))

	r := s.with(strings.NewReader(password), "user", "create", "Alice", "--display-name", "Alice L.", "--password-stdin")
	require.Equal(t, result{0, "created user alice with id 1\n", ""}, r)
	s.create("bob")
	require.Equal(t, "disabled user bob\n", s.ok("user disable bob"))
	require.Equal(t, "disabled user bob\n", s.ok("user disable 2"), "again")
	require.Regexp(t, `\n1 +alice +Alice L\. +enabled +20.*\n2 +bob +bob +disabled +20.*\n$`, s.ok("user list"))

	var listed []map[string]any
	require.NoError(t, json.Unmarshal([]byte(s.ok("user list --json")), &listed))
	require.Len(t, listed, 2)
	require.Equal(t, "Alice L.", listed[0]["displayName"])
	require.Equal(t, true, listed[1]["disabled"])
	require.EqualValues(t, 2, listed[1]["id"])

	require.Equal(t, "enabled user bob\n", s.ok("user enable BOB"))
	r = s.with(strings.NewReader("battery staple"), "user", "set-password", "bob", "--password-stdin")
	require.Equal(t, result{0, "set the password of user bob\n", ""}, r)

	_, err := os.Stat(filepath.Join(s.dir(), "jwt.secret"))
	require.ErrorIs(t, err, os.ErrNotExist, "none of this needs a secret")
}

// dir is the data directory.
func (s *shell) dir() string {
	for _, kv := range s.env {
		if dir, ok := strings.CutPrefix(kv, "PARLEY_DATA_DIR="); ok {
			return dir
		}
	}
	return ""
}

func TestUserCommandsRefuse(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.create("alice")
	for _, tc := range []struct {
		line, stdin string
		code        int
		want        string
	}{
		{"user create alice --password-stdin", password, 1, "parley: Somebody else has this username.\n"},
		{"user create x --password-stdin", password, 2, "parley: username must have 3 to 32 characters of a–z"},
		{"user create bob --password-stdin", "short", 2, "parley: password must have 8 to 256 characters\n"},
		{"user set-password alice --password-stdin", "short", 2, "parley: password must have 8 to 256 characters\n"},
		{"user set-password nobody --password-stdin", password, 1, "Nobody has the username or id \"nobody\".\n"},
		{"user disable nobody", "", 1, "Nobody has the username or id \"nobody\".\n"},
		{"user enable 7", "", 1, "Nobody has the username or id \"7\".\n"},
		{"token create --user nobody", "", 1, "Nobody has the username or id \"nobody\".\n"},
	} {
		r := s.with(strings.NewReader(tc.stdin), strings.Fields(tc.line)...)
		require.Equal(t, tc.code, r.code, tc.line)
		require.Contains(t, r.stderr, tc.want)
		require.Empty(t, r.stdout)
	}
}

func TestTokenCreate(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.create("alice", "bob")
	claims := func(printed string) (subject string, life time.Duration) {
		require.Equal(t, 1, strings.Count(printed, "\n"), "the token and nothing else")
		parts := strings.Split(strings.TrimSpace(printed), ".")
		require.Len(t, parts, 3)
		body, err := base64.RawURLEncoding.DecodeString(parts[1])
		require.NoError(t, err)
		var c struct {
			Sub string `json:"sub"`
			Iat int64  `json:"iat"`
			Exp int64  `json:"exp"`
		}
		require.NoError(t, json.Unmarshal(body, &c))
		return c.Sub, time.Duration(c.Exp-c.Iat) * time.Second
	}
	sub, life := claims(s.ok("token create --user alice"))
	require.Equal(t, "1", sub)
	require.Equal(t, 15*time.Minute, life)
	sub, life = claims(s.ok("token create --user 2 --ttl 24h"))
	require.Equal(t, "2", sub)
	require.Equal(t, 24*time.Hour, life)

	info, err := os.Stat(filepath.Join(s.dir(), "jwt.secret"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	s.ok("user disable alice")
	r := s.run("token create --user alice")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "enable the user first")
	require.Empty(t, r.stdout)
}
