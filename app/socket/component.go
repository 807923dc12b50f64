package socket

import (
	"context"

	"parley/app/registry"
)

// Name implements registry.Module.
func (s *Server) Name() string { return "socket" }

// Roles implements registry.Module.
func (s *Server) Roles() []registry.Role { return []registry.Role{registry.Socket} }

// Needs implements registry.Module.
func (s *Server) Needs() []string { return nil }

// Init implements registry.Module.
func (s *Server) Init(registry.Host) error { return nil }

// Start implements registry.Module: connections come in through Handler.
func (s *Server) Start(context.Context) error { return nil }

// Stop implements registry.Module.
func (s *Server) Stop(ctx context.Context) error { return s.Drain(ctx) }
