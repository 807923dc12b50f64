package event

import (
	"hash/fnv"
	"strconv"
)

// Types of bus messages of personal chats.
const (
	TypeDirectSend    = "direct.send"    // incoming: DirectSend
	TypeDirectReceipt = "direct.receipt" // incoming: DirectReceipt
)

// DirectSend is an accepted personal message on its way to the worker.
type DirectSend struct {
	SenderID   int64  `json:"senderId"`
	ReceiverID int64  `json:"receiverId"`
	Content    string `json:"content"`
	Hash       string `json:"hash"`
	AcceptedAt Time   `json:"acceptedAt"`
}

// DirectReceipt says how far somebody has got in the chat with OtherID: everything up to Seq has that status.
type DirectReceipt struct {
	ReaderID int64  `json:"readerId"`
	OtherID  int64  `json:"otherId"`
	Status   string `json:"status"` // DELIVERED or READ
	Seq      int64  `json:"seq"`
	At       Time   `json:"at"` // when it was reported; the same whenever the message comes again
}

// PersonalMessage is a message of a personal chat as clients see it, in events and in the history.
type PersonalMessage struct {
	MessageID  int64  `json:"messageId"`
	ChatID     int64  `json:"chatId"`
	Seq        int64  `json:"seq"`
	SenderID   int64  `json:"senderId"`
	ReceiverID int64  `json:"receiverId"`
	Content    string `json:"content"`
	Hash       string `json:"hash"`
	CreatedAt  Time   `json:"createdAt"`
}

// PairPartition says which of n partitions takes what two people send each other, whichever of them sends it.
func PairPartition(a, b int64, n int) int {
	pair := strconv.AppendInt(nil, min(a, b), 10)
	pair = strconv.AppendInt(append(pair, ':'), max(a, b), 10)
	h := fnv.New32a()
	_, _ = h.Write(pair)
	return int(h.Sum32() % uint32(n))
}
