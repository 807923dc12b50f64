package user

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

func TestRegisterAndMe(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		var raw map[string]any
		require.Equal(t, http.StatusCreated, w.call("POST", "/auth/register", "",
			`{"username":"Ann","password":"12345678","displayName":" Ann Example "}`, &raw))
		require.Equal(t, map[string]any{
			"id": 1.0, "username": "ann", "displayName": "Ann Example", "createdAt": "2030-01-02T12:00:00.123Z",
		}, raw["user"])
		require.Equal(t, "2030-01-02T12:15:00.000Z", raw["expiresAt"])
		require.Len(t, raw, 4)
		access, _ := raw["accessToken"].(string)

		var me User
		require.Equal(t, http.StatusOK, w.call("GET", "/me", access, "", &me))
		require.Equal(t, User{ID: 1, Username: "ann", DisplayName: "Ann Example", CreatedAt: event.At(w.clock.Now())}, me)
		require.Equal(t, []string{"hash"}, w.passwords.take())

		require.Empty(t, w.refused(http.StatusConflict, "username_taken", "POST", "/auth/register", "",
			`{"username":"aNN","password":"12345678"}`))
		_, status := w.refresh(fmt.Sprint(raw["refreshToken"]))
		require.Equal(t, http.StatusOK, status)
	})
}

func TestRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		ann := w.register("anna").AccessToken
		const invalid, malformed = "validation_failed", "malformed_request"
		for _, tc := range []struct {
			name               string
			method, path, body string
			token              string
			status             int
			code               string
			fields             []string
		}{
			{"register without anything", "POST", "/auth/register", `{}`, "", 400, invalid, []string{"username", "password"}},
			{"register with all of it wrong", "POST", "/auth/register", `{"username":"!","password":"x","displayName":" "}`, "", 400, invalid, []string{"username", "password", "displayName"}},
			{"register with an unknown field", "POST", "/auth/register", `{"username":"bob","password":"12345678","admin":true}`, "", 400, invalid, []string{"admin"}},
			{"register with a wrong type", "POST", "/auth/register", `{"username":7,"password":"12345678"}`, "", 400, invalid, []string{"username"}},
			{"register with half a body", "POST", "/auth/register", `{"username":`, "", 400, malformed, nil},
			{"login without anything", "POST", "/auth/login", `{}`, "", 400, invalid, []string{"username", "password"}},
			{"login without a password", "POST", "/auth/login", `{"username":"anna"}`, "", 400, invalid, []string{"password"}},
			{"login with a wrong password", "POST", "/auth/login", credentials("anna", "annaanna "), "", 401, "invalid_credentials", nil},
			{"login of nobody", "POST", "/auth/login", credentials("bob", "annann"), "", 401, "invalid_credentials", nil},
			{"login with a name nobody can have", "POST", "/auth/login", credentials("ann@example.com", "annann"), "", 401, "invalid_credentials", nil},
			{"refresh without a token", "POST", "/auth/refresh", `{}`, "", 400, invalid, []string{"refreshToken"}},
			{"refresh with an unknown token", "POST", "/auth/refresh", `{"refreshToken":"abc"}`, "", 401, "refresh_token_invalid", nil},
			{"me of nobody", "GET", "/me", "", "", 401, "token_missing", nil},
			{"me with a bad token", "GET", "/me", "", "abc", 401, "token_invalid", nil},
			{"rename with an empty name", "PATCH", "/me", `{"displayName":" "}`, ann, 400, invalid, []string{"displayName"}},
			{"rename of the username", "PATCH", "/me", `{"username":"bob"}`, ann, 400, invalid, []string{"username"}},
			{"search of nobody", "GET", "/users?q=a", "", "", 401, "token_missing", nil},
			{"search for too many", "GET", "/users?q=a&limit=51", "", ann, 400, invalid, []string{"limit"}},
			{"search for none", "GET", "/users?q=a&limit=0", "", ann, 400, invalid, []string{"limit"}},
			{"search for something long", "GET", "/users?q=" + strings.Repeat("a", 65), "", ann, 400, invalid, []string{"q"}},
			{"search by something else", "GET", "/users?name=a", "", ann, 400, invalid, []string{"name"}},
			{"logout of nobody", "POST", "/auth/logout", "", "", 401, "token_missing", nil},
		} {
			require.ElementsMatch(t, tc.fields, w.refused(tc.status, tc.code, tc.method, tc.path, tc.token, tc.body), tc.name)
		}
	})
}

func TestRegistrationClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, storetest.SQLiteURL(t)), Options{})
	w.refused(http.StatusForbidden, "registration_closed", "POST", "/auth/register", "", credentials("ann", "12345678"))
	require.Empty(t, w.passwords.take(), "no work for those who are turned away")
	_, err := w.service.Create(t.Context(), "ann", "", "annann!!")
	require.NoError(t, err, "operators still make accounts")
	require.Equal(t, http.StatusOK, w.call("POST", "/auth/login", "", credentials("ann", "annann!!"), nil))
}

// Shown by what is done, not by the clock: each way to fail costs one hash.
func TestLoginDoesTheSameWorkForEverybody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, storetest.SQLiteURL(t)), Options{Registration: true})
	w.register("anna")
	w.register("disabled")
	_, err := w.service.Disable(t.Context(), "disabled")
	require.NoError(t, err)
	w.passwords.take()
	for _, tc := range []struct {
		name, password string
		status         int
		code           string
		work           string
	}{
		{"anna", "wrong password", 401, "invalid_credentials", "verify"},
		{"nobody", "wrong password", 401, "invalid_credentials", "verify none"},
		{"no@name", "wrong password", 401, "invalid_credentials", "verify none"},
		{"disabled", "wrong password", 401, "invalid_credentials", "verify"},
		{"disabled", "disableddisabled", 403, "user_disabled", "verify"},
	} {
		w.refused(tc.status, tc.code, "POST", "/auth/login", "", credentials(tc.name, tc.password))
		require.Equal(t, []string{tc.work}, w.passwords.take(), tc.name)
	}
}

func TestProfile(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		ann := w.register("anna")
		var me User
		require.Equal(t, http.StatusOK, w.call("PATCH", "/me", ann.AccessToken, `{"displayName":" Ann  Example "}`, &me))
		require.Equal(t, "Ann  Example", me.DisplayName)
		require.Equal(t, http.StatusOK, w.call("PATCH", "/me", ann.AccessToken, `{}`, &me), "nothing to change")
		require.Equal(t, "Ann  Example", me.DisplayName)
		me = User{}
		require.Equal(t, http.StatusOK, w.call("GET", "/me", ann.AccessToken, "", &me))
		require.Equal(t, User{ID: 1, Username: "anna", DisplayName: "Ann  Example", CreatedAt: ann.User.CreatedAt}, me)
	})
}

func TestSearch(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for name, display := range map[string]string{
			"zoe": "Zoë Example", "ann": "Ann", "anna": "Bob's friend", "bob": "ANNA's friend", "a_b": "100% real", "axb": "X", "gone": "Anna Gone",
		} {
			_, err := w.service.Create(ctx, name, display, "12345678")
			require.NoError(t, err)
		}
		_, err := w.service.Disable(ctx, "gone")
		require.NoError(t, err)
		token, _, err := w.service.Token(ctx, "zoe", 0)
		require.NoError(t, err)

		for query, want := range map[string][]string{
			"?q=ann":         {"ann", "anna", "bob"},
			"?q=AnNa":        {"anna", "bob"},
			"?q=ann&limit=1": {"ann"},
			"?q=bob":         {"bob", "anna"}, // the exact name first
			"?q=a_":          {"a_b"},
			"?q=100%25":      {"a_b"},
			"?q=zo%C3%AB":    {"zoe"},
			"?q=nna":         {},
			"?q=%5C":         {},
			"?q=gone":        {},
			"?q=":            {"a_b", "ann", "anna", "axb", "bob", "zoe"},
			"":               {"a_b", "ann", "anna", "axb", "bob", "zoe"},
		} {
			var found []User
			require.Equal(t, http.StatusOK, w.call("GET", "/users"+query, token, "", &found), query)
			names := []string{}
			for _, u := range found {
				names = append(names, u.Username)
			}
			require.Equal(t, want, names, query)
		}
	})
}

func TestGuessingIsLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, storetest.SQLiteURL(t)), Options{Registration: true, Limits: true})
	w.register("anna")
	w.register("bobb")
	guess := func() string { return credentials("ANNA", "wrong password") } // in whatever case
	for range guessBurst {
		w.refused(http.StatusUnauthorized, "invalid_credentials", "POST", "/auth/login", "", guess())
	}
	w.passwords.take()
	w.refused(http.StatusTooManyRequests, "rate_limited", "POST", "/auth/login", "", guess())
	w.refused(http.StatusTooManyRequests, "rate_limited", "POST", "/auth/login", "", credentials("anna", "annaanna"))
	require.Empty(t, w.passwords.take(), "and costs nothing")
	w.login("bobb")

	w.clock.pass(guessPause + time.Second)
	w.refused(http.StatusUnauthorized, "invalid_credentials", "POST", "/auth/login", "", guess())
	w.refused(http.StatusTooManyRequests, "rate_limited", "POST", "/auth/login", "", guess())
	w.clock.pass(guessPause + time.Second)
	w.login("anna")
}

// A guess that was let in before the others had failed is no way around the limit, even if it is right.
func TestParallelGuessesAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, storetest.SQLiteURL(t)), Options{Registration: true, Limits: true})
	w.register("anna")
	entered, release := make(chan struct{}), make(chan struct{})
	w.passwords.verifying = func(password string) {
		if password == "annaanna" {
			close(entered)
			<-release
		}
	}
	right := make(chan int, 1)
	go func() { right <- w.call("POST", "/auth/login", "", credentials("anna", "annaanna"), nil) }()
	<-entered
	for range guessBurst {
		w.refused(http.StatusUnauthorized, "invalid_credentials", "POST", "/auth/login", "", credentials("anna", "wrong"))
	}
	close(release)
	require.Equal(t, http.StatusTooManyRequests, <-right)
}

func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, storetest.SQLiteURL(t)), Options{Registration: true})
	ann := w.register("anna")
	require.NoError(t, w.store.Stop(t.Context()))
	for _, tc := range []struct{ method, path, token, body string }{
		{"POST", "/auth/register", "", credentials("bobb", "12345678")},
		{"POST", "/auth/login", "", credentials("anna", "annaanna")},
		{"POST", "/auth/refresh", "", `{"refreshToken":"` + ann.RefreshToken + `"}`},
		{"POST", "/auth/logout", ann.AccessToken, ""},
		{"GET", "/me", ann.AccessToken, ""},
	} {
		w.refused(http.StatusServiceUnavailable, "unavailable", tc.method, tc.path, tc.token, tc.body)
	}
	for _, call := range []func() error{
		func() error { _, err := w.service.List(t.Context()); return err },
		func() error { _, err := w.service.Find(t.Context(), "anna"); return err },
		func() error { _, err := w.service.Disable(t.Context(), "id:1"); return err },
		func() error { _, err := w.service.ForgetExpired(t.Context()); return err },
		func() error { _, err := w.service.Search(t.Context(), "a", 1); return err },
	} {
		require.ErrorIs(t, call(), store.ErrUnavailable)
	}
}
