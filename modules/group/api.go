package group

import (
	"context"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/app/registry"
	"parley/app/web"
)

// Router is where the API attaches its routes.
type Router interface {
	// API takes routes that need a signed-in user.
	API() *echo.Group
}

// API is the component "group.api": the HTTP endpoints of groups, members and channels.
type API struct {
	service *Service
	router  Router
}

// NewAPI returns the component.
func NewAPI(s *Service, r Router) *API { return &API{service: s, router: r} }

// Name implements registry.Module.
func (a *API) Name() string { return "group.api" }

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
	r := a.router.API()
	r.POST("/groups", handle(http.StatusCreated, a.createGroup))
	r.GET("/groups", handle(http.StatusOK, a.listGroups))
	r.GET("/groups/:groupId", handle(http.StatusOK, a.getGroup))
	r.PATCH("/groups/:groupId", handle(http.StatusOK, a.updateGroup))
	r.DELETE("/groups/:groupId", remove(a.deleteGroup))

	r.GET("/groups/:groupId/members", handle(http.StatusOK, a.listMembers))
	r.POST("/groups/:groupId/members", handle(http.StatusCreated, a.addMember))
	r.PATCH("/groups/:groupId/members/:userId", handle(http.StatusOK, a.setRole))
	r.DELETE("/groups/:groupId/members/:userId", remove(a.removeMember))

	r.POST("/groups/:groupId/transfer", handle(http.StatusOK, a.transfer))
	a.inviteRoutes(r)

	r.POST("/groups/:groupId/channels", handle(http.StatusCreated, a.createChannel))
	r.PATCH("/groups/:groupId/channels/:channelId", handle(http.StatusOK, a.updateChannel))
	r.DELETE("/groups/:groupId/channels/:channelId", remove(a.deleteChannel))

	r.GET("/groups/:groupId/channels/:channelId/members", handle(http.StatusOK, a.listChannelMembers))
	r.POST("/groups/:groupId/channels/:channelId/members", handle(http.StatusCreated, a.addChannelMember))
	r.DELETE("/groups/:groupId/channels/:channelId/members/:userId", remove(a.removeChannelMember))
	return nil
}

// place is what the address of a request names; 0 or "" for what it does not.
type place struct {
	group, channel, user int64
	code                 string // of an invite
}

func placeOf(c echo.Context) (at place, err error) {
	for _, name := range c.ParamNames() {
		if name == "code" {
			at.code = c.Param(name)
			continue
		}
		id, err := web.PathID(c, name)
		if err != nil {
			return place{}, err
		}
		switch name {
		case "groupId":
			at.group = id
		case "channelId":
			at.channel = id
		case "userId":
			at.user = id
		}
	}
	return at, nil
}

// pageOf reads the query of a paged list of users.
func pageOf(c echo.Context) (Page, error) {
	q := web.NewQuery(c)
	p := Page{After: q.Number("after", 0), Limit: q.Int("limit", DefaultLimit, 1, MaxLimit)}
	return p, q.Err()
}

// linkNext names the page that follows the user with the id after (RFC 8288).
func linkNext(c echo.Context, after int64, limit int) {
	c.Response().Header().Set("Link", fmt.Sprintf(`<%s?after=%d&limit=%d>; rel="next"`, c.Request().URL.Path, after, limit))
}

// handle makes a handler of a function that gets the signed-in user and what the address names. What it returns is
// answered with the status.
func handle[T any](status int, do func(c echo.Context, me int64, at place) (T, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		at, err := placeOf(c)
		if err != nil {
			return err
		}
		body, err := do(c, web.UserID(c), at)
		if err != nil {
			return err
		}
		return c.JSON(status, body)
	}
}

// remove makes a handler that answers 204 once do has succeeded.
func remove(do func(ctx context.Context, me int64, at place) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		at, err := placeOf(c)
		if err != nil {
			return err
		}
		if err := do(c.Request().Context(), web.UserID(c), at); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}
}

func (a *API) createGroup(c echo.Context, me int64, _ place) (Group, error) {
	var body NewGroup
	if err := web.Bind(c, &body); err != nil {
		return Group{}, err
	}
	return a.service.Create(c.Request().Context(), me, body)
}

func (a *API) listGroups(c echo.Context, me int64, _ place) ([]Group, error) {
	return a.service.List(c.Request().Context(), me)
}

func (a *API) getGroup(c echo.Context, me int64, at place) (Group, error) {
	return a.service.Get(c.Request().Context(), me, at.group)
}

func (a *API) updateGroup(c echo.Context, me int64, at place) (Group, error) {
	var body Patch
	if err := web.Bind(c, &body); err != nil {
		return Group{}, err
	}
	return a.service.Update(c.Request().Context(), me, at.group, body)
}

func (a *API) deleteGroup(ctx context.Context, me int64, at place) error {
	return a.service.Delete(ctx, me, at.group)
}

func (a *API) listMembers(c echo.Context, me int64, at place) ([]Member, error) {
	p, err := pageOf(c)
	if err != nil {
		return nil, err
	}
	members, more, err := a.service.Members(c.Request().Context(), me, at.group, p)
	if more {
		linkNext(c, members[len(members)-1].User.ID, p.Limit)
	}
	return members, err
}

func (a *API) addMember(c echo.Context, me int64, at place) (Member, error) {
	var body struct {
		UserID int64 `json:"userId"`
		Role   *Role `json:"role"`
	}
	if err := web.Bind(c, &body); err != nil {
		return Member{}, err
	}
	role := RoleMember
	if body.Role != nil {
		role = *body.Role
	}
	return a.service.AddMember(c.Request().Context(), me, at.group, body.UserID, role)
}

func (a *API) setRole(c echo.Context, me int64, at place) (Member, error) {
	var body struct {
		Role Role `json:"role"`
	}
	if err := web.Bind(c, &body); err != nil {
		return Member{}, err
	}
	return a.service.SetRole(c.Request().Context(), me, at.group, at.user, body.Role)
}

func (a *API) removeMember(ctx context.Context, me int64, at place) error {
	return a.service.RemoveMember(ctx, me, at.group, at.user)
}

func (a *API) transfer(c echo.Context, me int64, at place) (Member, error) {
	var body struct {
		UserID int64 `json:"userId"`
	}
	if err := web.Bind(c, &body); err != nil {
		return Member{}, err
	}
	return a.service.Transfer(c.Request().Context(), me, at.group, body.UserID)
}

func (a *API) createChannel(c echo.Context, me int64, at place) (Channel, error) {
	var body NewChannel
	if err := web.Bind(c, &body); err != nil {
		return Channel{}, err
	}
	return a.service.CreateChannel(c.Request().Context(), me, at.group, body)
}

func (a *API) updateChannel(c echo.Context, me int64, at place) (Channel, error) {
	var body ChannelPatch
	if err := web.Bind(c, &body); err != nil {
		return Channel{}, err
	}
	return a.service.UpdateChannel(c.Request().Context(), me, at.group, at.channel, body)
}

func (a *API) deleteChannel(ctx context.Context, me int64, at place) error {
	return a.service.DeleteChannel(ctx, me, at.group, at.channel)
}

func (a *API) listChannelMembers(c echo.Context, me int64, at place) ([]ChannelMember, error) {
	p, err := pageOf(c)
	if err != nil {
		return nil, err
	}
	members, more, err := a.service.ChannelMembers(c.Request().Context(), me, at.group, at.channel, p)
	if more {
		linkNext(c, members[len(members)-1].User.ID, p.Limit)
	}
	return members, err
}

func (a *API) addChannelMember(c echo.Context, me int64, at place) (ChannelMember, error) {
	var body struct {
		UserID int64 `json:"userId"`
	}
	if err := web.Bind(c, &body); err != nil {
		return ChannelMember{}, err
	}
	return a.service.AddChannelMember(c.Request().Context(), me, at.group, at.channel, body.UserID)
}

func (a *API) removeChannelMember(ctx context.Context, me int64, at place) error {
	return a.service.RemoveChannelMember(ctx, me, at.group, at.channel, at.user)
}
