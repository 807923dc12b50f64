package event

// Reacted is the payload of GROUP_MESSAGE_REACTION: somebody has put an emoji to a message, or has taken it away.
type Reacted struct {
	GroupID   int64  `json:"groupId"`
	ChannelID int64  `json:"channelId"`
	MessageID int64  `json:"messageId"`
	Seq       int64  `json:"seq"`
	UserID    int64  `json:"userId"`
	Emoji     string `json:"emoji"`
	Added     bool   `json:"added"`
	Count     int64  `json:"count"` // of this emoji at the message, afterwards
	At        Time   `json:"at"`
}

// Pinned is the payload of GROUP_MESSAGE_PINNED: somebody has pinned a message, or has unpinned it.
type Pinned struct {
	GroupID   int64 `json:"groupId"`
	ChannelID int64 `json:"channelId"`
	MessageID int64 `json:"messageId"`
	Seq       int64 `json:"seq"`
	UserID    int64 `json:"userId"`
	Pinned    bool  `json:"pinned"`
	At        Time  `json:"at"`
}
