package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/socket/sockettest"
)

const password = "a good password"

// refused makes a request that must be answered with a problem.
func (p *person) refused(method, path string, body any, status int, code string) answer {
	p.t.Helper()
	data, err := json.Marshal(body)
	require.NoError(p.t, err)
	a, err := p.request(p.t.Context(), method, path, data)
	require.NoError(p.t, err)
	require.Equal(p.t, status, a.status, "%s %s: %s", method, path, a.body)
	require.Equal(p.t, code, a.code(), "%s %s: %s", method, path, a.body)
	return a
}

// nobody is a client that has not signed in.
func (c *cluster) nobody(t *testing.T) *person { return &person{t: t, c: c} }

// login signs somebody in.
func (c *cluster) login(t *testing.T, name, password string) session {
	t.Helper()
	var s session
	c.nobody(t).do(http.MethodPost, "/auth/login", map[string]string{"username": name, "password": password}, http.StatusOK, &s)
	return s
}

// refresh trades a refresh token in.
func (c *cluster) refresh(t *testing.T, token string) session {
	t.Helper()
	var s session
	c.nobody(t).do(http.MethodPost, "/auth/refresh", map[string]string{"refreshToken": token}, http.StatusOK, &s)
	return s
}

func (c *cluster) refreshRefused(t *testing.T, token, code string) {
	t.Helper()
	c.nobody(t).refused(http.MethodPost, "/auth/refresh", map[string]string{"refreshToken": token}, http.StatusUnauthorized, code)
}

// handshake tries to connect to each socket server and returns the code of the refusal, "" if there was none.
func (c *cluster) handshake(t *testing.T, token string) string {
	t.Helper()
	var codes []string
	for _, s := range c.sockets {
		client, err := sockettest.Dial(t.Context(), s.url(), sockettest.Options{Token: token})
		if err == nil {
			client.Close()
			codes = append(codes, "")
			continue
		}
		refused := &sockettest.ConnectError{}
		require.ErrorAs(t, err, &refused)
		codes = append(codes, refused.Code())
	}
	for _, code := range codes {
		require.Equal(t, codes[0], code, "all servers are of one opinion")
	}
	return codes[0]
}

// me asks the API who the bearer of a token is, and returns the code of the refusal, "" if there was none.
func (c *cluster) me(t *testing.T, token string) string {
	t.Helper()
	a, err := (&person{t: t, c: c, token: token}).request(t.Context(), http.MethodGet, "/me", nil)
	require.NoError(t, err)
	if a.status == http.StatusOK {
		return ""
	}
	require.Equal(t, http.StatusUnauthorized, a.status, "%s", a.body)
	return a.code()
}

// TestAccount is the life of an account as its owner sees it.
func TestAccount(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		var signedUp session
		before := time.Now()
		c.nobody(t).do(http.MethodPost, "/auth/register",
			map[string]string{"username": "Ann.B", "password": password, "displayName": " Ann "}, http.StatusCreated, &signedUp)
		require.Equal(t, "ann.b", signedUp.User.Username, "names are kept in lower case")
		require.Positive(t, signedUp.User.ID)
		require.True(t, signedUp.ExpiresAt.After(before))
		require.Empty(t, c.handshake(t, signedUp.AccessToken))

		ann := &person{t: t, c: c, id: signedUp.User.ID, name: "ann.b", token: signedUp.AccessToken}
		var me struct {
			ID                    int64
			Username, DisplayName string
			CreatedAt             string
		}
		ann.do(http.MethodGet, "/me", nil, http.StatusOK, &me)
		require.Equal(t, signedUp.User.ID, me.ID)
		require.Equal(t, "Ann", me.DisplayName)
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, me.CreatedAt)
		ann.do(http.MethodPatch, "/me", map[string]string{"displayName": "Ann-Marie"}, http.StatusOK, &me)
		ann.do(http.MethodGet, "/me", nil, http.StatusOK, &me)
		require.Equal(t, "Ann-Marie", me.DisplayName)

		c.nobody(t).refused(http.MethodPost, "/auth/register",
			map[string]string{"username": "ANN.B", "password": "another password"}, http.StatusConflict, "username_taken")
		require.Equal(t, ann.id, c.login(t, "aNN.b", password).User.ID)

		c.person(t, "annette")
		ben := c.person(t, "ben")
		var found []struct{ Username, DisplayName string }
		ben.do(http.MethodGet, "/users?q=AnN", nil, http.StatusOK, &found)
		require.Len(t, found, 2)
		ben.do(http.MethodGet, "/users?q=ann-m", nil, http.StatusOK, &found)
		require.Len(t, found, 1, "by the name that is shown, too")
		require.Equal(t, "ann.b", found[0].Username)
		ben.do(http.MethodGet, "/users?q=%25", nil, http.StatusOK, &found)
		require.Empty(t, found, "a percent sign is just that")
		ben.do(http.MethodGet, "/users?limit=2", nil, http.StatusOK, &found)
		require.Len(t, found, 2)
	})
}

// TestWrongPasswordLooksLikeUnknownUser: nobody learns from the answer which names exist.
func TestWrongPasswordLooksLikeUnknownUser(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		c.person(t, "ann")
		parley(t, c.env, password, "user", "create", "locked", "--password-stdin")
		parley(t, c.env, "", "user", "disable", "locked")
		try := func(name, password string) answer {
			return c.nobody(t).refused(http.MethodPost, "/auth/login",
				map[string]string{"username": name, "password": password}, http.StatusUnauthorized, "invalid_credentials")
		}
		unknown := try("nobody", password)
		for name, a := range map[string]answer{
			"a wrong password":                    try("ann", "a bad password"),
			"an empty-looking one":                try("ann", " "),
			"one with a space more":               try("ann", password+" "),
			"a name that nobody can have":         try("no such name!", password),
			"a name with NUL's picture":           try("␀", password),
			"a disabled user with the wrong one":  try("locked", "a bad password"),
			"a password longer than any can be":   try("ann", strings.Repeat("p", 1000)),
			"SQL":                                 try("ann' OR '1'='1", password),
			"a name that is a number, and an id":  try("1", password),
			"a name that operators would resolve": try("id:1", password),
		} {
			require.Equal(t, unknown.body, a.body, name)
			for header := range unknown.header {
				require.Contains(t, a.header, header, name)
			}
		}
	})
}

// TestRefreshTokensRotate: a refresh token is good once; one that comes again ends its sign-in, and no other.
func TestRefreshTokensRotate(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		c.person(t, "ann")
		first, other := c.login(t, "ann", password), c.login(t, "ann", password)
		second := c.refresh(t, first.RefreshToken)
		third := c.refresh(t, second.RefreshToken)
		require.Empty(t, c.me(t, third.AccessToken))
		require.Len(t, map[string]bool{first.RefreshToken: true, second.RefreshToken: true, third.RefreshToken: true, other.RefreshToken: true}, 4)

		c.refreshRefused(t, second.RefreshToken, "token_reused")
		c.refreshRefused(t, third.RefreshToken, "refresh_token_invalid")
		c.refreshRefused(t, first.RefreshToken, "token_reused")
		other = c.refresh(t, other.RefreshToken)

		// Of many that come with one token at the same time, one gets the next token; then the token has come twice.
		codes := make(chan int)
		const attempts = 8
		for range attempts {
			go func() {
				a, err := c.nobody(t).request(t.Context(), http.MethodPost, "/auth/refresh", []byte(`{"refreshToken":"`+other.RefreshToken+`"}`))
				if err != nil {
					a.status = 0
				}
				codes <- a.status
			}()
		}
		counts := make(map[int]int)
		for range attempts {
			counts[<-codes]++
		}
		require.Equal(t, map[int]int{http.StatusOK: 1, http.StatusUnauthorized: attempts - 1}, counts)
	})
}

func TestLogoutEndsOneSignIn(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		c.person(t, "ann")
		phone, laptop := c.login(t, "ann", password), c.login(t, "ann", password)
		phone = c.refresh(t, phone.RefreshToken)
		(&person{t: t, c: c, token: phone.AccessToken}).do(http.MethodPost, "/auth/logout", nil, http.StatusNoContent, nil)
		c.refreshRefused(t, phone.RefreshToken, "refresh_token_invalid")
		c.refresh(t, laptop.RefreshToken)
	})
}

// TestOperators: everything that an operator does with accounts, against a deployment that runs.
func TestOperators(t *testing.T) {
	t.Parallel()
	inEachSetupWith(t, map[string]string{"PARLEY_AUTH_REGISTRATION": "closed"}, func(t *testing.T, c *cluster) {
		c.nobody(t).refused(http.MethodPost, "/auth/register",
			map[string]string{"username": "mallory", "password": password}, http.StatusForbidden, "registration_closed")

		require.Equal(t, "created user alice with id 1\n",
			parley(t, c.env, password+"\n", "user", "create", "Alice", "--display-name", "Alice A.", "--password-stdin"))
		parley(t, c.env, password, "user", "create", "bob", "--password-stdin")
		require.Equal(t, outcome{1, "", "parley: Somebody else has this username.\n"},
			command(t, c.env, password, "user", "create", "ALICE", "--password-stdin"))
		require.Equal(t, outcome{2, "", "parley: password must have 8 to 256 characters\nSee 'parley user create --help'.\n"},
			command(t, c.env, "short", "user", "create", "carol", "--password-stdin"))
		require.Regexp(t, `^ID +USERNAME +DISPLAY NAME +STATE +CREATED\n1 +alice +Alice A\. +enabled +\S+Z\n2 +bob +bob +enabled +\S+Z\n$`,
			parley(t, c.env, "", "user", "list"))
		old := c.login(t, "alice", password)

		require.Equal(t, "set the password of user alice\n",
			parley(t, c.env, "another password", "user", "set-password", "1", "--password-stdin"))
		c.nobody(t).refused(http.MethodPost, "/auth/login",
			map[string]string{"username": "alice", "password": password}, http.StatusUnauthorized, "invalid_credentials")
		c.refreshRefused(t, old.RefreshToken, "refresh_token_invalid")
		c.login(t, "alice", "another password")
		require.Equal(t, outcome{1, "", `parley: Nobody has the username or id "dave".` + "\n"},
			command(t, c.env, password, "user", "set-password", "dave", "--password-stdin"))

		token := parley(t, c.env, "", "token", "create", "--user", "alice")
		require.Regexp(t, `^[\w-]+\.[\w-]+\.[\w-]+\n$`, token, "and nothing else")
		token = strings.TrimSpace(token)
		require.Empty(t, c.me(t, token))
		require.Empty(t, c.handshake(t, token))
		require.Equal(t, outcome{1, "", `parley: Nobody has the username or id "3".` + "\n"},
			command(t, c.env, "", "token", "create", "--user", "3"))

		var listed []struct {
			ID       int64
			Username string
			Disabled bool
		}
		parley(t, c.env, "", "user", "disable", "bob")
		require.NoError(t, json.Unmarshal([]byte(parley(t, c.env, "", "user", "list", "--json")), &listed))
		require.Len(t, listed, 2)
		require.False(t, listed[0].Disabled)
		require.True(t, listed[1].Disabled)
	})
}

// TestDisabledUser: a user who is disabled while connected loses everything at once, and nobody else does.
func TestDisabledUser(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		ann, ben := c.person(t, "ann"), c.person(t, "ben")
		g := ann.group("friends", ben)
		general := g.Channels[0]
		witness := ann.device(0, general)
		signedIn := c.login(t, "ben", password)
		var clients []*sockettest.Client
		for i, transport := range []sockettest.Transport{sockettest.WebSocket, sockettest.Polling, sockettest.Upgrade, sockettest.WebSocket} {
			client, err := sockettest.Dial(t.Context(), c.socket(i), sockettest.Options{Token: signedIn.AccessToken, Transport: transport})
			require.NoError(t, err)
			t.Cleanup(client.Close)
			_, err = client.Await(t.Context(), event.Subscribed)
			require.NoError(t, err)
			clients = append(clients, client)
		}

		require.Equal(t, "disabled user ben\n", parley(t, c.env, "", "user", "disable", "ben"))
		for i, client := range clients {
			<-client.Done()
			require.Equal(t, sockettest.ServerDisconnect, client.Reason(), "client %d is not to come back by itself", i)
		}
		require.Equal(t, "user_disabled", c.me(t, signedIn.AccessToken))
		require.Equal(t, "user_disabled", c.me(t, ben.token))
		require.Equal(t, "user_disabled", c.handshake(t, signedIn.AccessToken))
		c.refreshRefused(t, signedIn.RefreshToken, "user_disabled")
		c.nobody(t).refused(http.MethodPost, "/auth/login",
			map[string]string{"username": "ben", "password": password}, http.StatusForbidden, "user_disabled")
		ben.refused(http.MethodPost, messagesPath(general), map[string]string{"content": "hello", "hash": "h"}, http.StatusUnauthorized, "user_disabled")
		refusal := command(t, c.env, "", "token", "create", "--user", "ben")
		require.Equal(t, outcome{1, "", "parley: ben would be refused with any token; enable the user first.\n"}, refusal)
		var found []struct{ Username string }
		ann.do(http.MethodGet, "/users?q=ben", nil, http.StatusOK, &found)
		require.Empty(t, found)
		parley(t, c.env, "", "user", "disable", "ben") // once more changes nothing

		require.Equal(t, "enabled user ben\n", parley(t, c.env, "", "user", "enable", "ben"))
		require.Empty(t, c.me(t, signedIn.AccessToken), "an access token has not expired meanwhile")
		require.Empty(t, c.handshake(t, signedIn.AccessToken))
		c.refreshRefused(t, signedIn.RefreshToken, "refresh_token_invalid")
		ben.token = c.login(t, "ben", password).AccessToken
		back := ben.device(1, general)
		ben.send(general, "h1", "I am back")
		witness.has(general, 1)
		witness.check(general)
		back.check(general)
		witness.await(func() bool { return witness.subscribed == 1 }, "its one connection, there all the time")
	})
}

// TestGuessingIsLimited: whoever tries too many passwords for a name has to wait, even for the right one; others do not.
func TestGuessingIsLimited(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, map[string]string{"PARLEY_LIMITS_ENABLED": "true"})
	c.person(t, "ann")
	c.person(t, "ben")
	login := func(name, password, from string) answer {
		body := `{"username":"` + name + `","password":"` + password + `"}`
		head := jsonHead + "X-Forwarded-For: " + from + "\r\n" // which is nobody's to believe here
		return exchange(t, c.api.addr, badRequest{line: "POST /api/v1/auth/login", head: head, body: body}.text(""))
	}
	tries := 0
	var a answer
	for a = login("ann", "a guess", "192.0.2.0"); a.status == http.StatusUnauthorized; a = login("ANN", "a guess", fmt.Sprintf("192.0.2.%d", tries)) {
		tries++
		require.Less(t, tries, 100)
	}
	require.GreaterOrEqual(t, tries, 10)
	require.Equal(t, http.StatusTooManyRequests, a.status)
	require.Equal(t, "rate_limited", a.code())
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, login("ben", password, "192.0.2.1").status)
}
