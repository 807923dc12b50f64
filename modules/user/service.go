package user

import (
	"context"
	"errors"
	"time"

	"parley/app/auth"
	"parley/app/bus"
	"parley/app/event"
	"parley/app/store"
)

// Passwords hashes and verifies; auth.Passwords does it.
type Passwords interface {
	Hash(ctx context.Context, password string) (string, error)
	Verify(ctx context.Context, hash, password string) (bool, error)
	// VerifyNone takes as long as Verify, for a user who does not exist.
	VerifyNone(ctx context.Context, password string) error
}

// Options configure a Service.
type Options struct {
	// Registration lets anybody make an account. Without it, operators do.
	Registration bool
	// Limits bounds how fast passwords can be guessed, per address and username.
	Limits bool
	// Relay publishes what is in the outbox. Defaults to none: another process finds it soon.
	Relay Relay
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Relay publishes what is in the outbox.
type Relay interface {
	// Kick tells it that something was committed.
	Kick()
}

// Service is what can be done with accounts.
type Service struct {
	tables    tables
	tokens    *auth.Tokens
	passwords Passwords
	options   Options
	standings *store.Loader[int64, standing] // for Authenticate
}

// New returns the accounts kept in s.
func New(s *store.Store, t *auth.Tokens, p Passwords, o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	kept := tables{db: s}
	return &Service{tables: kept, tokens: t, passwords: p, options: o, standings: store.NewLoader(kept.standings)}
}

// Registration is what somebody gives to get an account.
type Registration struct {
	Username    string  `json:"username"`
	Password    string  `json:"password"`
	DisplayName *string `json:"displayName"`
}

// check returns the account's row without the password. Nobody need have a display name: it is the username then.
func (r Registration) check() (row, error) {
	var c checks
	account := row{Username: c.username(r.Username)}
	c.password("password", r.Password)
	account.DisplayName = account.Username
	if r.DisplayName != nil && *r.DisplayName != "" {
		account.DisplayName = c.displayName(*r.DisplayName)
	}
	return account, c.err()
}

// Register makes an account and signs in. The agent is what signs in, as it calls itself.
func (s *Service) Register(ctx context.Context, r Registration, agent string) (Session, error) {
	if !s.options.Registration {
		return Session{}, ErrRegistrationClosed
	}
	plain, first := s.firstToken(agent)
	account, err := s.create(ctx, r, &first)
	if err != nil {
		return Session{}, err
	}
	return s.session(account, first.Family, plain)
}

func (s *Service) create(ctx context.Context, r Registration, first *refreshToken) (row, error) {
	account, err := r.check()
	if err != nil {
		return row{}, err
	}
	if account.PasswordHash, err = s.passwords.Hash(ctx, r.Password); err != nil {
		return row{}, store.Map(err)
	}
	account.CreatedAt = s.millis()
	return s.tables.create(ctx, account, first)
}

// verify finds the account that username and password belong to. An unknown name gets the same answer as a
// wrong password, after the same work.
func (s *Service) verify(ctx context.Context, username, password string) (row, error) {
	name, ok := foldUsername(username)
	found, err := row{}, store.ErrNotFound
	if ok {
		found, err = s.tables.byName(ctx, name)
	}
	if errors.Is(err, store.ErrNotFound) {
		if err := s.passwords.VerifyNone(ctx, password); err != nil {
			return row{}, store.Map(err)
		}
		return row{}, ErrInvalidCredentials
	}
	if err != nil {
		return row{}, err
	}
	if err := s.compare(ctx, found, password); err != nil {
		return row{}, err
	}
	if found.disabled() {
		return row{}, ErrDisabled
	}
	return found, nil
}

// compare fails with ErrInvalidCredentials if the password is not the account's.
func (s *Service) compare(ctx context.Context, account row, password string) error {
	right, err := s.passwords.Verify(ctx, account.PasswordHash, password)
	switch {
	case err != nil:
		return store.Map(err)
	case !right:
		return ErrInvalidCredentials
	}
	return nil
}

// Authenticate implements web.Authenticator: the token is good, and its user exists and is enabled. It asks the database, together
// with others who ask at the same time: whoever has been disabled before the call is refused.
func (s *Service) Authenticate(ctx context.Context, token string) (userID int64, family string, err error) {
	claims, err := s.tokens.Verify(token)
	if err != nil {
		return 0, "", err //nolint:wrapcheck // a problem as it is
	}
	is, err := s.standings.Load(ctx, claims.UserID)
	switch {
	case err != nil:
		return 0, "", err
	case is == unknown:
		return 0, "", auth.ErrTokenInvalid
	case is == disabled:
		return 0, "", auth.ErrUserDisabled
	}
	return claims.UserID, claims.Family, nil
}

// Get returns a user.
func (s *Service) Get(ctx context.Context, id int64) (User, error) {
	r, err := s.tables.byID(ctx, id)
	return r.user(), notFound(err)
}

// Rename sets a user's display name, or nothing if it is nil.
func (s *Service) Rename(ctx context.Context, id int64, displayName *string) (User, error) {
	if displayName == nil {
		return s.Get(ctx, id)
	}
	var c checks
	name := c.displayName(*displayName)
	if err := c.err(); err != nil {
		return User{}, err
	}
	r, err := s.tables.setDisplayName(ctx, id, name)
	return r.user(), notFound(err)
}

// delete ends the account of somebody whose password was verified, for good: every sign-in, and open connections. Messages stay,
// without their sender's name. It fails with ErrStillMember for a member of any group.
func (s *Service) delete(ctx context.Context, verified row) error {
	told, err := disabledEvent(verified.ID)
	if err != nil {
		return err
	}
	if err := s.tables.delete(ctx, verified, s.millis(), told); err != nil {
		return notFound(err)
	}
	s.kick()
	return nil
}

// kick has published what was committed.
func (s *Service) kick() {
	if s.options.Relay != nil {
		s.options.Relay.Kick()
	}
}

// disabledEvent closes a user's connections.
func disabledEvent(id int64) (bus.Message, error) {
	change := event.Change{Kind: event.UserDisabled, UserID: id}
	return event.NewEmit(event.UserKey(id), event.Emit{Change: &change}, nil)
}

// Search finds enabled users whose username or display name begins with prefix.
func (s *Service) Search(ctx context.Context, prefix string, limit int) ([]User, error) {
	return s.tables.search(ctx, prefix, limit)
}

// ByIDs finds users, those who deleted their account included, in the order of the ids. Ids that nobody has are left out.
func (s *Service) ByIDs(ctx context.Context, ids []int64) ([]User, error) {
	return s.tables.byIDs(ctx, ids)
}

func (s *Service) millis() int64 { return s.options.Now().UnixMilli() }

func notFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrUserNotFound
	}
	return err
}
