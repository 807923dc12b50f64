package web

import (
	"context"
	"strings"

	"github.com/labstack/echo/v4"

	"parley/app/problem"
)

// Authenticator verifies access tokens: the token is good, and its user exists
// and is enabled. It returns the user and the token's family, which is one
// sign-in. Its errors are problems with status 401, or that something is unavailable.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (userID int64, family string, err error)
}

// SetAuthenticator sets who verifies access tokens; before the first request.
func (s *Server) SetAuthenticator(a Authenticator) { s.auth = a }

// UserID is the signed-in user of an API request, 0 for a public one.
func UserID(c echo.Context) int64 { return exchangeOf(c.Request().Context()).user }

// Family is the sign-in to which the request's access token belongs.
func Family(c echo.Context) string { return exchangeOf(c.Request().Context()).family }

// forEverybody is the middleware of public routes.
func (s *Server) forEverybody(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		defer s.prepare(c)()
		if err := s.limitAddress(c); err != nil {
			return err
		}
		return next(c)
	}
}

// forUsers is the middleware of the other routes: only signed-in users are let through. It is one function, as Echo
// puts a chain of several together anew for each request.
func (s *Server) forUsers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		defer s.prepare(c)()
		if err := s.limitAddress(c); err != nil {
			return err
		}
		if err := s.authenticate(c); err != nil {
			return err
		}
		if err := s.limitUser(c); err != nil {
			return err
		}
		return next(c)
	}
}

// authenticate finds out who sends a request.
func (s *Server) authenticate(c echo.Context) error {
	ctx := c.Request().Context()
	token := bearer(c.Request().Header.Get(echo.HeaderAuthorization))
	if token == "" {
		return ErrTokenMissing
	}
	if s.auth == nil {
		return problem.Internal.WithDetail("No authenticator is set.")
	}
	id, family, err := s.auth.Authenticate(ctx, token)
	if err != nil {
		return err
	}
	x := exchangeOf(ctx)
	x.user, x.family = id, family
	return nil
}

// bearer takes the token out of an Authorization header, "" if there is none.
func bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
