package group

import (
	"context"
	"errors"

	"parley/app/event"
	"parley/app/problem"
)

// Ban keeps a user out of a group.
type Ban struct {
	User      User       `json:"user"`
	BannedBy  int64      `json:"bannedBy"` // a user's id
	Reason    string     `json:"reason"`
	CreatedAt event.Time `json:"createdAt"`
}

// maxReason is the most characters of a ban's reason.
const maxReason = 250

// Problems with bans.
var (
	// ErrBanned is what a banned user is told who wants to join.
	ErrBanned = problem.New(403, "banned", "You are banned from this group.")
	// ErrUserBanned is what an admin is told who adds a banned user.
	ErrUserBanned    = problem.New(409, "user_banned", "This user is banned from the group.")
	ErrAlreadyBanned = problem.New(409, "already_banned", "This user is banned already.")
	ErrBanNotFound   = problem.New(404, "ban_not_found", "This user is not banned.")
)

// Ban keeps a user out of a group from now on. A member, which must be of lower rank, is removed.
func (s *Service) Ban(ctx context.Context, actorID, groupID, userID int64, reason string) (made Ban, err error) {
	var c checks
	reason = c.text("reason", reason, maxReason)
	if err := c.err(); err != nil {
		return Ban{}, err
	}
	err = s.change(ctx, func(t *tx) error {
		may, err := t.begin(actorID, groupID, 0, ManageBans)
		if err != nil {
			return err
		}
		if found, err := t.knowsUser(userID); err != nil {
			return err
		} else if !found {
			return errNoSuchUser()
		}
		if err := t.notBanned(groupID, userID); errors.Is(err, ErrBanned) {
			return ErrAlreadyBanned
		} else if err != nil {
			return err
		}
		m, err := t.member(groupID, userID)
		switch {
		case err == nil:
			if err := allowOn(may.Role, m.Role); err != nil {
				return err
			}
			if err := t.part(groupID, userID, reasonBanned); err != nil {
				return err
			}
		case !errors.Is(err, ErrMemberNotFound):
			return err
		}
		if err := t.insertBan(groupID, userID, actorID, reason); err != nil {
			return err
		}
		made, err = t.ban(groupID, userID)
		return err
	})
	return made, err
}

// Bans returns a page of who is banned from a group, and whether there are more after it.
func (s *Service) Bans(ctx context.Context, actorID, groupID int64, p Page) (list []Ban, more bool, err error) {
	t := s.read(ctx)
	may, err := t.access(actorID, groupID, 0)
	if err != nil {
		return nil, false, err
	}
	if err := allow(may.Role, ManageBans); err != nil {
		return nil, false, err
	}
	list, err = t.bans(groupID, p.After, p.Limit+1)
	more = len(list) > p.Limit
	return list[:min(p.Limit, len(list))], more, err
}

// Unban lets a user join again.
func (s *Service) Unban(ctx context.Context, actorID, groupID, userID int64) error {
	return s.change(ctx, func(t *tx) error {
		if _, err := t.begin(actorID, groupID, 0, ManageBans); err != nil {
			return err
		}
		if _, err := t.ban(groupID, userID); err != nil {
			return err
		}
		return t.deleteBan(groupID, userID)
	})
}
