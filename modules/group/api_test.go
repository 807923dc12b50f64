package group

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/registry"
	"parley/app/store"
	"parley/app/web"
)

// fakeAuth takes a user's id for an access token.
type fakeAuth struct{}

func (fakeAuth) Authenticate(_ context.Context, token string) (int64, string, error) {
	id, err := strconv.ParseInt(token, 10, 64)
	if err != nil {
		return 0, "", web.ErrTokenMissing
	}
	return id, "", nil
}

// client calls the API of a world.
type client struct {
	*world
	server http.Handler
}

func newClient(w *world) *client {
	w.t.Helper()
	server := web.New(web.Options{Auth: fakeAuth{}})
	api := NewAPI(w.Service, server)
	require.NoError(w.t, api.Init(nil))
	require.NoError(w.t, api.Start(w.ctx()))
	w.t.Cleanup(func() {
		require.NoError(w.t, api.Stop(context.Background()))
		require.NoError(w.t, api.Stop(context.Background()))
	})
	return &client{world: w, server: server}
}

// answered is a response: its status, its body as generic JSON, an object or a list, and where the next page is.
type answered struct {
	status int
	body   map[string]any
	list   []any
	next   string
}

// call does one request as the user.
func (c *client) call(user int64, method, path, body string) answered {
	c.t.Helper()
	r := httptest.NewRequestWithContext(c.ctx(), method, web.Base+path, strings.NewReader(body))
	r.Header.Set("Authorization", fmt.Sprint("Bearer ", user))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	c.server.ServeHTTP(rec, r)
	a := answered{status: rec.Code, next: rec.Header().Get("Link")}
	switch {
	case strings.HasPrefix(rec.Body.String(), "["):
		require.NoError(c.t, json.Unmarshal(rec.Body.Bytes(), &a.list))
	case rec.Body.Len() > 0:
		require.NoError(c.t, json.Unmarshal(rec.Body.Bytes(), &a.body), rec.Body.String())
	}
	return a
}

// listed gets a list.
func (c *client) listed(user int64, path string) (list []any, next string) {
	c.t.Helper()
	a := c.call(user, "GET", path, "")
	require.Equal(c.t, 200, a.status, "GET %s: %v", path, a.body)
	require.NotNil(c.t, a.list, "an empty list is [], not null")
	return a.list, a.next
}

// ok does a request that must be answered with the status.
func (c *client) ok(status int, user int64, method, path, body string) map[string]any {
	c.t.Helper()
	a := c.call(user, method, path, body)
	require.Equal(c.t, status, a.status, "%s %s: %v", method, path, a.body)
	return a.body
}

func keys(m map[string]any) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	return list
}

// at walks into generic JSON: at(m, "groups", 0, "name").
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			require.True(t, ok, "%v is no object", v)
			require.Contains(t, m, step)
			v = m[step]
		case int:
			list, ok := v.([]any)
			require.True(t, ok, "%v is no list", v)
			require.Greater(t, len(list), step)
			v = list[step]
		}
	}
	return v
}

var (
	groupKeys   = []string{"id", "name", "description", "role", "createdAt", "channels"}
	channelKeys = []string{"id", "groupId", "name", "topic", "private", "lastSeq", "createdAt"}
	openKeys    = append([]string{"readSeq", "unread", "mentions"}, channelKeys...)
	memberKeys  = []string{"user", "role", "joinedAt"}
	userKeys    = []string{"id", "username", "displayName", "createdAt"}
)

func TestEveryEndpoint(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		t, c := w.t, newClient(w)
		g := c.ok(201, ann, "POST", "/groups", `{"name": " Ops ", "description": "All"}`)
		require.ElementsMatch(t, groupKeys, keys(g))
		require.Equal(t, "owner", g["role"])
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, g["createdAt"])
		require.Equal(t, "general", at(t, g, "channels", 0, "name"))
		require.ElementsMatch(t, openKeys, keys(at(t, g, "channels", 0).(map[string]any))) //nolint:forcetypeassert // as good
		group := fmt.Sprint("/groups/", g["id"])

		list, _ := c.listed(ann, "/groups")
		require.Equal(t, []any{g}, list)
		list, _ = c.listed(ben, "/groups")
		require.Empty(t, list)
		require.Equal(t, g, c.ok(200, ann, "GET", group, ""))
		g = c.ok(200, ann, "PATCH", group, `{"name": "Operations"}`)
		require.ElementsMatch(t, groupKeys, keys(g))
		require.Equal(t, []any{"Operations", "All"}, []any{g["name"], g["description"]})

		m := c.ok(201, ann, "POST", group+"/members", `{"userId": 2}`)
		require.ElementsMatch(t, memberKeys, keys(m))
		require.Equal(t, "member", m["role"])
		require.ElementsMatch(t, userKeys, keys(at(t, m, "user").(map[string]any))) //nolint:forcetypeassert // as good
		m = c.ok(200, ann, "PATCH", group+"/members/2", `{"role": "admin"}`)
		require.ElementsMatch(t, memberKeys, keys(m))
		require.Equal(t, "admin", m["role"])
		c.ok(201, ann, "POST", group+"/members", `{"userId": 3, "role": "admin"}`)
		list, next := c.listed(ben, group+"/members?limit=1&after=1")
		require.Equal(t, []any{m}, list)
		require.Equal(t, `</api/v1`+group+`/members?after=2&limit=1>; rel="next"`, next)
		list, next = c.listed(ben, group+"/members")
		require.Len(t, list, 3)
		require.Empty(t, next)
		require.Empty(t, c.ok(204, ann, "DELETE", group+"/members/3", ""))
		c.ok(204, ann, "DELETE", group+"/members/2", "")
		c.ok(201, ann, "POST", group+"/members", `{"userId": 2, "role": "member"}`)

		ch := c.ok(201, ann, "POST", group+"/channels", `{"name": "News", "topic": "x"}`)
		require.ElementsMatch(t, channelKeys, keys(ch))
		channel := fmt.Sprint(group, "/channels/", ch["id"])
		require.Equal(t, "old", c.ok(200, ann, "PATCH", channel, `{"name": "old"}`)["name"])
		c.ok(204, ann, "DELETE", channel, "")

		ch = c.ok(201, ann, "POST", group+"/channels", `{"name": "secret", "private": true}`)
		require.ElementsMatch(t, channelKeys, keys(ch))
		require.Equal(t, true, ch["private"])
		channel = fmt.Sprint(group, "/channels/", ch["id"])
		m = c.ok(201, ann, "POST", channel+"/members", `{"userId": 2}`)
		require.ElementsMatch(t, []string{"user", "joinedAt"}, keys(m))
		list, next = c.listed(ben, channel+"/members?after=1&limit=200")
		require.Equal(t, []any{m}, list)
		require.Empty(t, next)
		c.ok(204, ann, "DELETE", channel+"/members/2", "")
		c.ok(204, ann, "DELETE", group, "")
		c.ok(404, ann, "GET", group, "")
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		c := newClient(w)
		g := w.group()
		group := fmt.Sprint("/groups/", g.ID)
		public := fmt.Sprint(group, "/channels/", g.Channels[0].ID)
		private := fmt.Sprint(group, "/channels/", w.private(ben, g.ID, "secret").ID)
		long := strings.Repeat("x", 101)
		for _, tt := range []struct {
			user               int64
			method, path, body string
			status             int
			code, field        string
		}{
			{ann, "POST", "/groups", ``, 415, "unsupported_media_type", ""},
			{ann, "POST", "/groups", `[]`, 400, "", ""},
			{ann, "POST", "/groups", `{"name": "x"`, 400, "malformed_request", ""},
			{ann, "POST", "/groups", `{}`, 400, "validation_failed", "name"},
			{ann, "POST", "/groups", `{"name": "  "}`, 400, "validation_failed", "name"},
			{ann, "POST", "/groups", `{"name": "` + long + `"}`, 400, "validation_failed", "name"},
			{ann, "POST", "/groups", `{"name": "a\u0000b"}`, 400, "validation_failed", "name"},
			{ann, "POST", "/groups", `{"name": "a\u0007b"}`, 400, "validation_failed", "name"},
			{ann, "POST", "/groups", `{"name": 1}`, 400, "validation_failed", "name"},
			{ann, "POST", "/groups", `{"name": "x", "owner": 2}`, 400, "validation_failed", "owner"},
			{ann, "POST", "/groups", `{"name": "x", "description": "` + strings.Repeat("x", 1001) + `"}`, 400, "validation_failed", "description"},

			{dan, "GET", group, ``, 404, "group_not_found", ""},
			{ann, "GET", "/groups/0", ``, 404, "not_found", ""},
			{ann, "GET", "/groups/x", ``, 404, "not_found", ""},
			{ann, "GET", "/groups/9007199254740992", ``, 404, "not_found", ""},
			{ann, "GET", "/groups/9007199254740991", ``, 404, "group_not_found", ""},
			{dan, "PATCH", group, `{"name": "x"}`, 404, "group_not_found", ""},
			{cat, "PATCH", group, `{"name": "x"}`, 403, "forbidden", ""},
			{ann, "PATCH", group, `{"name": ""}`, 400, "validation_failed", "name"},
			{dan, "DELETE", group, ``, 404, "group_not_found", ""},
			{ben, "DELETE", group, ``, 403, "forbidden", ""},

			{dan, "GET", group + "/members", ``, 404, "group_not_found", ""},
			{cat, "GET", group + "/members?limit=0", ``, 400, "validation_failed", "limit"},
			{cat, "GET", group + "/members?limit=201", ``, 400, "validation_failed", "limit"},
			{cat, "GET", group + "/members?after=-1", ``, 400, "validation_failed", "after"},
			{cat, "GET", group + "/members?before=1", ``, 400, "validation_failed", "before"},
			{dan, "POST", group + "/members", `{"userId": 4}`, 404, "group_not_found", ""},
			{cat, "POST", group + "/members", `{"userId": 4}`, 403, "forbidden", ""},
			{ben, "POST", group + "/members", `{"userId": 4, "role": "admin"}`, 403, "forbidden", ""},
			{ann, "POST", group + "/members", `{"userId": 3}`, 409, "already_member", ""},
			{ann, "POST", group + "/members", `{"userId": 6}`, 400, "validation_failed", "userId"},
			{ann, "POST", group + "/members", `{"userId": 7}`, 400, "validation_failed", "userId"},
			{ann, "POST", group + "/members", `{"userId": "4"}`, 400, "validation_failed", "userId"},
			{ann, "POST", group + "/members", `{"userId": 4.5}`, 400, "validation_failed", "userId"},
			{ann, "POST", group + "/members", `{}`, 400, "validation_failed", "userId"},
			{ann, "POST", group + "/members", `{"userId": 4, "role": "king"}`, 400, "validation_failed", "role"},
			{ann, "POST", group + "/members", `{"userId": 4, "role": ""}`, 400, "validation_failed", "role"},
			{dan, "PATCH", group + "/members/3", `{"role": "admin"}`, 404, "group_not_found", ""},
			{ben, "PATCH", group + "/members/3", `{"role": "admin"}`, 403, "forbidden", ""},
			{ann, "PATCH", group + "/members/4", `{"role": "admin"}`, 404, "member_not_found", ""},
			{ann, "PATCH", group + "/members/3", `{}`, 400, "validation_failed", "role"},
			{ann, "PATCH", group + "/members/1", `{"role": "admin"}`, 409, "last_owner", ""},
			{dan, "DELETE", group + "/members/3", ``, 404, "group_not_found", ""},
			{cat, "DELETE", group + "/members/2", ``, 403, "forbidden", ""},
			{ben, "DELETE", group + "/members/1", ``, 403, "forbidden", ""},
			{ann, "DELETE", group + "/members/4", ``, 404, "member_not_found", ""},
			{ann, "DELETE", group + "/members/1", ``, 409, "last_owner", ""},

			{dan, "POST", group + "/channels", `{"name": "x"}`, 404, "group_not_found", ""},
			{cat, "POST", group + "/channels", `{"name": "x"}`, 403, "forbidden", ""},
			{ann, "POST", group + "/channels", `{"name": "General"}`, 409, "channel_name_taken", ""},
			{ann, "POST", group + "/channels", `{"name": "a b"}`, 400, "validation_failed", "name"},
			{ann, "POST", group + "/channels", `{"name": "x", "topic": "` + strings.Repeat("x", 251) + `"}`, 400, "validation_failed", "topic"},
			{ann, "POST", group + "/channels", `{"name": "x", "private": "yes"}`, 400, "validation_failed", "private"},
			{dan, "PATCH", public, `{"topic": "x"}`, 404, "group_not_found", ""},
			{cat, "PATCH", public, `{"topic": "x"}`, 403, "forbidden", ""},
			{ann, "PATCH", public, `{"name": "secret"}`, 409, "channel_name_taken", ""},
			{ann, "PATCH", public, `{"private": true}`, 400, "validation_failed", "private"},
			{ann, "PATCH", private, `{"topic": "x"}`, 404, "channel_not_found", ""},
			{dan, "DELETE", public, ``, 404, "group_not_found", ""},
			{cat, "DELETE", public, ``, 403, "forbidden", ""},
			{ann, "DELETE", private, ``, 404, "channel_not_found", ""},
			{ann, "DELETE", group + "/channels/x", ``, 404, "not_found", ""},

			{ann, "GET", private + "/members", ``, 404, "channel_not_found", ""},
			{ben, "GET", public + "/members", ``, 409, "channel_not_private", ""},
			{ben, "GET", private + "/members?limit=x", ``, 400, "validation_failed", "limit"},
			{ann, "POST", private + "/members", `{"userId": 1}`, 404, "channel_not_found", ""},
			{ben, "POST", public + "/members", `{"userId": 3}`, 409, "channel_not_private", ""},
			{ben, "POST", private + "/members", `{"userId": 4}`, 409, "not_a_member", ""},
			{ben, "POST", private + "/members", `{"userId": 2}`, 409, "already_member", ""},
			{ben, "POST", private + "/members", `{"userId": null}`, 400, "validation_failed", "userId"},
			{ann, "DELETE", private + "/members/2", ``, 404, "channel_not_found", ""},
			{ben, "DELETE", public + "/members/3", ``, 409, "channel_not_private", ""},
			{ben, "DELETE", private + "/members/3", ``, 404, "member_not_found", ""},
		} {
			name := fmt.Sprintf("%d: %s %s %.60s", tt.user, tt.method, tt.path, tt.body)
			a := c.call(tt.user, tt.method, tt.path, tt.body)
			require.Equal(w.t, tt.status, a.status, "%s: %v", name, a.body)
			if tt.code != "" {
				require.Equal(w.t, tt.code, a.body["code"], name)
			}
			if tt.field != "" {
				require.Equal(w.t, tt.field, at(w.t, a.body, "errors", 0, "field"), name)
			}
		}
		require.Empty(w.t, w.take(), "nothing of all this has changed anything")
	})
}

func TestComponent(t *testing.T) {
	t.Parallel()
	s, err := store.New(store.Options{URL: "sqlite:///nowhere/at/all.db"})
	require.NoError(t, err)
	api := NewAPI(New(s, &fakeRelay{}, &fakeFence{}, nil), web.New(web.Options{}))
	require.Equal(t, "group.api", api.Name())
	require.Equal(t, []registry.Role{registry.API}, api.Roles())
	require.Equal(t, []string{"store", "outbox"}, api.Needs())
	require.NoError(t, api.Stop(t.Context()))
	_, err = New(s, nil, nil, nil).List(t.Context(), ann)
	require.ErrorIs(t, err, store.ErrUnavailable)
}
