// Package direct carries the messages that two people send each other. They
// travel as those of channels do: the API accepts one and hands it to the
// partition of the two, a worker gives it its place in their chat and keeps it,
// and the devices of both are told, by their users' keys.
//
// Everything may be done twice: a message is recognized by its sender, its chat
// and its hash, and a receipt by how far it says that its reader has got, and when.
package direct

import (
	"net/http"

	"parley/app/event"
	"parley/app/problem"
)

// Problems of personal messages. Those that a worker finds reach the sender in PERSONAL_MESSAGE_FAILED.
var (
	// ErrUserNotFound is somebody who does not exist, or does not use the server any more.
	ErrUserNotFound = problem.New(http.StatusNotFound, "user_not_found", "There is no such user.")
	// ErrNoSharedGroup is somebody whom one does not know.
	ErrNoSharedGroup = problem.New(http.StatusForbidden, "no_shared_group", "You share no group with this person.").
				WithDetail("Personal messages are for people who share a group. Meet in one first.")
	// ErrBlocked is what the one who was blocked is told: who may be told nothing else is at least not left waiting.
	ErrBlocked = problem.New(http.StatusForbidden, "blocked", "This person does not accept messages from you.")
	// ErrBlocking is what the one who has blocked the other is told.
	ErrBlocking = problem.New(http.StatusForbidden, "blocking", "You have blocked this person.").
			WithDetail("Unblock this person to write to each other again.")
	// ErrChatNotFound is a chat in which nothing was ever said.
	ErrChatNotFound = problem.New(http.StatusNotFound, "chat_not_found", "You have no chat with this person.")
)

// What a receipt says of messages.
const (
	Delivered = "DELIVERED"
	Read      = "READ"
)

// User is a person as clients see one.
type User struct {
	ID          int64      `json:"id"`
	Username    string     `json:"username"`
	DisplayName string     `json:"displayName"`
	CreatedAt   event.Time `json:"createdAt"`
}

// Chat is a chat as one of the two sees it.
type Chat struct {
	ChatID  int64 `json:"chatId"`
	User    User  `json:"user"` // the other one
	LastSeq int64 `json:"lastSeq"`
	ReadSeq int64 `json:"readSeq"`
	Unread  int64 `json:"unread"` // the other one's messages after ReadSeq
	// Other is how far the other one has got.
	Other       Position              `json:"other"`
	Blocked     bool                  `json:"blocked"` // by the one who asks
	LastMessage event.PersonalMessage `json:"lastMessage"`
}

// Position is how far somebody has got in a chat, and since when.
type Position struct {
	DeliveredSeq int64       `json:"deliveredSeq"`
	DeliveredAt  *event.Time `json:"deliveredAt,omitempty"`
	ReadSeq      int64       `json:"readSeq"`
	ReadAt       *event.Time `json:"readAt,omitempty"`
}

// Block is somebody from whom one does not want to hear.
type Block struct {
	User      User       `json:"user"`
	CreatedAt event.Time `json:"createdAt"`
}

// direction is who writes to whom.
type direction struct{ from, to int64 }

// standing is how the two of a direction stand to each other.
type standing struct {
	there    bool // the receiver may use the server, and the sender has not been deleted
	shared   bool // they have a group in common
	blocked  bool // the receiver has blocked the sender
	blocking bool // the sender has blocked the receiver
}

// refusal says why a message may not be sent, nil if it may; anyone is whether people need no group in common. To those
// who could not write anyhow it does not tell that they are blocked.
func (d direction) refusal(s standing, anyone bool) *problem.Problem {
	switch {
	case !s.there:
		return ErrUserNotFound
	case d.from == d.to: // notes to oneself
		return nil
	case s.blocking:
		return ErrBlocking
	case !s.shared && !anyone:
		return ErrNoSharedGroup
	case s.blocked:
		return ErrBlocked
	}
	return nil
}

// pair is two people, whoever writes to whom. With oneself both are the same.
type pair struct{ low, high int64 }

func pairOf(a, b int64) pair { return pair{min(a, b), max(a, b)} }

// other is the one who is not user.
func (p pair) other(user int64) int64 {
	if user == p.low {
		return p.high
	}
	return p.low
}
