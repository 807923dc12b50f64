package user

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// exec runs one statement as a transaction of its own.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	require.NoError(w.t, w.store.Write(w.t.Context(), func(tx *gorm.DB) error { return tx.Exec(sql, args...).Error }))
}

// join makes a group that the user is in.
func (w *world) join(userID int64) {
	w.t.Helper()
	w.exec(`INSERT INTO groups (id, name, created_at) VALUES (?, 'Ops', 0)`, userID)
	w.exec(`INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES (?, ?, 'member', 0)`, userID, userID)
}

func (w *world) leave(userID int64) {
	w.t.Helper()
	w.exec(`DELETE FROM group_members WHERE user_id = ?`, userID)
}

// say puts a message into a channel, as a worker would.
func (w *world) say(senderID int64) {
	w.t.Helper()
	w.exec(`INSERT INTO messages (channel_id, seq, sender_id, hash, content, created_at) VALUES (1, ?, ?, 'h', 'x', 0)`, senderID, senderID)
}

func ownPassword(name string) string { return `{"password":"` + name + name + `"}` }

// kicks counts how often it was told that something was committed.
type kicks int

func (k *kicks) Kick() { *k++ }

func TestDeleteAnAccount(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		var kicked kicks
		w.service.options.Relay = &kicked
		anna, other, bobb := w.register("anna"), w.login("anna"), w.register("bobb")
		require.Equal(t, http.StatusNoContent, w.call("DELETE", "/me", anna.AccessToken, ownPassword("anna"), nil))
		require.EqualValues(t, 1, kicked)
		require.Equal(t, []event.Emit{{Change: &event.Change{Kind: event.UserDisabled, UserID: anna.User.ID}}}, w.events())

		for _, s := range []Session{anna, other} {
			w.refused(http.StatusUnauthorized, "token_invalid", "GET", "/me", s.AccessToken, "")
			w.refused(http.StatusUnauthorized, "token_invalid", "DELETE", "/me", s.AccessToken, ownPassword("anna"))
			w.refused(http.StatusUnauthorized, "refresh_token_invalid", "POST", "/auth/refresh", "", `{"refreshToken":"`+s.RefreshToken+`"}`)
		}
		w.refused(http.StatusUnauthorized, "invalid_credentials", "POST", "/auth/login", "", credentials("anna", "annaanna"))
		all, err := w.service.List(t.Context())
		require.NoError(t, err)
		require.Equal(t, []Account{{User: bobb.User}}, all, "nothing is left")
		require.Greater(t, w.register("anna").User.ID, bobb.User.ID, "the name is free, and the id not used again")
	})
}

func TestDeleteTheAccountOfAnAuthor(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		anna, bobb := w.register("anna"), w.register("bobb")
		id := anna.User.ID
		w.say(id)
		require.Equal(t, http.StatusNoContent, w.call("DELETE", "/me", anna.AccessToken, ownPassword("anna"), nil))
		require.Equal(t, []event.Emit{{Change: &event.Change{Kind: event.UserDisabled, UserID: id}}}, w.events())

		kept, err := w.service.tables.byID(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, User{ID: id, Username: "~deleted-1", DisplayName: "Deleted user", CreatedAt: anna.User.CreatedAt}, kept.user())
		require.Empty(t, kept.PasswordHash)
		require.True(t, kept.disabled())

		w.refused(http.StatusUnauthorized, "user_disabled", "GET", "/me", anna.AccessToken, "")
		w.refused(http.StatusUnauthorized, "refresh_token_invalid", "POST", "/auth/refresh", "", `{"refreshToken":"`+anna.RefreshToken+`"}`)
		for _, name := range []string{"anna", kept.Username} {
			for _, password := range []string{"annaanna", "a"} {
				w.refused(http.StatusUnauthorized, "invalid_credentials", "POST", "/auth/login", "", credentials(name, password))
			}
		}
		var found []User
		require.Equal(t, http.StatusOK, w.call("GET", "/users", bobb.AccessToken, "", &found))
		require.Equal(t, []User{bobb.User}, found)
		w.refused(http.StatusBadRequest, "validation_failed", "POST", "/auth/register", "", credentials(kept.Username, "12345678"))
		w.register("anna")

		// Operators cannot bring it back.
		_, err = w.service.Enable(t.Context(), strconv.FormatInt(id, 10))
		require.ErrorIs(t, err, ErrUserNotFound)
		_, err = w.service.SetPassword(t.Context(), strconv.FormatInt(id, 10), "a new password")
		require.ErrorIs(t, err, ErrUserNotFound)
	})
}

// TestDeleteAnAccountWithPersonalChats: the other one keeps the chat; notes to oneself and blocks go.
func TestDeleteAnAccountWithPersonalChats(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		anna, bobb, carl := w.register("anna"), w.register("bobb"), w.register("carl")
		chat := func(id, low, high int64) {
			w.exec(`INSERT INTO direct_chats (id, low_id, high_id, last_seq, created_at) VALUES (?, ?, ?, 1, 0)`, id, low, high)
			w.exec(`INSERT INTO direct_messages (id, chat_id, seq, sender_id, hash, content, created_at) VALUES (?, ?, 1, ?, 'h', 'x', 0)`, 10*id, id, high)
			words := `INSERT INTO search_documents (id, message_id, direct, words) VALUES (?, ?, true, 'x')`
			if w.store.Dialect() == store.SQLite {
				words = `INSERT INTO search_documents (id, message_id, direct) VALUES (?, ?, true)`
				w.exec(`INSERT INTO search_words (rowid, words) VALUES (?, 'x')`, 100*id)
			}
			w.exec(words, 100*id, 10*id)
			w.exec(`INSERT INTO search_positions (direct, place_id, newest, oldest) VALUES (true, ?, 1, 0)`, id)
		}
		chat(1, anna.User.ID, anna.User.ID)
		chat(2, anna.User.ID, bobb.User.ID)
		chat(3, carl.User.ID, carl.User.ID)
		w.exec(`INSERT INTO user_blocks (user_id, blocked_id, created_at) VALUES (?, ?, 0), (?, ?, 0)`, anna.User.ID, bobb.User.ID, bobb.User.ID, anna.User.ID)
		for _, who := range []Session{anna, carl} {
			require.Equal(t, http.StatusNoContent, w.call("DELETE", "/me", who.AccessToken, ownPassword(who.User.Username), nil))
		}
		kept, err := w.service.tables.byID(t.Context(), anna.User.ID)
		require.NoError(t, err)
		require.True(t, kept.deleted())
		_, err = w.service.tables.byID(t.Context(), carl.User.ID)
		require.ErrorIs(t, err, store.ErrNotFound, "nobody else has anything of carl's")
		left := map[string]int64{"direct_chats": 1, "direct_messages": 1, "user_blocks": 0, "search_documents": 1, "search_positions": 1}
		if w.store.Dialect() == store.SQLite {
			left["search_words WHERE search_words MATCH 'x'"] = 1
		}
		for rows, want := range left {
			var n int64
			require.NoError(t, w.store.Read(t.Context()).Raw("SELECT count(*) FROM "+rows).Scan(&n).Error)
			require.Equal(t, want, n, rows)
		}
	})
}

func TestDeletionsThatAreRefused(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		anna := w.register("anna")
		refused := func(status int, code, body string, fields ...string) {
			t.Helper()
			require.ElementsMatch(t, fields, w.refused(status, code, "DELETE", "/me", anna.AccessToken, body))
		}
		w.refused(http.StatusUnauthorized, "token_missing", "DELETE", "/me", "", ownPassword("anna"))
		refused(http.StatusBadRequest, "validation_failed", `{}`, "password")
		refused(http.StatusBadRequest, "validation_failed", `{"password":"annaanna","username":"anna"}`, "username")
		refused(http.StatusUnauthorized, "invalid_credentials", ownPassword("bobb"))
		w.join(anna.User.ID)
		refused(http.StatusUnauthorized, "invalid_credentials", ownPassword("bobb"))
		refused(http.StatusConflict, "still_member", ownPassword("anna"))
		require.Equal(t, http.StatusOK, w.call("GET", "/me", anna.AccessToken, "", nil))
		_, status := w.refresh(anna.RefreshToken)
		require.Equal(t, http.StatusOK, status)
		require.Empty(t, w.events())

		// The password is changed while it is verified.
		w.leave(anna.User.ID)
		w.passwords.verifying = func(string) {
			w.passwords.verifying = nil
			_, err := w.service.SetPassword(t.Context(), "anna", "another password")
			require.NoError(t, err)
		}
		refused(http.StatusUnauthorized, "invalid_credentials", ownPassword("anna"))
		require.Equal(t, http.StatusNoContent, w.call("DELETE", "/me", anna.AccessToken, `{"password":"another password"}`, nil))
		require.NoError(t, w.service.Logout(t.Context(), anna.User.ID, "family"), "of somebody who has gone")
	})
}

// An access token that was stolen is no way to guess its user's password.
func TestGuessingByDeletionIsLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, storetest.SQLiteURL(t)), Options{Registration: true, Limits: true})
	anna := w.register("anna")
	for range guessBurst {
		w.refused(http.StatusUnauthorized, "invalid_credentials", "DELETE", "/me", anna.AccessToken, ownPassword("bobb"))
	}
	w.refused(http.StatusTooManyRequests, "rate_limited", "DELETE", "/me", anna.AccessToken, ownPassword("anna"))
	w.refused(http.StatusTooManyRequests, "rate_limited", "POST", "/auth/login", "", credentials("anna", "annaanna"))
	w.clock.pass(guessPause + time.Second)
	require.Equal(t, http.StatusNoContent, w.call("DELETE", "/me", anna.AccessToken, ownPassword("anna"), nil))
}

// Signing in and refreshing while the account is deleted: nothing of it works afterwards, and nothing fails with a fault of ours.
func TestDeletionAmongSignIns(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		for _, author := range []bool{false, true} {
			s := w.register("anna")
			if author {
				w.say(s.User.ID)
			}
			statuses := make(chan int, 20)
			for i := range cap(statuses) / 2 {
				go func() {
					body := credentials("anna", "annaanna")
					statuses <- w.call("POST", "/auth/login", "", body, nil)
				}()
				go func() {
					if i == 5 {
						statuses <- w.call("DELETE", "/me", s.AccessToken, ownPassword("anna"), nil)
						return
					}
					statuses <- w.call("POST", "/auth/logout", s.AccessToken, "", nil)
				}()
			}
			for range cap(statuses) {
				require.Contains(t, []int{http.StatusOK, http.StatusNoContent, http.StatusUnauthorized}, <-statuses)
			}
			var left int64
			require.NoError(t, w.store.Read(t.Context()).Raw(`SELECT count(*) FROM refresh_tokens`).Scan(&left).Error)
			require.Zero(t, left)
		}
	})
}

// A membership that is being made while an account is deleted is either seen by the deletion, or sees it.
func TestDeletionDuringAJoin(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, w *world) {
		w.exec(`INSERT INTO groups (id, name, created_at) VALUES (1, 'Ops', 0)`)
		for i := range 20 {
			anna := w.register("anna")
			if i%2 == 0 {
				w.say(anna.User.ID)
			}
			joined := make(chan bool, 1)
			go func() { joined <- w.tryToJoin(anna.User.ID) }()
			status := w.call("DELETE", "/me", anna.AccessToken, ownPassword("anna"), nil)
			if <-joined {
				require.Equal(t, http.StatusConflict, status)
				w.leave(anna.User.ID)
				require.Equal(t, http.StatusNoContent, w.call("DELETE", "/me", anna.AccessToken, ownPassword("anna"), nil))
			} else {
				require.Equal(t, http.StatusNoContent, status)
			}
		}
	})
}

// tryToJoin adds the user to group 1 as the groups' own module does it.
func (w *world) tryToJoin(userID int64) (joined bool) {
	_ = w.store.Write(context.Background(), func(tx *gorm.DB) error {
		lock := map[bool]string{true: " FOR KEY SHARE"}[tx.Name() == "postgres"]
		var found []int64
		err := tx.Raw(`SELECT id FROM users WHERE id = ? AND disabled_at IS NULL`+lock, userID).Scan(&found).Error
		if joined = err == nil && len(found) == 1; !joined {
			return err
		}
		return tx.Exec(`INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES (1, ?, 'member', 0)`, userID).Error
	})
	return joined
}
