package group

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"parley/app/event"
	"parley/app/problem"
)

// Invite lets whoever knows its code become a member of a group.
type Invite struct {
	Code      string      `json:"code"`
	GroupID   int64       `json:"groupId"`
	CreatorID int64       `json:"creatorId"`
	CreatedAt event.Time  `json:"createdAt"`
	ExpiresAt *event.Time `json:"expiresAt,omitempty"` // nil: never
	MaxUses   *int64      `json:"maxUses,omitempty"`   // nil: any number
	Uses      int64       `json:"uses"`
	revoked   bool
}

// NewInvite is what an invite begins with.
type NewInvite struct {
	ExpiresIn *int64 `json:"expiresIn"` // seconds; nil: DefaultInviteLife, 0: never
	MaxUses   *int64 `json:"maxUses"`   // nil: any number
}

// Invitation is what somebody who has an invite's code may see of its group before joining.
type Invitation struct {
	Group     Info        `json:"group"`
	Members   int64       `json:"members"`
	Member    bool        `json:"member"` // the one who asks is in already
	ExpiresAt *event.Time `json:"expiresAt,omitempty"`
}

// Bounds of what a NewInvite asks for.
const (
	DefaultInviteLife = 7 * 24 * time.Hour
	minInviteLife     = time.Minute
	maxInviteLife     = 365 * 24 * time.Hour
	maxInviteUses     = 100_000
)

// Problems with invites.
var (
	ErrInviteNotFound = problem.New(404, "invite_not_found", "There is no such invite.")
	ErrInviteExpired  = problem.New(410, "invite_expired", "The invite has expired; ask for another one.")
	ErrInviteUsedUp   = problem.New(410, "invite_used_up", "The invite has been used as often as it may be; ask for another one.")
	ErrInviteRevoked  = problem.New(410, "invite_revoked", "The invite has been revoked.")
)

// usable says what keeps the invite from being accepted now.
func (i Invite) usable(now event.Time) error {
	switch {
	case i.revoked:
		return ErrInviteRevoked
	case i.ExpiresAt != nil && !now.Before(i.ExpiresAt.Time):
		return ErrInviteExpired
	case i.MaxUses != nil && i.Uses >= *i.MaxUses:
		return ErrInviteUsedUp
	default:
		return nil
	}
}

// check returns the life that is asked for; 0 stands for no end.
func (n NewInvite) check() (life time.Duration, err error) {
	var c checks
	life = DefaultInviteLife
	if n.ExpiresIn != nil {
		switch seconds := *n.ExpiresIn; {
		case seconds == 0:
			life = 0
		case seconds < int64(minInviteLife/time.Second) || seconds > int64(maxInviteLife/time.Second):
			c.add("expiresIn", "must be between %d and %d seconds, or 0 for no end",
				int64(minInviteLife/time.Second), int64(maxInviteLife/time.Second))
		default:
			life = time.Duration(seconds) * time.Second
		}
	}
	if n.MaxUses != nil && (*n.MaxUses < 1 || *n.MaxUses > maxInviteUses) {
		c.add("maxUses", "must be between 1 and %d", maxInviteUses)
	}
	return life, c.err()
}

// CreateInvite makes an invite to a group.
func (s *Service) CreateInvite(ctx context.Context, actorID, groupID int64, n NewInvite) (made Invite, err error) {
	life, err := n.check()
	if err != nil {
		return Invite{}, err
	}
	err = s.change(ctx, func(t *tx) error {
		if _, err := t.begin(actorID, groupID, 0, ManageInvites); err != nil {
			return err
		}
		made = Invite{Code: rand.Text(), GroupID: groupID, CreatorID: actorID, CreatedAt: t.now, MaxUses: n.MaxUses}
		if life > 0 {
			end := event.At(t.now.Add(life))
			made.ExpiresAt = &end
		}
		return t.insertInvite(made)
	})
	return made, err
}

// Invites lists the invites to a group that can still be accepted, the newest first.
func (s *Service) Invites(ctx context.Context, actorID, groupID int64) ([]Invite, error) {
	t := s.read(ctx)
	may, err := t.access(actorID, groupID, 0)
	if err != nil {
		return nil, err
	}
	if err := allow(may.Role, ManageInvites); err != nil {
		return nil, err
	}
	return t.invites(groupID, event.At(time.Now()))
}

// RevokeInvite ends an invite. Ending it again changes nothing.
func (s *Service) RevokeInvite(ctx context.Context, actorID, groupID int64, code string) error {
	return s.change(ctx, func(t *tx) error {
		if _, err := t.begin(actorID, groupID, 0, ManageInvites); err != nil {
			return err
		}
		found, err := t.invite(code)
		if err != nil {
			return err
		}
		if found.GroupID != groupID {
			return ErrInviteNotFound
		}
		return t.revokeInvite(code)
	})
}

// Invitation says what the invite with the code invites to.
func (s *Service) Invitation(ctx context.Context, actorID int64, code string) (Invitation, error) {
	t := s.read(ctx)
	found, err := t.invite(code)
	if err != nil {
		return Invitation{}, err
	}
	if err := found.usable(event.At(time.Now())); err != nil {
		return Invitation{}, err
	}
	if err := t.notBanned(found.GroupID, actorID); err != nil {
		return Invitation{}, err
	}
	seen, err := t.invitation(found.GroupID, actorID)
	seen.ExpiresAt = found.ExpiresAt
	return seen, err
}

// AcceptInvite makes the actor a member of the group that it is invited to, and returns the group. For somebody who is a member
// already nothing changes, and the invite is not used.
func (s *Service) AcceptInvite(ctx context.Context, actorID int64, code string) (g Group, err error) {
	err = s.change(ctx, func(t *tx) error {
		found, err := t.invite(code)
		if err != nil {
			return err
		}
		if err := t.lock(found.GroupID); err != nil {
			return err
		}
		if found, err = t.invite(code); err != nil { // again: the group was not locked
			return err
		}
		if g, err = t.group(actorID, found.GroupID); !errors.Is(err, ErrGroupNotFound) {
			return err // a member already, or the database is away
		}
		if err := found.usable(t.now); err != nil {
			return err
		}
		if err := t.mayJoin(found.GroupID, actorID); err != nil {
			return err
		}
		if err := t.useInvite(code); err != nil {
			return err
		}
		g, _, err = t.join(found.GroupID, actorID, RoleMember)
		return err
	})
	return g, err
}
