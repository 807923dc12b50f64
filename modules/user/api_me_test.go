package user

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/store/storetest"
)

// device signs in as something that calls itself by a name.
func (w *world) device(user, agent string) Session {
	w.t.Helper()
	w.agent = agent
	defer func() { w.agent = "" }()
	return w.login(user)
}

// sessions lists those of a token's user.
func (w *world) sessions(token string) []SignIn {
	w.t.Helper()
	var all []SignIn
	require.Equal(w.t, http.StatusOK, w.call("GET", "/me/sessions", token, "", &all))
	return all
}

// agents names the sessions of a token's user, with a star at the current one.
func (w *world) agents(token string) []string {
	w.t.Helper()
	names := []string{}
	for _, s := range w.sessions(token) {
		names = append(names, s.UserAgent+map[bool]string{true: "*"}[s.Current])
	}
	return names
}

// family is the sign-in that a session is of.
func (w *world) family(s Session) string {
	w.t.Helper()
	claims, err := w.service.tokens.Verify(s.AccessToken)
	require.NoError(w.t, err)
	return claims.Family
}

// requireClosed: open connections are closed of exactly these sign-ins.
func (w *world) requireClosed(userID int64, ended ...Session) {
	w.t.Helper()
	var want []string
	for _, s := range ended {
		want = append(want, w.family(s))
	}
	events := w.events()
	if len(ended) == 0 {
		require.Empty(w.t, events)
		return
	}
	require.Len(w.t, events, 1)
	require.Equal(w.t, event.SessionsEnded, events[0].Change.Kind)
	require.Equal(w.t, userID, events[0].Change.UserID)
	require.ElementsMatch(w.t, want, events[0].Change.Families)
}

// requireSignedIn: sign-ins go on, or do not.
func (w *world) requireSignedIn(want bool, sessions ...Session) {
	w.t.Helper()
	for _, s := range sessions {
		if want {
			_, status := w.refresh(s.RefreshToken)
			require.Equal(w.t, http.StatusOK, status)
			continue
		}
		w.refused(http.StatusUnauthorized, "refresh_token_invalid", "POST", "/auth/refresh", "", `{"refreshToken":"`+s.RefreshToken+`"}`)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		first := w.register("anna")
		w.register("bobb")
		begin := w.clock.Now()
		w.clock.pass(time.Minute)
		phone := w.device("anna", "Phone/1")
		w.clock.pass(time.Minute)
		laptop := w.device("anna", "Laptop\x07/1 ")
		require.Equal(t, []string{"Laptop/1*", "Phone/1", ""}, w.agents(laptop.AccessToken))

		// A new version of the app on the phone; and something that does not say what it is.
		w.clock.pass(10 * time.Minute)
		w.agent = "Phone/2"
		phone, status := w.refresh(phone.RefreshToken)
		require.Equal(t, http.StatusOK, status)
		w.agent = ""
		w.clock.pass(time.Minute)
		phone, _ = w.refresh(phone.RefreshToken)
		all := w.sessions(phone.AccessToken)
		require.Equal(t, []string{"Phone/2*", "Laptop/1", ""}, w.agents(phone.AccessToken))
		require.Equal(t, event.At(begin.Add(time.Minute)), all[0].CreatedAt)
		require.Equal(t, event.At(w.clock.Now()), all[0].LastUsedAt)
		require.Equal(t, event.At(begin), all[2].CreatedAt)
		require.Equal(t, event.At(begin), all[2].LastUsedAt)
		require.False(t, all[2].Current)

		// What has ended, in whatever way, is not listed.
		require.Equal(t, http.StatusNoContent, w.call("POST", "/auth/logout", first.AccessToken, "", nil))
		w.clock.pass(refreshTTL - 2*time.Minute) // the laptop's token has expired
		phone, _ = w.refresh(phone.RefreshToken)
		require.Equal(t, []string{"Phone/2*"}, w.agents(phone.AccessToken))
		operator, _, err := w.service.Token(t.Context(), "anna", time.Hour)
		require.NoError(t, err)
		require.Equal(t, []string{"Phone/2"}, w.agents(operator))
	})
}

func TestEndASession(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		anna, phone := w.register("anna"), w.device("anna", "Phone/1")
		bob := w.register("bobb")
		path := "/me/sessions/" + w.family(phone)
		w.refused(http.StatusNotFound, "session_not_found", "DELETE", path, bob.AccessToken, "")
		w.refused(http.StatusNotFound, "session_not_found", "DELETE", "/me/sessions/1", anna.AccessToken, "")
		w.requireClosed(0)
		require.Equal(t, http.StatusNoContent, w.call("DELETE", path, anna.AccessToken, "", nil))
		w.requireClosed(anna.User.ID, phone)
		w.refused(http.StatusNotFound, "session_not_found", "DELETE", path, anna.AccessToken, "")
		w.requireClosed(0)
		w.requireSignedIn(false, phone)
		w.requireSignedIn(true, anna, bob)

		// One's own: as by signing out.
		phone = w.device("anna", "Phone/1")
		require.Equal(t, http.StatusNoContent, w.call("DELETE", "/me/sessions/"+w.family(phone), phone.AccessToken, "", nil))
		w.requireClosed(anna.User.ID, phone)
		require.Equal(t, http.StatusNoContent, w.call("POST", "/auth/logout", phone.AccessToken, "", nil))
		w.requireClosed(0)
	})
}

func TestEndAllOtherSessions(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		anna, phone, laptop, bob := w.register("anna"), w.device("anna", "Phone/1"), w.device("anna", "Laptop/1"), w.register("bobb")
		require.Equal(t, http.StatusNoContent, w.call("DELETE", "/me/sessions", laptop.AccessToken, "", nil))
		w.requireClosed(anna.User.ID, anna, phone)
		require.Equal(t, http.StatusNoContent, w.call("DELETE", "/me/sessions", laptop.AccessToken, "", nil))
		w.requireClosed(0)
		w.requireSignedIn(false, anna, phone)
		w.requireSignedIn(true, laptop, bob)

		operator, _, err := w.service.Token(t.Context(), "anna", time.Hour)
		require.NoError(t, err)
		require.Equal(t, http.StatusNoContent, w.call("DELETE", "/me/sessions", operator, "", nil), "which is none itself")
		require.Empty(t, w.sessions(operator))
	})
}

// Whatever ends a sign-in closes its connections.
func TestConnectionsAreClosedWithEverySignInThatEnds(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		anna, phone := w.register("anna"), w.login("anna")
		_, status := w.refresh(phone.RefreshToken)
		require.Equal(t, http.StatusOK, status)
		w.refused(http.StatusUnauthorized, "token_reused", "POST", "/auth/refresh", "", `{"refreshToken":"`+phone.RefreshToken+`"}`)
		w.requireClosed(anna.User.ID, phone)
		w.refused(http.StatusUnauthorized, "token_reused", "POST", "/auth/refresh", "", `{"refreshToken":"`+phone.RefreshToken+`"}`)
		w.requireClosed(0)
		_, err := w.service.SetPassword(t.Context(), "anna", "another password")
		require.NoError(t, err)
		w.requireClosed(anna.User.ID, anna)
	})
}

// A token of a version that did not note when its sign-in was made, nor by what.
func TestSessionsOfTheVersionBefore(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		anna := w.register("anna")
		w.exec(`UPDATE refresh_tokens SET signed_in_at = NULL`)
		begin := event.At(w.clock.Now())
		require.Equal(t, begin, w.sessions(anna.AccessToken)[0].CreatedAt)
		w.clock.pass(time.Minute)
		anna, _ = w.refresh(anna.RefreshToken)
		require.Equal(t, begin, w.sessions(anna.AccessToken)[0].CreatedAt)
	})
}

func TestUserAgentsAreTamed(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"":                               "",
		"Mozilla/5.0 (X11; Linux)":       "Mozilla/5.0 (X11; Linux)",
		" \t ":                           "",
		"a\r\nb\x00c\x1b[31md":           "abc[31md",
		"caf\xe9":                        "caf�",
		"\u202eevil\u200b":               "evil", // neither another direction nor what nobody sees
		strings.Repeat("ü", 300):         strings.Repeat("ü", 256),
		strings.Repeat("\x01", 300):      "",
		strings.Repeat(" ", 300) + "end": "",
	} {
		require.Equal(t, want, foldAgent(given), "%q", given)
	}
}

func passwords(current, next string) string {
	return `{"currentPassword":"` + current + `","newPassword":"` + next + `"}`
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		anna, phone, bob := w.register("anna"), w.login("anna"), w.register("bobb")
		refused := func(status int, code, body string, fields ...string) {
			require.ElementsMatch(t, fields, w.refused(status, code, "PUT", "/me/password", phone.AccessToken, body), body)
		}
		refused(http.StatusBadRequest, "validation_failed", `{}`, "currentPassword", "newPassword")
		refused(http.StatusBadRequest, "validation_failed", passwords("annaanna", "short"), "newPassword")
		refused(http.StatusUnauthorized, "invalid_credentials", passwords("bobbbobb", "a new password"))
		w.requireClosed(0)
		w.requireSignedIn(true, bob)

		require.Equal(t, http.StatusNoContent, w.call("PUT", "/me/password", phone.AccessToken, passwords("annaanna", "a new password"), nil))
		w.requireClosed(anna.User.ID, anna)
		w.requireSignedIn(false, anna)
		w.requireSignedIn(true, phone)
		w.refused(http.StatusUnauthorized, "invalid_credentials", "POST", "/auth/login", "", credentials("anna", "annaanna"))
		require.Equal(t, http.StatusOK, w.call("POST", "/auth/login", "", credentials("anna", "a new password"), nil))
	})
}

// A password that somebody else sets between the check and the change counts.
func TestChangePasswordChecksAgain(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		anna := w.register("anna")
		w.passwords.verifying = func(string) {
			w.passwords.verifying = nil
			_, err := w.service.SetPassword(t.Context(), "anna", "an operator's")
			require.NoError(t, err)
		}
		w.refused(http.StatusUnauthorized, "invalid_credentials", "PUT", "/me/password", anna.AccessToken, passwords("annaanna", "a new password"))
		require.Equal(t, http.StatusOK, w.call("POST", "/auth/login", "", credentials("anna", "an operator's"), nil))
	})
}

func TestGuessingByChangingThePasswordIsLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, storetest.SQLiteURL(t)), Options{Registration: true, Limits: true})
	anna := w.register("anna")
	for range guessBurst {
		w.refused(http.StatusUnauthorized, "invalid_credentials", "PUT", "/me/password", anna.AccessToken, passwords("bobbbobb", "a new password"))
	}
	right := passwords("annaanna", "a new password")
	w.refused(http.StatusTooManyRequests, "rate_limited", "PUT", "/me/password", anna.AccessToken, right)
	w.refused(http.StatusTooManyRequests, "rate_limited", "POST", "/auth/login", "", credentials("anna", "annaanna"))
	w.clock.pass(guessPause + time.Second)
	require.Equal(t, http.StatusNoContent, w.call("PUT", "/me/password", anna.AccessToken, right, nil))
}

func TestUsersByID(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		anna, bob, carl := w.register("anna"), w.register("bobb"), w.register("carl")
		w.say(carl.User.ID)
		require.Equal(t, http.StatusNoContent, w.call("DELETE", "/me", carl.AccessToken, ownPassword("carl"), nil))
		_, err := w.service.Disable(t.Context(), "bobb")
		require.NoError(t, err)
		var found []User
		require.Equal(t, http.StatusOK, w.call("GET", "/users?ids=3,99,2,1,3", anna.AccessToken, "", &found))
		require.Equal(t, []User{
			{ID: 3, Username: "~deleted-3", DisplayName: deletedName, CreatedAt: carl.User.CreatedAt}, bob.User, anna.User,
		}, found)
		require.Equal(t, http.StatusOK, w.call("GET", "/users?ids=99", anna.AccessToken, "", &found))
		require.Empty(t, found)

		hundred := strings.Repeat("1,", maxIDs-1) + "1"
		require.Equal(t, http.StatusOK, w.call("GET", "/users?ids="+hundred, anna.AccessToken, "", &found))
		for query, fields := range map[string][]string{
			"ids=":                  {"ids"},
			"ids=1,":                {"ids"},
			"ids=0":                 {"ids"},
			"ids=1,x":               {"ids"},
			"ids=1&ids=2":           {"ids"},
			"ids=" + hundred + ",1": {"ids"},
			"ids=1&q=ann":           {"q"},
			"ids=1&limit=1":         {"limit"},
		} {
			require.ElementsMatch(t, fields, w.refused(http.StatusBadRequest, "validation_failed", "GET", "/users?"+query, anna.AccessToken, ""), query)
		}
	})
}
