package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/socket/sockettest"
)

// brief signs ann in with a token that lives for two seconds, and connects with it. On a busy machine, that may take several attempts.
func brief(t *testing.T, c *cluster, options ...sockettest.Options) (token string, clients []*sockettest.Client) {
	t.Helper()
	for {
		token = c.login(t, "ann", password).AccessToken
		clients = nil
		for i, o := range options {
			o.Token = token
			client, err := sockettest.Dial(t.Context(), c.socket(i), o)
			refused := &sockettest.ConnectError{}
			if err != nil {
				require.ErrorAs(t, err, &refused)
				require.Equal(t, "token_expired", refused.Code())
				break
			}
			t.Cleanup(client.Close)
			clients = append(clients, client)
		}
		if len(clients) == len(options) {
			return token, clients
		}
	}
}

// TestTokenExpiry: a connection lives as long as its token, or the one that it sends in time.
func TestTokenExpiry(t *testing.T) {
	t.Parallel()
	inEachSetupWith(t, map[string]string{"PARLEY_AUTH_ACCESS_TTL": "2s"}, func(t *testing.T, c *cluster) {
		ann, ben := c.person(t, "ann"), c.person(t, "ben")
		for _, p := range []*person{ann, ben} {
			p.token = strings.TrimSpace(parley(t, c.env, "", "token", "create", "--user", p.name, "--ttl", "1h"))
		}
		general := ann.group("friends", ben).Channels[0]
		listener := ben.device(0, general)

		token, clients := brief(t, c, sockettest.Options{}, sockettest.Options{Transport: sockettest.Polling})
		for _, client := range clients {
			<-client.Done()
			require.Equal(t, sockettest.ServerDisconnect, client.Reason())
		}
		require.Equal(t, "token_expired", c.handshake(t, token))
		require.Equal(t, "token_expired", c.me(t, token))

		kept := renewed(t, c, ann.token)
		ben.send(general, "h1", "still there?")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		heard, err := kept.Await(ctx, event.MessageReceive)
		require.NoError(t, err)
		var m event.Message
		require.NoError(t, heard.Decode(&m))
		require.Equal(t, "still there?", m.Content)
		listener.check(general)
	})
}

// renewed is a connection that was opened with a token that has expired since, and got the lasting one in time.
func renewed(t *testing.T, c *cluster, lasting string) *sockettest.Client {
	t.Helper()
	for {
		_, clients := brief(t, c, sockettest.Options{}, sockettest.Options{})
		kept, other := clients[0], clients[1]
		ack, err := kept.EmitAck(t.Context(), event.Auth, map[string]string{"token": lasting})
		if err != nil { // too late
			require.ErrorIs(t, err, sockettest.ErrClosed)
			continue
		}
		var answer struct {
			OK        bool
			ExpiresAt event.Time
		}
		require.NoError(t, json.Unmarshal(ack, &answer), "%s", ack)
		require.True(t, answer.OK)
		claims := jwt.RegisteredClaims{}
		_, _, err = jwt.NewParser().ParseUnverified(lasting, &claims)
		require.NoError(t, err)
		require.Equal(t, claims.ExpiresAt.UTC(), answer.ExpiresAt.Time)
		<-other.Done() // the first token has expired
		require.Equal(t, sockettest.ServerDisconnect, other.Reason())
		return kept
	}
}
