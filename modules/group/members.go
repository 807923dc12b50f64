package group

import (
	"context"
	"errors"

	"parley/app/event"
)

// Members returns a page of the members of a group, and whether there are more after it.
func (s *Service) Members(ctx context.Context, actorID, groupID int64, p Page) (list []Member, more bool, err error) {
	t := s.read(ctx)
	may, err := t.access(actorID, groupID, 0)
	if err != nil {
		return nil, false, err
	}
	if err := allow(may.Role, ListMembers); err != nil {
		return nil, false, err
	}
	rows, err := t.members(groupID, p.After, p.Limit+1)
	list, more = page(rows, p.Limit, memberRow.member)
	return list, more, err
}

// page converts at most limit rows, of which one more was asked for to know whether there are more.
func page[T any](rows []memberRow, limit int, convert func(memberRow) T) (list []T, more bool) {
	more = len(rows) > limit
	rows = rows[:min(limit, len(rows))]
	list = make([]T, len(rows))
	for i, r := range rows {
		list[i] = convert(r)
	}
	return list, more
}

// AddMember makes a user a member of a group, in a role that the actor may give.
func (s *Service) AddMember(ctx context.Context, actorID, groupID, userID int64, role Role) (m Member, err error) {
	var c checks
	if c.role(role); c.err() != nil {
		return Member{}, c.err()
	}
	err = s.change(ctx, func(t *tx) error {
		may, err := t.begin(actorID, groupID, 0, AddMember)
		if err != nil {
			return err
		}
		if err := allowGrant(may.Role, role); err != nil {
			return err
		}
		if err := t.mayJoin(groupID, userID); errors.Is(err, ErrBanned) {
			return ErrUserBanned.WithDetail("Lift the ban first.")
		} else if err != nil {
			return err
		}
		_, m, err = t.join(groupID, userID, role)
		return err
	})
	return m, err
}

// join makes a user a member of a locked group and tells everyone concerned. It returns the group as the user sees it.
func (t *tx) join(groupID, userID int64, role Role) (g Group, m Member, err error) {
	if err := t.insertMember(groupID, userID, role); err != nil {
		return Group{}, Member{}, err
	}
	if g, err = t.joined(userID, groupID); err != nil {
		return Group{}, Member{}, err
	}
	if m, err = t.member(groupID, userID); err != nil {
		return Group{}, Member{}, err
	}
	return g, m, t.emit(event.GroupKey(groupID), event.Emit{Event: event.MemberJoined, ExceptUser: userID}, memberPayload{groupID, m})
}

// mayJoin answers what keeps a user from becoming a member.
func (t *tx) mayJoin(groupID, userID int64) error {
	found, err := t.holdUser(userID)
	if err != nil {
		return err
	}
	if !found {
		return errNoSuchUser()
	}
	if err := t.notBanned(groupID, userID); err != nil {
		return err
	}
	_, err = t.member(groupID, userID)
	return absent(err)
}

// absent turns the result of looking for a member round: it is nil for one that was not found.
func absent(err error) error {
	switch {
	case err == nil:
		return ErrAlreadyMember
	case errors.Is(err, ErrMemberNotFound):
		return nil
	default:
		return err
	}
}

// SetRole changes the role of a member of lower rank, or the actor's own.
func (s *Service) SetRole(ctx context.Context, actorID, groupID, userID int64, role Role) (m Member, err error) {
	var c checks
	if c.role(role); c.err() != nil {
		return Member{}, c.err()
	}
	err = s.change(ctx, func(t *tx) error {
		may, err := t.begin(actorID, groupID, 0, ChangeRole)
		if err != nil {
			return err
		}
		if m, err = t.member(groupID, userID); err != nil {
			return err
		}
		if m.Role == role {
			return nil
		}
		if actorID != userID {
			if err := allowOn(may.Role, m.Role); err != nil {
				return err
			}
		}
		if err := allowGrant(may.Role, role); err != nil {
			return err
		}
		if err := t.keepOwner(groupID, m.Role); err != nil {
			return err
		}
		if err := t.updateRole(groupID, userID, role); err != nil {
			return err
		}
		m.Role = role
		return t.emit(event.GroupKey(groupID), event.Emit{Event: event.MemberUpdated}, memberPayload{groupID, m})
	})
	return m, err
}

// keepOwner answers ErrLastOwner if the group would be without an owner once somebody with that role had it no more.
func (t *tx) keepOwner(groupID int64, leaving Role) error {
	if leaving != RoleOwner {
		return nil
	}
	n, err := t.owners(groupID)
	if err == nil && n <= 1 {
		err = ErrLastOwner.WithDetail("Make somebody else an owner first, or delete the group.")
	}
	return err
}

// RemoveMember removes a member of lower rank from a group, or lets the actor leave it.
func (s *Service) RemoveMember(ctx context.Context, actorID, groupID, userID int64) error {
	action, reason := RemoveMember, reasonRemoved
	if actorID == userID {
		action, reason = Leave, reasonLeft
	}
	return s.change(ctx, func(t *tx) error {
		may, err := t.begin(actorID, groupID, 0, action)
		if err != nil {
			return err
		}
		m, err := t.member(groupID, userID)
		if err != nil {
			return err
		}
		if action == RemoveMember {
			if err := allowOn(may.Role, m.Role); err != nil {
				return err
			}
		}
		if err := t.keepOwner(groupID, m.Role); err != nil {
			return err
		}
		return t.part(groupID, userID, reason)
	})
}

// part ends a membership of a locked group and tells everyone concerned.
func (t *tx) part(groupID, userID int64, reason string) error {
	if err := t.deleteMember(groupID, userID); err != nil {
		return err
	}
	return t.left(userID, groupID, reason)
}

// Transfer makes a member the owner of a group in the actor's place; the actor is an admin afterwards.
func (s *Service) Transfer(ctx context.Context, actorID, groupID, userID int64) (m Member, err error) {
	err = s.change(ctx, func(t *tx) error {
		if _, err := t.begin(actorID, groupID, 0, TransferGroup); err != nil {
			return err
		}
		if m, err = t.member(groupID, userID); err != nil || userID == actorID {
			return err
		}
		old, err := t.member(groupID, actorID)
		if err != nil {
			return err
		}
		for _, change := range []struct {
			member *Member
			role   Role
		}{{&m, RoleOwner}, {&old, RoleAdmin}} {
			if change.member.Role == change.role {
				continue
			}
			change.member.Role = change.role
			if err := t.updateRole(groupID, change.member.User.ID, change.role); err != nil {
				return err
			}
			err := t.emit(event.GroupKey(groupID), event.Emit{Event: event.MemberUpdated}, memberPayload{groupID, *change.member})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return m, err
}
