package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"parley/app/event"
)

// person is a registered user with an access token.
type person struct {
	t     testing.TB
	c     *cluster
	id    int64
	name  string
	token string
}

// session is the answer to signing up and in.
type session struct {
	User struct {
		ID       int64  `json:"id"`
		Username string `json:"username"`
	} `json:"user"`
	AccessToken  string     `json:"accessToken"`
	RefreshToken string     `json:"refreshToken"`
	ExpiresAt    event.Time `json:"expiresAt"`
}

// group is what the tests read of a group.
type group struct {
	ID       int64     `json:"id"`
	Name     string    `json:"name"`
	Channels []channel `json:"channels"`
}

type channel struct {
	ID      int64  `json:"id"`
	GroupID int64  `json:"groupId"`
	Name    string `json:"name"`
	LastSeq int64  `json:"lastSeq"`
	Unread  int64  `json:"unread"`
}

// person signs somebody up.
func (c *cluster) person(t testing.TB, name string) *person {
	t.Helper()
	p := &person{t: t, c: c, name: name}
	var s session
	p.do(http.MethodPost, "/auth/register", map[string]string{"username": name, "password": "a good password", "displayName": name}, http.StatusCreated, &s)
	p.id, p.token = s.User.ID, s.AccessToken
	return p
}

// people signs several up at once: name-0, name-1 …
func (c *cluster) people(t testing.TB, name string, n int) []*person {
	t.Helper()
	all := make([]*person, n)
	var wg errgroup.Group
	wg.SetLimit(8)
	for i := range all {
		wg.Go(func() error {
			all[i] = c.person(t, fmt.Sprintf("%s-%d", name, i))
			return nil
		})
	}
	require.NoError(t, wg.Wait())
	return all
}

// answer is a response with its body.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) code() string {
	var p struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(a.body, &p)
	return p.Code
}

// client reuses connections; the tests of faults make many requests.
var client = &http.Client{
	Timeout:   patience,
	Transport: &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: 256},
}

// request makes one request to the API and returns what came back.
func (p *person) request(ctx context.Context, method, path string, body []byte) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, p.c.api.url()+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	a := answer{resp.StatusCode, resp.Header, data}
	if err == nil {
		p.requireDocumented(method, path, a)
	}
	return a, err
}

// do makes a request that must be answered with want, and decodes the answer.
func (p *person) do(method, path string, body any, want int, into any) {
	p.t.Helper()
	var data []byte
	if body != nil {
		var err error
		data, err = json.Marshal(body)
		require.NoError(p.t, err)
	}
	a, err := p.request(p.t.Context(), method, path, data)
	require.NoError(p.t, err)
	require.Equal(p.t, want, a.status, "%s %s: %s", method, path, a.body)
	if into != nil {
		require.NoError(p.t, json.Unmarshal(a.body, into))
	}
}

// group makes a group with its channel general, and adds members.
func (p *person) group(name string, members ...*person) group {
	p.t.Helper()
	var g group
	p.do(http.MethodPost, "/groups", map[string]string{"name": name}, http.StatusCreated, &g)
	for _, m := range members {
		p.add(g, m)
	}
	return g
}

func (p *person) add(g group, m *person) {
	p.t.Helper()
	p.do(http.MethodPost, fmt.Sprintf("/groups/%d/members", g.ID), map[string]int64{"userId": m.id}, http.StatusCreated, nil)
}

func (p *person) remove(g group, m *person) {
	p.t.Helper()
	p.do(http.MethodDelete, fmt.Sprintf("/groups/%d/members/%d", g.ID, m.id), nil, http.StatusNoContent, nil)
}

func (p *person) channel(g group, name string, private bool) channel {
	p.t.Helper()
	var c channel
	p.do(http.MethodPost, fmt.Sprintf("/groups/%d/channels", g.ID), map[string]any{"name": name, "private": private}, http.StatusCreated, &c)
	return c
}

// send sends a message that must be accepted at once.
func (p *person) send(c channel, hash, content string) {
	p.t.Helper()
	p.do(http.MethodPost, messagesPath(c), map[string]string{"content": content, "hash": hash}, http.StatusAccepted, nil)
}

func messagesPath(c channel) string {
	return fmt.Sprintf("/groups/%d/channels/%d/messages", c.GroupID, c.ID)
}

// insist sends a message until it is accepted, as clients do: whatever happens, with the same hash. It returns an error
// when ctx ends before.
func (p *person) insist(ctx context.Context, c channel, hash, content string) error {
	body, err := json.Marshal(map[string]string{"content": content, "hash": hash})
	if err != nil {
		return err
	}
	for {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		a, err := p.request(try, http.MethodPost, messagesPath(c), body)
		cancel()
		switch {
		case err == nil && a.status == http.StatusAccepted:
			return nil
		case err == nil && a.status != http.StatusServiceUnavailable:
			return fmt.Errorf("sending %s: status %d: %s", hash, a.status, a.body)
		case ctx.Err() != nil:
			return fmt.Errorf("sending %s: %w", hash, ctx.Err())
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// history reads a whole channel, page by page.
func (p *person) history(c channel) []event.Message {
	p.t.Helper()
	all, err := p.after(p.t.Context(), c, 0)
	require.NoError(p.t, err)
	return all
}

// after reads what follows a seq, insisting while the service is away.
func (p *person) after(ctx context.Context, c channel, seq int64) ([]event.Message, error) {
	var all []event.Message
	for {
		var page struct {
			Messages []event.Message `json:"messages"`
			HasMore  bool            `json:"hasMore"`
		}
		a, err := p.request(ctx, http.MethodGet, fmt.Sprintf("%s?after=%d&limit=200", messagesPath(c), seq), nil)
		switch {
		case err == nil && a.status == http.StatusOK:
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil || a.status == http.StatusServiceUnavailable:
			pause(ctx, 50*time.Millisecond)
			continue
		default:
			return nil, fmt.Errorf("history of channel %d: status %d: %s", c.ID, a.status, a.body)
		}
		if err := json.Unmarshal(a.body, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Messages...)
		if !page.HasMore {
			return all, nil
		}
		seq = all[len(all)-1].Seq
	}
}

// ledger notes what was accepted, to be found in the history exactly once.
type ledger struct {
	mu       sync.Mutex
	accepted map[int64][]string // hashes by channel
}

func newLedger() *ledger { return &ledger{accepted: make(map[int64][]string)} }

func (l *ledger) note(c channel, hash string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted[c.ID] = append(l.accepted[c.ID], hash)
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, hashes := range l.accepted {
		n += len(hashes)
	}
	return n
}

// check compares the history of a channel with what was accepted: everything once, numbered without gaps. It waits for
// messages that were accepted but are still on their way to the database.
func (l *ledger) check(reader *person, c channel) {
	t := reader.t
	t.Helper()
	l.mu.Lock()
	want := append([]string(nil), l.accepted[c.ID]...)
	l.mu.Unlock()
	var history []event.Message
	require.Eventually(t, func() bool {
		history = reader.history(c)
		return len(history) >= len(want)
	}, patience, 100*time.Millisecond, "accepted messages are missing in channel %d", c.ID)
	var got []string
	for i, m := range history {
		require.Equal(t, int64(i+1), m.Seq, "seq without gaps in channel %d", c.ID)
		got = append(got, m.Hash)
	}
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(t, want, got, "accepted and kept, exactly once, in channel %d", c.ID)
}
