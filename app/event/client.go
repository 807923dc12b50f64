package event

// Names of the events that clients receive.
const (
	Subscribed     = "SUBSCRIBED"
	MessageSent    = "GROUP_MESSAGE_SENT"
	MessageReceive = "GROUP_MESSAGE_RECEIVE"
	MessageFailed  = "GROUP_MESSAGE_FAILED"

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

	// Typing is sent by clients, too.
	Typing = "TYPING"

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
}

// Failed is the payload of GROUP_MESSAGE_FAILED.
type Failed struct {
	Hash      string `json:"hash"`
	ChannelID int64  `json:"channelId"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
}
