package socket

import (
	"hash/maphash"
	"slices"
	"sync"
)

// everyone is the name of the room of all connected connections.
const everyone = ""

// stripes is the number of independently locked parts of the room table.
const stripes = 64

// rooms is the table of who is in which room. A room exists while someone is in it.
//
// A connection's own list of rooms and the rooms' lists of members change
// together, under the connection's lock and then the room's stripe: joining,
// leaving and going away can race as they like, nobody is left behind in a room
// and no room is dropped with somebody in it. Broadcasting holds the stripe for
// reading, so once Leave has returned, no broadcast that was under way adds to
// the connection's queue any more.
type rooms struct {
	seed    maphash.Seed
	stripes [stripes]stripe
}

type stripe struct {
	mu    sync.RWMutex
	rooms map[string]map[*Conn]struct{}
	_     [32]byte // keeps the locks of neighbours on different cache lines
}

func newRooms() *rooms {
	r := &rooms{seed: maphash.MakeSeed()}
	for i := range r.stripes {
		r.stripes[i].rooms = make(map[string]map[*Conn]struct{})
	}
	return r
}

func (r *rooms) index(room string) int {
	return int(maphash.String(r.seed, room) % stripes)
}

// join adds c to the rooms, unless it is gone.
func (r *rooms) join(c *Conn, names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return
	}
	for _, name := range names {
		if _, ok := c.rooms[name]; ok {
			continue
		}
		if c.rooms == nil {
			c.rooms = make(map[string]struct{}, len(names))
		}
		c.rooms[name] = struct{}{}
		st := &r.stripes[r.index(name)]
		st.mu.Lock()
		members := st.rooms[name]
		if members == nil {
			members = make(map[*Conn]struct{}, 1)
			st.rooms[name] = members
		}
		members[c] = struct{}{}
		st.mu.Unlock()
	}
}

// leave removes c from the rooms.
func (r *rooms) leave(c *Conn, names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range names {
		if _, ok := c.rooms[name]; ok {
			delete(c.rooms, name)
			r.removeLocked(c, name)
		}
	}
}

// leaveAllLocked removes c, whose lock is held, from all its rooms.
func (r *rooms) leaveAllLocked(c *Conn) {
	for name := range c.rooms {
		r.removeLocked(c, name)
	}
	c.rooms = nil
}

// removeLocked removes c, whose lock is held, from a room's members, and the room if it was the last.
func (r *rooms) removeLocked(c *Conn, name string) {
	st := &r.stripes[r.index(name)]
	st.mu.Lock()
	defer st.mu.Unlock()
	members := st.rooms[name]
	delete(members, c)
	if len(members) == 0 {
		delete(st.rooms, name)
	}
}

// broadcast puts w into the queue of everyone in room who is not in except,
// and has the writers started. It returns the number of receivers.
func (r *rooms) broadcast(room string, w *wire, except string, out *writers) int {
	i := r.index(room)
	st := &r.stripes[i]
	if except == everyone { // nobody is left out: Broadcast does not take the room of everyone as an exception
		st.mu.RLock()
		defer st.mu.RUnlock()
		return st.send(room, w, nil, out)
	}
	// Two stripes are locked in the order of their numbers, as with a writer waiting on each, two
	// broadcasts could otherwise wait for each other.
	j := r.index(except)
	r.stripes[min(i, j)].mu.RLock()
	defer r.stripes[min(i, j)].mu.RUnlock()
	if i != j {
		r.stripes[max(i, j)].mu.RLock()
		defer r.stripes[max(i, j)].mu.RUnlock()
	}
	return st.send(room, w, r.stripes[j].rooms[except], out)
}

// wakeBatch is how many sessions are handed to the writers at a time: they
// begin while the broadcast goes on, but their lock is not taken for each.
const wakeBatch = 32

// send is the inner loop of broadcast; the stripe is locked for reading.
func (st *stripe) send(room string, w *wire, except map[*Conn]struct{}, out *writers) int {
	var (
		ready    sessionList
		accepted int
	)
	for c := range st.rooms[room] {
		if _, skip := except[c]; skip { // a lookup in a nil map costs nothing worth avoiding
			continue
		}
		ok, what := c.session.enqueue(c, w)
		if ok {
			accepted++
		}
		if what&hurry != 0 {
			out.hurry(c.session)
		}
		if what&handOver != 0 {
			ready.push(c.session)
			if ready.n == wakeBatch {
				out.add(&ready)
			}
		}
	}
	out.add(&ready)
	return accepted
}

// members returns who is in the room now.
func (r *rooms) members(room string) []*Conn {
	st := &r.stripes[r.index(room)]
	st.mu.RLock()
	defer st.mu.RUnlock()
	conns := make([]*Conn, 0, len(st.rooms[room]))
	for c := range st.rooms[room] {
		conns = append(conns, c)
	}
	return conns
}

// of returns the rooms that c is in, sorted, without the room of everyone.
func (r *rooms) of(c *Conn) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, 0, len(c.rooms))
	for name := range c.rooms {
		if name != everyone {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// count is the number of members of a room.
func (r *rooms) count(room string) int {
	st := &r.stripes[r.index(room)]
	st.mu.RLock()
	defer st.mu.RUnlock()
	return len(st.rooms[room])
}

// size is the number of rooms that exist, without the room of everyone.
func (r *rooms) size() int {
	n := 0
	for i := range r.stripes {
		st := &r.stripes[i]
		st.mu.RLock()
		n += len(st.rooms)
		if _, ok := st.rooms[everyone]; ok {
			n--
		}
		st.mu.RUnlock()
	}
	return n
}
