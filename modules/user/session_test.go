package user

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/auth"
	"parley/app/event"
	"parley/app/problem"
	"parley/app/store"
	"parley/app/store/storetest"
)

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		first := w.register("anna")
		w.clock.pass(20 * time.Minute)
		w.refused(http.StatusUnauthorized, "token_expired", "GET", "/me", first.AccessToken, "")

		second, status := w.refresh(first.RefreshToken)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, first.User, second.User)
		require.NotEqual(t, first.RefreshToken, second.RefreshToken)
		require.Equal(t, event.At(w.clock.Now().Add(15*time.Minute).Truncate(time.Second)), second.ExpiresAt)
		require.Equal(t, http.StatusOK, w.call("GET", "/me", second.AccessToken, "", nil))

		// Each use is worth another 30 days.
		for range 3 {
			w.clock.pass(refreshTTL - time.Minute)
			second, status = w.refresh(second.RefreshToken)
			require.Equal(t, http.StatusOK, status)
		}
		w.clock.pass(refreshTTL)
		w.refused(http.StatusUnauthorized, "refresh_token_invalid", "POST", "/auth/refresh", "", `{"refreshToken":"`+second.RefreshToken+`"}`)
	})
}

func TestReuseEndsTheFamily(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		first := w.register("anna")
		other := w.login("anna") // on another device
		second, _ := w.refresh(first.RefreshToken)
		third, _ := w.refresh(second.RefreshToken)

		body := func(s Session) string { return `{"refreshToken":"` + s.RefreshToken + `"}` }
		w.refused(http.StatusUnauthorized, "token_reused", "POST", "/auth/refresh", "", body(first))
		w.refused(http.StatusUnauthorized, "refresh_token_invalid", "POST", "/auth/refresh", "", body(third))
		w.refused(http.StatusUnauthorized, "token_reused", "POST", "/auth/refresh", "", body(second))

		other, status := w.refresh(other.RefreshToken)
		require.Equal(t, http.StatusOK, status, "the other sign-in goes on")
		w.clock.pass(refreshTTL)
		w.refused(http.StatusUnauthorized, "refresh_token_invalid", "POST", "/auth/refresh", "", body(first))
		w.refused(http.StatusUnauthorized, "refresh_token_invalid", "POST", "/auth/refresh", "", body(other))
	})
}

// However many refresh with one token at the same time, no more than one of their successors works, and since the token came twice,
// in the end none does.
func TestConcurrentRefreshes(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		const rounds, racers = 5, 4
		for range rounds {
			session := w.loginOrRegister("anna")
			type result struct {
				session Session
				err     error
			}
			results := make(chan result, racers)
			for range racers {
				go func() {
					s, err := w.service.Refresh(context.Background(), session.RefreshToken, "")
					results <- result{s, err}
				}()
			}
			successors := []Session{}
			for range racers {
				r := <-results
				if r.err == nil {
					successors = append(successors, r.session)
					continue
				}
				require.ErrorIs(t, r.err, ErrTokenReused)
			}
			require.Len(t, successors, 1)
			_, err := w.service.Refresh(t.Context(), successors[0].RefreshToken, "")
			require.ErrorIs(t, err, ErrRefreshInvalid)
		}
	})
}

func (w *world) loginOrRegister(name string) Session {
	w.t.Helper()
	if _, err := w.service.Find(w.t.Context(), name); err != nil {
		return w.register(name)
	}
	return w.login(name)
}

// A thief uses the old token while its owner goes on with the new one: whatever the order, nothing of the family is left.
func TestReuseWhileTheSuccessorIsRotated(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		for range 10 {
			first := w.loginOrRegister("anna")
			second, err := w.service.Refresh(t.Context(), first.RefreshToken, "")
			require.NoError(t, err)
			stolen := make(chan error, 1)
			go func() {
				_, err := w.service.Refresh(context.Background(), first.RefreshToken, "")
				stolen <- err
			}()
			third, err := w.service.Refresh(t.Context(), second.RefreshToken, "")
			require.ErrorIs(t, <-stolen, ErrTokenReused)
			if err == nil {
				_, err = w.service.Refresh(t.Context(), third.RefreshToken, "")
			}
			require.ErrorIs(t, err, ErrRefreshInvalid)
		}
	})
}

func TestLogout(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		one, two := w.register("anna"), w.login("anna")
		bob := w.register("bobb")
		one, _ = w.refresh(one.RefreshToken)
		for range 2 { // twice is fine
			require.Equal(t, http.StatusNoContent, w.call("POST", "/auth/logout", one.AccessToken, "", nil))
		}
		w.refused(http.StatusUnauthorized, "refresh_token_invalid", "POST", "/auth/refresh", "", `{"refreshToken":"`+one.RefreshToken+`"}`)
		_, status := w.refresh(two.RefreshToken)
		require.Equal(t, http.StatusOK, status, "another sign-in")
		_, status = w.refresh(bob.RefreshToken)
		require.Equal(t, http.StatusOK, status, "another user")

		token, _, err := w.service.Token(t.Context(), "anna", time.Hour)
		require.NoError(t, err)
		require.Equal(t, http.StatusNoContent, w.call("POST", "/auth/logout", token, "", nil), "a token without a sign-in")
	})
}

func TestDisabledUsersAreRefusedEverywhere(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ann, bob := w.register("anna"), w.register("bobb")
		for range 2 { // the second time changes nothing, and tells nobody
			account, err := w.service.Disable(ctx, "Anna")
			require.NoError(t, err)
			require.True(t, account.Disabled)
		}
		require.Equal(t, []event.Emit{{Change: &event.Change{Kind: event.UserDisabled, UserID: ann.User.ID}}}, w.events(),
			"open connections are closed by it")

		w.refused(http.StatusUnauthorized, "user_disabled", "GET", "/me", ann.AccessToken, "")
		w.refused(http.StatusUnauthorized, "user_disabled", "POST", "/auth/logout", ann.AccessToken, "")
		w.refused(http.StatusUnauthorized, "user_disabled", "POST", "/auth/refresh", "", `{"refreshToken":"`+ann.RefreshToken+`"}`)
		w.refused(http.StatusForbidden, "user_disabled", "POST", "/auth/login", "", credentials("anna", "annaanna"))
		_, _, err := w.service.Token(ctx, "anna", 0)
		require.ErrorIs(t, err, ErrDisabled)
		require.Equal(t, http.StatusOK, w.call("GET", "/me", bob.AccessToken, "", nil))

		account, err := w.service.Enable(ctx, "id:1")
		require.NoError(t, err)
		require.False(t, account.Disabled)
		require.Equal(t, http.StatusOK, w.call("GET", "/me", ann.AccessToken, "", nil))
		w.refused(http.StatusUnauthorized, "refresh_token_invalid", "POST", "/auth/refresh", "", `{"refreshToken":"`+ann.RefreshToken+`"}`)
		w.login("anna")
		require.Empty(t, w.events())
	})
}

func TestSetPasswordEndsEverySignIn(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		one, two, bob := w.register("anna"), w.login("anna"), w.register("bobb")
		_, err := w.service.SetPassword(ctx, "anna", "short")
		require.ErrorIs(t, err, problem.Invalid)
		_, err = w.service.SetPassword(ctx, "nobody", "new password")
		require.ErrorIs(t, err, ErrUserNotFound)
		_, err = w.service.SetPassword(ctx, "anna", "new password")
		require.NoError(t, err)
		for _, s := range []Session{one, two} {
			w.refused(http.StatusUnauthorized, "refresh_token_invalid", "POST", "/auth/refresh", "", `{"refreshToken":"`+s.RefreshToken+`"}`)
		}
		w.refused(http.StatusUnauthorized, "invalid_credentials", "POST", "/auth/login", "", credentials("anna", "annaanna"))
		require.Equal(t, http.StatusOK, w.call("POST", "/auth/login", "", credentials("anna", "new password"), nil))
		_, status := w.refresh(bob.RefreshToken)
		require.Equal(t, http.StatusOK, status)
	})
}

// What happens to an account between the check of its password and the sign-in counts.
func TestSignInChecksAgain(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.register("anna")
		verified, err := w.service.verify(ctx, "anna", "annaanna")
		require.NoError(t, err)
		_, err = w.service.SetPassword(ctx, "anna", "new password")
		require.NoError(t, err)
		_, err = w.service.signIn(ctx, verified, "")
		require.ErrorIs(t, err, ErrInvalidCredentials)

		verified, err = w.service.verify(ctx, "anna", "new password")
		require.NoError(t, err)
		_, err = w.service.Disable(ctx, "anna")
		require.NoError(t, err)
		_, err = w.service.signIn(ctx, verified, "")
		require.ErrorIs(t, err, ErrDisabled)
	})
}

func TestTokensOfUsersThatAreNotThere(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		token, _, err := w.service.tokens.Issue(99, "f", 0)
		require.NoError(t, err)
		_, _, err = w.service.Authenticate(t.Context(), token)
		require.ErrorIs(t, err, auth.ErrTokenInvalid)
		_, err = w.service.Get(t.Context(), 99)
		require.ErrorIs(t, err, ErrUserNotFound)
		name := "x"
		_, err = w.service.Rename(t.Context(), 99, &name)
		require.ErrorIs(t, err, ErrUserNotFound)
	})
}

func TestExpiredTokensAreForgotten(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		old := w.register("anna")
		w.clock.pass(time.Hour)
		_, status := w.refresh(old.RefreshToken)
		require.Equal(t, http.StatusOK, status)
		w.clock.pass(refreshTTL - time.Hour)
		n, err := w.service.ForgetExpired(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 1, n, "the used one; its successor is good for another hour")
		n, err = w.service.ForgetExpired(ctx)
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

func TestSweepRunsAndEnds(t *testing.T) {
	t.Parallel()
	// A store that is not open: the sweep fails, says so, and goes on.
	s, err := store.New(store.Options{URL: storetest.SQLiteURL(t)})
	require.NoError(t, err)
	w := newWorld(t, s, Options{})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h := &host{ctx: ctx}
		a := NewAPI(w.service, nil)
		a.host, a.log = h, h.Logger()
		require.NoError(t, a.Stop(ctx), "before the start")
		require.NoError(t, a.Start(ctx))
		require.NoError(t, a.Start(ctx), "twice")
		<-time.After(3 * sweepInterval)
		cancel()
		h.tasks.Wait()
		require.NoError(t, a.Stop(t.Context()))
		require.NoError(t, a.Stop(t.Context()))
	})
}

func TestOperatorsNameUsersByNameOrID(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for _, name := range []string{"anna", "bobb", "001", "1003"} { // ids 1 to 4
			_, err := w.service.Create(ctx, name, "", "12345678")
			require.NoError(t, err)
		}
		_, err := w.service.tables.create(ctx, row{ID: 1003, Username: "late", DisplayName: "late"}, nil)
		require.NoError(t, err)
		for ref, want := range map[string]int64{
			"anna": 1, "ANNA": 1, "name:anna": 1, "1": 1, "id:1": 1, "4": 4, "name:001": 3, "001": 3, "id:1003": 1003, "name:1003": 4,
		} {
			found, err := w.service.Find(ctx, ref)
			require.NoError(t, err, ref)
			require.Equal(t, want, found.ID, ref)
		}
		for ref, detail := range map[string]string{
			"nobody": "Nobody has", "": "Nobody has", "id:anna": "Nobody has", "name:": "Nobody has", "99999": "Nobody has", "-1": "Nobody has",
			"1003": "say name:1003 or id:1003",
		} {
			_, err := w.service.Find(ctx, ref)
			require.ErrorIs(t, err, ErrUserNotFound, ref)
			require.ErrorContains(t, err, detail, ref)
		}

		_, err = w.service.Create(ctx, "anna", "", "12345678")
		require.ErrorIs(t, err, ErrUsernameTaken)
		_, err = w.service.Create(ctx, "!", "", "short")
		require.ErrorIs(t, err, problem.Invalid)

		all, err := w.service.List(ctx)
		require.NoError(t, err)
		require.Len(t, all, 5)
		require.Equal(t, "anna", all[0].DisplayName)
	})
}

func TestTokenForAnOperator(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		w.register("anna")
		token, expires, err := w.service.Token(t.Context(), "anna", 48*time.Hour)
		require.NoError(t, err)
		require.Equal(t, w.clock.Now().Add(48*time.Hour).Truncate(time.Second), expires)
		w.clock.pass(47 * time.Hour)
		id, family, err := w.service.Authenticate(t.Context(), token)
		require.NoError(t, err)
		require.EqualValues(t, 1, id)
		require.Empty(t, family)
		_, _, err = w.service.Token(t.Context(), "nobody", 0)
		require.ErrorIs(t, err, ErrUserNotFound)
	})
}
