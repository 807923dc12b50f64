package direct

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"parley/app/event"
	"parley/app/problem"
	"parley/app/promise"
	"parley/app/registry"
	"parley/app/store"
	"parley/app/web"
)

// API is the component "direct.api": the HTTP endpoints of personal chats and blocks.
type API struct {
	routes    *echo.Group
	store     *Store
	standings *store.Loader[direction, standing]
	promise   *promise.Sender
	reporter  *Reporter
	options   Options
}

// Options configure the API.
type Options struct {
	// Validate checks the content and the hash of a message.
	Validate func(content, hash string) error
	// Anyone is whether people may write to each other who share no group.
	Anyone     bool
	Partitions int // ordered incoming queues
}

// NewAPI makes the component, which attaches its routes to those for signed-in users.
func NewAPI(routes *echo.Group, s *Store, b Sender, p *promise.Sender, o Options) *API {
	return &API{
		routes: routes, store: s, standings: store.NewLoader(s.standings), promise: p, reporter: NewReporter(b, func() int { return o.Partitions }),
		options: o,
	}
}

// Name implements registry.Module.
func (a *API) Name() string { return "direct.api" }

// Roles implements registry.Module.
func (a *API) Roles() []registry.Role { return []registry.Role{registry.API} }

// Needs implements registry.Module; message.api declares the queues of the partitions.
func (a *API) Needs() []string { return []string{"store", "bus", "message.partitions", "message.api"} }

// Init attaches the routes.
func (a *API) Init(registry.Host) error {
	a.routes.GET("/direct", a.list)
	a.routes.POST("/direct/:userId/messages", a.send)
	a.routes.GET("/direct/:userId/messages", a.page)
	a.routes.POST("/direct/:userId/read", a.read)
	a.routes.GET("/blocks", a.blocks)
	a.routes.PUT("/blocks/:userId", a.block)
	a.routes.DELETE("/blocks/:userId", a.unblock)
	return nil
}

// Start implements registry.Module. There is nothing to start.
func (a *API) Start(context.Context) error { return nil }

// Stop implements registry.Module. There is nothing to stop.
func (a *API) Stop(context.Context) error { return nil }

// promised is the answer to a sender.
type promised struct {
	Hash       string     `json:"hash"`
	UserID     int64      `json:"userId"`
	AcceptedAt event.Time `json:"acceptedAt"`
}

// send accepts a message. 202 means that the bus has it on disk.
func (a *API) send(c echo.Context) error {
	me := web.UserID(c)
	other, err := web.PathID(c, "userId")
	if err != nil {
		return err
	}
	var body struct {
		Content string `json:"content"`
		Hash    string `json:"hash"`
	}
	if err := web.Bind(c, &body); err != nil {
		return err
	}
	if err := a.options.Validate(body.Content, body.Hash); err != nil {
		return err
	}
	d := direction{me, other}
	standing, err := a.standings.Load(c.Request().Context(), d)
	if err != nil {
		return err
	}
	if p := d.refusal(standing, a.options.Anyone); p != nil {
		return p
	}
	accepted := event.At(time.Now())
	msg, err := event.Encode(event.PartitionKey(event.PairPartition(me, other, a.options.Partitions)), event.TypeDirectSend, event.DirectSend{
		SenderID: me, ReceiverID: other, Content: body.Content, Hash: body.Hash, AcceptedAt: accepted,
	})
	if err != nil {
		return err
	}
	if p := a.promise.Send(c.Request().Context(), msg); p != nil {
		return p
	}
	return c.JSON(http.StatusAccepted, promised{body.Hash, other, accepted})
}

// Sizes of pages.
const (
	defaultMessages, maxMessages = 50, 200
	defaultList, maxList         = 50, 200
)

// page answers a page of history: from After on, or else the latest before Before, always in ascending order.
func (a *API) page(c echo.Context) error {
	other, err := web.PathID(c, "userId")
	if err != nil {
		return err
	}
	q := web.NewQuery(c)
	r := Range{After: q.Number("after", fromEnd), Before: q.Number("before", 0), Limit: q.Int("limit", defaultMessages, 1, maxMessages)}
	if err := q.Err(); err != nil {
		return err
	}
	messages, more, err := a.store.Page(c.Request().Context(), web.UserID(c), other, r)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"messages": messages, "hasMore": more})
}

// list answers the caller's chats.
func (a *API) list(c echo.Context) error {
	q := web.NewQuery(c)
	before, limit := q.Number("before", 0), q.Int("limit", defaultList, 1, maxList)
	if err := q.Err(); err != nil {
		return err
	}
	chats, more, err := a.store.Chats(c.Request().Context(), web.UserID(c), before, limit)
	if err != nil {
		return err
	}
	if more {
		linkNext(c, "before", chats[len(chats)-1].LastMessage.MessageID, limit)
	}
	return c.JSON(http.StatusOK, chats)
}

// linkNext names the page that follows (RFC 8288).
func linkNext(c echo.Context, parameter string, id int64, limit int) {
	c.Response().Header().Set("Link", fmt.Sprintf(`<%s?%s=%d&limit=%d>; rel="next"`, c.Request().URL.Path, parameter, id, limit))
}

// read takes a receipt.
func (a *API) read(c echo.Context) error {
	me := web.UserID(c)
	other, err := web.PathID(c, "userId")
	if err != nil {
		return err
	}
	var body struct {
		Seq int64 `json:"seq"`
	}
	if err := web.Bind(c, &body); err != nil {
		return err
	}
	if body.Seq < 0 || body.Seq > web.MaxID {
		return problem.Invalid.WithFields(problem.Field{Field: "seq", Message: "must be a whole number, not negative"})
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), promise.Timeout)
	defer cancel()
	seq, err := a.store.Reach(ctx, me, other, body.Seq)
	if err != nil {
		return err
	}
	if err := a.reporter.Report(ctx, me, other, Read, seq); err != nil {
		return problem.Unavailable.WithCause(err)
	}
	return c.JSON(http.StatusAccepted, map[string]int64{"userId": other, "readSeq": seq})
}

// blocks answers whom the caller has blocked.
func (a *API) blocks(c echo.Context) error {
	q := web.NewQuery(c)
	after, limit := q.Number("after", 0), q.Int("limit", defaultList, 1, maxList)
	if err := q.Err(); err != nil {
		return err
	}
	blocks, more, err := a.store.Blocks(c.Request().Context(), web.UserID(c), after, limit)
	if err != nil {
		return err
	}
	if more {
		linkNext(c, "after", blocks[len(blocks)-1].User.ID, limit)
	}
	return c.JSON(http.StatusOK, blocks)
}

func (a *API) block(c echo.Context) error {
	me := web.UserID(c)
	other, err := web.PathID(c, "userId")
	switch {
	case err != nil:
		return err
	case me == other:
		return problem.Invalid.WithFields(problem.Field{Field: "userId", Message: "must be somebody else"})
	}
	if err := a.store.Block(c.Request().Context(), me, other); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (a *API) unblock(c echo.Context) error {
	other, err := web.PathID(c, "userId")
	if err != nil {
		return err
	}
	if err := a.store.Unblock(c.Request().Context(), web.UserID(c), other); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
