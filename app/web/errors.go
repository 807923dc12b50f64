package web

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"parley/app/problem"
)

// Problems of the HTTP layer itself.
var (
	// ErrMethodNotAllowed is a known address with a method it does not have.
	ErrMethodNotAllowed = problem.New(http.StatusMethodNotAllowed, "method_not_allowed", "This address does not have that method.")
	// ErrBodyTooLarge is a body of more than MaxBody bytes.
	ErrBodyTooLarge = problem.New(http.StatusRequestEntityTooLarge, "body_too_large", "The request's body is too large.")
	// ErrMediaType is a body that does not say it is JSON.
	ErrMediaType = problem.New(http.StatusUnsupportedMediaType, "unsupported_media_type", "Send JSON: Content-Type: application/json.")
	// ErrRateLimited is one request too many.
	ErrRateLimited = problem.New(http.StatusTooManyRequests, "rate_limited", "Too many requests; slow down.")
	// ErrTokenMissing is a request without an access token.
	ErrTokenMissing = problem.New(http.StatusUnauthorized, "token_missing", "Sign in to do this.").
			WithDetail("Send the header Authorization: Bearer <access token>.")
)

// statusClosed is what the log shows for a client that did not wait for its answer.
const statusClosed = 499

// problemBody is a problem as RFC 9457 wants it.
type problemBody struct {
	Type   string          `json:"type"`
	Title  string          `json:"title"`
	Status int             `json:"status"`
	Detail string          `json:"detail"`
	Code   string          `json:"code"`
	Errors []problem.Field `json:"errors,omitempty"`
}

// WriteProblem answers with p, for handlers that are mounted beside the API.
func WriteProblem(w http.ResponseWriter, p *problem.Problem) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(p.Status)
	body := problemBody{
		Type: "urn:parley:problem:" + p.Code, Title: p.Title, Status: p.Status,
		Detail: p.Explain(), Code: p.Code, Errors: p.Fields,
	}
	_ = json.NewEncoder(w).Encode(body) // fails only if the client has gone
}

// fail is the one place where an error becomes an answer.
func (s *Server) fail(err error, c echo.Context) {
	r := c.Request()
	if c.Response().Committed {
		s.log.WarnContext(r.Context(), "handler failed after it had answered", "path", c.Path(), "error", err,
			"request_id", RequestID(r.Context()))
		return
	}
	switch {
	case errors.Is(context.Cause(r.Context()), errStopping):
		if errors.Is(err, context.Canceled) {
			err = problem.Unavailable.WithDetail("The server is stopping.").WithCause(err)
		}
	case errors.Is(r.Context().Err(), context.Canceled):
		c.Response().WriteHeader(statusClosed)
		return
	}
	p := s.problem(err)
	s.report(c, p, err)
	WriteProblem(c.Response(), p)
}

// problem finds out what to tell the client.
func (s *Server) problem(err error) *problem.Problem {
	if p := (*problem.Problem)(nil); errors.As(err, &p) {
		return p
	}
	if s.opts.Translate != nil {
		if p := s.opts.Translate(err); p != nil {
			return p
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return problem.Unavailable.WithDetail("The request took too long.").WithCause(err)
	}
	return problem.Internal.WithCause(err)
}

// report logs what is the server's fault; the client's own mistakes are in the access log.
func (s *Server) report(c echo.Context, p *problem.Problem, err error) {
	ctx := c.Request().Context()
	attrs := []any{"method", c.Request().Method, "path", c.Path(), "code", p.Code, "error", err, "request_id", RequestID(ctx)}
	switch {
	case p.Status == http.StatusServiceUnavailable:
		s.log.WarnContext(ctx, "request refused", attrs...)
	case p.Status >= http.StatusInternalServerError:
		s.log.ErrorContext(ctx, "request failed", attrs...)
	}
}

// known answers requests that no route takes, before any other middleware sees
// them. It does not leave this to Echo, whose groups with middleware
// answer 404 where another method would be allowed.
func (s *Server) known(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if s.routes[route{r.Method, c.Path()}] {
			exchangeOf(r.Context()).route = c.Path()
			return next(c)
		}
		allowed := s.allowed(r)
		if len(allowed) == 0 {
			return problem.NotFound
		}
		c.Response().Header().Set(echo.HeaderAllow, strings.Join(allowed, ", "))
		if r.Method == http.MethodOptions {
			return c.NoContent(http.StatusNoContent)
		}
		return ErrMethodNotAllowed
	}
}

// allowed lists the methods that the request's address has.
func (s *Server) allowed(r *http.Request) []string {
	var found []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		c := s.echo.NewContext(nil, nil)
		s.echo.Router().Find(m, echo.GetPath(r), c)
		if s.routes[route{m, c.Path()}] {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		return nil
	}
	if slices.Contains(found, http.MethodGet) {
		found = append(found, http.MethodHead)
	}
	return append(found, http.MethodOptions)
}
