package about

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/app/registry"
	"parley/app/web"
)

// API is the component "about.api".
type API struct {
	routes  *echo.Group
	service *Service
}

// NewAPI makes the component, which attaches its route to those that anybody may call.
func NewAPI(routes *echo.Group, s *Service) *API { return &API{routes: routes, service: s} }

// Name implements registry.Module.
func (a *API) Name() string { return "about.api" }

// Roles implements registry.Module.
func (a *API) Roles() []registry.Role { return []registry.Role{registry.API} }

// Needs implements registry.Module.
func (a *API) Needs() []string { return []string{"store"} }

// Init attaches the route.
func (a *API) Init(registry.Host) error {
	a.routes.GET("/server", a.get)
	return nil
}

// Start implements registry.Module.
func (a *API) Start(context.Context) error { return nil }

// Stop implements registry.Module.
func (a *API) Stop(context.Context) error { return nil }

func (a *API) get(c echo.Context) error {
	if err := web.NewQuery(c).Err(); err != nil {
		return err
	}
	about, err := a.service.About(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, about)
}
