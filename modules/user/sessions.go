package user

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode"

	"parley/app/event"
	"parley/app/store"
)

// refreshTTL is how long somebody stays signed in without coming back.
const refreshTTL = 30 * 24 * time.Hour

// refreshBytes is the randomness of a refresh token.
const refreshBytes = 32

// signIn begins a family for an account that was verified.
func (s *Service) signIn(ctx context.Context, verified row, agent string) (Session, error) {
	plain, first := s.firstToken(agent)
	first.UserID = verified.ID
	if err := s.tables.signIn(ctx, verified, first); err != nil {
		return Session{}, err
	}
	return s.session(verified, first.Family, plain)
}

// Refresh gives the next session for a refresh token, which is used up by it. The agent is what asks, as it calls itself.
func (s *Service) Refresh(ctx context.Context, token, agent string) (Session, error) {
	plain, next := s.newToken(agent)
	owner, next, err := s.tables.rotate(ctx, hashToken(token), next, s.millis())
	if errors.Is(err, ErrTokenReused) {
		s.kick()
	}
	if err != nil {
		return Session{}, err
	}
	return s.session(owner, next.Family, plain)
}

// Logout ends one sign-in. Its last access token stays good for requests until it expires, which is soon.
func (s *Service) Logout(ctx context.Context, userID int64, family string) error {
	if family == "" { // a token from the command line has no sign-in
		return nil
	}
	err := s.EndSession(ctx, userID, family)
	// It has ended already; perhaps the account is gone, and with it whatever could be ended.
	if errors.Is(err, ErrSessionNotFound) {
		return nil
	}
	return err
}

// SignIn is a device, or a program, that a user has signed in with, as its user sees it.
type SignIn struct {
	ID         string     `json:"id"`
	CreatedAt  event.Time `json:"createdAt"`
	LastUsedAt event.Time `json:"lastUsedAt"` // when it got its latest access token
	UserAgent  string     `json:"userAgent"`  // as it calls itself; empty if it does not
	Current    bool       `json:"current"`    // it is what asks
}

// maxSessions is how many sign-ins are listed.
const maxSessions = 200

// Sessions lists a user's sign-ins, the one used last first, and at most 200. Current is the one that asks; "" if none does.
func (s *Service) Sessions(ctx context.Context, userID int64, current string) ([]SignIn, error) {
	tokens, err := s.tables.sessions(ctx, userID, s.millis(), maxSessions)
	if err != nil {
		return nil, err
	}
	all := make([]SignIn, 0, len(tokens))
	for _, t := range tokens {
		all = append(all, SignIn{
			ID: t.Family, CreatedAt: event.FromMillis(t.since()), LastUsedAt: event.FromMillis(t.CreatedAt),
			UserAgent: t.UserAgent, Current: t.Family == current,
		})
	}
	return all, nil
}

// EndSession ends a sign-in: it gets no new access token, and its connections are closed. It fails with ErrSessionNotFound.
func (s *Service) EndSession(ctx context.Context, userID int64, id string) error {
	there, err := s.tables.endSession(ctx, userID, id, s.millis())
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && !there:
		return ErrSessionNotFound
	case err != nil:
		return err
	}
	s.kick()
	return nil
}

// EndOtherSessions ends all of a user's sign-ins but the current one; all, if that is "".
func (s *Service) EndOtherSessions(ctx context.Context, userID int64, current string) error {
	if err := s.tables.endOtherSessions(ctx, userID, current, s.millis()); err != nil {
		return notFound(err)
	}
	s.kick()
	return nil
}

// changePassword gives an account whose password was verified another one, and ends all of its sign-ins but the current one.
func (s *Service) changePassword(ctx context.Context, verified row, password, current string) error {
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return store.Map(err)
	}
	if err := s.tables.changePassword(ctx, verified, hash, current, s.millis()); err != nil {
		return notFound(err)
	}
	s.kick()
	return nil
}

// ForgetExpired deletes refresh tokens that have expired.
func (s *Service) ForgetExpired(ctx context.Context) (n int64, err error) {
	return s.tables.forgetExpired(ctx, s.millis())
}

// firstToken begins a sign-in.
func (s *Service) firstToken(agent string) (plain string, kept refreshToken) {
	plain, kept = s.newToken(agent)
	kept.Family, kept.SignedInAt = rand.Text(), &kept.CreatedAt
	return plain, kept
}

// newToken returns a refresh token as its user gets it, and as it is kept.
func (s *Service) newToken(agent string) (plain string, kept refreshToken) {
	random := make([]byte, refreshBytes)
	_, _ = rand.Read(random) // never fails: crypto/rand
	plain = base64.RawURLEncoding.EncodeToString(random)
	now := s.options.Now()
	return plain, refreshToken{
		TokenHash: hashToken(plain), UserAgent: foldAgent(agent),
		CreatedAt: now.UnixMilli(), ExpiresAt: now.Add(refreshTTL).UnixMilli(),
	}
}

// hashToken is how a refresh token is kept. It is random enough to need neither salt nor slowness.
func hashToken(plain string) string {
	sum := sha256.Sum256([]byte(plain))
	return hex.EncodeToString(sum[:])
}

func (s *Service) session(r row, family, refresh string) (Session, error) {
	access, expires, err := s.tokens.Issue(r.ID, family, 0)
	if err != nil {
		return Session{}, err //nolint:wrapcheck // says it all
	}
	return Session{User: r.user(), AccessToken: access, RefreshToken: refresh, ExpiresAt: event.At(expires)}, nil
}

// maxAgent is how many characters of a user agent are kept.
const maxAgent = 256

// foldAgent returns a user agent as it is kept: of whatever a client calls itself, the beginning, in characters that can be shown.
func foldAgent(agent string) string {
	var kept []rune
	for _, r := range strings.ToValidUTF8(agent, "�") {
		if len(kept) == maxAgent {
			break
		}
		if unicode.IsPrint(r) {
			kept = append(kept, r)
		}
	}
	return strings.TrimSpace(string(kept))
}
