package socket

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/zishang520/engine.io-go-parser/packet"
	"github.com/zishang520/engine.io/v2/engine"
	"github.com/zishang520/engine.io/v2/transports"
	"github.com/zishang520/engine.io/v2/types"
	sio "github.com/zishang520/socket.io/v2/socket"
)

// library is what we use of socket.io/v2: the namespace with its middleware,
// the connect handshake, and the engine interface through which it reaches our sessions.
type library struct {
	io     *sio.Server
	engine *engineServer
	// request stands in for every connection's HTTP request. The library copies its headers into the
	// handshake's details, which we do not use; the real one would keep the buffers of net/http alive.
	request *types.HttpContext
	// transport stands in for every session's transport, of which the library only wants to know if it is writable.
	transport transports.Transport
}

// newLibrary sets the library up, without an engine.
func newLibrary(s *Server) *library {
	opts := sio.DefaultServerOptions()
	opts.SetConnectTimeout(s.opts.ConnectTimeout)
	opts.SetServeClient(false)
	opts.SetAdapter(&adapterBuilder{rooms: s.rooms, out: s.out})
	lib := &library{
		io:        sio.NewServer(nil, opts),
		engine:    &engineServer{BaseServer: engine.MakeBaseServer(), server: s},
		request:   standInRequest(),
		transport: transports.MakeTransport(),
	}
	lib.transport.SetWritable(true)
	lib.io.Use(s.admit)
	_ = lib.io.On("connection", func(args ...any) { s.connected(args[0].(*sio.Socket)) }) //nolint:forcetypeassert // by contract
	return lib
}

// bind gives the library our engine. From then on it takes part in every new session.
func (l *library) bind() { l.io.Bind(l.engine) }

// standInRequest is an empty request whose context has ended, so that the library keeps no goroutine for it.
func standInRequest() *types.HttpContext {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := (&http.Request{Method: http.MethodGet, URL: &url.URL{}, Header: http.Header{}}).WithContext(ctx)
	return types.NewHttpContext(noResponse{}, r)
}

// noResponse goes with standInRequest.
type noResponse struct{}

func (noResponse) Header() http.Header         { return http.Header{} }
func (noResponse) Write(b []byte) (int, error) { return len(b), nil }
func (noResponse) WriteHeader(int)             {}

// engineServer is the engine that the library is bound to: it only announces
// sessions. Everything else of an Engine.IO server is in Server.
type engineServer struct {
	engine.BaseServer
	server *Server
}

// Close ends all sessions.
func (e *engineServer) Close() engine.BaseServer {
	e.server.killAll()
	return e
}

// announce has the library take part in a session. When it returns, the
// library listens, and the session may be read from.
func (e *engineServer) announce(s *session) {
	e.Emit("connection", s.lib)
	s.mu.Lock()
	s.announced = true
	ended := s.state != stateOpen
	s.mu.Unlock()
	if ended { // while the library was not listening yet
		s.lib.Emit("close", ReasonDraining, nil)
	}
}

// engineSocket is a session as the library sees it. The library gets to see
// CONNECT packets ("data") and the end ("close"), and writes the answers to CONNECT.
type engineSocket struct {
	types.EventEmitter
	session *session
}

// Write sends a packet that the library has encoded.
func (e *engineSocket) Write(data io.Reader, _ *packet.Options, _ engine.SendCallback) engine.Socket {
	b, err := io.ReadAll(data)
	if err != nil || len(b) == 0 { // reading from memory does not fail
		return e
	}
	w := newWire(string(engineMessage), string(b))
	if b[0] == ioConnect {
		e.session.answer(w)
	} else {
		e.session.send(w)
	}
	return e
}

// Send is the same as Write.
func (e *engineSocket) Send(data io.Reader, o *packet.Options, fn engine.SendCallback) engine.Socket {
	return e.Write(data, o, fn)
}

// Close is called when no namespace was joined in time, and when a packet that we let pass does not decode.
func (e *engineSocket) Close(discard bool) {
	if discard {
		e.session.kill(ReasonConnectTimeout, 0)
		return
	}
	e.session.shutdown(nil, ReasonConnectTimeout)
}

// ReadyState is one of "open", "closing" and "closed".
func (e *engineSocket) ReadyState() string {
	e.session.mu.Lock()
	defer e.session.mu.Unlock()
	switch e.session.state {
	case stateOpen:
		return "open"
	case stateClosing:
		return "closing"
	default:
		return "closed"
	}
}

// Protocol is the version of Engine.IO.
func (e *engineSocket) Protocol() int { return 4 }

// Id is the session id.
func (e *engineSocket) Id() string { return e.session.id } //nolint:revive // the interface's name

// RemoteAddress is the client's address.
func (e *engineSocket) RemoteAddress() string { return e.session.remote }

// Request is the same for all sessions.
func (e *engineSocket) Request() *types.HttpContext { return e.session.server.lib.request }

// Transport is the same for all sessions.
func (e *engineSocket) Transport() transports.Transport { return e.session.server.lib.transport }

// Upgraded, Upgrading, SetReadyState, Construct and MaybeUpgrade are for the
// library's own engine; sessions do without them.
func (e *engineSocket) Upgraded() bool { return false }

// Upgrading is not used.
func (e *engineSocket) Upgrading() bool { return false }

// SetReadyState is not used.
func (e *engineSocket) SetReadyState(string) {}

// Construct is not used.
func (e *engineSocket) Construct(string, engine.BaseServer, transports.Transport, *types.HttpContext, int) {
}

// MaybeUpgrade is not used.
func (e *engineSocket) MaybeUpgrade(transports.Transport) {}

// sessionOf is the session that a library socket belongs to.
func sessionOf(socket *sio.Socket) *session {
	return socket.Conn().(*engineSocket).session //nolint:forcetypeassert // there is no other engine
}

// admit is the namespace's middleware: it makes the connection and has the
// application decide, which may take its time. The library goes on when next is called.
func (s *Server) admit(socket *sio.Socket, next func(*sio.ExtendedError)) {
	sess := sessionOf(socket)
	c := &Conn{server: s, session: sess, id: string(socket.Id()), up: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if !sess.attach(c) {
		c.cancel()
		return // the session has ended
	}
	token := tokenOf(socket.Handshake().Auth)
	c.work.add(func() { c.guard(func() { c.connect(token, next) }) })
}

// tokenOf is the token in the CONNECT packet, empty if there is none.
func tokenOf(auth any) string {
	fields, _ := auth.(map[string]any)
	token, _ := fields["token"].(string)
	return token
}

// connected is called by the library when it has answered CONNECT.
func (s *Server) connected(socket *sio.Socket) {
	sess := sessionOf(socket)
	sess.mu.Lock()
	c, open := sess.conn, sess.state == stateOpen
	sess.mu.Unlock()
	if !open || c == nil || c.id != string(socket.Id()) {
		// The session ended while the library was busy answering. It did not know the socket then, and
		// would keep it for ever.
		socket.Disconnect(false)
		return
	}
	close(c.up)
	sess.release()
}

// release has the library forget a session whose CONNECT it has answered: its part is done, and what it keeps for a
// client takes more memory than everything else that belongs to an idle connection.
func (s *session) release() {
	s.mu.Lock()
	lib := s.lib
	s.lib = nil // from here on, the library's view of the session's rooms is empty: see adapter.conn
	s.mu.Unlock()
	if lib != nil {
		lib.Emit("close", "connected", nil)
	}
}
