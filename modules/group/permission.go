package group

import (
	"fmt"

	"parley/app/problem"
)

// Role is a member's rank in a group.
type Role string

// The roles, highest first.
const (
	RoleOwner  Role = "owner"
	RoleAdmin  Role = "admin"
	RoleMember Role = "member"
)

// rank orders the roles; what is no role has the rank 0.
func (r Role) rank() int {
	switch r {
	case RoleOwner:
		return 3
	case RoleAdmin:
		return 2
	case RoleMember:
		return 1
	default:
		return 0
	}
}

// Valid says whether r is one of the roles.
func (r Role) Valid() bool { return r.rank() > 0 }

// Action is something that a member may want to do in a group, put so that it ends the sentence "You may not …".
type Action string

// The actions. Those in a channel also take that the member may read it.
const (
	Read                 Action = "read this group"
	Send                 Action = "send messages to this group"
	ListMembers          Action = "see the members of this group"
	Leave                Action = "leave this group"
	LeaveChannel         Action = "leave this channel"
	UpdateGroup          Action = "change this group"
	AddMember            Action = "add members to this group"
	RemoveMember         Action = "remove members from this group"
	CreateChannel        Action = "create channels in this group"
	UpdateChannel        Action = "change channels of this group"
	DeleteChannel        Action = "delete channels of this group"
	ManageChannelMembers Action = "choose the members of this channel"
	ManageInvites        Action = "manage the invites of this group"
	ManageBans           Action = "ban people from this group"
	TransferGroup        Action = "give this group to somebody else"
	ChangeRole           Action = "change roles in this group"
	DeleteGroup          Action = "delete this group"
)

// lowest is the permission table: the lowest role that may do the action. Nobody may do what is not in it.
func lowest(a Action) Role {
	switch a {
	case Read, Send, ListMembers, Leave, LeaveChannel:
		return RoleMember
	case UpdateGroup, AddMember, RemoveMember, CreateChannel, UpdateChannel, DeleteChannel, ManageChannelMembers, ManageInvites, ManageBans:
		return RoleAdmin
	case ChangeRole, TransferGroup, DeleteGroup:
		return RoleOwner
	default:
		return ""
	}
}

// Can says whether a member with the role may do the action.
func Can(r Role, a Action) bool {
	least := lowest(a)
	return least.Valid() && r.rank() >= least.rank()
}

// Outranks says whether a member with role r may remove one with the other role, or change it.
func Outranks(r, other Role) bool { return r.rank() > other.rank() }

// CanGrant says whether a member with role r may give somebody the other role: a lower one than
// its own, and owners any.
func CanGrant(r, other Role) bool {
	return other.Valid() && (r == RoleOwner || Outranks(r, other))
}

// allow answers problem.Forbidden unless the role may do the action.
func allow(r Role, a Action) error {
	if Can(r, a) {
		return nil
	}
	return problem.Forbidden.WithDetail(fmt.Sprintf("As %s you may not %s; that takes the role %s.", r, a, lowest(a)))
}

// allowOn answers problem.Forbidden unless a member with role r may do to one with the other role what takes a higher rank.
func allowOn(r, other Role) error {
	if Outranks(r, other) {
		return nil
	}
	return problem.Forbidden.WithDetail(fmt.Sprintf("As %s you may do this only to members of a lower role; this one is %s.", r, other))
}

// allowGrant answers problem.Forbidden unless a member with role r may give the other role.
func allowGrant(r, other Role) error {
	if CanGrant(r, other) {
		return nil
	}
	return problem.Forbidden.WithDetail(fmt.Sprintf("As %s you may not make anybody %s.", r, other))
}
