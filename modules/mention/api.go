package mention

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/app/registry"
	"parley/app/web"
)

const (
	defaultPage = 50
	maxPage     = 200
)

// API is the component "mention.api".
type API struct {
	routes   *echo.Group
	mentions Lister
	messages Messages
}

// NewAPI makes the component, which attaches its route to those for signed-in users.
func NewAPI(routes *echo.Group, mentions Lister, messages Messages) *API {
	return &API{routes: routes, mentions: mentions, messages: messages}
}

// Name implements registry.Module.
func (a *API) Name() string { return "mention.api" }

// Roles implements registry.Module.
func (a *API) Roles() []registry.Role { return []registry.Role{registry.API} }

// Needs implements registry.Module.
func (a *API) Needs() []string { return []string{"store"} }

// Init attaches the route.
func (a *API) Init(registry.Host) error {
	a.routes.GET("/mentions", a.list)
	return nil
}

// Start implements registry.Module.
func (a *API) Start(context.Context) error { return nil }

// Stop implements registry.Module.
func (a *API) Stop(context.Context) error { return nil }

// list answers the messages that mention the caller, the newest first.
func (a *API) list(c echo.Context) error {
	q := web.NewQuery(c)
	before, limit := q.Number("before", web.MaxID), q.Int("limit", defaultPage, 1, maxPage)
	if err := q.Err(); err != nil {
		return err
	}
	ctx, me := c.Request().Context(), web.UserID(c)
	ids, err := a.mentions.List(ctx, me, before, limit+1)
	if err != nil {
		return err
	}
	more := len(ids) > limit
	messages, err := a.messages.ByIDs(ctx, me, ids[:min(len(ids), limit)])
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"messages": messages, "hasMore": more})
}
