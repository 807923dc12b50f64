package routing

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/registry"
	"parley/app/socket"
)

// Inboxes opens a server's inbox.
type Inboxes interface {
	Open(ctx context.Context, name string, r bus.Receiver) (bus.Inbox, error)
}

// Rooms broadcasts to the connections of this server.
type Rooms interface {
	Broadcast(room string, f socket.Frame, exceptRoom string) int
	// BroadcastBoth reaches those who are in both rooms.
	BroadcastBoth(room, other string, f socket.Frame) int
}

// Subscriptions apply changes of who may hear what.
type Subscriptions interface {
	// Apply applies a change and calls emit when its event is due. It does not wait for the bus.
	Apply(change event.Change, emit func())
	// Reset says that the inbox was lost: events may have been missed, and no key is bound.
	Reset()
}

// Router owns a socket server's inbox: it keeps it bound to what connections need and
// hands each event to the room named by its routing key.
type Router struct {
	id       string
	inboxes  Inboxes
	rooms    Rooms
	bindings *Bindings
	metrics  *Metrics
	log      *slog.Logger

	subscriptions Subscriptions
	handlers      map[string]func(context.Context, bus.Message)
	listeners     map[string]func(key string, payload json.RawMessage)
	resets        []func()
	inbox         bus.Inbox
	emitted       watermarks // of channels' messages; touched by the receiving goroutine alone
	host          registry.Host
}

// NewRouter makes the component "routing.socket" of the server with that id.
// Unused keys stay bound for unbindDelay.
func NewRouter(id string, inboxes Inboxes, rooms Rooms, unbindDelay time.Duration, m *Metrics, log *slog.Logger) *Router {
	return &Router{
		id:        id,
		inboxes:   inboxes,
		rooms:     rooms,
		bindings:  NewBindings(unbindDelay, m, log.With("component", "routing.socket")),
		metrics:   m,
		log:       log.With("component", "routing.socket"),
		handlers:  make(map[string]func(context.Context, bus.Message)),
		listeners: make(map[string]func(string, json.RawMessage)),
		emitted:   newWatermarks(watermarksKept),
	}
}

// ServerID is the id under which the server's inbox is known.
func (r *Router) ServerID() string { return r.id }

// Bindings is where connections say which keys they need.
func (r *Router) Bindings() *Bindings { return r.bindings }

// Subscribe names who applies changes. Call it before Start.
func (r *Router) Subscribe(s Subscriptions) { r.subscriptions = s }

// Handle has messages of a type, other than events for clients, handled by h, which
// must not wait for the bus. Call it before Start.
func (r *Router) Handle(typ string, h func(context.Context, bus.Message)) { r.handlers[typ] = h }

// Overhear has h told of an event for clients, once for each key, before they are. h must not wait for the bus. Call it before Start.
func (r *Router) Overhear(event string, h func(key string, payload json.RawMessage)) {
	r.listeners[event] = h
}

// OnReset has h called, after the Subscriptions, when the inbox was lost with its bindings. Call it before Start.
func (r *Router) OnReset(h func()) { r.resets = append(r.resets, h) }

// Name implements registry.Module.
func (r *Router) Name() string { return "routing.socket" }

// Roles implements registry.Module.
func (r *Router) Roles() []registry.Role { return []registry.Role{registry.Socket} }

// Needs implements registry.Module.
func (r *Router) Needs() []string { return []string{"bus", "socket"} }

// Init implements registry.Module.
func (r *Router) Init(h registry.Host) error {
	r.host = h
	return nil
}

// Start opens the inbox and binds the server's own key.
func (r *Router) Start(ctx context.Context) error {
	inbox, err := r.inboxes.Open(ctx, "server."+r.id, r)
	if err != nil {
		return fmt.Errorf("open the inbox of server %s: %w", r.id, err)
	}
	r.inbox = inbox
	r.host.Go("bindings", func(ctx context.Context) error { return r.bindings.Run(ctx, inbox) })
	own := r.bindings.Acquire(event.ServerKey(r.id))
	select {
	case <-own:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("bind the inbox of server %s: %w", r.id, ctx.Err())
	}
}

// Stop removes the inbox with its bindings.
func (r *Router) Stop(ctx context.Context) error {
	if r.inbox == nil {
		return nil
	}
	if err := r.inbox.Close(ctx); err != nil {
		return fmt.Errorf("close the inbox of server %s: %w", r.id, err)
	}
	return nil
}

// Receive implements bus.Receiver.
func (r *Router) Receive(ctx context.Context, msg bus.Message) {
	if handle, ok := r.handlers[msg.Type]; ok {
		handle(ctx, msg)
		return
	}
	switch msg.Type {
	case event.TypePosted:
		r.deliver(msg)
		return
	case event.TypeBundle:
		r.unbundle(msg)
		return
	}
	e, err := event.Decode[event.Emit](msg, event.TypeEmit)
	if err != nil {
		r.log.Error("an event could not be read and is skipped", "key", msg.Key, "type", msg.Type, "error", err)
		return
	}
	if e.Change != nil {
		r.subscriptions.Apply(*e.Change, func() { r.emit(msg.Key, e) })
		return
	}
	r.emit(msg.Key, e)
}

// deliver tells the messages of a channel to their senders and to its subscribers. A sender is also told of one that was kept
// long ago, since it may have sent it again for want of an answer.
func (r *Router) deliver(msg bus.Message) {
	for rest := msg.Body; len(rest) > 0; {
		m, next, err := event.NextPosted(rest)
		if err != nil {
			r.log.Error("messages could not be read and are skipped", "key", msg.Key, "error", err)
			return
		}
		rest = next
		sender := event.UserKey(m.SenderID)
		r.rooms.Broadcast(sender, socket.NewFrame(event.MessageSent, m.Payload), "")
		r.metrics.sent.Inc()
		if !r.emitted.raise(msg.Key, m.Seq) { // published again after a crash
			r.metrics.repeats.Inc()
			continue
		}
		r.rooms.Broadcast(msg.Key, socket.NewFrame(event.MessageReceive, m.Payload), sender)
		r.metrics.delivered(m.AcceptedAt)
	}
}

// unbundle hands each of the events to those of its users who are here, and still hear the channel that it is about.
func (r *Router) unbundle(msg bus.Message) {
	b, err := event.Decode[event.Bundle](msg, event.TypeBundle)
	if err != nil {
		r.log.Error("events could not be read and are skipped", "key", msg.Key, "error", err)
		return
	}
	for _, e := range b.Events {
		r.metrics.events.WithLabelValues(e.Event).Inc()
		frame := socket.NewFrame(e.Event, e.Payload)
		for _, id := range e.Users {
			if e.Channel != 0 {
				r.rooms.BroadcastBoth(event.UserKey(id), event.ChannelKey(e.Channel), frame)
				continue
			}
			r.rooms.Broadcast(event.UserKey(id), frame, "")
		}
	}
}

// Reset implements bus.Receiver: bindings are made again from what is wanted then. What has been emitted stays known, as workers
// publish again what the broker had not confirmed.
func (r *Router) Reset(context.Context) {
	r.bindings.Reset()
	r.subscriptions.Reset()
	for _, told := range r.resets {
		told()
	}
}

func (r *Router) emit(room string, e event.Emit) {
	if e.Event == "" {
		return
	}
	r.metrics.events.WithLabelValues(e.Event).Inc()
	if overhear := r.listeners[e.Event]; overhear != nil {
		overhear(room, e.Payload)
	}
	except := ""
	if e.ExceptUser != 0 {
		except = event.UserKey(e.ExceptUser)
	}
	r.rooms.Broadcast(room, socket.NewFrame(e.Event, e.Payload), except)
}
