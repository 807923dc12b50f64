// Package socket is Parley's Socket.IO server (protocol v5 on Engine.IO v4):
// WebSocket, long-polling and the upgrade between them, one namespace, rooms.
//
// # What is the library's and what is ours
//
// The Socket.IO layer is github.com/zishang520/socket.io/v2: namespace,
// middleware, the connect handshake with its refusals and its timeout, packet
// encoding, broadcast operators. As it comes, that library loses messages
// (see the TestLibrary… tests, which run the same scenario against it and
// against this package):
//
//  1. a batch of packets ends at its first pre-encoded (broadcast) packet
//  2. a CONNECT that arrives before the library listens is lost
//  3. leaving a room can drop it while someone else is joining
//  4. what waits for a client that does not read is not bounded
//  5. the events of one client are handled in any order
//
// Reading it showed more of the kind: two goroutines may answer the same poll,
// and the loser closes the connection; packets sent during the upgrade from
// polling to WebSocket go to whichever transport is just being discarded; an
// EVENT packet without data, or a PONG sent right after the handshake, panics
// in a goroutine of the library and so ends the process.
//
// All of it is mended through the library's extension points, without a fork:
// Server.Bind takes our engine (engine.go, session.go) in place of
// engine.io/v2, and ServerOptions.SetAdapter our rooms (adapter.go, room.go).
// The library's table of transports, a variable shared by the whole process, is
// left alone: our engine does not look there.
//
// The engine hands CONNECT packets to the library, checked beforehand. When it
// has answered, it has done its part and forgets the session. Events do not pass
// through it: incoming ones go from the session to the connection's handlers in
// order, outgoing ones as ready-made frames to the session's queue, the same
// that the library's own packets take.
//
// Of github.com/gorilla/websocket, the handshake is used. Frames are written by
// writers that all connections share (writer.go), and read by a reader that
// takes a buffer only when something has come (read.go).
//
// # One queue
//
// Everything that goes to a client goes through its session's queue, so the
// order of Emit, Broadcast and acknowledgements is the order in which it is
// received, also across an upgrade. A frame is encoded once; a broadcast puts a
// pointer to it into the queue of each receiver. A few writers, alive only
// while there is something to write, take all that has gathered in a queue and
// write it at once without blocking. At high rates they leave a queue a few
// milliseconds to gather (pace.go), as a write costs more than what is in it. A
// client whose socket buffer is full gets a goroutine of its own until it has
// caught up or is given up, so that nobody waits for it.
//
// # What an idle connection costs
//
// A goroutine with the smallest stack there is, which waits in reader.wait; the
// session, the connection and its timer; a pointer for each room that it is in,
// and one back. No buffers, and nothing of the library's. BenchmarkIdleConnection
// measures it.
//
// # How connections end
//
// Socket.IO knows two ways of being disconnected by the server, and official
// clients treat them differently:
//
//   - Conn.Close sends a DISCONNECT packet: "io server disconnect". The client
//     does not come back by itself. For an expired token or a disabled user,
//     where coming back with the same token is no use.
//   - Conn.Drop ends the transport: "transport close". The client reconnects
//     by itself after a random delay. For a client that was too slow, for an
//     attempt to connect that failed for now, and for a server that goes away.
package socket
