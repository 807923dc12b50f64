package receipt

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"parley/app/event"
	"parley/app/problem"
	"parley/app/registry"
	"parley/app/socket"
)

// Server is the Socket.IO server that clients tell.
type Server interface {
	On(event string, h func(c *socket.Conn, payload json.RawMessage, ack func(any)))
}

// Socket is the component "receipt.socket": it takes what clients tell over their connections.
type Socket struct {
	server   Server
	direct   bool // personal chats have receipts, too
	gatherer *gatherer
	host     registry.Host
}

// NewSocket makes the component. The number of partitions is asked for once somebody is subscribed to a channel.
// Direct is for personal chats; nil: there are none.
func NewSocket(server Server, b Sender, d Direct, partitions func() int, m *GatherMetrics, log *slog.Logger) *Socket {
	log = log.With("component", "receipt.socket")
	return &Socket{server: server, direct: d != nil, gatherer: newGatherer(b, d, partitions, m, log)}
}

// Name implements registry.Module.
func (s *Socket) Name() string { return "receipt.socket" }

// Roles implements registry.Module.
func (s *Socket) Roles() []registry.Role { return []registry.Role{registry.Socket} }

// Needs implements registry.Module.
func (s *Socket) Needs() []string { return []string{"bus", "socket"} }

// Init listens for what clients tell.
func (s *Socket) Init(h registry.Host) error {
	s.host = h
	for name, status := range map[string]Status{event.MessageDelivered: Delivered, event.MessageRead: Read} {
		s.server.On(name, func(c *socket.Conn, payload json.RawMessage, ack func(any)) { s.hear(c, name, status, payload, ack) })
	}
	return nil
}

// Start begins to send.
func (s *Socket) Start(context.Context) error {
	s.gatherer.start(s.host)
	return nil
}

// Stop refuses what the bus has not got yet.
func (s *Socket) Stop(context.Context) error {
	s.gatherer.stop()
	return nil
}

// subscriber is what is needed of a connection.
type subscriber interface {
	UserID() int64
	In(room string) bool
}

// hear takes what a client tells, and acknowledges it once it cannot get lost any more.
func (s *Socket) hear(c subscriber, name string, status Status, payload json.RawMessage, ack func(any)) {
	var body struct {
		ChannelID int64  `json:"channelId"`
		UserID    int64  `json:"userId"`
		Seq       *int64 `json:"seq"`
	}
	if json.Unmarshal(payload, &body) != nil || body.Seq == nil || *body.Seq < 0 || *body.Seq > maxSeq || (body.ChannelID > 0) == (body.UserID > 0) {
		ack(socket.Refusal(problem.Malformed.WithDetail(name + " takes {channelId, seq}, or {userId, seq} for a personal chat; seq is that of a message.")))
		return
	}
	at := place{channel: body.ChannelID}
	switch {
	case body.UserID > 0 && s.direct:
		at = place{me: c.UserID(), peer: body.UserID}
	case body.UserID > 0, !c.In(event.ChannelKey(body.ChannelID)):
		ack(socket.Refusal(ErrNotSubscribed))
		return
	}
	told := claim{delivered: *body.Seq, at: time.Now()}
	if status == Read {
		told.read = *body.Seq
	}
	s.gatherer.take(at, c.UserID(), told, func(p *problem.Problem) {
		if p != nil {
			ack(socket.Refusal(p))
			return
		}
		ack(map[string]bool{"ok": true})
	})
}
