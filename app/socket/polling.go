package socket

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// noopDelay is after how long a poll is answered with nothing while the client
// wants to change to WebSocket, for which it must have its answer.
const noopDelay = 100 * time.Millisecond

// handshakePolling makes a session whose client polls; the first poll is the handshake itself.
func (s *Server) handshakePolling(w http.ResponseWriter, r *http.Request) {
	sess, err := s.open(r, nil)
	if err != nil {
		s.unavailable(w)
		return
	}
	s.servePoll(w, r, sess)
}

// servePoll answers a GET with what is queued, as soon as there is something.
func (s *Server) servePoll(w http.ResponseWriter, r *http.Request, sess *session) {
	poll := make(chan struct{}, 1)
	if refused := sess.beginPoll(poll); refused != nil {
		refused.write(w)
		return
	}
	var (
		expired <-chan time.Time
		noop    bool
	)
	for {
		answer, probed := sess.takePoll(poll, noop)
		if answer != nil {
			s.answerPoll(w, sess, answer)
			return
		}
		if probed && expired == nil {
			expired = time.After(noopDelay)
		}
		select {
		case <-poll:
		case <-expired:
			noop = true
		case <-r.Context().Done():
			sess.kill(ReasonTransportClose, 0)
			return
		}
	}
}

// beginPoll makes poll the one that is woken when there is something to send.
func (s *session) beginPoll(poll chan struct{}) *engineError {
	s.mu.Lock()
	switch {
	case s.state == stateClosed:
		s.mu.Unlock()
		return errUnknownSession
	case s.ws != nil:
		s.mu.Unlock()
		return errBadRequest
	case s.poll != nil:
		s.mu.Unlock()
		s.kill(ReasonProtocol, 0) // two polls at a time: what goes to which would have no order
		return errBadRequest
	}
	s.poll = poll
	s.mu.Unlock()
	return nil
}

// pollAnswer is what a poll is answered with.
type pollAnswer struct {
	batch *batch // nil if nothing is queued
	last  bool   // the session ends with it
}

// takePoll takes what there is to answer the poll with; nil says to wait on.
// probed says that the client wants to change to WebSocket; noop, that it has
// waited for its answer long enough.
func (s *session) takePoll(poll chan struct{}, noop bool) (answer *pollAnswer, probed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == stateClosed:
		answer = &pollAnswer{last: true}
	case s.ws != nil:
		answer = &pollAnswer{}
	case s.queue != nil:
		// Even if this is all that is left, the end comes with the next poll: the official client would notice
		// it before a DISCONNECT packet of the same answer.
		answer = &pollAnswer{batch: s.queue}
		s.queue = nil
		if s.state == stateClosing {
			s.graceLocked()
		}
	case s.state == stateClosing:
		answer = &pollAnswer{last: true}
	case s.probed && noop:
		answer = &pollAnswer{}
	default:
		return nil, s.probed
	}
	// The next poll may arrive before this one's handler has returned.
	if s.poll == poll {
		s.poll = nil
	}
	return answer, false
}

// answerPoll writes the answer to a poll.
func (s *Server) answerPoll(w http.ResponseWriter, sess *session, answer *pollAnswer) {
	body := []byte{engineNoop}
	switch {
	case answer.last:
		body[0] = engineClose
	case answer.batch != nil:
		body = payload(answer.batch.frames)
	}
	err := s.respond(w, body)
	if answer.batch != nil {
		if err == nil {
			sess.wrote(answer.batch.frames)
		}
		s.recycle(answer.batch)
	}
	switch {
	case err != nil: // what was taken from the queue is lost, so the client must begin anew
		sess.fail(err)
	case answer.last:
		sess.kill(ReasonTransportClose, 0)
	}
}

// payload joins packets in the way of long-polling.
func payload(frames []*wire) []byte {
	n := 0
	for _, w := range frames {
		n += len(w.bytes)
	}
	b := make([]byte, 0, n) // each header is at least as long as a separator
	for i, w := range frames {
		if i > 0 {
			b = append(b, recordSeparator)
		}
		b = append(b, w.packet()...)
	}
	return b
}

// respond writes a whole response, giving the client limited time to take it.
func (s *Server) respond(w http.ResponseWriter, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	rc := http.NewResponseController(w)
	limited := rc.SetWriteDeadline(time.Now().Add(s.opts.WriteTimeout)) == nil
	if _, err := w.Write(body); err != nil { //nolint:gosec // not markup: text/plain, nosniff
		return err
	}
	if err := rc.Flush(); err != nil {
		return err
	}
	if limited {
		return rc.SetWriteDeadline(time.Time{})
	}
	return nil
}

// servePost takes the packets that a polling client sends.
func (s *Server) servePost(w http.ResponseWriter, r *http.Request, sess *session) {
	if refused := sess.beginPost(); refused != nil {
		refused.write(w)
		return
	}
	refused := s.takePost(w, r, sess)
	sess.endPost()
	if refused != nil {
		refused.write(w)
		return
	}
	_ = s.respond(w, []byte("ok")) // if it does not arrive, the client notices
}

// beginPost makes sure that the packets of one POST are handled at a time.
func (s *session) beginPost() *engineError {
	s.mu.Lock()
	switch {
	case s.state == stateClosed:
		s.mu.Unlock()
		return errUnknownSession
	case s.ws != nil:
		s.mu.Unlock()
		return errBadRequest
	case s.posting:
		s.mu.Unlock()
		s.kill(ReasonProtocol, 0)
		return errBadRequest
	}
	s.posting = true
	s.mu.Unlock()
	return nil
}

func (s *session) endPost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posting = false
}

// takePost reads a POST's packets and hands them on in order.
func (s *Server) takePost(w http.ResponseWriter, r *http.Request, sess *session) *engineError {
	if r.Header.Get("Content-Type") == "application/octet-stream" {
		sess.kill(ReasonProtocol, 0)
		return errBadRequest
	}
	buf := s.buffers.Get().(*bytes.Buffer) //nolint:forcetypeassert // the pool's New
	defer s.buffers.Put(buf)
	buf.Reset()
	rc := http.NewResponseController(w)
	limited := rc.SetReadDeadline(time.Now().Add(s.opts.WriteTimeout)) == nil
	n, err := io.Copy(buf, io.LimitReader(r.Body, int64(s.opts.MaxPayload)+1))
	switch {
	case err != nil:
		sess.kill(ReasonTransportError, 0)
		return errBadRequest
	case n > int64(s.opts.MaxPayload):
		sess.kill(ReasonProtocol, 0)
		return errTooLarge
	case !utf8.Valid(buf.Bytes()):
		sess.kill(ReasonProtocol, websocket.CloseInvalidFramePayloadData)
		return errBadRequest
	}
	if limited {
		_ = rc.SetReadDeadline(time.Time{})
	}
	for packet := range bytes.SplitSeq(buf.Bytes(), []byte{recordSeparator}) {
		if err := sess.receive(packet); err != nil {
			sess.kill(closing(err))
			return errBadRequest
		}
	}
	return nil
}
