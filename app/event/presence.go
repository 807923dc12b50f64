package event

// Types of bus messages about users' presence.
const (
	TypePresenceAsk    = "presence.ask"    // incoming: PresenceAsk
	TypePresenceSeen   = "presence.seen"   // incoming: PresenceSeen
	TypePresenceKnown  = "presence.known"  // outgoing, to one server: PresenceKnown
	TypePresenceProbe  = "presence.probe"  // outgoing, to one user's or one server's own key, mandatory: PresenceProbe
	TypePresenceStates = "presence.states" // outgoing, to presence:{id} of its users or to one server: PresenceStates
)

// UserState says whether a user is there: by one server of its own connections, or to clients by all of them.
type UserState string

// The states of users.
const (
	UserOnline  UserState = "online"  // a device is in use
	UserAway    UserState = "away"    // connected, but every device says that it is not in use
	UserOffline UserState = "offline" // not connected
)

// PresenceAsk asks a worker whose presence viewers may see; PresenceKnown goes to ServerID.
type PresenceAsk struct {
	ServerID  string         `json:"serverId"`
	RequestID int64          `json:"requestId"` // returned in PresenceKnown
	Asks      []PresenceWish `json:"asks"`
}

// PresenceWish is what one viewer would like to see.
type PresenceWish struct {
	ViewerID int64   `json:"viewerId"`
	UserIDs  []int64 `json:"userIds"`
}

// PresenceKnown answers a PresenceAsk: for each of its wishes, in their order, those users whose presence may be seen.
type PresenceKnown struct {
	RequestID int64        `json:"requestId"`
	Answers   [][]LastSeen `json:"answers"`
}

// LastSeen is when a user was last connected, in milliseconds since the Unix epoch; 0 if that is not known.
type LastSeen struct {
	UserID int64 `json:"userId"`
	SeenAt int64 `json:"seenAt,omitempty"`
}

// PresenceSeen has workers note when users were last connected.
type PresenceSeen struct {
	Users []LastSeen `json:"users"`
}

// PresenceProbe asks every server that a user is connected to for the user's state there. UserID 0 asks for nothing: the
// question is whether the server exists, which the broker answers.
type PresenceProbe struct {
	UserID   int64  `json:"userId,omitempty"`
	ServerID string `json:"serverId"` // who asks, and gets PresenceStates
}

// PresenceStates are users' states on one server, as it tells of its own accord or in answer to probes.
type PresenceStates struct {
	ServerID string         `json:"serverId"`
	Users    []UserPresence `json:"users"`
}

// UserPresence is one user's state on a server.
type UserPresence struct {
	UserID int64     `json:"userId"`
	State  UserState `json:"state"`
	SeenAt int64     `json:"seenAt,omitempty"` // if offline: when the last connection ended, in milliseconds since the Unix epoch
}
