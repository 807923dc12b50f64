package message

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/app/event"
	"parley/app/problem"
	"parley/app/web"
)

// Editing edits and deletes messages.
type Editing interface {
	Edit(ctx context.Context, actor int64, at event.Place, content string) error
	Delete(ctx context.Context, actor int64, at event.Place) error
	Edits(ctx context.Context, actor int64, at event.Place) ([]Edit, error)
}

// message reads a path that names a message, and checks that the caller may read its channel.
func (a *API) message(c echo.Context) (at event.Place, err error) {
	if at.MessageID, err = web.PathID(c, "messageId"); err != nil {
		return at, err
	}
	at.GroupID, at.ChannelID, err = a.channel(c)
	return at, err
}

// edit answers with the message as it is afterwards.
func (a *API) edit(c echo.Context) error {
	at, err := a.message(c)
	if err != nil {
		return err
	}
	var body struct {
		Content string `json:"content"`
	}
	if err := web.Bind(c, &body); err != nil {
		return err
	}
	if fields := checkContent(body.Content, a.limits.MaxLength); len(fields) > 0 {
		return problem.Invalid.WithFields(fields...)
	}
	ctx, me := c.Request().Context(), web.UserID(c)
	if err := a.editing.Edit(ctx, me, at, body.Content); err != nil {
		return err
	}
	messages, err := a.history.ByIDs(ctx, me, []int64{at.MessageID})
	if err != nil {
		return err
	}
	if len(messages) == 0 { // its channel has been deleted since
		return ErrMessageNotFound
	}
	return c.JSON(http.StatusOK, messages[0])
}

func (a *API) delete(c echo.Context) error {
	at, err := a.message(c)
	if err != nil {
		return err
	}
	if err := a.editing.Delete(c.Request().Context(), web.UserID(c), at); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (a *API) edits(c echo.Context) error {
	at, err := a.message(c)
	if err != nil {
		return err
	}
	edits, err := a.editing.Edits(c.Request().Context(), web.UserID(c), at)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"edits": edits})
}
