package e2e

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/socket/sockettest"
)

// signedIn is a session as its user sees it.
type signedIn struct {
	ID                    string
	CreatedAt, LastUsedAt event.Time
	UserAgent             string
	Current               bool
}

// sessionsOf lists where the bearer of a token is signed in.
func (c *cluster) sessionsOf(t *testing.T, token string) (all []signedIn) {
	t.Helper()
	(&person{t: t, c: c, token: token}).do(http.MethodGet, "/me/sessions", nil, http.StatusOK, &all)
	return all
}

// connect opens a connection to each socket server.
func (c *cluster) connect(t *testing.T, token string) (all []*sockettest.Client) {
	t.Helper()
	for _, s := range c.sockets {
		client, err := sockettest.Dial(t.Context(), s.url(), sockettest.Options{Token: token})
		require.NoError(t, err)
		t.Cleanup(client.Close)
		all = append(all, client)
	}
	return all
}

// requireEnded: the server has closed these connections for good.
func requireEnded(t *testing.T, clients []*sockettest.Client) {
	t.Helper()
	for _, client := range clients {
		<-client.Done()
		require.Equal(t, sockettest.ServerDisconnect, client.Reason())
	}
}

// TestSessions: a user looks where it is signed in, ends a session from another one, and changes the password.
func TestSessions(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		ann := c.person(t, "ann")
		phone, laptop := c.login(t, "ann", password), c.login(t, "ann", password)
		onPhone, onLaptop, first := c.connect(t, phone.AccessToken), c.connect(t, laptop.AccessToken), c.connect(t, ann.token)

		all := c.sessionsOf(t, phone.AccessToken)
		require.Len(t, all, 3)
		lost := ""
		for _, s := range all {
			require.Equal(t, "Go-http-client/1.1", s.UserAgent)
			require.Equal(t, s.CreatedAt, s.LastUsedAt)
			if s.Current {
				lost = s.ID
			}
		}
		laptop = c.refresh(t, laptop.RefreshToken)
		require.True(t, c.sessionsOf(t, laptop.AccessToken)[0].Current, "used last")

		// The phone is lost.
		me := &person{t: t, c: c, token: laptop.AccessToken}
		c.person(t, "ben").refused(http.MethodDelete, "/me/sessions/"+lost, nil, http.StatusNotFound, "session_not_found")
		me.do(http.MethodDelete, "/me/sessions/"+lost, nil, http.StatusNoContent, nil)
		me.refused(http.MethodDelete, "/me/sessions/"+lost, nil, http.StatusNotFound, "session_not_found")
		requireEnded(t, onPhone)
		c.refreshRefused(t, phone.RefreshToken, "refresh_token_invalid")
		require.Empty(t, c.me(t, phone.AccessToken), "an access token lives until it expires")

		// And so is the password.
		change := func(from, to string) map[string]string {
			return map[string]string{"currentPassword": from, "newPassword": to}
		}
		me.refused(http.MethodPut, "/me/password", change("a guess", "another password"), http.StatusUnauthorized, "invalid_credentials")
		me.refused(http.MethodPut, "/me/password", change(password, "short"), http.StatusBadRequest, "validation_failed")
		me.do(http.MethodPut, "/me/password", change(password, "another password"), http.StatusNoContent, nil)
		requireEnded(t, first)
		c.nobody(t).refused(http.MethodPost, "/auth/login", map[string]string{"username": "ann", "password": password},
			http.StatusUnauthorized, "invalid_credentials")
		tablet := c.login(t, "ann", "another password")
		onTablet := c.connect(t, tablet.AccessToken)

		me.do(http.MethodDelete, "/me/sessions", nil, http.StatusNoContent, nil)
		requireEnded(t, onTablet)
		require.Len(t, c.sessionsOf(t, laptop.AccessToken), 1)
		for _, client := range onLaptop {
			_, err := client.EmitAck(t.Context(), event.Auth, map[string]string{"token": laptop.AccessToken})
			require.NoError(t, err, "the session that has done all of it goes on")
		}
		me.do(http.MethodPost, "/auth/logout", nil, http.StatusNoContent, nil)
		requireEnded(t, onLaptop)
	})
}

// TestServerTellsWhatItIs: a client learns what it needs before anybody signs in.
func TestServerTellsWhatItIs(t *testing.T) {
	t.Parallel()
	env := map[string]string{"PARLEY_MESSAGE_MAX_LENGTH": "1234", "PARLEY_DIRECT_ANYONE": "true"}
	inEachSetupWith(t, env, func(t *testing.T, c *cluster) {
		var about map[string]any
		c.nobody(t).do(http.MethodGet, "/server", nil, http.StatusOK, &about)
		require.NotEmpty(t, about["version"])
		delete(about, "version")
		want := map[string]any{"registration": "open", "accounts": false, "messageMaxLength": 1234.0, "directAnyone": true}
		require.Equal(t, want, about)
		c.person(t, "ann")
		c.nobody(t).do(http.MethodGet, "/server", nil, http.StatusOK, &about)
		require.Equal(t, true, about["accounts"])
	})
	closed := startEmbedded(t, map[string]string{"PARLEY_AUTH_REGISTRATION": "closed"})
	a, err := closed.nobody(t).request(t.Context(), http.MethodGet, "/server", nil)
	require.NoError(t, err)
	var about struct{ Registration string }
	require.NoError(t, json.Unmarshal(a.body, &about))
	require.Equal(t, "closed", about.Registration)
}

// TestPeopleByTheirIDs: a client learns the names of all senders at once.
func TestPeopleByTheirIDs(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, nil)
	ann, ben := c.person(t, "ann"), c.person(t, "ben")
	var found []struct{ ID int64 }
	id := func(p *person) string { return strconv.FormatInt(p.id, 10) }
	ann.do(http.MethodGet, "/users?ids="+id(ben)+",4711,"+id(ann), nil, http.StatusOK, &found)
	require.Equal(t, []struct{ ID int64 }{{ben.id}, {ann.id}}, found)
	ann.refused(http.MethodGet, "/users?q=a&ids=1", nil, http.StatusBadRequest, "validation_failed")
}
