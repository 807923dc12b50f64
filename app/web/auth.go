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

// Keys of what authenticate leaves in the echo.Context.
const (
	userKey   = "parley.user"
	familyKey = "parley.family"
)

// SetAuthenticator sets who verifies access tokens; before the first request.
func (s *Server) SetAuthenticator(a Authenticator) { s.auth = a }

// UserID is the signed-in user of an API request, 0 for a public one.
func UserID(c echo.Context) int64 {
	id, _ := c.Get(userKey).(int64)
	return id
}

// Family is the sign-in to which the request's access token belongs.
func Family(c echo.Context) string {
	family, _ := c.Get(familyKey).(string)
	return family
}

// authenticate lets only signed-in users through.
func (s *Server) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		token := bearer(c.Request().Header.Get(echo.HeaderAuthorization))
		if token == "" {
			return ErrTokenMissing
		}
		if s.auth == nil {
			return problem.Internal.WithDetail("No authenticator is set.")
		}
		id, family, err := s.auth.Authenticate(c.Request().Context(), token)
		if err != nil {
			return err
		}
		c.Set(userKey, id)
		c.Set(familyKey, family)
		return next(c)
	}
}

// bearer takes the token out of an Authorization header, "" if there is none.
func bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
