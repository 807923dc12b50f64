package typing

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/problem"
	"parley/app/registry"
	"parley/app/socket"
)

// Publisher is what is needed of the bus.
type Publisher interface {
	Publish(ctx context.Context, msgs ...bus.Message) error
}

// Server is the Socket.IO server that clients tell.
type Server interface {
	On(event string, h func(c *socket.Conn, payload json.RawMessage, ack func(any)))
}

// Socket is the component "typing.socket".
type Socket struct {
	server    Server
	publisher Publisher
	log       *slog.Logger
	host      registry.Host
	out       chan bus.Message

	mu     sync.Mutex
	states map[place]*state
}

// place is where somebody types.
type place struct{ user, channel int64 }

// state is what the channel knows. It goes when the clock runs out.
type state struct {
	typing bool
	told   time.Time // when the channel was last told that it is so
	clock  *time.Timer
}

// NewSocket makes the component.
func NewSocket(server Server, p Publisher, log *slog.Logger) *Socket {
	return &Socket{
		server: server, publisher: p, log: log.With("component", "typing.socket"),
		out: make(chan bus.Message, backlog), states: make(map[place]*state),
	}
}

// Name implements registry.Module.
func (s *Socket) Name() string { return "typing.socket" }

// Roles implements registry.Module.
func (s *Socket) Roles() []registry.Role { return []registry.Role{registry.Socket} }

// Needs implements registry.Module.
func (s *Socket) Needs() []string { return []string{"bus", "socket"} }

// Init listens for what clients tell.
func (s *Socket) Init(h registry.Host) error {
	s.host = h
	s.server.On(event.Typing, func(c *socket.Conn, payload json.RawMessage, ack func(any)) { ack(s.hear(c, payload)) })
	return nil
}

// Start begins to publish.
func (s *Socket) Start(context.Context) error {
	s.host.Go("publish", s.publish)
	return nil
}

// Stop forgets who types. Clients that see nothing more of it stop showing it by themselves.
func (s *Socket) Stop(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, st := range s.states {
		st.clock.Stop()
		delete(s.states, at)
	}
	return nil
}

// subscriber is what is needed of a connection.
type subscriber interface {
	UserID() int64
	In(room string) bool
}

// hear takes what a client tells, and returns what is acknowledged.
func (s *Socket) hear(c subscriber, payload json.RawMessage) any {
	var body struct {
		ChannelID int64 `json:"channelId"`
		Typing    *bool `json:"typing"`
	}
	if err := json.Unmarshal(payload, &body); err != nil || body.Typing == nil {
		return socket.Refusal(problem.Malformed.WithDetail("TYPING takes {channelId, typing}."))
	}
	if !c.In(event.ChannelKey(body.ChannelID)) {
		return socket.Refusal(ErrNotSubscribed)
	}
	s.note(place{c.UserID(), body.ChannelID}, *body.Typing)
	return map[string]bool{"ok": true}
}

// note keeps what was told, and passes on what the channel does not know.
func (s *Socket) note(at place, typing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.states[at]
	if st == nil {
		if !typing {
			return
		}
		st = &state{}
		st.clock = time.AfterFunc(Life, func() { s.expire(at, st) })
		s.states[at] = st
	}
	switch {
	case !typing && st.typing:
		st.typing = false
		s.tell(at, false)
	case typing && time.Since(st.told) >= pace:
		st.typing, st.told = true, time.Now()
		s.tell(at, true)
	}
	if typing {
		st.clock.Reset(Life)
	}
}

// expire ends typing that nobody has confirmed.
func (s *Socket) expire(at place, st *state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.states[at] != st {
		return
	}
	delete(s.states, at)
	if st.typing {
		s.tell(at, false)
	}
}

// tell publishes that somebody types, or does not any more. The caller holds mu, so that both come in order.
func (s *Socket) tell(at place, typing bool) {
	body := payload{ChannelID: at.channel, UserID: at.user, Typing: typing}
	if typing {
		body.ExpiresIn = (Life + pace).Milliseconds()
	}
	msg, err := event.NewEmit(event.ChannelKey(at.channel), event.Emit{Event: event.Typing, ExceptUser: at.user}, body)
	if err != nil {
		s.log.Error("an event could not be encoded", "error", err)
		return
	}
	select {
	case s.out <- msg:
	default: // the bus is slow, and this is not worth waiting for
	}
}

// publish passes events on until ctx ends.
func (s *Socket) publish(ctx context.Context) error {
	for {
		var msgs []bus.Message
		select {
		case msg := <-s.out:
			msgs = append(msgs, msg)
		case <-ctx.Done():
			return nil
		}
		for more := true; more; {
			select {
			case msg := <-s.out:
				msgs = append(msgs, msg)
			default:
				more = false
			}
		}
		within, cancel := context.WithTimeout(ctx, publishTimeout)
		if err := s.publisher.Publish(within, msgs...); err != nil {
			s.log.Debug("nobody hears who is typing", "error", err)
		}
		cancel()
	}
}
