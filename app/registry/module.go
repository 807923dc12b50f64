// Package registry starts and stops the components of a process in the order
// of their needs. It knows roles, names and order and nothing else: what a
// component needs of another it is given as a typed constructor argument.
package registry

import (
	"context"
	"log/slog"
)

// Role is a part that a process plays in a deployment.
type Role string

// The roles. A process with all three is a complete server.
const (
	API    Role = "api"    // HTTP API
	Worker Role = "worker" // persists messages, answers subscription requests
	Socket Role = "socket" // Socket.IO
)

// AllRoles lists every role.
func AllRoles() []Role { return []Role{API, Worker, Socket} }

// Everything stands, among a module's needs, for every other active component, save those that need Everything themselves.
const Everything = "*"

// Module is one component: a capability in one role ("message.worker"), or
// something that several of them need ("store").
type Module interface {
	// Name is unique in the process and says capability and role.
	Name() string
	// Roles lists the roles in which the component is active. Nil: wherever an active component needs it.
	Roles() []Role
	// Needs names the components that are started before this one and stopped after it. Needing one that
	// is not there is an error. Everything needs all that is active for other reasons.
	Needs() []string
	// Init attaches routes and handlers. It does no I/O; every Init runs before any Start.
	Init(h Host) error
	// Start makes the component ready and returns; ctx bounds the start-up, not what runs after it. When it
	// fails it has released what it had taken: Stop is called for what has started, not for this.
	Start(ctx context.Context) error
	// Stop drains what is at hand and releases everything; ctx bounds it. Idempotent and legal before Start.
	Stop(ctx context.Context) error
}

// Checker is implemented by components that /readyz asks.
type Checker interface {
	// Check returns nil if the component can do its work now, else an error that says what is missing.
	Check(ctx context.Context) error
}

// Host is what a component gets from its node.
type Host interface {
	// Logger names the component in everything it logs.
	Logger() *slog.Logger
	// Go runs a task for as long as the node lives. Its context ends when the component is about to be stopped: before its
	// Stop is called. An error or a panic stops the node. The node waits for the task after Stop has returned.
	Go(task string, run func(context.Context) error)
}
