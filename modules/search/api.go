package search

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"parley/app/event"
	"parley/app/registry"
	"parley/app/web"
)

// Finder finds messages.
type Finder interface {
	// Search finds a page of what the viewer of the request may see.
	Search(ctx context.Context, r Request) (Page, error)
	// Personal reads messages of the viewer's personal chats, in any order.
	Personal(ctx context.Context, viewer int64, ids []int64) ([]event.PersonalMessage, error)
}

// Reader reads messages of channels as a viewer sees them. Those that do not exist are left out.
type Reader interface {
	ByIDs(ctx context.Context, viewer int64, ids []int64) ([]event.Message, error)
}

// How often one user may search: more than people type.
const (
	rate  = 5 // a second
	burst = 50
)

const (
	maxQuery    = 200 // characters
	maxPage     = 100
	defaultPage = 20
)

// API answers searches.
type API struct {
	routes  *echo.Group
	finder  Finder
	reader  Reader
	limiter *web.Limiter // nil: no limits
	metrics *APIMetrics
}

// NewAPI makes the component "search.api", which attaches its route to those for signed-in users. Limited says whether there is a limit of how
// often a user may search.
func NewAPI(routes *echo.Group, f Finder, r Reader, limited bool, m *APIMetrics) *API {
	a := &API{routes: routes, finder: f, reader: r, metrics: m}
	if limited {
		a.limiter = web.NewLimiter(rate, burst, nil)
	}
	return a
}

// Name implements registry.Module.
func (a *API) Name() string { return "search.api" }

// Roles implements registry.Module.
func (a *API) Roles() []registry.Role { return []registry.Role{registry.API} }

// Needs implements registry.Module.
func (a *API) Needs() []string { return []string{"store"} }

// Init attaches the route.
func (a *API) Init(registry.Host) error {
	a.routes.GET("/search", a.search)
	return nil
}

// Start implements registry.Module.
func (a *API) Start(context.Context) error { return nil }

// Stop implements registry.Module.
func (a *API) Stop(context.Context) error { return nil }

// What kinds of messages there are.
const (
	inChannel = "channel"
	inDirect  = "direct"
)

// result is a message that was found.
type result struct {
	Kind    string `json:"kind"`
	Message any    `json:"message"` // event.Message, or event.PersonalMessage
	Snippet []Part `json:"snippet"`
}

type results struct {
	Results []result `json:"results"`
	Next    string   `json:"next,omitempty"`
}

func (a *API) search(c echo.Context) error {
	r, err := request(c)
	if err != nil {
		return err
	}
	if a.limiter != nil {
		if wait := a.limiter.Allow(strconv.FormatInt(r.Viewer, 10)); wait > 0 {
			return web.TooMany(wait)
		}
	}
	begun := time.Now()
	found, err := a.find(c.Request().Context(), r)
	switch {
	case err != nil:
		a.metrics.answered("failed", time.Since(begun))
		return err
	case found.Next != "" && len(found.Results) < r.Limit:
		a.metrics.answered("cut_short", time.Since(begun))
	default:
		a.metrics.answered("complete", time.Since(begun))
	}
	return c.JSON(http.StatusOK, found)
}

// request reads what is asked for.
func request(c echo.Context) (Request, error) {
	q := web.NewQuery(c)
	r := Request{
		Viewer: web.UserID(c),
		Group:  id(q, "groupId"), Channel: id(q, "channelId"), With: id(q, "with"), From: id(q, "from"),
		After: millis(q, "after"), Before: millis(q, "before"),
		Limit: q.Int("limit", defaultPage, 1, maxPage),
	}
	typed := q.Text("q", maxQuery)
	if strings.TrimSpace(typed) == "" {
		q.Wrong("q", "must be what to search for")
	}
	r.Query = Parse(typed)
	if r.With > 0 && (r.Group > 0 || r.Channel > 0) {
		q.Wrong("with", "is for personal chats and goes with neither groupId nor channelId")
	}
	if text := q.Text("cursor", 64); q.Has("cursor") {
		var ok bool
		if r.Cursor, ok = decodeCursor(text); !ok {
			q.Wrong("cursor", "must be the next of a page of results")
		}
	}
	return r, q.Err()
}

// id reads an id; 0 without it.
func id(q *web.Query, name string) int64 {
	n := q.Number(name, -1)
	if n == 0 {
		q.Wrong(name, "must be an id")
	}
	return max(n, 0)
}

// millis reads a time, as the first whole millisecond from then on; 0 without it.
func millis(q *web.Query, name string) int64 {
	at, ok := q.Time(name)
	if !ok {
		return 0
	}
	ms := at.UnixMilli()
	if at.After(time.UnixMilli(ms)) {
		ms++
	}
	return max(ms, 1)
}

// find completes what was found, as it is now.
func (a *API) find(ctx context.Context, r Request) (results, error) {
	page, err := a.finder.Search(ctx, r)
	if err != nil {
		return results{}, err
	}
	var ids, personal []int64
	for _, h := range page.Hits {
		if h.Direct {
			personal = append(personal, h.MessageID)
		} else {
			ids = append(ids, h.MessageID)
		}
	}
	found := make(map[Hit]result, len(page.Hits))
	add := func(messageID int64, kind, content string, message any) {
		// What it says may have been changed a moment ago.
		if hits := r.Query.match(content); len(hits) > 0 {
			found[Hit{MessageID: messageID, Direct: kind == inDirect}] = result{Kind: kind, Message: message, Snippet: snippet(content, hits)}
		}
	}
	if len(ids) > 0 {
		messages, err := a.reader.ByIDs(ctx, r.Viewer, ids)
		if err != nil {
			return results{}, err
		}
		for _, m := range messages {
			if m.DeletedAt == nil {
				add(m.MessageID, inChannel, m.Content, m)
			}
		}
	}
	if len(personal) > 0 {
		messages, err := a.finder.Personal(ctx, r.Viewer, personal)
		if err != nil {
			return results{}, err
		}
		for _, m := range messages {
			add(m.MessageID, inDirect, m.Content, m)
		}
	}
	answer := results{Results: make([]result, 0, len(page.Hits))}
	for _, h := range page.Hits {
		if m, ok := found[Hit{MessageID: h.MessageID, Direct: h.Direct}]; ok {
			answer.Results = append(answer.Results, m)
		}
	}
	if page.Next > 0 {
		answer.Next = encodeCursor(page.Next)
	}
	return answer, nil
}
