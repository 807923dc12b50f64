package message

import (
	"context"
	"fmt"
	"strconv"

	"parley/app/registry"
)

// Settings keeps values that all processes of a deployment share.
type Settings interface {
	// Setting keeps value under name unless one is kept already, and returns what is kept.
	Setting(ctx context.Context, name, value string) (kept string, err error)
}

// Partitions guards the number of partitions: with two processes of different
// opinion, messages of one channel would take two ways and lose their order.
type Partitions struct {
	settings Settings
	count    int
}

// NewPartitions makes the component "message.partitions".
func NewPartitions(s Settings, count int) *Partitions { return &Partitions{settings: s, count: count} }

// Name implements registry.Module.
func (p *Partitions) Name() string { return "message.partitions" }

// Roles implements registry.Module.
func (p *Partitions) Roles() []registry.Role { return nil }

// Needs implements registry.Module.
func (p *Partitions) Needs() []string { return []string{"store"} }

// Init implements registry.Module.
func (p *Partitions) Init(registry.Host) error { return nil }

// Start keeps the number, or refuses if another one is kept.
func (p *Partitions) Start(ctx context.Context) error {
	kept, err := p.settings.Setting(ctx, "message.partitions", strconv.Itoa(p.count))
	if err != nil {
		return fmt.Errorf("read the number of partitions: %w", err)
	}
	if kept != strconv.Itoa(p.count) {
		return fmt.Errorf("message.partitions is %d, but this deployment was set up with %s; start every process with message.partitions: %s",
			p.count, kept, kept)
	}
	return nil
}

// Stop implements registry.Module.
func (p *Partitions) Stop(context.Context) error { return nil }
