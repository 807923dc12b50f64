package event

// Names of the events that clients receive.
const (
	Subscribed     = "SUBSCRIBED"
	MessageSent    = "GROUP_MESSAGE_SENT"
	MessageReceive = "GROUP_MESSAGE_RECEIVE"
	MessageFailed  = "GROUP_MESSAGE_FAILED"
	MessageUpdated = "GROUP_MESSAGE_UPDATED"
	MessageDeleted = "GROUP_MESSAGE_DELETED"

	MessageReaction = "GROUP_MESSAGE_REACTION"
	MessagePinned   = "GROUP_MESSAGE_PINNED"

	JoinedGroup   = "GROUP_JOINED"
	LeftGroup     = "GROUP_LEFT"
	GroupUpdated  = "GROUP_UPDATED"
	GroupRemoved  = "GROUP_DELETED"
	MemberJoined  = "MEMBER_JOINED"
	MemberLeft    = "MEMBER_LEFT"
	MemberUpdated = "MEMBER_UPDATED"

	ChannelCreated = "CHANNEL_CREATED"
	ChannelUpdated = "CHANNEL_UPDATED"
	ChannelDeleted = "CHANNEL_DELETED"

	// MessageDelivered and MessageRead are sent by clients.
	MessageDelivered = "MESSAGE_DELIVERED"
	MessageRead      = "MESSAGE_READ"
	MessageStatus    = "GROUP_MESSAGE_STATUS"
	ReadCursor       = "READ_CURSOR"

	PersonalSent    = "PERSONAL_MESSAGE_SENT"
	PersonalReceive = "PERSONAL_MESSAGE_RECEIVE"
	PersonalStatus  = "PERSONAL_MESSAGE_STATUS"
	PersonalFailed  = "PERSONAL_MESSAGE_FAILED"

	// Typing is sent by clients, too.
	Typing = "TYPING"

	// PresenceSubscribe is sent by clients, PresenceChanged by clients, too.
	PresenceSubscribe = "PRESENCE_SUBSCRIBE"
	PresenceChanged   = "PRESENCE"

	Resync = "RESYNC"
	Drain  = "DRAIN"
)

// Auth is the one event that clients send: a fresh access token for a connection whose token is about to expire.
const Auth = "AUTH"

// Message is a message as clients see it, in events and in the history.
type Message struct {
	MessageID int64  `json:"messageId"`
	GroupID   int64  `json:"groupId"`
	ChannelID int64  `json:"channelId"`
	Seq       int64  `json:"seq"`
	SenderID  int64  `json:"senderId"`
	Content   string `json:"content"`
	Hash      string `json:"hash"`
	CreatedAt Time   `json:"createdAt"`

	ReplyTo   int64      `json:"replyTo,omitempty"`   // the message that it answers
	ThreadID  int64      `json:"threadId,omitempty"`  // the first message of the thread that it is a reply in
	Replies   int64      `json:"replies,omitempty"`   // in the thread that it is the first message of
	EditedAt  *Time      `json:"editedAt,omitempty"`  // the latest edit
	DeletedAt *Time      `json:"deletedAt,omitempty"` // only the place is left; the content is empty
	Mentions  *Mentions  `json:"mentions,omitempty"`
	Reactions []Reaction `json:"reactions,omitempty"` // in the order in which each emoji came first
	PinnedAt  *Time      `json:"pinnedAt,omitempty"`
	PinnedBy  int64      `json:"pinnedBy,omitempty"`
}

// Mentions are those whom a message calls by name.
type Mentions struct {
	Users   []int64 `json:"users,omitempty"`
	Channel bool    `json:"channel,omitempty"` // everyone who may read the channel
}

// Reaction is one emoji that people have put to a message.
type Reaction struct {
	Emoji   string  `json:"emoji"`
	Count   int64   `json:"count"`
	Mine    bool    `json:"mine"`    // the viewer is one of them
	UserIDs []int64 `json:"userIds"` // the first of them
}

// Deleted is the payload of GROUP_MESSAGE_DELETED.
type Deleted struct {
	GroupID   int64 `json:"groupId"`
	ChannelID int64 `json:"channelId"`
	MessageID int64 `json:"messageId"`
	Seq       int64 `json:"seq"`
	DeletedBy int64 `json:"deletedBy"`
	DeletedAt Time  `json:"deletedAt"`
}

// Place is where a message is.
type Place struct{ GroupID, ChannelID, MessageID int64 }

// Target is a message that somebody is about to change, as the transaction that changes it sees it. What is kept apart from
// it, such as its reactions, is not filled in.
type Target struct {
	Message
	Role string // of the one who changes it, in the group: owner, admin or member
	Now  Time
}

// Moderated says whether the one who changes the message may do so to those of others.
func (t Target) Moderated() bool { return t.Role == "owner" || t.Role == "admin" }

// Failed is the payload of GROUP_MESSAGE_FAILED.
type Failed struct {
	Hash      string `json:"hash"`
	ChannelID int64  `json:"channelId"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
}
