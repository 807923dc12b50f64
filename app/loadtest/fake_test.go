package loadtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// fake is as much of a Parley as a load test sees, which does everything right unless it is told otherwise.
type fake struct {
	t   testing.TB
	url string

	// What goes wrong. All of them are called under the lock.
	tamper  func(to *fakeConn, name string, m fakeMessage) []string     // the packets of a delivery; nil: the right one
	keep    func(f *fake, ch *fakeChannel, m fakeMessage) []fakeMessage // what is kept of a message; nil: the message
	answer  func(w http.ResponseWriter, r *http.Request) bool           // answers a request, and returns true if it has
	kept    func(f *fake, m fakeMessage)                                // after a message was told to everybody
	life    time.Duration                                               // of tokens; default an hour
	banned  int64                                                       // a user who is not let in any more
	noUsers bool                                                        // DELETE /me is not there

	mu       sync.Mutex
	users    []*fakeUser
	groups   []*fakeGroup
	conns    map[*fakeConn]bool
	receipts []string       // what was told
	requests map[string]int // by method and route
	wg       sync.WaitGroup
}

type fakeUser struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
	password string
	deleted  bool
	version  int // of its token
}

type fakeGroup struct {
	ID       int64          `json:"id"`
	Name     string         `json:"name"`
	Channels []*fakeChannel `json:"channels"`
	members  []*fakeUser
	deleted  bool
}

type fakeChannel struct {
	ID       int64 `json:"id"`
	LastSeq  int64 `json:"lastSeq"`
	group    *fakeGroup
	messages []fakeMessage
}

type fakeMessage struct {
	MessageID int64  `json:"messageId"`
	GroupID   int64  `json:"groupId"`
	ChannelID int64  `json:"channelId"`
	Seq       int64  `json:"seq"`
	SenderID  int64  `json:"senderId"`
	Content   string `json:"content"`
	Hash      string `json:"hash"`
	CreatedAt string `json:"createdAt"`
}

type fakeConn struct {
	user *fakeUser
	ws   *websocket.Conn
}

func (c *fakeConn) send(packet string) { _ = c.ws.WriteMessage(websocket.TextMessage, []byte(packet)) }

func (c *fakeConn) emit(name string, payload any) { c.send(packetOf(name, payload)) }

func packetOf(name string, payload any) string {
	data, _ := json.Marshal([]any{name, payload})
	return "42" + string(data)
}

// newFake starts a fake, with its faults set before anybody can connect.
func newFake(t testing.TB, set func(f *fake)) *fake {
	t.Helper()
	f := &fake{t: t, conns: make(map[*fakeConn]bool), requests: make(map[string]int), life: time.Hour}
	if set != nil {
		set(f)
	}
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(u *fakeUser, w http.ResponseWriter, r *http.Request){
		"POST /auth/register": f.register, "POST /auth/login": f.login, "POST /auth/refresh": f.refresh,
		"DELETE /me": f.deleteUser, "GET /groups": f.listGroups, "POST /groups": f.createGroup,
		"GET /groups/{g}": f.getGroup, "DELETE /groups/{g}": f.deleteGroup,
		"GET /groups/{g}/members": f.listMembers, "POST /groups/{g}/members": f.addMember,
		"POST /groups/{g}/channels":              f.createChannel,
		"POST /groups/{g}/channels/{c}/messages": f.post,
		"GET /groups/{g}/channels/{c}/messages":  f.history,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /api/v1"+path, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.requests[pattern]++
			if f.answer != nil && f.answer(w, r) {
				return
			}
			user := f.userOf(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
			if user == nil && !strings.Contains(path, "/auth/") {
				problem(w, http.StatusUnauthorized, "token_expired")
				return
			}
			handle(user, w, r)
		})
	}
	mux.HandleFunc("/socket.io/", f.socket)
	server := httptest.NewServer(mux)
	f.url = server.URL
	t.Cleanup(func() {
		f.mu.Lock()
		for c := range f.conns {
			_ = c.ws.Close()
		}
		f.mu.Unlock()
		server.Close()
		f.wg.Wait()
	})
	return f
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"status":%d,"code":%q,"title":"No."}`, status, code)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func bodyOf[T any](r *http.Request) (body T) {
	_ = json.NewDecoder(r.Body).Decode(&body)
	return body
}

// userOf finds the user of a token, "id.version".
func (f *fake) userOf(token string) *fakeUser {
	for _, u := range f.users {
		if !u.deleted && token == fmt.Sprintf("%d.%d", u.ID, u.version) {
			return u
		}
	}
	return nil
}

func (f *fake) session(w http.ResponseWriter, status int, u *fakeUser) {
	token := fmt.Sprintf("%d.%d", u.ID, u.version)
	reply(w, status, map[string]any{"user": u, "accessToken": token, "refreshToken": "r" + token, "expiresAt": time.Now().Add(f.life)})
}

type fakeCredentials struct{ Username, Password string }

func (f *fake) register(_ *fakeUser, w http.ResponseWriter, r *http.Request) {
	body := bodyOf[fakeCredentials](r)
	for _, u := range f.users {
		if u.Username == body.Username && !u.deleted {
			problem(w, http.StatusConflict, "username_taken")
			return
		}
	}
	u := &fakeUser{ID: int64(len(f.users) + 1), Username: body.Username, password: body.Password}
	f.users = append(f.users, u)
	f.session(w, http.StatusCreated, u)
}

func (f *fake) login(_ *fakeUser, w http.ResponseWriter, r *http.Request) {
	body := bodyOf[fakeCredentials](r)
	for _, u := range f.users {
		if u.Username == body.Username && u.password == body.Password && !u.deleted {
			f.session(w, http.StatusOK, u)
			return
		}
	}
	problem(w, http.StatusUnauthorized, "invalid_credentials")
}

func (f *fake) refresh(_ *fakeUser, w http.ResponseWriter, r *http.Request) {
	body := bodyOf[struct{ RefreshToken string }](r)
	u := f.userOf(strings.TrimPrefix(body.RefreshToken, "r"))
	if u == nil {
		problem(w, http.StatusUnauthorized, "refresh_token_invalid")
		return
	}
	u.version++
	f.session(w, http.StatusOK, u)
}

func (f *fake) deleteUser(u *fakeUser, w http.ResponseWriter, r *http.Request) {
	if f.noUsers {
		http.NotFound(w, r)
		return
	}
	if bodyOf[fakeCredentials](r).Password != u.password {
		problem(w, http.StatusForbidden, "invalid_credentials")
		return
	}
	u.deleted = true
	w.WriteHeader(http.StatusNoContent)
}

func (g *fakeGroup) has(u *fakeUser) bool {
	for _, m := range g.members {
		if m == u {
			return true
		}
	}
	return false
}

func (f *fake) listGroups(u *fakeUser, w http.ResponseWriter, _ *http.Request) {
	mine := []*fakeGroup{}
	for _, g := range f.groups {
		if g.has(u) && !g.deleted {
			mine = append(mine, g)
		}
	}
	reply(w, http.StatusOK, mine)
}

func (f *fake) createGroup(u *fakeUser, w http.ResponseWriter, r *http.Request) {
	g := &fakeGroup{ID: int64(len(f.groups) + 1), Name: bodyOf[struct{ Name string }](r).Name, members: []*fakeUser{u}}
	f.groups = append(f.groups, g)
	f.addChannel(g)
	reply(w, http.StatusCreated, g)
}

func (f *fake) addChannel(g *fakeGroup) *fakeChannel {
	ch := &fakeChannel{ID: g.ID*100 + int64(len(g.Channels)), group: g}
	g.Channels = append(g.Channels, ch)
	return ch
}

func (f *fake) groupOf(r *http.Request) *fakeGroup {
	id, _ := strconv.Atoi(r.PathValue("g"))
	return f.groups[id-1]
}

func (f *fake) channelOf(r *http.Request) *fakeChannel {
	for _, ch := range f.groupOf(r).Channels {
		if strconv.FormatInt(ch.ID, 10) == r.PathValue("c") {
			return ch
		}
	}
	return nil
}

func (f *fake) getGroup(_ *fakeUser, w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusOK, f.groupOf(r))
}

func (f *fake) deleteGroup(_ *fakeUser, w http.ResponseWriter, r *http.Request) {
	f.groupOf(r).deleted = true
	w.WriteHeader(http.StatusNoContent)
}

func (f *fake) listMembers(_ *fakeUser, w http.ResponseWriter, r *http.Request) {
	page := []map[string]any{}
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	for _, u := range f.users { // by id
		if u.ID > after && len(page) < 200 && f.groupOf(r).has(u) {
			page = append(page, map[string]any{"user": u})
		}
	}
	reply(w, http.StatusOK, page)
}

func (f *fake) addMember(_ *fakeUser, w http.ResponseWriter, r *http.Request) {
	g, id := f.groupOf(r), bodyOf[struct{ UserID int64 }](r).UserID
	if g.has(f.users[id-1]) {
		problem(w, http.StatusConflict, "already_member")
		return
	}
	g.members = append(g.members, f.users[id-1])
	reply(w, http.StatusCreated, struct{}{})
}

func (f *fake) createChannel(_ *fakeUser, w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusCreated, f.addChannel(f.groupOf(r)))
}

// post accepts a message, keeps it and tells everybody, all before it answers.
func (f *fake) post(u *fakeUser, w http.ResponseWriter, r *http.Request) {
	ch := f.channelOf(r)
	m := fakeMessage{GroupID: ch.group.ID, ChannelID: ch.ID, SenderID: u.ID}
	if json.NewDecoder(r.Body).Decode(&m) != nil {
		problem(w, http.StatusBadRequest, "malformed_request")
		return
	}
	f.take(ch, m)
	reply(w, http.StatusAccepted, struct{}{})
}

// take keeps a message, unless it is there, and tells everybody.
func (f *fake) take(ch *fakeChannel, m fakeMessage) {
	for _, old := range ch.messages {
		if old.Hash == m.Hash {
			f.tell(old, func(c *fakeConn) bool { return c.user.ID == m.SenderID })
			return
		}
	}
	m.Seq = ch.LastSeq + 1
	m.MessageID, m.CreatedAt = ch.ID*1_000_000+m.Seq, "2026-01-02T03:04:05.678Z"
	all := []fakeMessage{m}
	if f.keep != nil {
		all = f.keep(f, ch, m)
	}
	for _, m := range all {
		ch.messages = append(ch.messages, m)
		ch.LastSeq = m.Seq
		f.tell(m, func(c *fakeConn) bool { return ch.group.has(c.user) })
	}
	if f.kept != nil {
		f.kept(f, m)
	}
}

func (f *fake) tell(m fakeMessage, whom func(c *fakeConn) bool) {
	for c := range f.conns {
		if !whom(c) {
			continue
		}
		name := "GROUP_MESSAGE_RECEIVE"
		if c.user.ID == m.SenderID {
			name = "GROUP_MESSAGE_SENT"
		}
		packets := []string{packetOf(name, m)}
		if f.tamper != nil {
			if other := f.tamper(c, name, m); other != nil {
				packets = other
			}
		}
		for _, p := range packets {
			c.send(p)
		}
	}
}

func (f *fake) history(_ *fakeUser, w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	page := []fakeMessage{}
	for _, m := range f.channelOf(r).messages {
		if m.Seq > after {
			page = append(page, m)
		}
	}
	more := len(page) > limit
	reply(w, http.StatusOK, map[string]any{"messages": page[:min(limit, len(page))], "hasMore": more})
}

// socket lets clients in. What comes from them is answered, and not looked at much.
func (f *fake) socket(w http.ResponseWriter, r *http.Request) {
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	f.wg.Add(1)
	defer f.wg.Done()
	defer ws.Close()
	c := &fakeConn{ws: ws}
	c.send(`0{"sid":"s","pingInterval":25000,"pingTimeout":20000}`)
	for {
		_, packet, err := ws.ReadMessage()
		if err != nil {
			break
		}
		f.packet(c, string(packet))
	}
	f.mu.Lock()
	delete(f.conns, c)
	f.mu.Unlock()
}

func (f *fake) packet(c *fakeConn, packet string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests[packet[:2]]++
	switch data, isConnect := strings.CutPrefix(packet, "40"); {
	case isConnect:
		var auth struct{ Token string }
		_ = json.Unmarshal([]byte(data), &auth)
		if c.user = f.userOf(auth.Token); c.user == nil || c.user.ID == f.banned {
			c.send(`44{"message":"The token has expired.","data":{"code":"token_expired"}}`)
			return
		}
		c.send(`40{"sid":"c"}`)
		c.emit("SUBSCRIBED", map[string]any{})
		f.conns[c] = true
	case strings.HasPrefix(packet, "420"):
		c.send(`430[{"ok":true}]`)
	case strings.HasPrefix(packet, "421"):
		f.receipts = append(f.receipts, packet[3:])
		if !strings.HasPrefix(packet, `421["MESSAGE_READ",`) {
			c.send(`431[{"error":{"code":"unknown_event"}}]`)
			return
		}
		if len(f.receipts) == 1 {
			c.send(`431[{"ok":false,"error":{"code":"unavailable"}}]`)
			return
		}
		c.send(`431[{"ok":true}]`)
	}
}

// count is how often something was asked for.
func (f *fake) count(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests[what]
}
