// Package event holds what travels between the roles: routing keys, message
// types and their encoding. Golden files in testdata pin the encoding, since
// processes of two versions run side by side while a deployment is updated.
package event

import (
	"hash/fnv"
	"strconv"
	"strings"
)

// SubscriptionKey is the key on the incoming exchange of requests for a user's groups and channels.
const SubscriptionKey = "subscription.request"

// WorkersKey is the key of messages for every worker.
const WorkersKey = "workers"

// UserKey is the key of events for every device of one user.
func UserKey(id int64) string { return "user:" + strconv.FormatInt(id, 10) }

// IsUserKey tells a UserKey from other keys.
func IsUserKey(key string) bool { return strings.HasPrefix(key, "user:") }

// GroupKey is the key of events for the members of a group.
func GroupKey(id int64) string { return "group:" + strconv.FormatInt(id, 10) }

// ChannelKey is the key of events for those who may read a channel.
func ChannelKey(id int64) string { return "channel:" + strconv.FormatInt(id, 10) }

// ServerKey is the key of messages for one socket server.
func ServerKey(id string) string { return "server:" + id }

// PresenceKey is the key of what becomes of a user's presence, for those servers where somebody watches it.
func PresenceKey(id int64) string { return "presence:" + strconv.FormatInt(id, 10) }

// PresenceRequestKey is the key on the incoming exchange of what socket servers ask and tell workers about presence.
const PresenceRequestKey = "presence.request"

// PartitionKey is the key on the incoming exchange of the messages of one partition.
func PartitionKey(partition int) string { return "group.message." + strconv.Itoa(partition) }

// Partition says which of n partitions takes the messages of a channel. It never changes for a channel,
// as long as n does not: two partitions are not ordered relative to each other.
func Partition(channelID int64, n int) int {
	h := fnv.New32a()
	_, _ = h.Write(strconv.AppendInt(nil, channelID, 10))
	return int(h.Sum32() % uint32(n))
}
