package group

import "parley/app/event"

// Payloads of the events that clients receive.
type (
	groupPayload struct {
		Group Group `json:"group"`
	}
	infoPayload struct {
		Group Info `json:"group"`
	}
	groupGonePayload struct {
		GroupID int64 `json:"groupId"`
	}
	groupLeftPayload struct {
		GroupID int64  `json:"groupId"`
		Reason  string `json:"reason"`
	}
	memberPayload struct {
		GroupID int64  `json:"groupId"`
		Member  Member `json:"member"`
	}
	memberLeftPayload struct {
		GroupID int64  `json:"groupId"`
		UserID  int64  `json:"userId"`
		Reason  string `json:"reason"`
	}
	channelPayload struct {
		Channel Channel `json:"channel"`
	}
	openChannelPayload struct {
		Channel OpenChannel `json:"channel"`
	}
	channelGonePayload struct {
		GroupID   int64 `json:"groupId"`
		ChannelID int64 `json:"channelId"`
	}
)

// Reasons of GROUP_LEFT and MEMBER_LEFT.
const (
	reasonLeft    = "left"
	reasonRemoved = "removed"
	reasonBanned  = "banned"
)

// joined tells a user of the group that it is a member of now, as that user sees it.
func (t *tx) joined(userID, groupID int64) (Group, error) {
	seen, err := t.group(userID, groupID)
	if err != nil {
		return Group{}, err
	}
	version, err := t.raiseUser(userID)
	if err != nil {
		return Group{}, err
	}
	return seen, t.emit(event.UserKey(userID), event.Emit{Event: event.JoinedGroup, Change: &event.Change{
		Kind: event.GroupJoined, UserID: userID, GroupID: groupID, Channels: seen.channelIDs(), Version: version,
	}}, groupPayload{seen})
}

// left tells a user and the members who stay that it is not one of them any more.
func (t *tx) left(userID, groupID int64, reason string) error {
	version, err := t.raiseUser(userID)
	if err != nil {
		return err
	}
	if err := t.emit(event.UserKey(userID), event.Emit{Event: event.LeftGroup, Change: &event.Change{
		Kind: event.GroupLeft, UserID: userID, GroupID: groupID, Version: version,
	}}, groupLeftPayload{groupID, reason}); err != nil {
		return err
	}
	t.silences(userID)
	return t.emit(event.GroupKey(groupID), event.Emit{Event: event.MemberLeft, ExceptUser: userID},
		memberLeftPayload{groupID, userID, reason})
}

// groupGone tells the members that there is no group any more.
func (t *tx) groupGone(groupID int64) error {
	version, err := t.raiseGroup(groupID)
	if err != nil {
		return err
	}
	t.silences(0)
	return t.emit(event.GroupKey(groupID), event.Emit{Event: event.GroupRemoved, Change: &event.Change{
		Kind: event.GroupDeleted, GroupID: groupID, Version: version,
	}}, groupGonePayload{groupID})
}

// channelOpened tells the members of a group of a new public channel.
func (t *tx) channelOpened(c Channel) error {
	version, err := t.raiseGroup(c.GroupID)
	if err != nil {
		return err
	}
	return t.emit(event.GroupKey(c.GroupID), event.Emit{Event: event.ChannelCreated, Change: &event.Change{
		Kind: event.ChannelsAdded, GroupID: c.GroupID, Channels: []int64{c.ID}, Version: version,
	}}, channelPayload{c})
}

// letIn tells a user of a private channel that it may read from now on.
func (t *tx) letIn(userID int64, c Channel) error {
	version, err := t.raiseUser(userID)
	if err != nil {
		return err
	}
	return t.emit(event.UserKey(userID), event.Emit{Event: event.ChannelCreated, Change: &event.Change{
		Kind: event.ChannelsAdded, UserID: userID, GroupID: c.GroupID, Channels: []int64{c.ID}, Version: version,
	}}, openChannelPayload{OpenChannel{Channel: c, ReadSeq: c.LastSeq}})
}

// channelClosed tells the members of a group that a public channel is gone.
func (t *tx) channelClosed(c Channel) error {
	version, err := t.raiseGroup(c.GroupID)
	if err != nil {
		return err
	}
	t.silences(0)
	return t.emit(event.GroupKey(c.GroupID), event.Emit{Event: event.ChannelDeleted, Change: &event.Change{
		Kind: event.ChannelsRemoved, GroupID: c.GroupID, Channels: []int64{c.ID}, Version: version,
	}}, channelGonePayload{c.GroupID, c.ID})
}

// shutOut tells a user, whose version was raised for it, that it may not read a private channel any more.
func (t *tx) shutOut(user userVersion, c Channel) error {
	return t.emit(event.UserKey(user.ID), event.Emit{Event: event.ChannelDeleted, Change: &event.Change{
		Kind: event.ChannelsRemoved, UserID: user.ID, GroupID: c.GroupID, Channels: []int64{c.ID}, Version: user.MembershipVersion,
	}}, channelGonePayload{c.GroupID, c.ID})
}

// keyOf is the room of those who may read the channel: the whole group, or the members of a private channel.
func keyOf(c Channel) string {
	if c.Private {
		return event.ChannelKey(c.ID)
	}
	return event.GroupKey(c.GroupID)
}
