package message

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/promise"
	"parley/app/registry"
	"parley/app/web"
)

// Access decides who may read, and so write to, a channel.
type Access interface {
	// Access returns nil if the user may read the channel of the group, else the problem to answer.
	Access(ctx context.Context, userID, groupID, channelID int64) error
}

// Declarer makes work queues exist.
type Declarer interface {
	Declare(ctx context.Context, queues ...bus.Queue) error
}

// History reads kept messages, as viewer sees them.
type History interface {
	Page(ctx context.Context, viewer, channelID int64, r Range) (messages []event.Message, more bool, err error)
	ByIDs(ctx context.Context, viewer int64, ids []int64) ([]event.Message, error)
	Thread(ctx context.Context, viewer int64, at event.Place, after int64, limit int) (Thread, error)
}

// API accepts messages, serves the history and changes what is in it.
type API struct {
	routes   *echo.Group
	access   Access
	history  History
	editing  Editing
	replying Replying
	bus      Declarer
	promise  *promise.Sender
	limits   Limits
}

// Limits bound messages and say how they are shared out.
type Limits struct {
	MaxLength  int // characters in one message
	Partitions int // ordered incoming queues
	MaxBacklog int // messages that may wait in one of them; 0: any number
}

// NewAPI makes the component "message.api", which attaches its routes to those for signed-in users.
func NewAPI(
	routes *echo.Group, access Access, history History, editing Editing, replying Replying, b Declarer, p *promise.Sender, limits Limits,
) *API {
	return &API{
		routes:   routes,
		access:   access,
		history:  history,
		editing:  editing,
		replying: replying,
		bus:      b,
		promise:  p,
		limits:   limits,
	}
}

// Name implements registry.Module.
func (a *API) Name() string { return "message.api" }

// Roles implements registry.Module.
func (a *API) Roles() []registry.Role { return []registry.Role{registry.API} }

// Needs implements registry.Module.
func (a *API) Needs() []string { return []string{"store", "bus", "message.partitions"} }

// Init attaches the routes.
func (a *API) Init(registry.Host) error {
	a.routes.POST("/groups/:groupId/channels/:channelId/messages", a.send)
	a.routes.GET("/groups/:groupId/channels/:channelId/messages", a.list)
	a.routes.PATCH("/groups/:groupId/channels/:channelId/messages/:messageId", a.edit)
	a.routes.DELETE("/groups/:groupId/channels/:channelId/messages/:messageId", a.delete)
	a.routes.GET("/groups/:groupId/channels/:channelId/messages/:messageId/edits", a.edits)
	a.routes.GET("/groups/:groupId/channels/:channelId/messages/:messageId/thread", a.thread)
	return nil
}

// Start makes the partitions' queues exist, so that messages are safe there before any worker has started.
func (a *API) Start(ctx context.Context) error {
	all := queues(a.limits.Partitions)
	for i := range all {
		all[i].MaxLength = a.limits.MaxBacklog
	}
	if err := a.bus.Declare(ctx, all...); err != nil {
		return fmt.Errorf("declare the queues of messages: %w", err)
	}
	return nil
}

// Stop implements registry.Module.
func (a *API) Stop(context.Context) error { return nil }

// promised is the answer to a sender.
type promised struct {
	Hash       string     `json:"hash"`
	ChannelID  int64      `json:"channelId"`
	AcceptedAt event.Time `json:"acceptedAt"`
}

// send accepts a message. 202 means that the bus has it on disk; it is the one promise that everything else keeps.
func (a *API) send(c echo.Context) error {
	groupID, channelID, err := a.channel(c)
	if err != nil {
		return err
	}
	var body struct {
		Content string `json:"content"`
		Hash    string `json:"hash"`
		ReplyTo *int64 `json:"replyTo"`
	}
	if err := web.Bind(c, &body); err != nil {
		return err
	}
	if err := Validate(body.Content, body.Hash, a.limits.MaxLength); err != nil {
		return err
	}
	accepted := event.At(time.Now())
	ctx := c.Request().Context()
	s := event.Send{
		SenderID:   web.UserID(c),
		GroupID:    groupID,
		ChannelID:  channelID,
		Content:    body.Content,
		Hash:       body.Hash,
		AcceptedAt: accepted,
	}
	if body.ReplyTo != nil {
		s.ReplyTo = *body.ReplyTo
		if s.ThreadID, err = a.replying.Reply(ctx, s); err != nil {
			return err
		}
	}
	msg, err := event.Encode(event.PartitionKey(event.Partition(channelID, a.limits.Partitions)), event.TypeSend, s)
	if err != nil {
		return err
	}
	if p := a.promise.Send(ctx, msg); p != nil {
		return p
	}
	return c.JSON(http.StatusAccepted, promised{body.Hash, channelID, accepted})
}

// channel reads the path and checks that the caller may read that channel.
func (a *API) channel(c echo.Context) (groupID, channelID int64, err error) {
	if groupID, err = web.PathID(c, "groupId"); err != nil {
		return 0, 0, err
	}
	if channelID, err = web.PathID(c, "channelId"); err != nil {
		return 0, 0, err
	}
	return groupID, channelID, a.access.Access(c.Request().Context(), web.UserID(c), groupID, channelID)
}

// fromEnd is a Range.After that asks for the latest messages.
const fromEnd = -1

// Range is a part of a channel's history, by seq.
type Range struct {
	After  int64 // only later ones, and the earliest of them; fromEnd: the latest of all
	Before int64 // only earlier ones; 0: no such bound
	Limit  int   // most messages
}

const (
	defaultPage = 50
	maxPage     = 200
)

// list answers a page of history: from After on, or else the latest before Before, always in ascending order.
func (a *API) list(c echo.Context) error {
	_, channelID, err := a.channel(c)
	if err != nil {
		return err
	}
	q := web.NewQuery(c)
	r := Range{After: q.Number("after", fromEnd), Before: q.Number("before", 0), Limit: q.Int("limit", defaultPage, 1, maxPage)}
	if err := q.Err(); err != nil {
		return err
	}
	messages, more, err := a.history.Page(c.Request().Context(), web.UserID(c), channelID, r)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"messages": messages, "hasMore": more})
}
