// Package about tells what a client wants to know of a server before anybody signs in.
package about

import (
	"context"
	"sync/atomic"

	"parley/app/store"
)

// About is what there is to know.
type About struct {
	Version      string `json:"version"`
	Registration string `json:"registration"` // "open": anybody may make an account; "closed": operators do
	// Accounts says whether there is one yet. Without any, nobody can sign in, and whoever comes is the first.
	Accounts         bool `json:"accounts"`
	MessageMaxLength int  `json:"messageMaxLength"` // in characters
	// DirectAnyone says whether people may write to each other who share no group.
	DirectAnyone bool `json:"directAnyone"`
}

// Service knows what there is to know.
type Service struct {
	told     About // but for the accounts
	accounts *store.Loader[struct{}, bool]
	found    atomic.Bool // there are accounts, which is never forgotten
}

// New returns a service that tells a, and whether there are accounts in s.
func New(s *store.Store, a About) *Service {
	return &Service{told: a, accounts: store.NewLoader(tables{s}.accounts)}
}

// About returns what there is to know. As anybody may ask, the database is not asked once there are accounts, and before
// that once for all who ask at the same time.
func (s *Service) About(ctx context.Context) (About, error) {
	a := s.told
	if a.Accounts = s.found.Load(); a.Accounts {
		return a, nil
	}
	there, err := s.accounts.Load(ctx, struct{}{})
	if err != nil {
		return About{}, err //nolint:wrapcheck // the store's own
	}
	if there {
		s.found.Store(true)
	}
	a.Accounts = there
	return a, nil
}
