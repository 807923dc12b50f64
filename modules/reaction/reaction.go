// Package reaction keeps what people put to messages: emoji, each with who has put it there.
//
// There is one row for each person and emoji of a message. A change is made under the lock on the message's channel, so that the
// count that is told of it is right in the order in which changes are told.
package reaction

import (
	"parley/app/event"
	"parley/app/problem"
)

// MaxEmoji is the most different emoji that one message has.
const MaxEmoji = 20

// firstUsers is how many of those who have reacted are named with a message.
const firstUsers = 10

// Problems of reactions.
var (
	// ErrNotOneEmoji is a reaction that is anything else than one emoji.
	ErrNotOneEmoji = problem.Invalid.WithFields(problem.Field{Field: "emoji", Message: "must be exactly one emoji, percent-encoded"})
	// ErrFull is a new emoji where there are too many different ones.
	ErrFull = problem.New(409, "reactions_full", "This message has as many different reactions as it can have.").
		WithDetail("At most 20 different emoji can be put to a message. Choose one of those that are there.")
	// ErrMessageNotFound is a message that does not exist.
	ErrMessageNotFound = problem.New(404, "message_not_found", "There is no such message in this channel.")
)

// Reactors are those who have put an emoji to a message, or some of them.
type Reactors struct {
	Emoji string `json:"emoji"`
	Count int64  `json:"count"` // of all
	Mine  bool   `json:"mine"`
	Users []User `json:"users"` // in the order in which they came
}

// User is who has reacted, as others see it.
type User struct {
	ID          int64  `json:"id"`
	Username    string `json:"username"`
	DisplayName string `json:"displayName"`
}

// Part is a part of those who have reacted to a message.
type Part struct {
	Emoji string // only this one; "": all
	After int64  // where the page before has ended; 0: from the first
	Limit int    // most users for each emoji
}

// none is a reaction that nobody has, any more.
func none(emoji string) event.Reaction { return event.Reaction{Emoji: emoji, UserIDs: []int64{}} }
