// Package auth makes and checks what people sign in with: access tokens, and
// the hashes of passwords.
package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/app/problem"
)

// Problems of tokens and of those who bear them.
var (
	// ErrTokenMissing is a request or handshake without an access token.
	ErrTokenMissing = problem.New(http.StatusUnauthorized, "token_missing", "Sign in to do this.")
	// ErrTokenExpired is an access token past its time.
	ErrTokenExpired = problem.New(http.StatusUnauthorized, "token_expired", "The access token has expired.").
			WithDetail("Get a new one with POST /api/v1/auth/refresh.")
	// ErrTokenInvalid is an access token that this deployment has not issued, or that cannot be read.
	ErrTokenInvalid = problem.New(http.StatusUnauthorized, "token_invalid", "The access token is not valid.").
			WithDetail("Sign in again.")
	// ErrUserDisabled is the token of a user who may not use the server, or does not exist any more.
	ErrUserDisabled = problem.New(http.StatusUnauthorized, "user_disabled", "This account is disabled.")
)

// minSecret is the least length of a key of HS256 in bytes: that of its hash (RFC 7518, section 3.2).
const minSecret = 32

// maxToken is more than a token of ours can have, in bytes.
const maxToken = 2048

// Claims are what an access token says.
type Claims struct {
	UserID    int64
	Family    string // the sign-in it came from; empty for one made by an operator
	ExpiresAt time.Time
}

// Tokens issues and verifies access tokens: JWTs signed with HS256, whose subject is the user's id.
type Tokens struct {
	secret []byte
	ttl    time.Duration
	now    func() time.Time
	parser *jwt.Parser

	verified verified
}

// payload is the body of a token.
type payload struct {
	Family string `json:"fam,omitempty"`
	jwt.RegisteredClaims
}

// NewTokens returns Tokens that live for ttl unless said otherwise. The secret must have at least 32 bytes. A nil now is time.Now.
func NewTokens(secret []byte, ttl time.Duration, now func() time.Time) (*Tokens, error) {
	if len(secret) < minSecret {
		return nil, fmt.Errorf("the secret has %d bytes, and needs at least %d", len(secret), minSecret)
	}
	if ttl < time.Second {
		return nil, fmt.Errorf("tokens cannot live for %s; a second is the least", ttl)
	}
	if now == nil {
		now = time.Now
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), // whatever the token's head asks for
		jwt.WithExpirationRequired(),
		jwt.WithStrictDecoding(), // one way of writing a token
		jwt.WithTimeFunc(now),
	)
	return &Tokens{secret: secret, ttl: ttl, now: now, parser: parser}, nil
}

// Issue makes a token for a user's sign-in; a ttl of 0 stands for the usual one.
func (t *Tokens) Issue(userID int64, family string, ttl time.Duration) (token string, expires time.Time, err error) {
	if ttl == 0 {
		ttl = t.ttl
	}
	if userID <= 0 || ttl < time.Second {
		return "", time.Time{}, fmt.Errorf("cannot issue a token to user %d for %s; a second is the least", userID, ttl)
	}
	now := t.now().UTC().Truncate(time.Second) // JWT counts whole seconds
	expires = now.Add(ttl)
	claims := payload{Family: family, RegisteredClaims: jwt.RegisteredClaims{
		Subject:   strconv.FormatInt(userID, 10),
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(expires),
	}}
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(t.secret)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign an access token: %w", err)
	}
	return token, expires, nil
}

// Verify reads a token. It fails with ErrTokenMissing, ErrTokenExpired or ErrTokenInvalid.
func (t *Tokens) Verify(token string) (Claims, error) {
	if claims, ok := t.verified.get(token); ok {
		if !t.now().Before(claims.ExpiresAt) {
			return Claims{}, ErrTokenExpired
		}
		return claims, nil
	}
	claims, err := t.verify(token)
	if err != nil {
		return Claims{}, err
	}
	t.verified.put(token, claims)
	return claims, nil
}

// verify is Verify without memory.
func (t *Tokens) verify(token string) (Claims, error) {
	switch {
	case token == "":
		return Claims{}, ErrTokenMissing
	case len(token) > maxToken, // not worth decoding
		strings.ContainsAny(token, "\r\n"): // base64 would overlook these
		return Claims{}, ErrTokenInvalid
	}
	var p payload
	_, err := t.parser.ParseWithClaims(token, &p, func(*jwt.Token) (any, error) { return t.secret, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Claims{}, ErrTokenExpired.WithCause(err)
	case err != nil:
		return Claims{}, ErrTokenInvalid.WithCause(err)
	}
	id, err := strconv.ParseInt(p.Subject, 10, 64)
	if err != nil || id <= 0 || strconv.FormatInt(id, 10) != p.Subject {
		return Claims{}, ErrTokenInvalid.WithCause(fmt.Errorf("subject %q is no user's id", p.Subject))
	}
	return Claims{UserID: id, Family: p.Family, ExpiresAt: p.ExpiresAt.UTC()}, nil
}
