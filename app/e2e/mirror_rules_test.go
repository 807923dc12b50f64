package e2e

import (
	"encoding/json"
	"slices"
	"strconv"

	"parley/app/event"
	"parley/app/socket/sockettest"
)

// apply takes an answer of /sync, and returns what to ask next.
func (m *mirror) apply(a synced) *syncRequest {
	s := &m.state
	if a.Token != "" {
		m.token = a.Token
		m.takeGroups(a.Groups)
		for _, id := range a.MemberLists {
			delete(s.members, id)
		}
		for _, change := range a.Members {
			m.member(change.GroupID, change.UserID, change.Member)
		}
		for _, c := range a.Chats {
			s.chat(c.User.ID).take(c)
		}
	}
	for id, told := range a.Channels {
		c := s.channel(id)
		if c == nil {
			continue
		}
		c.ReadSeq = told.ReadSeq
		if told.Reset {
			c.messages = nil
		}
		for _, changed := range told.Changes {
			c.messages[changed.Seq-1] = changed
		}
		for _, message := range told.Messages {
			if message.Seq == int64(len(c.messages))+1 {
				c.messages = append(c.messages, message)
			}
		}
	}
	for _, id := range a.Gone {
		s.forget(id)
	}
	for other, told := range a.Direct {
		c := s.chat(other)
		if told.Reset {
			c.messages = nil
		}
		for _, message := range told.Messages {
			if message.Seq == int64(len(c.messages))+1 {
				c.messages = append(c.messages, message)
			}
		}
		if told.Chat != nil {
			c.take(*told.Chat)
		}
	}
	return m.next(a)
}

// next is what to ask after an answer: the rest of it, and what it lists but was not asked for.
func (m *mirror) next(a synced) *syncRequest {
	r := &syncRequest{More: true}
	if a.Next != nil {
		r = a.Next
	}
	if r.Channels == nil {
		r.Channels = make(map[string]int64)
	}
	if r.Direct == nil {
		r.Direct = make(map[string]int64)
	}
	for _, g := range a.Groups {
		for _, c := range g.Channels {
			if _, asked := a.Channels[c.ID]; !asked && c.LastSeq > 0 {
				r.Channels[strconv.FormatInt(c.ID, 10)] = 0
			}
		}
	}
	for _, c := range a.Chats {
		if _, asked := a.Direct[c.User.ID]; !asked {
			r.Direct[strconv.FormatInt(c.User.ID, 10)] = 0
		}
	}
	if len(r.Channels)+len(r.Direct) == 0 {
		return nil
	}
	return r
}

// takeGroups takes the list of groups: what is not in it is gone.
func (m *mirror) takeGroups(list []groupInfo) {
	before := m.state.groups
	m.state.groups = make(map[int64]*groupCopy)
	for _, g := range list {
		old := before[g.ID]
		delete(before, g.ID)
		m.state.groups[g.ID] = old.renewed(g)
	}
	for id := range before {
		delete(m.state.members, id)
	}
}

// renewed is a group as it is told, with the messages that are known of its channels. The receiver may be nil.
func (g *groupCopy) renewed(told groupInfo) *groupCopy {
	n := &groupCopy{groupInfo: told, channels: make(map[int64]*channelCopy)}
	n.Channels = nil
	for _, c := range told.Channels {
		n.channels[c.ID] = &channelCopy{channelInfo: c}
		if g != nil && g.channels[c.ID] != nil {
			n.channels[c.ID].messages = g.channels[c.ID].messages
		}
	}
	return n
}

// hear applies an event, and returns what to ask for because of it.
func (m *mirror) hear(e sockettest.Event) *syncRequest {
	switch e.Name {
	case event.Subscribed, event.Resync:
		return m.everything()
	case event.MessageSent, event.MessageReceive:
		return m.posted(read[event.Message](e))
	case event.PersonalSent, event.PersonalReceive:
		return m.personal(read[event.PersonalMessage](e))
	case event.JoinedGroup, event.ChannelCreated:
		return m.opened(e)
	case event.PersonalStatus, event.ReadCursor:
		m.advanced(e)
	case event.MessageUpdated, event.MessageDeleted, event.MessageReaction, event.MessagePinned:
		m.changed(e)
	default:
		m.regrouped(e)
	}
	return nil
}

// read reads what an event carries.
func read[T any](e sockettest.Event) (body T) {
	_ = json.Unmarshal(e.Payload, &body) // which has been validated
	return body
}

// posted takes the next message of a channel. A repeat is no news, and a jump has it ask for what is missing.
func (m *mirror) posted(told event.Message) *syncRequest {
	c := m.state.channel(told.ChannelID)
	if c == nil || told.Seq <= int64(len(c.messages)) {
		return nil
	}
	if told.Seq > int64(len(c.messages))+1 {
		return &syncRequest{Channels: map[string]int64{strconv.FormatInt(c.ID, 10): int64(len(c.messages))}, More: true}
	}
	c.messages = append(c.messages, told)
	c.count(told.ThreadID, 1)
	return nil
}

// count counts the replies to a message that the client has.
func (c *channelCopy) count(root, more int64) {
	for i := range c.messages {
		if root != 0 && c.messages[i].MessageID == root {
			c.messages[i].Replies += more
		}
	}
}

// changed takes a change of a message that it has; others it will get as they are then.
func (m *mirror) changed(e sockettest.Event) {
	at := read[event.Deleted](e) // whose fields all of these have
	c := m.state.channel(at.ChannelID)
	if c == nil || at.Seq > int64(len(c.messages)) {
		return
	}
	message := &c.messages[at.Seq-1]
	if message.DeletedAt != nil {
		return // for good
	}
	switch e.Name {
	case event.MessageUpdated:
		told := read[event.Message](e)
		message.Content, message.EditedAt, message.Mentions = told.Content, told.EditedAt, told.Mentions
	case event.MessageDeleted:
		message.Content, message.DeletedAt, message.EditedAt = "", &at.DeletedAt, nil
		message.Mentions, message.Reactions, message.PinnedAt, message.PinnedBy = nil, nil, nil, 0
		c.count(message.ThreadID, -1)
	case event.MessageReaction:
		told := read[event.Reacted](e)
		message.Reactions = reacted(message.Reactions, told)
	case event.MessagePinned:
		told := read[event.Pinned](e)
		message.PinnedAt, message.PinnedBy = nil, 0
		if told.Pinned {
			message.PinnedAt, message.PinnedBy = &told.At, told.UserID
		}
	}
}

// reacted adds somebody to an emoji, or takes somebody away.
func reacted(all []event.Reaction, told event.Reacted) []event.Reaction {
	all = slices.Clone(all)
	i := slices.IndexFunc(all, func(r event.Reaction) bool { return r.Emoji == told.Emoji })
	if i < 0 {
		i, all = len(all), append(all, event.Reaction{Emoji: told.Emoji})
	}
	r := &all[i]
	r.UserIDs = slices.DeleteFunc(slices.Clone(r.UserIDs), func(id int64) bool { return id == told.UserID })
	if told.Added {
		r.UserIDs = append(r.UserIDs, told.UserID)
	}
	if r.Count = told.Count; r.Count == 0 {
		return slices.Delete(all, i, i+1)
	}
	return all
}

// personal takes the next message of a personal chat, as posted does.
func (m *mirror) personal(told event.PersonalMessage) *syncRequest {
	other := told.SenderID
	if other == m.person.id {
		other = told.ReceiverID
	}
	c := m.state.chat(other)
	switch next := int64(len(c.messages)) + 1; {
	case told.Seq > next:
		return &syncRequest{Direct: map[string]int64{strconv.FormatInt(other, 10): next - 1}, More: true}
	case told.Seq == next:
		c.messages = append(c.messages, told)
	}
	return nil
}

// advanced takes how far somebody has got.
func (m *mirror) advanced(e sockettest.Event) {
	told := read[struct {
		ChannelID, UserID, ReadSeq, UpToSeq int64
		Status                              string
	}](e)
	switch {
	case e.Name == event.PersonalStatus:
		c := m.state.chat(told.UserID)
		c.otherDelivered = max(c.otherDelivered, told.UpToSeq)
		if told.Status == "READ" {
			c.otherRead = max(c.otherRead, told.UpToSeq)
		}
	case told.UserID != 0:
		c := m.state.chat(told.UserID)
		c.readSeq = max(c.readSeq, told.ReadSeq)
		if told.UserID == m.person.id { // notes: both are the same
			c.otherRead, c.otherDelivered = c.readSeq, max(c.otherDelivered, c.readSeq)
		}
	default:
		if c := m.state.channel(told.ChannelID); c != nil {
			c.ReadSeq = max(c.ReadSeq, told.ReadSeq)
		}
	}
}

// opened takes a group or a channel that the user may read now, and asks for everything: the event waited until it was subscribed to, and
// others may have overtaken it.
func (m *mirror) opened(e sockettest.Event) *syncRequest {
	told := read[struct {
		Group   *groupInfo
		Channel channelInfo
	}](e)
	if told.Group != nil {
		m.state.groups[told.Group.ID] = m.state.groups[told.Group.ID].renewed(*told.Group)
		delete(m.state.members, told.Group.ID)
		return m.everything()
	}
	if g := m.state.groups[told.Channel.GroupID]; g != nil && g.channels[told.Channel.ID] == nil {
		g.channels[told.Channel.ID] = &channelCopy{channelInfo: told.Channel}
	}
	return m.everything()
}

// regrouped takes a change of who and what there is.
func (m *mirror) regrouped(e sockettest.Event) {
	told := read[struct {
		GroupID, ChannelID, UserID int64
		Group                      groupInfo
		Channel                    channelInfo
		Member                     *memberInfo
	}](e)
	s := &m.state
	switch e.Name {
	case event.LeftGroup, event.GroupRemoved:
		delete(s.groups, told.GroupID)
		delete(s.members, told.GroupID)
	case event.GroupUpdated:
		if g := s.groups[told.Group.ID]; g != nil {
			g.Name, g.Description = told.Group.Name, told.Group.Description
		}
	case event.ChannelUpdated:
		if c := s.channel(told.Channel.ID); c != nil {
			c.Name, c.Topic = told.Channel.Name, told.Channel.Topic
		}
	case event.ChannelDeleted:
		s.forget(told.ChannelID)
	case event.MemberJoined, event.MemberUpdated:
		m.member(told.GroupID, told.Member.User.ID, told.Member)
	case event.MemberLeft:
		m.member(told.GroupID, told.UserID, nil)
	}
}

// member takes what somebody is in a group, nil for nothing. Of oneself it is the role.
func (m *mirror) member(groupID, userID int64, is *memberInfo) {
	if g := m.state.groups[groupID]; g != nil && is != nil && userID == m.person.id {
		g.Role = is.Role
	}
	list := m.state.members[groupID]
	switch {
	case list == nil:
	case is == nil:
		delete(list, userID)
	default:
		list[userID] = *is
	}
}

// channel is the copy of a channel, nil if there is none.
func (s copied) channel(id int64) *channelCopy {
	for _, g := range s.groups {
		if c := g.channels[id]; c != nil {
			return c
		}
	}
	return nil
}

// forget forgets a channel.
func (s copied) forget(id int64) {
	for _, g := range s.groups {
		delete(g.channels, id)
	}
}

// chat is the copy of a chat, which may be a new one.
func (s copied) chat(other int64) *chatCopy {
	if s.chats[other] == nil {
		s.chats[other] = &chatCopy{}
	}
	return s.chats[other]
}

// take takes how far the two have got.
func (c *chatCopy) take(told chatInfo) {
	c.readSeq, c.otherRead, c.otherDelivered = told.ReadSeq, told.Other.ReadSeq, told.Other.DeliveredSeq
}
