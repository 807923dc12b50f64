// Package group is groups, their members and their channels: who belongs
// where, who may do what, and how everyone concerned hears of a change.
//
// A public channel is read by every member of its group; a private one by its
// own members and by nobody else, the group's owner included. Every change is
// one transaction that also appends its events to the outbox, so a change that
// was committed is announced even if the process dies right after it.
package group

import (
	"net/http"

	"parley/app/event"
	"parley/app/problem"
)

// Info is what a group is for everyone in it.
type Info struct {
	ID          int64      `json:"id"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	CreatedAt   event.Time `json:"createdAt"`
}

// Group is a group as one of its members sees it.
type Group struct {
	Info
	Role     Role          `json:"role"`     // that member's
	Channels []OpenChannel `json:"channels"` // those that the member may read, in the order of their ids
}

// channelIDs lists the group's channels for the subscriptions of the member who sees it.
func (g Group) channelIDs() []int64 {
	ids := make([]int64, len(g.Channels))
	for i, c := range g.Channels {
		ids[i] = c.ID
	}
	return ids
}

// Channel is what a channel is for everyone who may read it.
type Channel struct {
	ID        int64      `json:"id"`
	GroupID   int64      `json:"groupId"`
	Name      string     `json:"name"`
	Topic     string     `json:"topic"`
	Private   bool       `json:"private"`
	LastSeq   int64      `json:"lastSeq"`
	CreatedAt event.Time `json:"createdAt"`
}

// OpenChannel is a channel with how far one of its readers has got in it.
type OpenChannel struct {
	Channel
	ReadSeq  int64 `json:"readSeq"`
	Unread   int64 `json:"unread"`   // messages of others after ReadSeq that are not deleted
	Mentions int64 `json:"mentions"` // how many of them mention the reader
}

// User is a person as members of the same group see them.
type User struct {
	ID          int64      `json:"id"`
	Username    string     `json:"username"`
	DisplayName string     `json:"displayName"`
	CreatedAt   event.Time `json:"createdAt"`
}

// Member is a user's place in a group.
type Member struct {
	User     User       `json:"user"`
	Role     Role       `json:"role"`
	JoinedAt event.Time `json:"joinedAt"`
}

// ChannelMember is a user's place in a private channel.
type ChannelMember struct {
	User     User       `json:"user"`
	JoinedAt event.Time `json:"joinedAt"`
}

// Page asks for the entries of a list whose user ids follow After, Limit of them at most.
type Page struct {
	After int64
	Limit int
}

// Bounds of Page.Limit.
const (
	MaxLimit     = 200
	DefaultLimit = 50
)

// What a user may not see is not found; what it may see but not do is problem.Forbidden.
var (
	ErrGroupNotFound   = problem.New(http.StatusNotFound, "group_not_found", "There is no such group, or you are not in it.")
	ErrChannelNotFound = problem.New(http.StatusNotFound, "channel_not_found", "There is no such channel in this group, or you are not in it.")
	ErrMemberNotFound  = problem.New(http.StatusNotFound, "member_not_found", "This user is not a member.")

	ErrLastOwner         = problem.New(http.StatusConflict, "last_owner", "A group needs an owner.")
	ErrAlreadyMember     = problem.New(http.StatusConflict, "already_member", "This user is a member already.")
	ErrNotAMember        = problem.New(http.StatusConflict, "not_a_member", "Only members of the group can be in its channels.")
	ErrChannelNameTaken  = problem.New(http.StatusConflict, "channel_name_taken", "The group has a channel of this name.")
	ErrChannelNotPrivate = problem.New(http.StatusConflict, "channel_not_private", "Every member of the group is in this channel.")
)

// errNoSuchUser is about the userId of a request, which names nobody who could be added.
func errNoSuchUser() error {
	return problem.Invalid.WithFields(problem.Field{Field: "userId", Message: "no such user"})
}
