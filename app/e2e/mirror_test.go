package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/app/event"
	"parley/app/socket/sockettest"
)

// mirror is a client that keeps a copy of everything that its user may see. It does so by the rules of docs/api.md, Catching up, and
// knows nothing but events and answers to /sync; of members it also reads lists.
type mirror struct {
	t      testing.TB
	name   string
	person *person
	server func() string

	ctx    context.Context //nolint:containedctx // the life of the client
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	state   copied
	token   string
	up      bool // is to be connected
	conn    *sockettest.Client
	wake    chan struct{} // closed when up changes
	faults  []string
	trace   []string // what came, for people who look for a fault
	caught  int      // how often it has caught up
	dropped int      // how many connections have ended
}

// copied is what a client keeps.
type copied struct {
	groups  map[int64]*groupCopy
	members map[int64]map[int64]memberInfo // by group and user
	chats   map[int64]*chatCopy            // by the other one
}

func newCopied() copied {
	return copied{groups: make(map[int64]*groupCopy), members: make(map[int64]map[int64]memberInfo), chats: make(map[int64]*chatCopy)}
}

type groupCopy struct {
	groupInfo

	channels map[int64]*channelCopy
}

type channelCopy struct {
	channelInfo

	messages []event.Message // seq 1 first
}

type chatCopy struct {
	readSeq, otherRead, otherDelivered int64
	messages                           []event.PersonalMessage
}

// groupInfo, channelInfo, memberInfo and chatInfo are the fields of what the API calls so.
type groupInfo struct {
	ID          int64         `json:"id"`
	Name        string        `json:"name"`
	Description string        `json:"description"`
	CreatedAt   event.Time    `json:"createdAt"`
	Role        string        `json:"role"`
	Channels    []channelInfo `json:"channels"`
}

type channelInfo struct {
	ID        int64      `json:"id"`
	GroupID   int64      `json:"groupId"`
	Name      string     `json:"name"`
	Topic     string     `json:"topic"`
	Private   bool       `json:"private"`
	CreatedAt event.Time `json:"createdAt"`
	LastSeq   int64      `json:"lastSeq"`
	ReadSeq   int64      `json:"readSeq"`
	Unread    int64      `json:"unread"`
	Mentions  int64      `json:"mentions"`
}

type memberInfo struct {
	User struct {
		ID       int64  `json:"id"`
		Username string `json:"username"`
	} `json:"user"`
	Role     string     `json:"role"`
	JoinedAt event.Time `json:"joinedAt"`
}

type chatInfo struct {
	User struct {
		ID int64 `json:"id"`
	} `json:"user"`
	LastSeq int64 `json:"lastSeq"`
	ReadSeq int64 `json:"readSeq"`
	Unread  int64 `json:"unread"`
	Other   struct {
		DeliveredSeq int64 `json:"deliveredSeq"`
		ReadSeq      int64 `json:"readSeq"`
	} `json:"other"`
}

// syncRequest and synced are a request to /sync and its answer.
type syncRequest struct {
	Channels map[string]int64  `json:"channels,omitempty"`
	Direct   map[string]int64  `json:"direct,omitempty"`
	Since    string            `json:"since,omitempty"`
	Changes  map[string]string `json:"changes,omitempty"`
	More     bool              `json:"more,omitempty"`
}

type synced struct {
	Channels map[int64]struct {
		Messages []event.Message `json:"messages"`
		Changes  []event.Message `json:"changes"`
		Reset    bool            `json:"reset"`
		ReadSeq  int64           `json:"readSeq"`
	} `json:"channels"`
	Gone   []int64 `json:"gone"`
	Direct map[int64]struct {
		Messages []event.PersonalMessage `json:"messages"`
		Reset    bool                    `json:"reset"`
		Chat     *chatInfo               `json:"chat"`
	} `json:"direct"`
	Groups  []groupInfo `json:"groups"`
	Members []struct {
		GroupID int64       `json:"groupId"`
		UserID  int64       `json:"userId"`
		Member  *memberInfo `json:"member"`
	} `json:"members"`
	MemberLists []int64      `json:"memberLists"`
	Chats       []chatInfo   `json:"chats"`
	Token       string       `json:"token"`
	Next        *syncRequest `json:"next"`
}

// mirror starts a client; server says where to connect.
func (p *person) mirror(name string, server func() string) *mirror {
	ctx, cancel := context.WithCancel(context.Background())
	m := &mirror{
		t: p.t, name: name, person: p, server: server, ctx: ctx, cancel: cancel, done: make(chan struct{}),
		state: newCopied(), up: true, wake: make(chan struct{}),
	}
	go m.run()
	p.t.Cleanup(func() {
		cancel()
		<-m.done
	})
	return m
}

// turn connects or disconnects the client, for longer.
func (m *mirror) turn(up bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.up = up
	close(m.wake)
	m.wake = make(chan struct{})
	if !up && m.conn != nil {
		go m.conn.Close()
	}
}

// cut breaks the connection.
func (m *mirror) cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn != nil {
		go m.conn.Abort()
	}
}

// run keeps the client connected while it is to be.
func (m *mirror) run() {
	defer close(m.done)
	for m.ctx.Err() == nil {
		m.mu.Lock()
		up, wake := m.up, m.wake
		m.mu.Unlock()
		if !up {
			select {
			case <-wake:
			case <-m.ctx.Done():
			}
			continue
		}
		dial, cancel := context.WithTimeout(m.ctx, 10*time.Second)
		c, err := sockettest.Dial(dial, m.server(), sockettest.Options{Token: m.person.token})
		cancel()
		if err != nil {
			pause(m.ctx, pollPause)
			continue
		}
		m.listen(c)
	}
}

// listen handles one event after the other. What arrives while it catches up waits in the connection's queue.
func (m *mirror) listen(c *sockettest.Client) {
	defer c.Close()
	m.mu.Lock()
	m.conn = c
	m.mu.Unlock()
	for {
		e, err := c.Next(m.ctx)
		if err != nil {
			break
		}
		if err := undocumented(e.Name, e.Payload); err != nil {
			m.fault("%v", err)
		}
		m.note("%s %s", e.Name, e.Payload)
		var ask *syncRequest
		m.locked(func() { ask = m.hear(e) })
		if ask != nil {
			m.catchUp(ask)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conn = nil
	m.dropped++
}

func (m *mirror) locked(do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	do()
}

func (m *mirror) fault(format string, args ...any) {
	m.locked(func() { m.faults = append(m.faults, fmt.Sprintf(format, args...)) })
}

// traceKept is how much of what came is kept.
const traceKept = 400

func (m *mirror) note(format string, args ...any) {
	m.locked(func() {
		if len(m.trace) > 2*traceKept {
			m.trace = slices.Clone(m.trace[traceKept:])
		}
		m.trace = append(m.trace, time.Now().UTC().Format("05.000 ")+fmt.Sprintf(format, args...))
	})
}

// report is what happened to the client, for people who look for a fault.
func (m *mirror) report() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := "without a connection"
	if m.conn != nil {
		state = "connected"
		if why := m.conn.Reason(); why != "" {
			state = "disconnected: " + why
		}
	}
	return fmt.Sprintf("%s, caught up %d times, lost %d connections; what came last:\n%s", state, m.caught, m.dropped, strings.Join(m.trace, "\n"))
}

// everything asks for all that the client has.
func (m *mirror) everything() *syncRequest {
	r := &syncRequest{Channels: make(map[string]int64), Direct: make(map[string]int64), Since: m.token}
	for _, g := range m.state.groups {
		for id, c := range g.channels {
			r.Channels[strconv.FormatInt(id, 10)] = int64(len(c.messages))
		}
	}
	for other, c := range m.state.chats {
		r.Direct[strconv.FormatInt(other, 10)] = int64(len(c.messages))
	}
	return r
}

// catchUp sends a request, and what follows from the answer, until nothing does.
func (m *mirror) catchUp(ask *syncRequest) {
	for ask != nil {
		var a synced
		body, err := json.Marshal(ask)
		if err != nil {
			m.fault("%v", err)
			return
		}
		m.note("asks %s", body)
		if !m.insist(http.MethodPost, "/sync", body, &a) {
			return
		}
		m.note("is told")
		m.locked(func() { ask = m.apply(a) })
	}
	m.readMembers()
	m.locked(func() { m.caught++ })
}

// insist makes a request until it is answered. It reports whether that was with 200; else what it is about is gone.
func (m *mirror) insist(method, path string, body []byte, into any) bool {
	for {
		a, err := m.person.request(m.ctx, method, path, body)
		switch {
		case m.ctx.Err() != nil:
			return false
		case err != nil || a.status >= 500:
			pause(m.ctx, pollPause)
		case a.status == http.StatusNotFound:
			return false
		case a.status != http.StatusOK:
			m.fault("%s %s: %d %s", method, path, a.status, a.body)
			return false
		default:
			if err := json.Unmarshal(a.body, into); err != nil {
				m.fault("%s %s: %v", method, path, err)
			}
			return true
		}
	}
}

// readMembers reads the lists of members that it does not have.
func (m *mirror) readMembers() {
	var missing []int64
	m.locked(func() {
		for id := range m.state.groups {
			if m.state.members[id] == nil {
				missing = append(missing, id)
			}
		}
	})
	for _, id := range missing {
		var list []memberInfo
		if !m.insist(http.MethodGet, fmt.Sprintf("/groups/%d/members?limit=200", id), nil, &list) {
			continue
		}
		m.note("members of %d: %v", id, list)
		m.locked(func() { m.state.members[id] = membersOf(list) })
	}
}

func membersOf(list []memberInfo) map[int64]memberInfo {
	members := make(map[int64]memberInfo, len(list))
	for _, one := range list {
		members[one.User.ID] = one
	}
	return members
}
