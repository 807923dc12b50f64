package user

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/app/web"
)

func (a *API) me(c echo.Context) error {
	me, err := a.service.Get(c.Request().Context(), web.UserID(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, me)
}

func (a *API) rename(c echo.Context) error {
	var body struct {
		DisplayName *string `json:"displayName"`
	}
	if err := web.Bind(c, &body); err != nil {
		return err
	}
	me, err := a.service.Rename(c.Request().Context(), web.UserID(c), body.DisplayName)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, me)
}

func (a *API) delete(c echo.Context) error {
	var body struct {
		Password string `json:"password"`
	}
	if err := web.Bind(c, &body); err != nil {
		return err
	}
	var check checks
	check.given("password", body.Password)
	if err := check.err(); err != nil {
		return err
	}
	account, err := a.confirm(c, body.Password)
	if err != nil {
		return err
	}
	if err := a.service.delete(c.Request().Context(), account); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// confirm returns the caller's account if that is its password, within the same limits as signing in: an access token that was
// stolen is no way to guess it.
func (a *API) confirm(c echo.Context, password string) (row, error) {
	ctx := c.Request().Context()
	account, err := a.service.tables.byID(ctx, web.UserID(c))
	if err != nil {
		return row{}, notFound(err)
	}
	err = a.guess(c, account.Username, func() error { return a.service.compare(ctx, account, password) })
	return account, err
}

func (a *API) changePassword(c echo.Context) error {
	var body struct {
		CurrentPassword string `json:"currentPassword"`
		NewPassword     string `json:"newPassword"`
	}
	if err := web.Bind(c, &body); err != nil {
		return err
	}
	var check checks
	check.given("currentPassword", body.CurrentPassword)
	check.password("newPassword", body.NewPassword)
	if err := check.err(); err != nil {
		return err
	}
	account, err := a.confirm(c, body.CurrentPassword)
	if err != nil {
		return err
	}
	if err := a.service.changePassword(c.Request().Context(), account, body.NewPassword, web.Family(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (a *API) sessions(c echo.Context) error {
	all, err := a.service.Sessions(c.Request().Context(), web.UserID(c), web.Family(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, all)
}

func (a *API) endSession(c echo.Context) error {
	if err := a.service.EndSession(c.Request().Context(), web.UserID(c), c.Param("sessionId")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (a *API) endOtherSessions(c echo.Context) error {
	if err := a.service.EndOtherSessions(c.Request().Context(), web.UserID(c), web.Family(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
