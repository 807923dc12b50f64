package catchup

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/app/registry"
	"parley/app/web"
)

// API is the component "catchup.api".
type API struct {
	routes  *echo.Group
	service *Service
}

// NewAPI returns the component, which attaches its route to those for signed-in users.
func NewAPI(routes *echo.Group, s *Service) *API { return &API{routes: routes, service: s} }

// Name implements registry.Module.
func (a *API) Name() string { return "catchup.api" }

// Roles implements registry.Module.
func (a *API) Roles() []registry.Role { return []registry.Role{registry.API} }

// Needs implements registry.Module.
func (a *API) Needs() []string { return []string{"store"} }

// Init attaches the route.
func (a *API) Init(registry.Host) error {
	a.routes.POST("/sync", a.sync)
	return nil
}

// Start implements registry.Module. There is nothing to start.
func (a *API) Start(context.Context) error { return nil }

// Stop implements registry.Module. There is nothing to stop.
func (a *API) Stop(context.Context) error { return nil }

func (a *API) sync(c echo.Context) error {
	var r Request
	if err := web.Bind(c, &r); err != nil {
		return err
	}
	answer, err := a.service.Sync(c.Request().Context(), web.UserID(c), r)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, answer)
}
