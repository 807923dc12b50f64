package socket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// Options configure a Server. The zero value is usable.
type Options struct {
	// AllowedOrigins are the origins, besides the server's own, whose pages may connect:
	// "https://chat.example.com", or "*" for all.
	AllowedOrigins []string
	// MaxQueueBytes bounds what waits for one client, including what is being written; a client that lets it
	// overflow is disconnected with ReasonSlowClient. Defaults to 1 MiB.
	MaxQueueBytes int
	// MaxPayload bounds a message from a client, in bytes; larger ones end the connection. Defaults to 64 KiB.
	MaxPayload int
	// MaxEvents bounds the events of one client that wait for their handlers; beyond, nothing more is read
	// from the client. Defaults to 32.
	MaxEvents int
	// PingInterval is the time between a pong and the next ping. Defaults to 25 s.
	PingInterval time.Duration
	// PingTimeout is how long a pong may take. Defaults to 20 s.
	PingTimeout time.Duration
	// ConnectTimeout bounds the time from opening a transport to joining the namespace, OnConnect
	// included. Defaults to 45 s.
	ConnectTimeout time.Duration
	// UpgradeTimeout bounds the change from long-polling to WebSocket. Defaults to 10 s.
	UpgradeTimeout time.Duration
	// WriteTimeout bounds how long a client may take to read 64 KiB, and to take what is left for it when
	// its connection is closed. Defaults to 20 s.
	WriteTimeout time.Duration
	// GatherTime is for how long, at most, an event waits for others to the same client, so that they are written
	// together; only events to a client to whom something was written less than this time ago wait. A longer time
	// costs less per event at high rates. Defaults to 4 ms.
	GatherTime time.Duration
	// RemoteAddr finds a client's address in the request that opens its transport. Defaults to the address of
	// the TCP connection.
	RemoteAddr func(*http.Request) string
	// Metrics are those of this server alone. Defaults to some that nobody sees.
	Metrics *Metrics
	// Log defaults to none.
	Log *slog.Logger
}

// withDefaults fills in what is not set, and reports what cannot be.
func (o Options) withDefaults() (Options, error) {
	var errs []error
	number := func(name string, v *int, def int) {
		if *v < 0 {
			errs = append(errs, fmt.Errorf("socket: %s must not be negative", name))
		} else if *v == 0 {
			*v = def
		}
	}
	duration := func(name string, v *time.Duration, def time.Duration) {
		if *v < 0 {
			errs = append(errs, fmt.Errorf("socket: %s must not be negative", name))
		} else if *v == 0 {
			*v = def
		}
	}
	number("MaxQueueBytes", &o.MaxQueueBytes, 1<<20)
	number("MaxPayload", &o.MaxPayload, 64<<10)
	number("MaxEvents", &o.MaxEvents, 32)
	duration("PingInterval", &o.PingInterval, 25*time.Second)
	duration("PingTimeout", &o.PingTimeout, 20*time.Second)
	duration("ConnectTimeout", &o.ConnectTimeout, 45*time.Second)
	duration("UpgradeTimeout", &o.UpgradeTimeout, 10*time.Second)
	duration("GatherTime", &o.GatherTime, 4*time.Millisecond)
	duration("WriteTimeout", &o.WriteTimeout, 20*time.Second)
	for _, origin := range o.AllowedOrigins {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "") {
			errs = append(errs, fmt.Errorf("socket: allowed origin %q is not of the form https://host[:port]", origin))
		}
	}
	if o.RemoteAddr == nil {
		o.RemoteAddr = func(r *http.Request) string { return r.RemoteAddr }
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, errors.Join(errs...)
}

// Server is a Socket.IO server. It has no goroutines of its own while nobody is
// connected, and needs no start. The On methods must be called before the first request.
type Server struct {
	opts     Options
	log      *slog.Logger
	lib      *library
	upgrader websocket.Upgrader
	rooms    *rooms
	out      *writers

	onConnect    func(context.Context, *Conn, string) error
	onConnected  func(*Conn)
	onDisconnect func(*Conn, string)
	handlers     map[string]func(*Conn, json.RawMessage, func(any))

	terms      string
	ping       *wire // encoded once, as it is sent to everyone
	disconnect *wire
	buffers    sync.Pool // of *bytes.Buffer, for messages that are being read
	reads      sync.Pool // of *readBuffer
	batches    sync.Pool // of *batch
	stats      counters

	mu       sync.RWMutex
	sessions map[string]*session
	draining bool
	live     sync.WaitGroup // sessions, and connections until their OnDisconnect has returned
}

// counters are what Stats reports, besides what can be counted when asked.
type counters struct {
	sessions, frames, bytes, writes, overflows, writeTimeouts atomic.Uint64
}

// New returns a server that is ready to serve.
func New(opts Options) (*Server, error) {
	s, err := newServer(opts)
	if err != nil {
		return nil, err
	}
	s.lib.bind()
	return s, nil
}

// newServer is New without the library taking part in sessions yet.
func newServer(opts Options) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts:         opts,
		log:          opts.Log,
		rooms:        newRooms(),
		onConnect:    func(context.Context, *Conn, string) error { return nil },
		onConnected:  func(*Conn) {},
		onDisconnect: func(*Conn, string) {},
		handlers:     make(map[string]func(*Conn, json.RawMessage, func(any))),
		terms:        opts.terms(),
		ping:         newWire(string(enginePing)),
		disconnect:   newWire(string(engineMessage), string(ioDisconnect)),
		buffers:      sync.Pool{New: func() any { return new(bytes.Buffer) }},
		reads:        sync.Pool{New: func() any { return new(readBuffer) }},
		batches:      sync.Pool{New: func() any { return new(batch) }},
		sessions:     make(map[string]*session),
	}
	s.upgrader = websocket.Upgrader{
		CheckOrigin: func(*http.Request) bool { return true }, // checked for every transport, before
	}
	s.out = newWriters(max(2, runtime.GOMAXPROCS(0)), opts.WriteTimeout, opts.GatherTime, &s.stats)
	s.lib = newLibrary(s)
	opts.Metrics.server.Store(s)
	return s, nil
}

// Handler serves the protocol. It is to be mounted at /socket.io/.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// OnConnect sets the function that decides whether a client may connect; token is from its handshake. It may
// wait: the context ends when the client has gone, or has waited for ConnectTimeout. A *problem.Problem refuses
// the client with a connect error {message: title, data: {code, detail}}, after which official clients do not
// try again by themselves; any other error closes the transport, after which they do. Joining rooms and
// emitting are possible here; what is sent to the connection waits until its CONNECT has been answered.
func (s *Server) OnConnect(fn func(ctx context.Context, c *Conn, token string) error) {
	s.onConnect = fn
}

// OnConnected sets the function that is called when a client has been let in and told so. It is not called
// if the client has left in the meantime.
func (s *Server) OnConnected(fn func(c *Conn)) { s.onConnected = fn }

// OnDisconnect sets the function that is called last and exactly once for every connection for which OnConnect
// was called, whatever came of it: by then it is in no room and nothing can be sent to it any more.
func (s *Server) OnDisconnect(fn func(c *Conn, reason string)) { s.onDisconnect = fn }

// On sets the handler of an event that clients send. The payload is the event's first argument, nil if there
// is none. ack answers the client, if it asked for an answer, and does nothing otherwise; it may be called later
// and from anywhere, and only the first call counts. The events of one connection are handled one after the
// other, in the order in which they were sent; events without a handler are answered with {error: {code: "unknown_event"}}.
func (s *Server) On(event string, fn func(c *Conn, payload json.RawMessage, ack func(any))) {
	s.handlers[event] = fn
}

// Broadcast queues a frame for every connection in room that is not in exceptRoom (none if it is empty), and
// returns how many that are. It never waits for a client. Frames of broadcasts that follow one another are received in that
// order; those of simultaneous ones in any.
func (s *Server) Broadcast(room string, f Frame, exceptRoom string) (receivers int) {
	if f.w == nil || room == everyone {
		return 0
	}
	return s.broadcast(room, f.w, exceptRoom)
}

// BroadcastBoth is Broadcast to those who are in two rooms, of which the first one should be small. Who leaves one of them at the same
// time may or may not be a receiver.
func (s *Server) BroadcastBoth(room, other string, f Frame) (receivers int) {
	if f.w == nil || room == everyone {
		return 0
	}
	for _, c := range s.rooms.members(room) {
		if c.In(other) {
			c.emit(f.w)
			receivers++
		}
	}
	return receivers
}

// BroadcastAll queues a frame for every connection that has been let in, and returns how many that are.
func (s *Server) BroadcastAll(f Frame) (receivers int) {
	if f.w == nil {
		return 0
	}
	return s.broadcast(everyone, f.w, "")
}

func (s *Server) broadcast(room string, w *wire, except string) int {
	n := s.rooms.broadcast(room, w, except, s.out)
	if n > 0 {
		s.stats.frames.Add(uint64(n))
		s.stats.bytes.Add(uint64(n) * uint64(len(w.bytes)))
	}
	return n
}

// In returns the connections that are in a room now.
func (s *Server) In(room string) []*Conn {
	if room == everyone {
		return nil
	}
	return s.rooms.members(room)
}

// Conns returns all connections that have been let in.
func (s *Server) Conns() []*Conn { return s.rooms.members(everyone) }

// Stats are a server's counters. Those that say so count from the start.
type Stats struct {
	Connections   int    // that have been let in
	Sessions      int    // open transports, also of clients that have not been let in yet
	Rooms         int    // with at least one member
	Opened        uint64 // sessions, from the start
	Frames        uint64 // events queued, once per receiver, from the start
	Bytes         uint64 // of those frames, from the start
	Writes        uint64 // to clients' sockets, from the start
	Overflows     uint64 // clients given up because of their queue, from the start
	WriteTimeouts uint64 // clients given up because they did not read in time, from the start
}

// Stats returns the server's counters.
func (s *Server) Stats() Stats {
	s.mu.RLock()
	sessions := len(s.sessions)
	s.mu.RUnlock()
	return Stats{
		Connections:   s.rooms.count(everyone),
		Sessions:      sessions,
		Rooms:         s.rooms.size(),
		Opened:        s.stats.sessions.Load(),
		Frames:        s.stats.frames.Load(),
		Bytes:         s.stats.bytes.Load(),
		Writes:        s.stats.writes.Load(),
		Overflows:     s.stats.overflows.Load(),
		WriteTimeouts: s.stats.writeTimeouts.Load(),
	}
}

// queuedBytes is how much waits for all clients.
func (s *Server) queuedBytes() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := 0
	for _, sess := range s.sessions {
		sess.mu.Lock()
		n += sess.bytes
		sess.mu.Unlock()
	}
	return n
}

func (s *Server) isDraining() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.draining
}

// Drain refuses new clients (503), drops all connections once what is queued for them has been written, and
// returns when the last OnDisconnect has returned. When ctx ends before, whoever is left is cut off and the
// context's error returned. A client is told to expect this by a DRAIN event, which the caller broadcasts before.
func (s *Server) Drain(ctx context.Context) error {
	for _, sess := range s.refuseNew() {
		sess.shutdown(nil, ReasonDraining)
	}
	done := make(chan struct{})
	go func() {
		s.live.Wait()
		close(done)
	}()
	select {
	case <-done:
		return s.out.wait(ctx)
	case <-ctx.Done():
		s.killAll()
		return ctx.Err()
	}
}

// refuseNew makes the server accept no further session, and returns those that there are.
func (s *Server) refuseNew() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	all := make([]*session, 0, len(s.sessions))
	for _, sess := range s.sessions {
		all = append(all, sess)
	}
	return all
}

// killAll cuts all clients off.
func (s *Server) killAll() {
	for _, sess := range s.refuseNew() {
		sess.kill(ReasonDraining, 0)
		sess.cut()
	}
}

// batch returns an empty list of frames.
func (s *Server) batch() *batch { return s.batches.Get().(*batch) } //nolint:forcetypeassert // the pool's New

// maxBatch is how long a list may be to be used again.
const maxBatch = 4096

// recycle takes a list back whose frames have been written.
func (s *Server) recycle(b *batch) {
	if cap(b.frames) > maxBatch {
		return
	}
	clear(b.frames)
	b.frames = b.frames[:0]
	s.batches.Put(b)
}
