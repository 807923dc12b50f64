package socket

import (
	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io-go-parser/v2/parser"
	sio "github.com/zishang520/socket.io/v2/socket"
)

// adapterBuilder makes the library use our rooms.
type adapterBuilder struct {
	rooms *rooms
	out   *writers
}

// New makes the adapter of a namespace, of which there is one.
func (b *adapterBuilder) New(nsp sio.Namespace) sio.Adapter {
	a := &adapter{Adapter: sio.MakeAdapter(), rooms: b.rooms, out: b.out}
	a.Prototype(a)
	a.Construct(nsp)
	return a
}

// adapter is the library's view of our rooms. Joining and leaving through the
// library and through Conn are the same thing. What Parley does not use
// (acknowledged broadcasts, clusters, session recovery) is left to the
// library's own adapter, which knows of no rooms here.
type adapter struct {
	sio.Adapter
	rooms *rooms
	out   *writers
}

// conn is the connection of a library socket, nil if the library has nothing to do with it (any more).
func (a *adapter) conn(id sio.SocketId) *Conn {
	socket, ok := a.Nsp().Sockets().Load(id)
	if !ok {
		return nil
	}
	sess := sessionOf(socket)
	sess.mu.Lock()
	defer sess.mu.Unlock()
	if c := sess.conn; c != nil && sess.lib != nil && c.id == string(id) {
		return c
	}
	return nil
}

// AddAll makes a socket join rooms. The room that the library gives each socket, named as its id, is not
// kept: Conn.Emit needs none.
func (a *adapter) AddAll(id sio.SocketId, names *types.Set[sio.Room]) {
	c := a.conn(id)
	if c == nil {
		return
	}
	for _, name := range names.Keys() {
		if string(name) != string(id) {
			c.Join(string(name))
		}
	}
}

// Del makes a socket leave a room.
func (a *adapter) Del(id sio.SocketId, room sio.Room) {
	if c := a.conn(id); c != nil {
		c.Leave(string(room))
	}
}

// DelAll makes a socket leave all rooms.
func (a *adapter) DelAll(id sio.SocketId) {
	if c := a.conn(id); c != nil {
		c.Leave(c.Rooms()...)
	}
}

// Broadcast sends a packet to the sockets in the rooms, or to everyone if none is named. It is framed once.
func (a *adapter) Broadcast(p *parser.Packet, opts *sio.BroadcastOptions) {
	p.Nsp = a.Nsp().Name()
	encoded := a.Nsp().Server().Encoder().Encode(p)
	if len(encoded) != 1 {
		return // binary data, which Parley does not send
	}
	w := newWire(string(engineMessage), encoded[0].String())
	names := []string{everyone}
	var except map[*Conn]struct{}
	if opts != nil {
		if opts.Rooms != nil && opts.Rooms.Len() > 0 {
			names = roomNames(opts.Rooms)
		}
		except = a.all(roomNames(opts.Except))
	}
	for c := range a.all(names) {
		if _, skip := except[c]; !skip {
			c.emit(w)
		}
	}
}

// all is the set of the members of several rooms.
func (a *adapter) all(names []string) map[*Conn]struct{} {
	set := make(map[*Conn]struct{})
	for _, name := range names {
		for _, c := range a.rooms.members(name) {
			set[c] = struct{}{}
		}
	}
	return set
}

func roomNames(set *types.Set[sio.Room]) []string {
	if set == nil {
		return nil
	}
	names := make([]string, 0, set.Len())
	for _, name := range set.Keys() {
		names = append(names, string(name))
	}
	return names
}
