// Package subscription decides who hears what. A socket server that sees a
// user's first connection binds the user's key, asks a worker for the user's
// groups and channels, binds those, and only then tells the client that it is
// SUBSCRIBED; changes that happen afterwards reach it as events. The socket
// role needs no database for it.
//
// Snapshots and changes may cross on the way. Both carry versions: of the user
// for its memberships, of the group for its channels. An older one never overwrites a newer one, and a gap asks for a new
// snapshot.
package subscription

import (
	"cmp"
	"slices"

	"parley/app/bus"
	"parley/app/event"
)

// queue is where requests for snapshots wait for a worker. They are independent of each other.
var queue = bus.Queue{Name: "subscription", Key: event.SubscriptionKey, Batch: 16}

// maxAsked is the most users in one request, and so in one answer.
const maxAsked = 128

// set is what somebody hears of a group. It never changes, as those who hear the same share one.
type set struct {
	channels []int64  // ascending
	keys     []string // the routing keys of the group and of its channels, which are also the names of their rooms
}

func newSet(group int64, channels []int64) *set {
	s := &set{channels: channels, keys: make([]string, 0, 1+len(channels))}
	s.keys = append(s.keys, event.GroupKey(group))
	for _, id := range channels {
		s.keys = append(s.keys, event.ChannelKey(id))
	}
	return s
}

func (s *set) has(channel int64) bool {
	_, found := slices.BinarySearch(s.channels, channel)
	return found
}

// with is s with more channels.
func (s *set) with(group int64, more []int64) *set {
	all := slices.Concat(s.channels, more)
	slices.Sort(all)
	return newSet(group, slices.Compact(all))
}

// without is s with fewer channels.
func (s *set) without(group int64, gone []int64) *set {
	left := slices.DeleteFunc(slices.Clone(s.channels), func(id int64) bool { return slices.Contains(gone, id) })
	return newSet(group, left)
}

// membership is what a user hears of one group.
type membership struct {
	group   int64
	version int64 // of the group
	*set
}

// memberships of a user, by group, ascending.
type memberships []membership

// of returns the membership of a group, nil if there is none. It is good until the list changes.
func (m memberships) of(group int64) *membership {
	i, found := slices.BinarySearchFunc(m, group, func(e membership, id int64) int { return cmp.Compare(e.group, id) })
	if !found {
		return nil
	}
	return &m[i]
}

// keys lists the routing keys of all groups and channels.
func (m memberships) keys() []string {
	if len(m) == 1 {
		return m[0].keys
	}
	n := 0
	for _, e := range m {
		n += len(e.keys)
	}
	keys := make([]string, 0, n)
	for _, e := range m {
		keys = append(keys, e.keys...)
	}
	return keys
}

// ids lists the groups and their channels.
func (m memberships) ids() (groups, channels []int64) {
	groups, channels = make([]int64, 0, len(m)), []int64{}
	for _, e := range m {
		groups = append(groups, e.group)
		channels = append(channels, e.channels...)
	}
	slices.Sort(channels)
	return groups, channels
}
