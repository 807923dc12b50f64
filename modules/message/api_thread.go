package message

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/app/event"
	"parley/app/web"
)

// Replying knows what messages may be answered.
type Replying interface {
	// Reply returns the first message of the thread that a message with ReplyTo belongs to, or the problem to answer.
	Reply(ctx context.Context, s event.Send) (threadID int64, err error)
}

// thread answers a page of the thread that a message is in.
func (a *API) thread(c echo.Context) error {
	at, err := a.message(c)
	if err != nil {
		return err
	}
	q := web.NewQuery(c)
	after, limit := q.Number("after", 0), q.Int("limit", defaultPage, 1, maxPage)
	if err := q.Err(); err != nil {
		return err
	}
	thread, err := a.history.Thread(c.Request().Context(), web.UserID(c), at, after, limit)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, thread)
}
