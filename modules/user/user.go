// Package user keeps people's accounts: registering, signing in and out, the
// refresh tokens that keep them signed in, profiles, and what operators do with
// accounts. Access tokens and password hashes themselves are app/auth's.
//
// A sign-in is a family of refresh tokens. Each token is good for one refresh,
// which puts the next one in its place; a token that comes a second time has been stolen, or its
// successor has, so the whole family is revoked and both sides must sign in again.
package user

import (
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"parley/app/auth"
	"parley/app/event"
	"parley/app/problem"
)

// Problems that these endpoints answer, besides those of app/auth.
var (
	ErrUsernameTaken      = problem.New(http.StatusConflict, "username_taken", "Somebody else has this username.")
	ErrRegistrationClosed = problem.New(http.StatusForbidden, "registration_closed", "Registration is closed; ask an administrator for an account.")
	// ErrInvalidCredentials is the one answer to an unknown name and to a wrong password.
	ErrInvalidCredentials = problem.New(http.StatusUnauthorized, "invalid_credentials", "Username or password is wrong.")
	// ErrDisabled answers the right password of a disabled user. Requests with such a user's token get auth.ErrUserDisabled.
	ErrDisabled       = problem.New(http.StatusForbidden, auth.ErrUserDisabled.Code, auth.ErrUserDisabled.Title)
	ErrRefreshInvalid = problem.New(http.StatusUnauthorized, "refresh_token_invalid", "The refresh token is unknown, expired or revoked; sign in again.")
	ErrTokenReused    = problem.New(http.StatusUnauthorized, "token_reused",
		"The refresh token was used before. In case it was stolen, this sign-in has ended; sign in again.")
	// ErrStillMember keeps an account whose groups would be left with a member, or an owner, that is nobody.
	ErrStillMember = problem.New(http.StatusConflict, "still_member", "You are still a member of a group.").
			WithDetail("Leave your groups first; those that have no other owner need one, or must be deleted.")
	ErrSessionNotFound = problem.New(http.StatusNotFound, "session_not_found", "There is no such session of yours, or it has ended.")
	ErrUserNotFound    = problem.New(http.StatusNotFound, "user_not_found", "There is no such user.")
)

// User is a person as clients see one.
type User struct {
	ID          int64      `json:"id"`
	Username    string     `json:"username"`
	DisplayName string     `json:"displayName"`
	CreatedAt   event.Time `json:"createdAt"`
}

// Account is a person as operators see one.
type Account struct {
	User
	Disabled bool `json:"disabled"`
}

// Session is what signing in, or staying signed in, gives.
type Session struct {
	User         User       `json:"user"`
	AccessToken  string     `json:"accessToken"`
	RefreshToken string     `json:"refreshToken"`
	ExpiresAt    event.Time `json:"expiresAt"` // of the access token
}

// Lengths of texts, in characters.
const (
	minUsername, maxUsername = 3, 32
	minPassword, maxPassword = 8, 256
	maxDisplayName           = 64
)

// deletedName is shown in the place of the display name of a user who deleted the account.
const deletedName = "Deleted user"

// checks collects what is wrong with the fields of one request, so that all of it is reported at once.
type checks struct{ fields []problem.Field }

func (c *checks) add(field, format string, args ...any) {
	c.fields = append(c.fields, problem.Field{Field: field, Message: fmt.Sprintf(format, args...)})
}

// err is nil if nothing is wrong.
func (c *checks) err() error {
	if len(c.fields) == 0 {
		return nil
	}
	return problem.Invalid.WithFields(c.fields...)
}

// given is for what needs no other rule, since it is only compared.
func (c *checks) given(field, value string) {
	if value == "" {
		c.add(field, "must be given")
	}
}

// username returns the name as it is kept: in lower case.
func (c *checks) username(name string) string {
	kept, ok := foldUsername(name)
	if !ok {
		c.add("username", "must have %d to %d characters of a–z, 0–9, _ . and -, the first one a letter or digit", minUsername, maxUsername)
	}
	return kept
}

// foldUsername returns the name as it is kept, and whether it may be one. Only ASCII is folded, so that
// no look-alike, such as the sign for kelvin, becomes a letter.
func foldUsername(name string) (kept string, ok bool) {
	if len(name) < minUsername || len(name) > maxUsername {
		return "", false
	}
	folded := []byte(name)
	for i, b := range folded {
		switch {
		case b >= 'A' && b <= 'Z':
			folded[i] = b - 'A' + 'a'
		case b >= 'a' && b <= 'z', b >= '0' && b <= '9':
		case i > 0 && (b == '_' || b == '.' || b == '-'):
		default:
			return "", false
		}
	}
	return string(folded), true
}

func (c *checks) password(field, password string) {
	if n := utf8.RuneCountInString(password); n < minPassword || n > maxPassword || !utf8.ValidString(password) {
		c.add(field, "must have %d to %d characters", minPassword, maxPassword)
	}
}

// displayName returns the name as it is kept: without the space around it.
func (c *checks) displayName(name string) string {
	name = strings.TrimSpace(name)
	switch n := utf8.RuneCountInString(name); {
	case n > maxDisplayName || !strings.ContainsFunc(name, visible):
		c.add("displayName", "must have 1 to %d characters, one of them visible", maxDisplayName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		c.add("displayName", "must not contain control characters")
	}
	return name
}

func visible(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }
