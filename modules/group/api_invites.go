package group

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/app/web"
)

// inviteRoutes attaches the endpoints of invites and bans: who may come in by itself, and who may not.
func (a *API) inviteRoutes(r *echo.Group) {
	r.POST("/groups/:groupId/invites", handle(http.StatusCreated, a.createInvite))
	r.GET("/groups/:groupId/invites", handle(http.StatusOK, a.listInvites))
	r.DELETE("/groups/:groupId/invites/:code", remove(a.revokeInvite))
	r.GET("/invites/:code", handle(http.StatusOK, a.getInvitation))
	r.POST("/invites/:code/accept", handle(http.StatusOK, a.acceptInvite))

	r.POST("/groups/:groupId/bans", handle(http.StatusCreated, a.ban))
	r.GET("/groups/:groupId/bans", handle(http.StatusOK, a.listBans))
	r.DELETE("/groups/:groupId/bans/:userId", remove(a.unban))
}

func (a *API) createInvite(c echo.Context, me int64, at place) (Invite, error) {
	var body NewInvite
	if err := web.Bind(c, &body); err != nil {
		return Invite{}, err
	}
	return a.service.CreateInvite(c.Request().Context(), me, at.group, body)
}

func (a *API) listInvites(c echo.Context, me int64, at place) ([]Invite, error) {
	return a.service.Invites(c.Request().Context(), me, at.group)
}

func (a *API) revokeInvite(ctx context.Context, me int64, at place) error {
	return a.service.RevokeInvite(ctx, me, at.group, at.code)
}

func (a *API) getInvitation(c echo.Context, me int64, at place) (Invitation, error) {
	return a.service.Invitation(c.Request().Context(), me, at.code)
}

func (a *API) acceptInvite(c echo.Context, me int64, at place) (Group, error) {
	return a.service.AcceptInvite(c.Request().Context(), me, at.code)
}

func (a *API) ban(c echo.Context, me int64, at place) (Ban, error) {
	var body struct {
		UserID int64   `json:"userId"`
		Reason *string `json:"reason"`
	}
	if err := web.Bind(c, &body); err != nil {
		return Ban{}, err
	}
	reason := ""
	if body.Reason != nil {
		reason = *body.Reason
	}
	return a.service.Ban(c.Request().Context(), me, at.group, body.UserID, reason)
}

func (a *API) listBans(c echo.Context, me int64, at place) ([]Ban, error) {
	p, err := pageOf(c)
	if err != nil {
		return nil, err
	}
	bans, more, err := a.service.Bans(c.Request().Context(), me, at.group, p)
	if more {
		linkNext(c, bans[len(bans)-1].User.ID, p.Limit)
	}
	return bans, err
}

func (a *API) unban(ctx context.Context, me int64, at place) error {
	return a.service.Unban(ctx, me, at.group, at.user)
}
