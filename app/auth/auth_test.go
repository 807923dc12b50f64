package auth_test

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/auth"
	"parley/app/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	secret = []byte("0123456789abcdef0123456789abcdef")
	noon   = time.Date(2030, 1, 2, 12, 0, 0, 999e6, time.UTC)
)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func newTokens(t *testing.T, now time.Time) *auth.Tokens {
	t.Helper()
	tokens, err := auth.NewTokens(secret, 15*time.Minute, at(now))
	require.NoError(t, err)
	return tokens
}

func TestTokenRoundTrip(t *testing.T) {
	t.Parallel()
	tokens := newTokens(t, noon)
	for _, tc := range []struct {
		name   string
		id     int64
		family string
		ttl    time.Duration
		life   time.Duration
	}{
		{"usual life", 7, "f1", 0, 15 * time.Minute},
		{"another life, no family", 1<<53 - 1, "", time.Hour, time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			token, expires, err := tokens.Issue(tc.id, tc.family, tc.ttl)
			require.NoError(t, err)
			require.Equal(t, noon.Truncate(time.Second).Add(tc.life), expires)
			claims, err := tokens.Verify(token)
			require.NoError(t, err)
			require.Equal(t, auth.Claims{UserID: tc.id, Family: tc.family, ExpiresAt: expires}, claims)

			_, err = newTokens(t, expires.Add(-time.Millisecond)).Verify(token)
			require.NoError(t, err, "up to its last moment")
			_, err = newTokens(t, expires).Verify(token)
			require.ErrorIs(t, err, auth.ErrTokenExpired)
		})
	}
}

// sign makes a token of any kind.
func sign(t *testing.T, method jwt.SigningMethod, key any, claims jwt.Claims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	require.NoError(t, err)
	return token
}

// respelled changes those bits of the last letter that stand for nothing: 43 letters hold 258 bits, and a signature has 256.
func respelled(token string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(token) - 1
	return token[:last] + string(letters[strings.IndexByte(letters, token[last])+1])
}

func TestTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	hs256 := jwt.SigningMethodHS256
	later := jwt.NewNumericDate(noon.Add(time.Hour))
	good := jwt.RegisteredClaims{Subject: "7", ExpiresAt: later}
	valid := sign(t, hs256, secret, good)
	parts := strings.Split(valid, ".")
	swapped := parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"1","exp":9999999999}`)) + "." + parts[2]
	subject := func(s string) string {
		return sign(t, hs256, secret, jwt.RegisteredClaims{Subject: s, ExpiresAt: later})
	}

	for _, tc := range []struct {
		name, token string
		want        *problem.Problem
	}{
		{"none", "", auth.ErrTokenMissing},
		{"text", "abc", auth.ErrTokenInvalid},
		{"dots", "..", auth.ErrTokenInvalid},
		{"huge", strings.Repeat("a", 1<<20), auth.ErrTokenInvalid},
		{"unsigned", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good), auth.ErrTokenInvalid},
		{"other algorithm of the same key", sign(t, jwt.SigningMethodHS512, secret, good), auth.ErrTokenInvalid},
		{"other key", sign(t, hs256, []byte("another key that is long enough!"), good), auth.ErrTokenInvalid},
		{"signature cut off", parts[0] + "." + parts[1] + ".", auth.ErrTokenInvalid},
		{"other payload", swapped, auth.ErrTokenInvalid},
		{"other key and expired", sign(t, hs256, []byte("another key that is long enough!"),
			jwt.RegisteredClaims{Subject: "7", ExpiresAt: jwt.NewNumericDate(noon.Add(-time.Hour))}), auth.ErrTokenInvalid},
		{"expired", sign(t, hs256, secret,
			jwt.RegisteredClaims{Subject: "7", ExpiresAt: jwt.NewNumericDate(noon.Add(-time.Hour))}), auth.ErrTokenExpired},
		{"never expires", sign(t, hs256, secret, jwt.RegisteredClaims{Subject: "7"}), auth.ErrTokenInvalid},
		{"not yet valid", sign(t, hs256, secret, jwt.RegisteredClaims{Subject: "7", ExpiresAt: later, NotBefore: later}), auth.ErrTokenInvalid},
		{"no subject", subject(""), auth.ErrTokenInvalid},
		{"named subject", subject("ann"), auth.ErrTokenInvalid},
		{"negative subject", subject("-7"), auth.ErrTokenInvalid},
		{"zero subject", subject("0"), auth.ErrTokenInvalid},
		{"odd spelling", subject("+7"), auth.ErrTokenInvalid},
		{"leading zero", subject("07"), auth.ErrTokenInvalid},
		{"too large a subject", subject("99999999999999999999"), auth.ErrTokenInvalid},
		{"line break at the end", valid + "\n", auth.ErrTokenInvalid},
		{"line break within", parts[0] + ".\r\n" + parts[1] + "." + parts[2], auth.ErrTokenInvalid},
		{"signature spelled otherwise", respelled(valid), auth.ErrTokenInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := newTokens(t, noon).Verify(tc.token)
			require.ErrorIs(t, err, tc.want)
			require.Equal(t, 401, problem.From(err).Status)
		})
	}
}

func TestTokensCheckWhatTheyAreGiven(t *testing.T) {
	t.Parallel()
	_, err := auth.NewTokens(secret[1:], time.Minute, nil)
	require.ErrorContains(t, err, "31 bytes")
	_, err = auth.NewTokens(secret, 0, nil)
	require.ErrorContains(t, err, "a second is the least")

	tokens, err := auth.NewTokens(secret, time.Minute, nil)
	require.NoError(t, err)
	_, expires, err := tokens.Issue(1, "", 0)
	require.NoError(t, err)
	require.True(t, expires.After(time.Now()), "nil is the real clock")
	_, _, err = tokens.Issue(0, "", 0)
	require.Error(t, err)
	_, _, err = tokens.Issue(1, "", -time.Minute)
	require.Error(t, err)
}

func FuzzVerify(f *testing.F) {
	tokens, err := auth.NewTokens(secret, time.Minute, at(noon))
	require.NoError(f, err)
	token, _, err := tokens.Issue(7, "f", 0)
	require.NoError(f, err)
	f.Add(token)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		if claims, err := tokens.Verify(token); err == nil {
			require.EqualValues(t, 7, claims.UserID)
			return
		}
		_, err := tokens.Verify(token)
		require.Equal(t, 401, problem.From(err).Status)
	})
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	p := auth.NewPasswords(64, 1, 2)
	hash, err := p.Hash(ctx, "correct horse")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=64,t=1,p=1$"), hash)
	again, err := p.Hash(ctx, "correct horse")
	require.NoError(t, err)
	require.NotEqual(t, hash, again, "each has its own salt")

	other := auth.NewPasswords(128, 2, 1) // the cost was changed since
	for password, want := range map[string]bool{"correct horse": true, "correct horse ": false, "": false, "Correct horse": false} {
		for _, verifier := range []*auth.Passwords{p, other} {
			ok, err := verifier.Verify(ctx, hash, password)
			require.NoError(t, err)
			require.Equal(t, want, ok, password)
		}
	}
	require.NoError(t, p.VerifyNone(ctx, "correct horse"))

	ok, err := p.Verify(ctx, "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$JQ+Rg1X2d1lqcXqQ8gU8Ew", "x")
	require.Error(t, err, "a key that is too short")
	require.False(t, ok)
}

// The reference vector of argon2id with the parameters that we use: made by the reference implementation,
// argon2 "somesalt" -id -t 2 -k 65536 -p 1 -l 32 (github.com/P-H-C/phc-winner-argon2, src/test.c).
func TestPasswordsMatchTheReference(t *testing.T) {
	t.Parallel()
	const hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, err := auth.NewPasswords(64, 1, 1).Verify(t.Context(), hash, "password")
	require.NoError(t, err)
	require.True(t, ok)
}

func TestHashesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	const salt, key = "c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for _, hash := range []string{
		"", "plain", "$2a$10$abc",
		"$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + key,
		"x$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1$" + salt + "$" + key,
		"$argon2id$v=19$m=0,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + key,
		"$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=4294967295,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=1$!$" + key,
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$!",
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$",
		"$argon2id$v=19$m=64,t=1,p=1$" + salt,
	} {
		_, err := auth.NewPasswords(64, 1, 1).Verify(t.Context(), hash, "x")
		require.Error(t, err, hash)
	}
}

func TestHashingWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(64<<10, 8, 1) // long enough to be seen under way
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		_, _ = p.Hash(context.Background(), "x")
	}()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Hash(ended, "y")
	require.ErrorIs(t, err, context.Canceled)
	_, err = p.Verify(ended, "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "y")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, p.VerifyNone(ended, "y"), context.Canceled)
	<-busy
	_, err = p.Hash(t.Context(), "z")
	require.NoError(t, err, "the turn was given back")
}

func TestSecretIsMadeOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "jwt.secret")
	const processes = 8
	var all sync.WaitGroup
	keys := make(chan string, processes)
	for range processes {
		all.Go(func() {
			key, err := auth.Secret(path)
			if err != nil {
				keys <- err.Error()
				return
			}
			keys <- string(key)
		})
	}
	all.Wait()
	first := <-keys
	require.GreaterOrEqual(t, len(first), 32)
	for range processes - 1 {
		require.Equal(t, first, <-keys)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, files, 1, "nothing else is left behind")

	other, err := auth.Secret(filepath.Join(t.TempDir(), "jwt.secret"))
	require.NoError(t, err)
	require.NotEqual(t, first, string(other))
}

func TestSecretThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	short := filepath.Join(folder, "short")
	require.NoError(t, os.WriteFile(short, []byte("  too short \n"), 0o600))
	_, err := auth.Secret(short)
	require.ErrorContains(t, err, "less than 32 bytes")

	own := filepath.Join(folder, "own")
	require.NoError(t, os.WriteFile(own, append([]byte(" "), append(secret, '\n')...), 0o600))
	key, err := auth.Secret(own)
	require.NoError(t, err)
	require.Equal(t, secret, key)

	_, err = auth.Secret(filepath.Join(own, "jwt.secret"))
	require.Error(t, err, "a file in the place of the folder")
	_, err = auth.Secret(folder)
	require.Error(t, err, "a folder in the place of the file")
}
