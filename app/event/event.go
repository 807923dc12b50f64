package event

import (
	"encoding/json"
	"fmt"

	"parley/app/bus"
)

// Types of bus messages.
const (
	TypeSend     = "message.send"          // incoming: Send
	TypeAnnounce = "announce"              // incoming: events to be published in a partition's order, see Announce
	TypeReceipts = "receipts"              // incoming: Receipts
	TypeRequest  = "subscription.request"  // incoming: SubscriptionRequest
	TypeSnapshot = "subscription.snapshot" // outgoing, to one server: Snapshots
	TypeEmit     = "emit"                  // outgoing: Emit
	TypePosted   = "posted"                // outgoing: Posted, one or several messages of one channel
	TypeBundle   = "bundle"                // outgoing: Bundle
	TypeFence    = "fence"                 // outgoing, to one server, answered: Fence
	TypePresence = "worker.presence"       // outgoing, to all workers: Presence
)

// Send is an accepted message on its way to the worker.
type Send struct {
	SenderID   int64  `json:"senderId"`
	GroupID    int64  `json:"groupId"`
	ChannelID  int64  `json:"channelId"`
	Content    string `json:"content"`
	Hash       string `json:"hash"`
	ReplyTo    int64  `json:"replyTo,omitempty"`  // the message that it answers
	ThreadID   int64  `json:"threadId,omitempty"` // the first message of that one's thread
	AcceptedAt Time   `json:"acceptedAt"`
}

// Emit is an event for the clients in the room named by the message's routing key.
type Emit struct {
	// Event is the name that clients see; empty if there is only a Change to apply.
	Event   string          `json:"event,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
	// ExceptUser's devices do not get the event; 0 leaves out nobody.
	ExceptUser int64 `json:"exceptUser,omitempty"`
	// Change is applied to the subscriptions of connected users: what takes away together with the
	// event, before anything published later; what gives once the new bindings are in place, and the event after that.
	Change *Change `json:"change,omitempty"`
}

// ChangeKind says what a Change does.
type ChangeKind string

// The kinds of changes. Those published to user:{id} carry the user's
// membership version, those published to group:{id} the group's version.
const (
	GroupJoined     ChangeKind = "group.joined"     // user: is now a member of GroupID and may read Channels
	GroupLeft       ChangeKind = "group.left"       // user: is no longer a member of GroupID
	GroupDeleted    ChangeKind = "group.deleted"    // group: is gone, for everyone
	ChannelsAdded   ChangeKind = "channels.added"   // user or group: may now read Channels of GroupID
	ChannelsRemoved ChangeKind = "channels.removed" // user or group: may not read Channels of GroupID any more
	UserDisabled    ChangeKind = "user.disabled"    // user: every connection is closed; carries no version
	SessionsEnded   ChangeKind = "sessions.ended"   // user: the connections of Families are closed; carries no version
)

// Change is one change of who may hear what. Version numbers the changes of its user (UserID set) or of its
// group (UserID 0) 1, 2, 3 …; a receiver that sees a jump asks for a snapshot.
type Change struct {
	Kind     ChangeKind `json:"kind"`
	UserID   int64      `json:"userId,omitempty"`
	GroupID  int64      `json:"groupId,omitempty"`
	Channels []int64    `json:"channels,omitempty"`
	Version  int64      `json:"version,omitempty"`
	Families []string   `json:"families,omitempty"` // of access tokens: the sign-ins that have ended
}

// SubscriptionRequest asks a worker what users may hear; the Snapshots go to ServerID.
type SubscriptionRequest struct {
	UserID    int64   `json:"userId"`
	Also      []int64 `json:"also,omitempty"` // further users, if many come at once
	ServerID  string  `json:"serverId"`
	RequestID int64   `json:"requestId"` // returned in the Snapshots
}

// Users lists those who are asked for.
func (r SubscriptionRequest) Users() []int64 { return append([]int64{r.UserID}, r.Also...) }

// Snapshots are what users may hear, as of one moment.
type Snapshots struct {
	RequestID int64      `json:"requestId"`
	Users     []Snapshot `json:"users"`
	// Groups are those that the users are members of, each once.
	Groups []SnapshotGroup `json:"groups"`
	// Partitions is how many there are, for a server that sends to them. 0: not told.
	Partitions int `json:"partitions,omitempty"`
}

// Snapshot is what one user may hear: of its groups the public channels, and some private ones.
type Snapshot struct {
	UserID int64 `json:"userId"`
	// Disabled users, and those that do not exist, are not let in; the rest is empty then.
	Disabled bool             `json:"disabled,omitempty"`
	Version  int64            `json:"version"`
	Groups   []int64          `json:"groups"`
	Private  []PrivateChannel `json:"private,omitempty"`
}

// SnapshotGroup is a group with its public channels.
type SnapshotGroup struct {
	ID       int64   `json:"id"`
	Version  int64   `json:"version"`
	Channels []int64 `json:"channels"`
}

// PrivateChannel is a private channel that a user may read.
type PrivateChannel struct {
	GroupID   int64 `json:"groupId"`
	ChannelID int64 `json:"channelId"`
}

// Fence is answered by a socket server once everything that reached it before has been handled, and
// written out to UserID's connections.
type Fence struct {
	UserID int64 `json:"userId,omitempty"`
}

// PresenceState says what a worker is about to do.
type PresenceState string

// The states of presence.
const (
	WorkerHello PresenceState = "hello" // has begun, and asks the others to tell that they are there
	WorkerHere  PresenceState = "here"  // is there: every second, and in answer to a hello
	WorkerBye   PresenceState = "bye"   // ends
)

// Presence tells the workers of one another, who share the partitions out among those that are there.
type Presence struct {
	WorkerID string        `json:"workerId"`
	State    PresenceState `json:"state"`
}

// Encode makes a bus message of a body.
func Encode(key, typ string, body any) (bus.Message, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return bus.Message{}, fmt.Errorf("encode %s: %w", typ, err)
	}
	return bus.Message{Key: key, Type: typ, Body: data}, nil
}

// NewEmit makes the bus message of an event for the clients in key's room. A nil payload is left out.
func NewEmit(key string, e Emit, payload any) (bus.Message, error) {
	if payload != nil {
		data, err := json.Marshal(payload)
		if err != nil {
			return bus.Message{}, fmt.Errorf("encode %s: %w", e.Event, err)
		}
		e.Payload = data
	}
	return Encode(key, TypeEmit, e)
}

// Decode reads the body of a message that must be of the given type. Unknown fields are ignored, as a newer
// process may have sent it.
func Decode[T any](msg bus.Message, typ string) (T, error) {
	var body T
	if msg.Type != typ {
		return body, fmt.Errorf("expected a %s message, got %q with key %s", typ, msg.Type, msg.Key)
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return body, fmt.Errorf("decode %s: %w", typ, err)
	}
	return body, nil
}
