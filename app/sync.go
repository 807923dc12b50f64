package app

import (
	"context"
	"maps"
	"slices"

	"parley/modules/catchup"
	"parley/modules/direct"
	"parley/modules/group"
)

// syncGroups gives the groups to who catches up.
type syncGroups struct{ *group.Service }

// Groups implements catchup.Groups.
func (g syncGroups) Groups(ctx context.Context, userID int64) (list any, readable []catchup.Place, err error) {
	groups, err := g.List(ctx, userID)
	if err != nil {
		return nil, nil, err
	}
	for _, in := range groups {
		for _, c := range in.Channels {
			readable = append(readable, catchup.Place{ID: c.ID, LastSeq: c.LastSeq, ReadSeq: c.ReadSeq, Unread: c.Unread, Mentions: c.Mentions})
		}
	}
	return groups, readable, nil
}

// Members implements catchup.Groups.
func (g syncGroups) Members(ctx context.Context, userID int64, known map[int64]int64, most int64) (changes []catchup.Member, versions map[int64]int64, unknown []int64, err error) {
	found, err := g.Memberships(ctx, userID, known, most)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, c := range found.Changes {
		m := catchup.Member{GroupID: c.GroupID, UserID: c.UserID}
		if c.Member != nil {
			m.Member = c.Member
		}
		changes = append(changes, m)
	}
	return changes, found.Versions, found.Unknown, nil
}

// syncDirect gives the personal chats to who catches up.
type syncDirect struct{ *direct.Store }

// Recent implements catchup.Direct.
func (d syncDirect) Recent(ctx context.Context, userID int64, most int) (list any, more bool, err error) {
	return d.Chats(ctx, userID, 0, most)
}

// Missed implements catchup.Direct.
func (d syncDirect) Missed(ctx context.Context, userID int64, after map[int64]int64, each int) (map[int64]*catchup.Chat, error) {
	chats, err := d.With(ctx, userID, slices.Collect(maps.Keys(after)))
	if err != nil {
		return nil, err
	}
	found := make(map[int64]*catchup.Chat, len(chats))
	for _, c := range chats {
		found[c.User.ID] = &catchup.Chat{Chat: c, LastSeq: c.LastSeq}
	}
	missed, err := d.Store.Missed(ctx, userID, after, each)
	if err != nil {
		return nil, err
	}
	for _, m := range missed {
		if c := found[m.OtherID]; c != nil {
			c.Messages, c.HasMore = m.Messages, m.More
		}
	}
	return found, nil
}
