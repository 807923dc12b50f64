package reaction

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"parley/app/event"
	"parley/app/problem"
	"parley/app/registry"
	"parley/app/web"
)

// Access decides who may read a channel.
type Access interface {
	// Access returns nil if the user may read the channel of the group, else the problem to answer.
	Access(ctx context.Context, userID, groupID, channelID int64) error
}

// Reactions are kept somewhere.
type Reactions interface {
	Add(ctx context.Context, actor int64, at event.Place, emoji string) (event.Reaction, error)
	Remove(ctx context.Context, actor int64, at event.Place, emoji string) error
	Who(ctx context.Context, viewer, channelID, messageID int64, p Part) (all []Reactors, next int64, err error)
}

// API is the component "reaction.api": the HTTP endpoints of reactions.
type API struct {
	routes    *echo.Group
	access    Access
	reactions Reactions
}

// NewAPI returns the component, which attaches its routes to those for signed-in users.
func NewAPI(routes *echo.Group, a Access, r Reactions) *API {
	return &API{routes: routes, access: a, reactions: r}
}

// Name implements registry.Module.
func (a *API) Name() string { return "reaction.api" }

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
	const path = "/groups/:groupId/channels/:channelId/messages/:messageId/reactions"
	a.routes.GET(path, a.who)
	a.routes.PUT(path+"/:emoji", a.add)
	a.routes.DELETE(path+"/:emoji", a.remove)
	return nil
}

// placeOf reads a path that names a message.
func placeOf(c echo.Context) (at event.Place, err error) {
	for name, id := range map[string]*int64{"groupId": &at.GroupID, "channelId": &at.ChannelID, "messageId": &at.MessageID} {
		if *id, err = web.PathID(c, name); err != nil {
			return at, err
		}
	}
	return at, nil
}

// reactionOf reads a path that names a message and an emoji.
func reactionOf(c echo.Context) (at event.Place, emoji string, err error) {
	if at, err = placeOf(c); err != nil {
		return at, "", err
	}
	text := c.Param("emoji")
	if c.Request().URL.RawPath != "" { // the path is not written as Go would write it, and Echo takes it as it is
		if text, err = url.PathUnescape(text); err != nil {
			return at, "", ErrNotOneEmoji
		}
	}
	emoji, ok := canonical(text)
	if !ok {
		return at, "", ErrNotOneEmoji
	}
	return at, emoji, nil
}

func (a *API) add(c echo.Context) error {
	at, emoji, err := reactionOf(c)
	if err != nil {
		return err
	}
	r, err := a.reactions.Add(c.Request().Context(), web.UserID(c), at, emoji)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, r)
}

func (a *API) remove(c echo.Context) error {
	at, emoji, err := reactionOf(c)
	if err != nil {
		return err
	}
	if err := a.reactions.Remove(c.Request().Context(), web.UserID(c), at, emoji); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

const (
	defaultUsers = 50 // for each emoji
	maxUsers     = 200
	maxEmojiText = 32 // characters; no emoji has as many
)

// who lists who has reacted: the first of each emoji, or, page by page, all of one.
func (a *API) who(c echo.Context) error {
	at, err := placeOf(c)
	if err != nil {
		return err
	}
	ctx, me := c.Request().Context(), web.UserID(c)
	if err := a.access.Access(ctx, me, at.GroupID, at.ChannelID); err != nil {
		return err
	}
	part, err := partOf(c)
	if err != nil {
		return err
	}
	all, next, err := a.reactions.Who(ctx, me, at.ChannelID, at.MessageID, part)
	if err != nil {
		return err
	}
	if next > 0 {
		c.Response().Header().Set("Link", fmt.Sprintf(`<%s?emoji=%s&after=%d&limit=%d>; rel="next"`,
			c.Request().URL.EscapedPath(), url.QueryEscape(part.Emoji), next, part.Limit))
	}
	return c.JSON(http.StatusOK, map[string]any{"reactions": all})
}

// partOf reads the query of who.
func partOf(c echo.Context) (p Part, err error) {
	q := web.NewQuery(c)
	text := q.Text("emoji", maxEmojiText)
	p = Part{After: q.Number("after", 0), Limit: q.Int("limit", defaultUsers, 1, maxUsers)}
	if err := q.Err(); err != nil {
		return p, err
	}
	if q.Has("emoji") {
		var ok bool
		if p.Emoji, ok = canonical(text); !ok {
			return p, ErrNotOneEmoji
		}
	}
	if p.Emoji == "" && p.After > 0 {
		return p, problem.Invalid.WithFields(problem.Field{Field: "after", Message: "goes with emoji: only one emoji is listed page by page"})
	}
	return p, nil
}
