package socket

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	sio "github.com/zishang520/socket.io/v2/socket"

	"parley/app/problem"
)

// Reasons for the end of a connection, as OnDisconnect is told. Close and Drop may be given others.
const (
	ReasonClientDisconnect = "client_disconnect" // the client sent DISCONNECT
	ReasonTransportClose   = "transport_close"   // the client closed the transport, or stopped polling
	ReasonTransportError   = "transport_error"   // reading or writing failed
	ReasonPingTimeout      = "ping_timeout"      // no pong came in time
	ReasonConnectTimeout   = "connect_timeout"   // no namespace was joined in time
	ReasonConnectFailed    = "connect_failed"    // OnConnect failed for now; the client tries again
	ReasonRefused          = "refused"           // OnConnect returned a problem
	ReasonProtocol         = "protocol_error"    // the client sent what it must not
	ReasonSlowClient       = "slow_client"       // the queue overflowed, or the client did not read in time
	ReasonTokenExpired     = "token_expired"     // see ExpireAt
	ReasonDraining         = "draining"          // the server goes away
	ReasonPanic            = "internal_error"    // a handler panicked
)

// Conn is one client's connection to the main namespace. The functions that a
// Server calls for it, that is OnConnect, OnConnected, the events' handlers and
// OnDisconnect, run one after the other, never at the same time; those of
// different connections do run at the same time.
//
// All methods may be called from anywhere, at any time. Once the connection is
// gone, they do nothing.
type Conn struct {
	server  *Server
	session *session
	id      string
	user    atomic.Int64
	ctx     context.Context //nolint:containedctx // the life of the connection itself
	cancel  context.CancelFunc
	work    serial        // what is called for this connection
	up      chan struct{} // closed when the library has answered CONNECT

	mu     sync.Mutex // before the locks of room stripes and sessions
	gone   bool
	rooms  []*room // in no order
	expiry *time.Timer
}

// ID is the connection's Socket.IO id. It is unique, and not secret.
func (c *Conn) ID() string { return c.id }

// UserID is the id given to SetUser, 0 before.
func (c *Conn) UserID() int64 { return c.user.Load() }

// SetUser says whose connection this is.
func (c *Conn) SetUser(id int64) { c.user.Store(id) }

// RemoteAddr is the client's address, as Options.RemoteAddr found it in the handshake's request.
func (c *Conn) RemoteAddr() string { return c.session.remote }

// Context ends when the connection is gone. Handlers that wait for something should give up then, as
// OnDisconnect is called after they have returned.
func (c *Conn) Context() context.Context { return c.ctx }

// Join adds the connection to rooms. What is broadcast after Join has returned is received. A room's name is
// not empty.
func (c *Conn) Join(rooms ...string) { c.server.rooms.join(c, named(rooms)...) }

// Leave removes the connection from rooms. Nothing that is broadcast after Leave has returned is received, nor
// is anything added to the queue by a broadcast that began before; Flush waits for what had been added.
func (c *Conn) Leave(rooms ...string) { c.server.rooms.leave(c, named(rooms)...) }

// named leaves out the room of everyone, which is not for callers to join or leave.
func named(rooms []string) []string {
	if slices.Contains(rooms, everyone) {
		return slices.DeleteFunc(slices.Clone(rooms), func(room string) bool { return room == everyone })
	}
	return rooms
}

// Rooms lists the rooms that the connection is in, sorted.
func (c *Conn) Rooms() []string { return c.server.rooms.of(c) }

// In reports whether the connection is in a room.
func (c *Conn) In(room string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.rooms, isNamed(room))
}

// isNamed finds a room by its name.
func isNamed(name string) func(*room) bool {
	return func(rm *room) bool { return rm.name == name }
}

// Emit queues a frame for this connection alone. It never waits. What is emitted or broadcast to a connection
// before its CONNECT has been answered is sent after that answer.
func (c *Conn) Emit(f Frame) {
	if f.w != nil {
		c.emit(f.w)
	}
}

func (c *Conn) emit(w *wire) {
	accepted, what := c.session.enqueue(c, w)
	if accepted {
		c.server.stats.frames.Add(1)
		c.server.stats.bytes.Add(uint64(len(w.bytes)))
	}
	c.server.out.wake(c.session, what)
}

// Flush waits until everything that had been emitted or broadcast to the connection has been handed to the
// operating system, or the connection is gone. An error means that ctx ended before.
func (c *Conn) Flush(ctx context.Context) error { return c.session.flush(ctx, c) }

// ExpireAt closes the connection at t with ReasonTokenExpired, as Close does. A later call replaces an earlier
// one; the zero time lets the connection live.
func (c *Conn) ExpireAt(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.expiry != nil {
		c.expiry.Stop()
		c.expiry = nil
	}
	if !t.IsZero() && !c.gone {
		c.expiry = time.AfterFunc(time.Until(t), func() { c.Close(ReasonTokenExpired) })
	}
}

// Close disconnects the client after what is queued for it has been written: it gets a DISCONNECT packet, "io
// server disconnect", and does not come back by itself.
func (c *Conn) Close(reason string) { c.stop(reason, c.server.disconnect) }

// Drop closes the client's transport after what is queued for it has been written: "transport close", upon
// which official clients come back by themselves.
func (c *Conn) Drop(reason string) { c.stop(reason) }

func (c *Conn) stop(reason string, final ...*wire) {
	c.session.shutdown(c, reason, final...)
}

// end is called when the connection is gone, before anything else learns of it.
func (c *Conn) end(reason string) {
	c.mu.Lock()
	if c.gone {
		c.mu.Unlock()
		return
	}
	c.gone = true
	c.server.rooms.leaveAllLocked(c)
	if c.expiry != nil {
		c.expiry.Stop()
	}
	c.mu.Unlock()
	c.cancel()
	c.work.add(func() {
		defer c.server.live.Done()
		c.guard(func() { c.server.onDisconnect(c, reason) })
	})
}

// guard runs what the application does for one connection. A panic there must
// not take everybody else's connections with it.
func (c *Conn) guard(run func()) {
	defer func() {
		if p := recover(); p != nil {
			c.server.log.Error("a handler panicked", "panic", p, "stack", string(debug.Stack()))
			c.session.kill(ReasonPanic, websocket.CloseInternalServerErr)
		}
	}()
	run()
}

// connect asks the application whether the client may connect, and has the
// library answer. It is the first task of the connection.
func (c *Conn) connect(token string, next func(*sio.ExtendedError)) {
	err := c.server.onConnect(c.ctx, c, token)
	if err != nil {
		c.refuse(err, next)
		return
	}
	next(nil)
	select {
	case <-c.up:
		c.server.rooms.join(c, everyone)
		c.server.onConnected(c)
	case <-c.ctx.Done():
	}
}

// refuse answers a client that may not connect: with a connect error if there
// is a problem to tell, else by closing the transport, so that it tries again.
func (c *Conn) refuse(err error, next func(*sio.ExtendedError)) {
	var p *problem.Problem
	if !errors.As(err, &p) {
		if c.ctx.Err() == nil {
			c.server.log.Warn("a client could not be connected", "remote", c.session.remote, "error", err)
		}
		c.session.shutdown(c, ReasonConnectFailed)
		return
	}
	c.server.opts.Metrics.disconnected(ReasonRefused)
	data := map[string]any{"code": p.Code, "detail": p.Explain()}
	c.session.detach(c)
	c.end(ReasonRefused)
	next(sio.NewExtendedError(p.Title, data))
}
