// Package message carries messages: the API accepts one and hands it to the
// partition of its channel, a worker gives it its place in the channel and keeps
// it, and its sender and the channel's subscribers are told.
//
// Nothing is acknowledged before everything that follows from it is safe, and
// everything may be done twice: a message is recognized by its sender, its
// channel and the hash that the sender's client gave it.
package message

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/problem"
)

// Problems of messages. Those that a worker finds reach the sender in GROUP_MESSAGE_FAILED.
var (
	// ErrChannelNotFound is a channel that does not exist, or that the sender may not read.
	ErrChannelNotFound = problem.New(404, "channel_not_found", "There is no such channel.")
	// ErrMessageNotFound is a message that does not exist, or whose channel the caller may not read.
	ErrMessageNotFound = problem.New(404, "message_not_found", "There is no such message in this channel.")
	// ErrMessageDeleted is a message that only a place is left of.
	ErrMessageDeleted = problem.New(409, "message_deleted", "This message has been deleted.")
	// ErrNotMember is a sender who has left the group, or the private channel, since the message was accepted.
	ErrNotMember = problem.New(403, "not_a_member", "You are not a member of this channel any more.")
)

// MaxHash is the most characters of a message's hash.
const MaxHash = 64

var hashForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,` + strconv.Itoa(MaxHash) + `}$`)

// Validate checks what a client sends: a hash of its own, and content of at most maxLength characters that is not blank.
func Validate(content, hash string, maxLength int) error {
	fields := checkContent(content, maxLength)
	if !hashForm.MatchString(hash) {
		fields = append(fields, problem.Field{Field: "hash", Message: fmt.Sprintf("must be 1 to %d characters of A-Z a-z 0-9 _ -", MaxHash)})
	}
	if len(fields) > 0 {
		return problem.Invalid.WithFields(fields...)
	}
	return nil
}

// checkContent says what is wrong with a text.
func checkContent(content string, maxLength int) (fields []problem.Field) {
	switch {
	case strings.TrimSpace(content) == "":
		fields = append(fields, problem.Field{Field: "content", Message: "must not be blank"})
	case !utf8.ValidString(content):
		fields = append(fields, problem.Field{Field: "content", Message: "must be UTF-8"})
	case strings.ContainsRune(content, 0):
		fields = append(fields, problem.Field{Field: "content", Message: "must not contain NUL"})
	case utf8.RuneCountInString(content) > maxLength:
		fields = append(fields, problem.Field{Field: "content", Message: fmt.Sprintf("must have at most %d characters", maxLength)})
	}
	return fields
}

// maxBatch is the most messages that are kept in one transaction. What waits in a
// partition while a transaction is committed makes the next batch, so that batches grow with the load and there is no waiting for company.
const maxBatch = 256

// queues lists the partitions' queues.
func queues(partitions int) []bus.Queue {
	all := make([]bus.Queue, 0, partitions)
	for p := range partitions {
		all = append(all, bus.Queue{
			Name:    "message." + strconv.Itoa(p),
			Key:     event.PartitionKey(p),
			Batch:   maxBatch,
			Ordered: true,
		})
	}
	return all
}
