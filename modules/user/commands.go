package user

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"parley/app/store"
)

// What operators do on the command line. They name a user by username or id.

// Create makes an account, also when registration is closed. An empty displayName is the username.
func (s *Service) Create(ctx context.Context, username, displayName, password string) (Account, error) {
	r, err := s.create(ctx, Registration{Username: username, Password: password, DisplayName: &displayName}, nil)
	return r.account(), err
}

// List returns every account, the oldest first.
func (s *Service) List(ctx context.Context) ([]Account, error) { return s.tables.all(ctx) }

// Find returns the account with that username or id. Where both exist, of two people, it wants to be told "name:42" or "id:42".
func (s *Service) Find(ctx context.Context, nameOrID string) (Account, error) {
	kind, text, prefixed := strings.Cut(nameOrID, ":")
	if !prefixed {
		kind, text = "", nameOrID
	}
	var found []Account
	if name, ok := foldUsername(text); ok && kind != "id" {
		if err := collect(&found)(s.tables.byName(ctx, name)); err != nil {
			return Account{}, err
		}
	}
	if id, err := strconv.ParseInt(text, 10, 64); err == nil && kind != "name" && strconv.FormatInt(id, 10) == text {
		if err := collect(&found)(s.tables.byID(ctx, id)); err != nil {
			return Account{}, err
		}
	}
	switch {
	case len(found) == 0:
		return Account{}, ErrUserNotFound.WithDetail(fmt.Sprintf("Nobody has the username or id %q.", nameOrID))
	case len(found) == 2 && found[0].ID != found[1].ID:
		return Account{}, ErrUserNotFound.WithDetail(fmt.Sprintf(
			"%q is the username of one user and the id of another; say name:%s or id:%s.", text, text, text))
	}
	return found[0], nil
}

// collect adds a row that was found.
func collect(found *[]Account) func(row, error) error {
	return func(r row, err error) error {
		if err == nil {
			*found = append(*found, r.account())
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}
}

// Disable refuses a user everywhere from now on: requests, refreshes, and connections, open ones included.
func (s *Service) Disable(ctx context.Context, nameOrID string) (Account, error) {
	found, err := s.Find(ctx, nameOrID)
	if err != nil {
		return Account{}, err
	}
	told, err := disabledEvent(found.ID)
	if err != nil {
		return Account{}, err
	}
	r, err := s.tables.disable(ctx, found.ID, s.millis(), told)
	return r.account(), notFound(err)
}

// Enable lets a disabled user sign in again. Nobody can any more as one who deleted the account.
func (s *Service) Enable(ctx context.Context, nameOrID string) (Account, error) {
	found, err := s.Find(ctx, nameOrID)
	if err != nil {
		return Account{}, err
	}
	r, err := s.tables.enable(ctx, found.ID)
	return r.account(), notFound(err)
}

// SetPassword also ends every sign-in of the user.
func (s *Service) SetPassword(ctx context.Context, nameOrID, password string) (Account, error) {
	var c checks
	c.password("password", password)
	if err := c.err(); err != nil {
		return Account{}, err
	}
	found, err := s.Find(ctx, nameOrID)
	if err != nil {
		return Account{}, err
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return Account{}, store.Map(err)
	}
	r, err := s.tables.setPassword(ctx, found.ID, hash, s.millis())
	return r.account(), notFound(err)
}

// Token makes an access token for a user, outside of any sign-in. A ttl of 0 is the usual one.
func (s *Service) Token(ctx context.Context, nameOrID string, ttl time.Duration) (token string, expires time.Time, err error) {
	found, err := s.Find(ctx, nameOrID)
	if err != nil {
		return "", time.Time{}, err
	}
	if found.Disabled {
		return "", time.Time{}, ErrDisabled.WithDetail(fmt.Sprintf("%s would be refused with any token; enable the user first.", found.Username))
	}
	return s.tokens.Issue(found.ID, "", ttl)
}
