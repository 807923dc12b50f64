package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/socket/sockettest"
)

// secret is the key of the deployment's access tokens.
func (c *cluster) secret(t *testing.T) []byte {
	t.Helper()
	if s := c.env["PARLEY_AUTH_JWT_SECRET"]; s != "" {
		return []byte(s)
	}
	data, err := os.ReadFile(filepath.Join(c.env["PARLEY_DATA_DIR"], "jwt.secret"))
	require.NoError(t, err)
	return []byte(strings.TrimSpace(string(data)))
}

// sign makes a token.
func sign(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	require.NoError(t, err)
	return token
}

// badToken is a token and what is wrong with it.
type badToken struct {
	name  string
	token string
	code  string // of the refusal by REST
	shake string // of the refusal of a Socket.IO handshake, if it is another one
}

// badTokens are made for a user who exists, with the deployment's own secret, and each differs in one thing from a good token.
func badTokens(t *testing.T, secret []byte, user int64) []badToken {
	t.Helper()
	const invalid, expired = "token_invalid", "token_expired"
	sub, soon := strconv.FormatInt(user, 10), time.Now().Add(time.Hour).Unix()
	claims := func(with jwt.MapClaims) jwt.MapClaims {
		all := jwt.MapClaims{"sub": sub, "exp": soon}
		for k, v := range with {
			if all[k] = v; v == nil {
				delete(all, k)
			}
		}
		return all
	}
	ours := func(with jwt.MapClaims) string { return sign(t, jwt.SigningMethodHS256, secret, claims(with)) }
	good := ours(nil)
	parts := strings.Split(good, ".")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	all := []badToken{
		{"no algorithm", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil)), invalid, ""},
		{"no algorithm, in capitals", encode(`{"alg":"NONE","typ":"JWT"}`) + "." + parts[1] + ".", invalid, ""},
		{"no algorithm, a signature", encode(`{"alg":"none"}`) + "." + parts[1] + "." + parts[2], invalid, ""},
		{"HS512 with our secret", sign(t, jwt.SigningMethodHS512, secret, claims(nil)), invalid, ""},
		{"HS384 with our secret", sign(t, jwt.SigningMethodHS384, secret, claims(nil)), invalid, ""},
		{"RS256", sign(t, jwt.SigningMethodRS256, key, claims(nil)), invalid, ""},
		{"an algorithm that does not exist", encode(`{"alg":"XX"}`) + "." + parts[1] + "." + parts[2], invalid, ""},
		{"an algorithm that is a number", encode(`{"alg":256}`) + "." + parts[1] + "." + parts[2], invalid, ""},
		{"another secret", sign(t, jwt.SigningMethodHS256, []byte("another secret, which is long enough"), claims(nil)), invalid, ""},
		{"an empty secret", sign(t, jwt.SigningMethodHS256, []byte{}, claims(nil)), invalid, ""},
		{"other claims under our signature", parts[0] + "." + encode(`{"sub":"1","exp":9999999999}`) + "." + parts[2], invalid, ""},
		{"no signature", parts[0] + "." + parts[1] + ".", invalid, ""},
		{"no third part", parts[0] + "." + parts[1], invalid, ""},
		{"a fourth part", good + ".x", invalid, ""},
		{"dots", "..", invalid, ""},
		{"padding", good + "=", invalid, ""},
		{"a signature spelled otherwise", good[:len(good)-1] + string(good[len(good)-1]+1), invalid, ""},
		{"letters", "abc", invalid, ""},
		{"claims that are no JSON", parts[0] + "." + encode("{") + "." + parts[2], invalid, ""},
		{"expired", ours(jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()}), expired, ""},
		{"expired in 1970", ours(jwt.MapClaims{"exp": 0}), expired, ""},
		{"no expiry", ours(jwt.MapClaims{"exp": nil}), invalid, ""},
		{"an expiry in words", ours(jwt.MapClaims{"exp": "tomorrow"}), invalid, ""},
		{"an expiry in a list", ours(jwt.MapClaims{"exp": []int64{soon}}), invalid, ""},
		{"not good before tomorrow", ours(jwt.MapClaims{"nbf": soon}), invalid, ""},
		{"no subject", ours(jwt.MapClaims{"sub": nil}), invalid, ""},
		{"an empty subject", ours(jwt.MapClaims{"sub": ""}), invalid, ""},
		{"user 0", ours(jwt.MapClaims{"sub": "0"}), invalid, ""},
		{"a negative user", ours(jwt.MapClaims{"sub": "-" + sub}), invalid, ""},
		{"a name for an id", ours(jwt.MapClaims{"sub": "speaker"}), invalid, ""},
		{"a zero before the id", ours(jwt.MapClaims{"sub": "0" + sub}), invalid, ""},
		{"a space before the id", ours(jwt.MapClaims{"sub": " " + sub}), invalid, ""},
		{"an id beyond all numbers", ours(jwt.MapClaims{"sub": "9223372036854775808"}), invalid, ""},
		{"an id that is a number in JSON", ours(jwt.MapClaims{"sub": user}), invalid, ""},
		{"a family that is a number", ours(jwt.MapClaims{"fam": 1}), invalid, ""},
		{"a user who does not exist", ours(jwt.MapClaims{"sub": "4711"}), invalid, "user_disabled"},
		{"a user beyond JavaScript's numbers", ours(jwt.MapClaims{"sub": "9223372036854775807"}), invalid, "user_disabled"},
		{"too long", ours(jwt.MapClaims{"more": strings.Repeat("a", 2048)}), invalid, ""},
	}
	for i := range all {
		if all[i].shake == "" {
			all[i].shake = all[i].code
		}
	}
	return all
}

// TestBadTokens: no endpoint and no handshake takes a token that is not good, and says why in the same words.
func TestBadTokens(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		b := c.bystanders(t)
		disabled := c.person(t, "disabled")
		parley(t, c.env, "", "user", "disable", "disabled")
		all := append(badTokens(t, c.secret(t), b.speaker.id), badToken{"a disabled user", disabled.token, "user_disabled", "user_disabled"})
		for _, bad := range all {
			a := exchange(t, c.api.addr, badRequest{line: "GET /api/v1/me", head: "Authorization: Bearer " + bad.token + "\r\n"}.text(""))
			require.Equal(t, 401, a.status, bad.name)
			require.Equal(t, bad.code, a.code(), bad.name)
		}
		b.areServed()

		// Those that no header can carry besides.
		all = append(all, badToken{"none", "", "", "token_missing"}, badToken{"NUL", "\x00", "", "token_invalid"},
			badToken{"a line break", b.speaker.token + "\n", "", "token_invalid"}, badToken{"a scheme", "Bearer " + b.speaker.token, "", "token_invalid"})
		for i, bad := range all {
			for _, transport := range []sockettest.Transport{sockettest.WebSocket, sockettest.Polling} {
				client, err := sockettest.Dial(t.Context(), c.socket(i), sockettest.Options{Token: bad.token, Transport: transport})
				require.Nil(t, client, bad.name)
				refused := &sockettest.ConnectError{}
				require.ErrorAs(t, err, &refused, bad.name)
				require.Equal(t, bad.shake, refused.Code(), bad.name)
			}
		}
		b.areServed()
	})
}

// TestBadTokensForAuth: a bad token for AUTH is refused, and changes nothing about the connection.
func TestBadTokensForAuth(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, nil)
	b := c.bystanders(t)
	client, err := sockettest.Dial(t.Context(), c.socket(0), sockettest.Options{Token: b.speaker.token})
	require.NoError(t, err)
	defer client.Close()
	all := badTokens(t, c.secret(t), b.speaker.id)
	all = append(all, badToken{name: "none", code: "token_missing"}, badToken{name: "another user's", token: b.listener.person.token, code: "forbidden"})
	for _, bad := range all {
		if bad.shake == "user_disabled" {
			bad.code = "forbidden" // whether or not there is such a user, it is another one
		}
		ack, err := client.EmitAck(t.Context(), event.Auth, map[string]string{"token": bad.token})
		require.NoError(t, err, bad.name)
		var answer struct {
			OK    bool
			Error struct{ Code, Title, Detail string }
		}
		require.NoError(t, json.Unmarshal(ack, &answer))
		require.False(t, answer.OK, bad.name)
		require.Equal(t, bad.code, answer.Error.Code, bad.name)
		require.NotEmpty(t, answer.Error.Title+answer.Error.Detail, bad.name)
	}
	ack, err := client.EmitAck(t.Context(), event.Auth, map[string]string{"token": b.speaker.token})
	require.NoError(t, err)
	require.Contains(t, string(ack), fmt.Sprintf(`{"expiresAt":"%d`, time.Now().UTC().Year()), "a good one is taken all the same")
	b.areServed()
}
