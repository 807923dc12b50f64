package user

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/app/web"
)

const (
	defaultFound, maxFound = 20, 50 // users in one answer to a search
	maxIDs                 = 100    // of users who are asked for
)

// users answers with the people whose ids are given, or whose names begin with a text.
func (a *API) users(c echo.Context) error {
	q := web.NewQuery(c)
	if q.Has("ids") {
		return a.byIDs(c, q)
	}
	prefix, limit := q.Text("q", maxDisplayName), q.Int("limit", defaultFound, 1, maxFound)
	if err := q.Err(); err != nil {
		return err
	}
	users, err := a.service.Search(c.Request().Context(), prefix, limit)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, users)
}

// byIDs takes ids and nothing else: they say who and how many.
func (a *API) byIDs(c echo.Context, q *web.Query) error {
	ids := q.IDs("ids", maxIDs)
	if q.Has("q") {
		q.Wrong("q", "must not be given together with ids")
	}
	if err := q.Err(); err != nil {
		return err
	}
	users, err := a.service.ByIDs(c.Request().Context(), ids)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, users)
}
