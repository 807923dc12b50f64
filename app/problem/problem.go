// Package problem defines the errors that users see: one value that the HTTP
// API renders as RFC 9457 problem+json, that Socket.IO sends as the data of a
// connect error, and that GROUP_MESSAGE_FAILED carries.
package problem

import (
	"errors"
	"time"
)

// Field names one invalid member of a request body or query and what is wrong with it.
type Field struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Problem is an error meant for the client. Modules declare theirs as package
// variables and return them, refined by the With methods; errors.Is compares
// problems by Code, so a refined copy still matches its original.
type Problem struct {
	Status     int           // HTTP status code
	Code       string        // stable, machine-readable: "group_not_found"
	Title      string        // one short sentence, the same for every occurrence
	Detail     string        // what happened this time and what to do about it
	Fields     []Field       // validation errors, if any
	RetryAfter time.Duration // sent as Retry-After, in whole seconds, when not zero
	cause      error
}

// New returns a problem without a detail.
func New(status int, code, title string) *Problem {
	return &Problem{Status: status, Code: code, Title: title}
}

// Error joins title, detail and cause, for logs.
func (p *Problem) Error() string {
	s := p.Code + ": " + p.Title
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	if p.cause != nil {
		s += ": " + p.cause.Error()
	}
	return s
}

// Explain is the detail, or the title where there is nothing to add to it: what clients are always told.
func (p *Problem) Explain() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

// Is reports whether target is a problem with the same code.
func (p *Problem) Is(target error) bool {
	t, ok := target.(*Problem)
	return ok && t.Code == p.Code
}

// Unwrap returns the cause given to WithCause.
func (p *Problem) Unwrap() error { return p.cause }

// WithDetail returns a copy with the given detail.
func (p *Problem) WithDetail(detail string) *Problem {
	c := *p
	c.Detail = detail
	return &c
}

// WithFields returns a copy with the given validation errors.
func (p *Problem) WithFields(fields ...Field) *Problem {
	c := *p
	c.Fields = fields
	return &c
}

// WithCause returns a copy that wraps err. The cause is logged, never shown to the client.
func (p *Problem) WithCause(err error) *Problem {
	c := *p
	c.cause = err
	return &c
}

// WithRetryAfter returns a copy that tells the client when to try again.
func (p *Problem) WithRetryAfter(d time.Duration) *Problem {
	c := *p
	c.RetryAfter = d
	return &c
}

// Problems that any endpoint may answer.
var (
	// Invalid is a request that is well-formed but breaks a rule; its Fields say which.
	Invalid = New(400, "validation_failed", "The request is not valid.")
	// Malformed is a body, path or query that cannot be read at all.
	Malformed = New(400, "malformed_request", "The request could not be read.")
	// Unavailable means that a service Parley depends on is away; nothing was promised and the client should retry.
	Unavailable = New(503, "unavailable", "The service is temporarily unavailable; try again.").WithRetryAfter(time.Second)
	// Internal hides an unexpected error, which is logged.
	Internal = New(500, "internal_error", "Something went wrong on the server.")
	// NotFound is an address that does not exist, or that the caller may not see.
	NotFound = New(404, "not_found", "There is nothing at this address.")
	// Forbidden is something the caller may see but not do.
	Forbidden = New(403, "forbidden", "You may not do this.")
)

// From returns the problem in err's chain, or Internal wrapping err when there is none.
func From(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return Internal.WithCause(err)
}
