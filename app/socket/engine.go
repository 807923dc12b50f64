package socket

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/websocket"
	"github.com/zishang520/engine.io/v2/types"
)

// engineError is how an Engine.IO server refuses a request.
type engineError struct {
	Status  int    `json:"-"`
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// The refusals that the protocol knows, with the original server's codes.
var (
	errUnknownTransport = &engineError{http.StatusBadRequest, 0, "Transport unknown"}
	errUnknownSession   = &engineError{http.StatusBadRequest, 1, "Session ID unknown"}
	errMethod           = &engineError{http.StatusBadRequest, 2, "Bad handshake method"}
	errBadRequest       = &engineError{http.StatusBadRequest, 3, "Bad request"}
	errTooLarge         = &engineError{http.StatusRequestEntityTooLarge, 3, "Payload too large"}
	errOrigin           = &engineError{http.StatusForbidden, 4, "Origin not allowed"}
	errVersion          = &engineError{http.StatusBadRequest, 5, "Unsupported protocol version"}
	errDrainingServer   = &engineError{http.StatusServiceUnavailable, 3, "Server is shutting down"}
)

// errDraining is why a session is not opened.
var errDraining = errors.New("server is shutting down")

func (e *engineError) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(e)
}

// unavailable answers a handshake while the server drains.
func (s *Server) unavailable(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	errDrainingServer.write(w)
}

// ServeHTTP handles a request of the Engine.IO protocol.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.originAllowed(r) {
		errOrigin.write(w)
		return
	}
	s.corsHeaders(w, r)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	query := r.URL.Query()
	socket := websocket.IsWebSocketUpgrade(r)
	if refused := checkTransport(query, socket); refused != nil {
		refused.write(w)
		return
	}
	sid := query.Get("sid")
	if sid == "" {
		s.handshake(w, r, socket)
		return
	}
	sess := s.session(sid)
	switch {
	case sess == nil:
		errUnknownSession.write(w)
	case socket:
		s.probeWebSocket(w, r, sess)
	case r.Method == http.MethodGet:
		s.servePoll(w, r, sess)
	case r.Method == http.MethodPost:
		s.servePost(w, r, sess)
	default:
		errBadRequest.write(w)
	}
}

// checkTransport verifies version and transport of a request.
func checkTransport(query url.Values, socket bool) *engineError {
	switch transport := query.Get("transport"); {
	case transport != "websocket" && transport != "polling":
		return errUnknownTransport
	case query.Get("EIO") != "4":
		return errVersion
	case (transport == "websocket") != socket:
		return errBadRequest
	case query.Has("j"): // JSONP, which no current client uses
		return errBadRequest
	}
	return nil
}

// handshake opens a session.
func (s *Server) handshake(w http.ResponseWriter, r *http.Request, socket bool) {
	switch {
	case r.Method != http.MethodGet:
		errMethod.write(w)
	case s.isDraining():
		s.unavailable(w)
	case socket:
		s.handshakeWebSocket(w, r)
	default:
		s.handshakePolling(w, r)
	}
}

// open makes a session, tells the library of it and begins its heartbeat. The
// transport is ws, or polling if that is nil. Nothing is read from the client before.
func (s *Server) open(r *http.Request, ws *wsConn) (*session, error) {
	sess := &session{server: s, id: rand.Text(), remote: s.opts.RemoteAddr(r), ws: ws}
	sess.lib = &engineSocket{EventEmitter: types.NewEventEmitter(), session: sess}
	s.mu.Lock()
	if s.draining {
		s.mu.Unlock()
		return nil, errDraining
	}
	s.sessions[sess.id] = sess
	s.live.Add(1)
	s.mu.Unlock()
	s.stats.sessions.Add(1)
	s.lib.engine.announce(sess)
	sess.send(s.hello(sess))
	sess.start()
	return sess, nil
}

// hello is the first packet that goes to a client. There is nothing in it that JSON would have to escape.
func (s *Server) hello(sess *session) *wire {
	upgrades := ""
	if sess.ws == nil {
		upgrades = `"websocket"`
	}
	return newWire(string(engineOpen), s.terms, `,"sid":"`, sess.id, `","upgrades":[`, upgrades, `]}`)
}

// terms is how the first packet begins for all clients.
func (o Options) terms() string {
	return fmt.Sprintf(`{"maxPayload":%d,"pingInterval":%d,"pingTimeout":%d`,
		o.MaxPayload, o.PingInterval.Milliseconds(), o.PingTimeout.Milliseconds())
}

// session finds a session by its id.
func (s *Server) session(id string) *session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.sessions[id]
}

// remove forgets a session whose transport is gone.
func (s *Server) remove(sess *session) {
	s.mu.Lock()
	_, ok := s.sessions[sess.id]
	delete(s.sessions, sess.id)
	s.mu.Unlock()
	if ok {
		s.live.Done()
	}
}

// originAllowed reports whether a browser's page may connect. Other clients send no origin.
func (s *Server) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin == "" || s.listed(origin) || sameOrigin(origin, r.Host)
}

func (s *Server) listed(origin string) bool {
	return slices.ContainsFunc(s.opts.AllowedOrigins, func(allowed string) bool {
		return allowed == "*" || strings.EqualFold(allowed, origin)
	})
}

// sameOrigin reports whether the origin names the host that was asked for.
func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

// corsHeaders lets a page on another, allowed origin read the answer.
func (s *Server) corsHeaders(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if !slices.Contains(h.Values("Vary"), "Origin") {
		h.Add("Vary", "Origin")
	}
	origin := r.Header.Get("Origin")
	if origin == "" || !s.listed(origin) {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", "Content-Type")
		h.Set("Access-Control-Max-Age", "600")
	}
}
