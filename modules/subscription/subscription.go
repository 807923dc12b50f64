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
	"slices"

	"parley/app/bus"
	"parley/app/event"
)

// queue is where requests for snapshots wait for a worker. They are independent of each other.
var queue = bus.Queue{Name: "subscription", Key: event.SubscriptionKey, Batch: 256}

// membership is what a user hears of one group.
type membership struct {
	version  int64 // of the group
	channels map[int64]struct{}
}

// memberships of a user, by group.
type memberships map[int64]*membership

func fromSnapshot(groups []event.SnapshotGroup) memberships {
	all := make(memberships, len(groups))
	for _, g := range groups {
		m := &membership{version: g.Version, channels: make(map[int64]struct{}, len(g.Channels))}
		for _, id := range g.Channels {
			m.channels[id] = struct{}{}
		}
		all[g.ID] = m
	}
	return all
}

// keys lists the routing keys of all groups and channels, which are also the names of their rooms.
func (m memberships) keys() map[string]struct{} {
	keys := make(map[string]struct{}, 8*len(m))
	for id, group := range m {
		keys[event.GroupKey(id)] = struct{}{}
		for channel := range group.channels {
			keys[event.ChannelKey(channel)] = struct{}{}
		}
	}
	return keys
}

// ids lists the groups and their channels.
func (m memberships) ids() (groups, channels []int64) {
	groups, channels = []int64{}, []int64{}
	for id, group := range m {
		groups = append(groups, id)
		for channel := range group.channels {
			channels = append(channels, channel)
		}
	}
	slices.Sort(groups)
	slices.Sort(channels)
	return groups, channels
}
