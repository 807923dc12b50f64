package loadtest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// member is a user of the run.
type member struct {
	name, password string
	api            *api
	patience       time.Duration

	renewing sync.Mutex // held while the tokens are being replaced
	tokens   atomic.Pointer[tokens]

	id       int64
	isOurs   bool       // registered by this or an earlier run, not somebody's account
	channels []*channel // that the member reads
}

// tokens are a member's current ones.
type tokens struct {
	access, refresh string
	renewAt         time.Time
	header          http.Header // of requests; not to be changed
	bearer          string      // the value of Authorization
}

// session is the answer to signing up and in.
type session struct {
	User struct {
		ID int64 `json:"id"`
	} `json:"user"`
	AccessToken  string    `json:"accessToken"`
	RefreshToken string    `json:"refreshToken"`
	ExpiresAt    time.Time `json:"expiresAt"`
}

// unknownLife is taken for the life of a token that is over already by this machine's clock, which must be wrong then.
const unknownLife = 30 * time.Second

func (m *member) keep(s session) {
	if m.id == 0 { // later, others may be reading it
		m.id = s.User.ID
	}
	now := time.Now()
	life := s.ExpiresAt.Sub(now)
	if life <= 0 {
		life = unknownLife
	}
	m.tokens.Store(&tokens{
		access: s.AccessToken, refresh: s.RefreshToken, renewAt: now.Add(life * 2 / 3),
		bearer: "Bearer " + s.AccessToken,
		header: http.Header{
			"Authorization": {"Bearer " + s.AccessToken},
			"Content-Type":  {"application/json"},
		},
	})
}

// do makes a request in the member's name, with fresh tokens if need be.
func (m *member) do(ctx context.Context, method, path string, body, into any) error {
	used := m.tokens.Load()
	err := m.api.do(ctx, m.patience, method, path, used.header, body, into)
	if !refused(err, "token_expired", "token_invalid") {
		return err
	}
	if err := m.renew(ctx, used); err != nil {
		return err
	}
	return m.api.do(ctx, m.patience, method, path, m.tokens.Load().header, body, into)
}

// credentials are what a member signs in with.
type credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// enter signs a member up, or in if it is there already.
func (m *member) enter(ctx context.Context, register bool) (registered bool, err error) {
	if register {
		var s session
		err = m.api.do(ctx, m.patience, http.MethodPost, "/auth/register", anonymous(), credentials{m.name, m.password}, &s)
		if err == nil {
			m.keep(s)
			return true, nil
		}
		if !refused(err, "username_taken", "registration_closed") {
			return false, err
		}
	}
	closed := refused(err, "registration_closed")
	err = m.signIn(ctx)
	switch {
	case err == nil || !refused(err, "invalid_credentials"):
		return false, err
	case closed:
		return false, fmt.Errorf("the server registers nobody: open it for the time of the test (auth.registration: open), or name a file "+
			"of existing users with --users-file, or users of an earlier run with --prefix and --password (%s is none)", m.name)
	case register:
		return false, fmt.Errorf("there is a user %s with another password: give --password as it was, or another --prefix", m.name)
	default:
		return false, fmt.Errorf("user %s: %w", m.name, err)
	}
}

func (m *member) signIn(ctx context.Context) error {
	var s session
	if err := m.api.do(ctx, m.patience, http.MethodPost, "/auth/login", anonymous(), credentials{m.name, m.password}, &s); err != nil {
		return err
	}
	m.keep(s)
	return nil
}

func anonymous() http.Header { return http.Header{"Content-Type": {"application/json"}} }

// renew replaces tokens, unless somebody else has done so since they were used.
func (m *member) renew(ctx context.Context, used *tokens) error {
	m.renewing.Lock()
	defer m.renewing.Unlock()
	if m.tokens.Load() != used {
		return nil
	}
	var s session
	body := map[string]string{"refreshToken": used.refresh}
	// Tried once: a refresh token whose answer got lost must not be sent again. Signing in always works.
	err := m.api.once(ctx, http.MethodPost, "/auth/refresh", anonymous(), mustJSON(body), &s)
	if err != nil {
		return m.signIn(ctx)
	}
	m.keep(s)
	return nil
}
