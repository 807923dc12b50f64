package receipt

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"parley/app/problem"
	"parley/app/registry"
	"parley/app/web"
)

// Access decides who may read a channel.
type Access interface {
	// Access returns nil if the user may read the channel of the group, else the problem to answer.
	Access(ctx context.Context, userID, groupID, channelID int64) error
}

// Lister is the API's side of the Store.
type Lister interface {
	recipients(ctx context.Context, groupID, channelID, messageID, after int64, limit int) ([]Recipient, error)
}

// API is the component "receipt.api".
type API struct {
	routes   *echo.Group
	access   Access
	lister   Lister
	gatherer *gatherer
	host     registry.Host
}

// NewAPI makes the component, which attaches its routes to those for signed-in users.
func NewAPI(routes *echo.Group, access Access, l Lister, b Sender, partitions int, m *GatherMetrics, log *slog.Logger) *API {
	log = log.With("component", "receipt.api")
	return &API{routes: routes, access: access, lister: l, gatherer: newGatherer(b, nil, func() int { return partitions }, m, log)}
}

// Name implements registry.Module.
func (a *API) Name() string { return "receipt.api" }

// Roles implements registry.Module.
func (a *API) Roles() []registry.Role { return []registry.Role{registry.API} }

// Needs implements registry.Module.
func (a *API) Needs() []string { return []string{"store", "bus", "message.partitions"} }

// Init attaches the routes.
func (a *API) Init(h registry.Host) error {
	a.host = h
	a.routes.POST("/groups/:groupId/channels/:channelId/read", a.read)
	a.routes.GET("/groups/:groupId/channels/:channelId/messages/:messageId/recipients", a.recipients)
	return nil
}

// Start begins to send.
func (a *API) Start(context.Context) error {
	a.gatherer.start(a.host)
	return nil
}

// Stop refuses what the bus has not got yet.
func (a *API) Stop(context.Context) error {
	a.gatherer.stop()
	return nil
}

// read takes how far the caller has read. 202 means that it cannot get lost any more.
func (a *API) read(c echo.Context) error {
	_, channelID, err := a.channel(c)
	if err != nil {
		return err
	}
	var body struct {
		Seq *int64 `json:"seq"`
	}
	if err := web.Bind(c, &body); err != nil {
		return err
	}
	if body.Seq == nil || *body.Seq < 0 || *body.Seq > maxSeq {
		return problem.Invalid.WithFields(problem.Field{Field: "seq", Message: "must be that of a message"})
	}
	taken := make(chan *problem.Problem, 1)
	told := claim{delivered: *body.Seq, read: *body.Seq, at: time.Now()}
	a.gatherer.take(place{channel: channelID}, web.UserID(c), told, func(p *problem.Problem) { taken <- p })
	select {
	case p := <-taken:
		if p != nil {
			return p
		}
	case <-c.Request().Context().Done():
		return ErrNotTaken.WithCause(c.Request().Context().Err())
	}
	return c.JSON(http.StatusAccepted, map[string]int64{"channelId": channelID, "readSeq": *body.Seq})
}

const (
	defaultPage = 50
	maxPage     = 200
)

// recipients answers a page of those whom a message was for.
func (a *API) recipients(c echo.Context) error {
	groupID, channelID, err := a.channel(c)
	if err != nil {
		return err
	}
	messageID, err := web.PathID(c, "messageId")
	if err != nil {
		return err
	}
	q := web.NewQuery(c)
	after, limit := q.Number("after", 0), q.Int("limit", defaultPage, 1, maxPage)
	if err := q.Err(); err != nil {
		return err
	}
	list, err := a.lister.recipients(c.Request().Context(), groupID, channelID, messageID, after, limit+1)
	if err != nil {
		return err
	}
	if len(list) > limit {
		list = list[:limit]
		c.Response().Header().Set("Link",
			fmt.Sprintf(`<%s?after=%d&limit=%d>; rel="next"`, c.Request().URL.Path, list[limit-1].UserID, limit))
	}
	return c.JSON(http.StatusOK, map[string]any{"recipients": list})
}

// channel reads the path and checks that the caller may read that channel.
func (a *API) channel(c echo.Context) (groupID, channelID int64, err error) {
	if groupID, err = web.PathID(c, "groupId"); err != nil {
		return 0, 0, err
	}
	if channelID, err = web.PathID(c, "channelId"); err != nil {
		return 0, 0, err
	}
	return groupID, channelID, a.access.Access(c.Request().Context(), web.UserID(c), groupID, channelID)
}
