package bus

import "parley/app/registry"

// Component is a bus as the component "bus".
type Component struct{ Bus }

// Name implements registry.Module.
func (Component) Name() string { return "bus" }

// Roles implements registry.Module: a bus is there where something active needs it.
func (Component) Roles() []registry.Role { return nil }

// Needs implements registry.Module.
func (Component) Needs() []string { return nil }

// Init implements registry.Module.
func (Component) Init(registry.Host) error { return nil }
