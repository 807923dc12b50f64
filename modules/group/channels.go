package group

import (
	"context"
	"errors"

	"parley/app/event"
)

// NewChannel is what a channel begins with.
type NewChannel struct {
	Name    string `json:"name"`
	Topic   string `json:"topic"`
	Private bool   `json:"private"`
}

// ChannelPatch changes what is not nil.
type ChannelPatch struct {
	Name  *string `json:"name"`
	Topic *string `json:"topic"`
}

// CreateChannel makes a channel. The actor is the first member of a private one.
func (s *Service) CreateChannel(ctx context.Context, actorID, groupID int64, n NewChannel) (made Channel, err error) {
	var c checks
	n.Name, n.Topic = c.channelName(n.Name), c.topic(n.Topic)
	if err := c.err(); err != nil {
		return Channel{}, err
	}
	err = s.change(ctx, func(t *tx) error {
		if _, err := t.begin(actorID, groupID, 0, CreateChannel); err != nil {
			return err
		}
		if made, err = t.insertChannel(groupID, n); err != nil {
			return err
		}
		if !made.Private {
			return t.channelOpened(made)
		}
		if err := t.insertChannelMember(made.ID, actorID); err != nil {
			return err
		}
		return t.letIn(actorID, made)
	})
	return made, nameTaken(err)
}

// UpdateChannel changes a channel.
func (s *Service) UpdateChannel(ctx context.Context, actorID, groupID, channelID int64, p ChannelPatch) (changed Channel, err error) {
	var c checks
	name, topic := given(p.Name, c.channelName), given(p.Topic, c.topic)
	if err := c.err(); err != nil {
		return Channel{}, err
	}
	err = s.change(ctx, func(t *tx) error {
		may, err := t.begin(actorID, groupID, channelID, UpdateChannel)
		if err != nil {
			return err
		}
		if changed, err = t.updateChannel(channelID, name, topic); err != nil {
			return err
		}
		if changed.Name == may.Channel.Name && changed.Topic == may.Channel.Topic {
			return nil
		}
		return t.emit(keyOf(changed), event.Emit{Event: event.ChannelUpdated}, channelPayload{changed})
	})
	return changed, nameTaken(err)
}

// DeleteChannel removes a channel with everything that was said in it.
func (s *Service) DeleteChannel(ctx context.Context, actorID, groupID, channelID int64) error {
	return s.change(ctx, func(t *tx) error {
		may, err := t.begin(actorID, groupID, channelID, DeleteChannel)
		if err != nil {
			return err
		}
		if err := t.closeChannel(may.Channel); err != nil {
			return err
		}
		return t.deleteChannels([]int64{channelID})
	})
}

// closeChannel tells everyone who may read a channel that they may not any more.
func (t *tx) closeChannel(c Channel) error {
	if !c.Private {
		return t.channelClosed(c)
	}
	users, err := t.raiseChannelMembers(c.ID)
	if err != nil {
		return err
	}
	for _, user := range users {
		if err := t.shutOut(user, c); err != nil {
			return err
		}
	}
	t.silences(0)
	return nil
}

// ChannelMembers returns a page of the members of a private channel, and whether there are more after it.
func (s *Service) ChannelMembers(ctx context.Context, actorID, groupID, channelID int64, p Page) (list []ChannelMember, more bool, err error) {
	t := s.read(ctx)
	may, err := t.access(actorID, groupID, channelID)
	if err != nil {
		return nil, false, err
	}
	if err := allow(may.Role, ListMembers); err != nil {
		return nil, false, err
	}
	if !may.Channel.Private {
		return nil, false, ErrChannelNotPrivate
	}
	rows, err := t.channelMembers(channelID, p.After, p.Limit+1)
	list, more = page(rows, p.Limit, memberRow.channelMember)
	return list, more, err
}

// AddChannelMember lets a member of the group into a private channel.
func (s *Service) AddChannelMember(ctx context.Context, actorID, groupID, channelID, userID int64) (m ChannelMember, err error) {
	err = s.change(ctx, func(t *tx) error {
		may, err := t.beginPrivate(actorID, groupID, channelID, ManageChannelMembers)
		if err != nil {
			return err
		}
		if _, err := t.member(groupID, userID); errors.Is(err, ErrMemberNotFound) {
			return ErrNotAMember
		} else if err != nil {
			return err
		}
		_, err = t.channelMember(channelID, userID)
		if err := absent(err); err != nil {
			return err
		}
		if err := t.insertChannelMember(channelID, userID); err != nil {
			return err
		}
		if m, err = t.channelMember(channelID, userID); err != nil {
			return err
		}
		return t.letIn(userID, may.Channel)
	})
	return m, err
}

// RemoveChannelMember removes a member of lower rank from a private channel, or lets the actor leave it.
func (s *Service) RemoveChannelMember(ctx context.Context, actorID, groupID, channelID, userID int64) error {
	action := ManageChannelMembers
	if actorID == userID {
		action = LeaveChannel
	}
	return s.change(ctx, func(t *tx) error {
		may, err := t.beginPrivate(actorID, groupID, channelID, action)
		if err != nil {
			return err
		}
		if _, err := t.channelMember(channelID, userID); err != nil {
			return err
		}
		if action == ManageChannelMembers {
			other, err := t.member(groupID, userID)
			if err != nil {
				return err
			}
			if err := allowOn(may.Role, other.Role); err != nil {
				return err
			}
		}
		if err := t.deleteChannelMember(channelID, userID); err != nil {
			return err
		}
		version, err := t.raiseUser(userID)
		if err != nil {
			return err
		}
		t.silences(userID)
		return t.shutOut(userVersion{userID, version}, may.Channel)
	})
}

// beginPrivate is begin for what only private channels have: members of their own.
func (t *tx) beginPrivate(actorID, groupID, channelID int64, action Action) (access, error) {
	may, err := t.begin(actorID, groupID, channelID, action)
	if may.Channel.ID != 0 && !may.Channel.Private {
		return may, ErrChannelNotPrivate
	}
	return may, err
}
