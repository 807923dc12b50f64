package group

import (
	"context"

	"parley/app/auth"
	"parley/app/event"
)

// NewGroup is what a group begins with.
type NewGroup struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Patch changes what is not nil.
type Patch struct {
	Name        *string `json:"name"`
	Description *string `json:"description"`
}

// Create makes a group with one channel, "general". The actor is its owner.
func (s *Service) Create(ctx context.Context, actorID int64, g NewGroup) (made Group, err error) {
	var c checks
	g.Name, g.Description = c.groupName(g.Name), c.description(g.Description)
	if err := c.err(); err != nil {
		return Group{}, err
	}
	err = s.change(ctx, func(t *tx) error {
		found, err := t.holdUser(actorID)
		if err != nil {
			return err
		}
		if !found {
			return auth.ErrUserDisabled
		}
		id, err := t.insertGroup(g.Name, g.Description)
		if err != nil {
			return err
		}
		if _, err := t.insertChannel(id, NewChannel{Name: generalChannel}); err != nil {
			return err
		}
		if err := t.insertMember(id, actorID, RoleOwner); err != nil {
			return err
		}
		made, err = t.joined(actorID, id)
		return err
	})
	return made, err
}

// List returns the actor's groups with the channels that the actor may read.
func (s *Service) List(ctx context.Context, actorID int64) ([]Group, error) {
	return s.read(ctx).groups(actorID, 0)
}

// Get returns one of the actor's groups.
func (s *Service) Get(ctx context.Context, actorID, groupID int64) (Group, error) {
	return s.read(ctx).group(actorID, groupID)
}

// Update changes a group and returns it as the actor sees it.
func (s *Service) Update(ctx context.Context, actorID, groupID int64, p Patch) (seen Group, err error) {
	var c checks
	name, description := given(p.Name, c.groupName), given(p.Description, c.description)
	if err := c.err(); err != nil {
		return Group{}, err
	}
	err = s.change(ctx, func(t *tx) error {
		if _, err := t.begin(actorID, groupID, 0, UpdateGroup); err != nil {
			return err
		}
		before, err := t.group(actorID, groupID)
		if err != nil {
			return err
		}
		if err := t.updateGroup(groupID, name, description); err != nil {
			return err
		}
		if seen, err = t.group(actorID, groupID); err != nil || seen.Info == before.Info {
			return err
		}
		return t.emit(event.GroupKey(groupID), event.Emit{Event: event.GroupUpdated}, infoPayload{seen.Info})
	})
	return seen, err
}

// Delete removes a group with everything that was said in it.
func (s *Service) Delete(ctx context.Context, actorID, groupID int64) error {
	return s.change(ctx, func(t *tx) error {
		if _, err := t.begin(actorID, groupID, 0, DeleteGroup); err != nil {
			return err
		}
		if err := t.groupGone(groupID); err != nil {
			return err
		}
		return t.deleteGroup(groupID)
	})
}
