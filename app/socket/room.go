package socket

import (
	"hash/maphash"
	"slices"
	"strings"
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
	rooms map[string]*room
	_     [32]byte // keeps the locks of neighbours on different cache lines
}

// spareRooms is for how many rooms more than it joins a connection has a place.
const spareRooms = 2

// room is one room. Connections keep pointers to theirs, so that its name is in memory only once.
type room struct {
	name string
	members
}

// nobody is who is in a room that does not exist.
var nobody = &room{}

// room returns a room, which has no members if it does not exist. The stripe is locked.
func (st *stripe) room(name string) *room {
	if rm := st.rooms[name]; rm != nil {
		return rm
	}
	return nobody
}

func newRooms() *rooms {
	r := &rooms{seed: maphash.MakeSeed()}
	for i := range r.stripes {
		r.stripes[i].rooms = make(map[string]*room)
	}
	return r
}

func (r *rooms) index(name string) int {
	return int(maphash.String(r.seed, name) % stripes)
}

// join adds c to the rooms, unless it is gone.
func (r *rooms) join(c *Conn, names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return
	}
	if n := len(c.rooms); cap(c.rooms)-n < len(names) { // without the reserve that append would make
		c.rooms = append(make([]*room, 0, n+len(names)+spareRooms), c.rooms...)
	}
	for _, name := range names {
		st := &r.stripes[r.index(name)]
		st.mu.Lock()
		rm := st.rooms[name]
		if rm == nil {
			rm = &room{name: strings.Clone(name)} // which may be a part of something large
			st.rooms[rm.name] = rm
		}
		if rm.add(c) {
			c.rooms = append(c.rooms, rm)
		}
		st.mu.Unlock()
	}
}

// leave removes c from the rooms.
func (r *rooms) leave(c *Conn, names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range names {
		if rm := r.removeLocked(c, name); rm != nil {
			i := slices.Index(c.rooms, rm)
			c.rooms = slices.Delete(c.rooms, i, i+1)
		}
	}
}

// leaveAllLocked removes c, whose lock is held, from all its rooms.
func (r *rooms) leaveAllLocked(c *Conn) {
	for _, rm := range c.rooms {
		r.removeLocked(c, rm.name)
	}
	c.rooms = nil
}

// removeLocked removes c, whose lock is held, from a room's members, and the room if it was the last. It returns
// the room, nil if c was not in it.
func (r *rooms) removeLocked(c *Conn, name string) *room {
	st := &r.stripes[r.index(name)]
	st.mu.Lock()
	defer st.mu.Unlock()
	rm := st.rooms[name]
	if rm == nil || !rm.remove(c) {
		return nil
	}
	if rm.size() == 0 {
		delete(st.rooms, name)
	}
	return rm
}

// broadcast puts w into the queue of everyone in the room who is not in except,
// and has the writers started. It returns the number of receivers.
func (r *rooms) broadcast(name string, w *wire, except string, out *writers) int {
	i := r.index(name)
	st := &r.stripes[i]
	if except == everyone { // nobody is left out: Broadcast does not take the room of everyone as an exception
		st.mu.RLock()
		defer st.mu.RUnlock()
		return st.send(name, w, nobody, out)
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
	return st.send(name, w, r.stripes[j].room(except), out)
}

// wakeBatch is how many sessions are handed to the writers at a time: they
// begin while the broadcast goes on, but their lock is not taken for each.
const wakeBatch = 32

// send is the inner loop of broadcast; the stripe is locked for reading.
func (st *stripe) send(name string, w *wire, except *room, out *writers) int {
	var (
		ready    sessionList
		accepted int
	)
	for c := range st.room(name).all() {
		if except.has(c) {
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
func (r *rooms) members(name string) []*Conn {
	st := &r.stripes[r.index(name)]
	st.mu.RLock()
	defer st.mu.RUnlock()
	return slices.AppendSeq(make([]*Conn, 0, st.room(name).size()), st.room(name).all())
}

// of returns the rooms that c is in, sorted, without the room of everyone.
func (r *rooms) of(c *Conn) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, 0, len(c.rooms))
	for _, rm := range c.rooms {
		if rm.name != everyone {
			names = append(names, rm.name)
		}
	}
	slices.Sort(names)
	return names
}

// count is the number of members of a room.
func (r *rooms) count(name string) int {
	st := &r.stripes[r.index(name)]
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.room(name).size()
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
