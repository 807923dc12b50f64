package pin

import (
	"context"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"parley/app/event"
	"parley/app/registry"
	"parley/app/web"
)

// Access decides who may read a channel.
type Access interface {
	// Access returns nil if the user may read the channel of the group, else the problem to answer.
	Access(ctx context.Context, userID, groupID, channelID int64) error
}

// Messages reads messages.
type Messages interface {
	// ByIDs reads messages as viewer sees them, in the order of ids; those that do not exist are left out.
	ByIDs(ctx context.Context, viewer int64, ids []int64) ([]event.Message, error)
}

// Pins are kept somewhere.
type Pins interface {
	Pin(ctx context.Context, actor int64, at event.Place) error
	Unpin(ctx context.Context, actor int64, at event.Place) error
	List(ctx context.Context, channelID int64) (ids []int64, err error)
}

// API is the component "pin.api": the HTTP endpoints of pins.
type API struct {
	routes   *echo.Group
	access   Access
	pins     Pins
	messages Messages
}

// NewAPI returns the component, which attaches its routes to those for signed-in users.
func NewAPI(routes *echo.Group, a Access, p Pins, m Messages) *API {
	return &API{routes: routes, access: a, pins: p, messages: m}
}

// Name implements registry.Module.
func (a *API) Name() string { return "pin.api" }

// Roles implements registry.Module.
func (a *API) Roles() []registry.Role { return []registry.Role{registry.API} }

// Needs implements registry.Module.
func (a *API) Needs() []string { return []string{"store", "outbox"} }

// Start implements registry.Module. There is nothing to start.
func (a *API) Start(context.Context) error { return nil }

// Stop implements registry.Module. There is nothing to stop.
func (a *API) Stop(context.Context) error { return nil }

// Init attaches the routes.
func (a *API) Init(registry.Host) error {
	a.routes.GET("/groups/:groupId/channels/:channelId/pins", a.list)
	a.routes.PUT("/groups/:groupId/channels/:channelId/messages/:messageId/pin", change(a.pins.Pin))
	a.routes.DELETE("/groups/:groupId/channels/:channelId/messages/:messageId/pin", change(a.pins.Unpin))
	return nil
}

// change makes a handler of a change to the message that the path names.
func change(do func(ctx context.Context, actor int64, at event.Place) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		at, err := channelOf(c)
		if err != nil {
			return err
		}
		if at.MessageID, err = web.PathID(c, "messageId"); err != nil {
			return err
		}
		if err := do(c.Request().Context(), web.UserID(c), at); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}
}

// channelOf reads the channel that the path names.
func channelOf(c echo.Context) (at event.Place, err error) {
	if at.GroupID, err = web.PathID(c, "groupId"); err != nil {
		return at, err
	}
	at.ChannelID, err = web.PathID(c, "channelId")
	return at, err
}

// list answers all pinned messages: there are never so many that they need pages.
func (a *API) list(c echo.Context) error {
	at, err := channelOf(c)
	if err != nil {
		return err
	}
	ctx, me := c.Request().Context(), web.UserID(c)
	if err := a.access.Access(ctx, me, at.GroupID, at.ChannelID); err != nil {
		return err
	}
	if err := web.NewQuery(c).Err(); err != nil {
		return err
	}
	ids, err := a.pins.List(ctx, at.ChannelID)
	if err != nil {
		return err
	}
	messages, err := a.messages.ByIDs(ctx, me, ids)
	if err != nil {
		return err
	}
	// Some may have been unpinned between the two.
	messages = slices.DeleteFunc(messages, func(m event.Message) bool { return m.PinnedAt == nil })
	return c.JSON(http.StatusOK, map[string]any{"messages": messages})
}
