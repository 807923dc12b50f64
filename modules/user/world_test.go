package user

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/auth"
	"parley/app/bus"
	"parley/app/event"
	"parley/app/problem"
	"parley/app/store"
	"parley/app/store/storetest"
	"parley/app/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakePasswords hashes by writing backwards, and notes what it was asked.
type fakePasswords struct {
	mu    sync.Mutex
	asked []string
	// verifying is called, if set, before a password is verified.
	verifying func(password string)
}

func (f *fakePasswords) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, what)
}

// take returns what was asked since the last time.
func (f *fakePasswords) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := f.asked
	f.asked = nil
	return asked
}

func backwards(s string) string {
	var b strings.Builder
	for i := len(s) - 1; i >= 0; i-- {
		b.WriteByte(s[i])
	}
	return b.String()
}

func (f *fakePasswords) Hash(ctx context.Context, password string) (string, error) {
	f.note("hash")
	return backwards(password), ctx.Err()
}

func (f *fakePasswords) Verify(ctx context.Context, hash, password string) (bool, error) {
	f.note("verify")
	if f.verifying != nil {
		f.verifying(password)
	}
	return hash == backwards(password), ctx.Err()
}

func (f *fakePasswords) VerifyNone(ctx context.Context, _ string) error {
	f.note("verify none")
	return ctx.Err()
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a server with the accounts' endpoints and nothing else.
type world struct {
	t         *testing.T
	store     *store.Store
	service   *Service
	passwords *fakePasswords
	clock     *clock
	http      http.Handler
	agent     string // what calls
}

func newWorld(t *testing.T, s *store.Store, o Options) *world {
	t.Helper()
	w := &world{
		t: t, store: s, passwords: &fakePasswords{},
		clock: &clock{now: time.Date(2030, 1, 2, 12, 0, 0, 123e6, time.UTC)},
	}
	tokens, err := auth.NewTokens([]byte(strings.Repeat("k", 32)), 15*time.Minute, w.clock.Now)
	require.NoError(t, err)
	o.Now = w.clock.Now
	w.service = New(s, tokens, w.passwords, o)
	server := web.New(web.Options{
		Auth: w.service, Now: w.clock.Now,
		Translate: func(err error) *problem.Problem {
			if store.Map(err) != nil {
				return problem.Unavailable.WithCause(err)
			}
			return nil
		},
	})
	require.NoError(t, NewAPI(w.service, server).Init(&host{}))
	w.http = server
	return w
}

// inBoth runs a test with open registration on both dialects.
func inBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Run(t, func(t *testing.T, s *store.Store) { test(t, newWorld(t, s, Options{Registration: true})) })
}

// host is a node that runs tasks until the test ends it.
type host struct {
	ctx   context.Context
	tasks sync.WaitGroup
}

func (h *host) Logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (h *host) Go(_ string, run func(context.Context) error) {
	h.tasks.Go(func() { _ = run(h.ctx) })
}

// call makes a request and decodes the answer into what into points to.
func (w *world) call(method, path, token, body string, into any) int {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, web.Base+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("User-Agent", w.agent)
	answer := httptest.NewRecorder()
	w.http.ServeHTTP(answer, r)
	data, err := io.ReadAll(answer.Body)
	require.NoError(w.t, err)
	if into != nil {
		require.NoError(w.t, json.Unmarshal(data, into), string(data))
	}
	return answer.Code
}

// refused expects a problem and returns the names of the fields that it complains about.
func (w *world) refused(status int, code, method, path, token, body string) []string {
	w.t.Helper()
	var p struct {
		Code   string
		Errors []problem.Field
	}
	require.Equal(w.t, status, w.call(method, path, token, body, &p), p)
	require.Equal(w.t, code, p.Code)
	var fields []string
	for _, f := range p.Errors {
		require.NotEmpty(w.t, f.Message)
		fields = append(fields, f.Field)
	}
	return fields
}

// register makes an account whose password is its name written twice.
func (w *world) register(name string) Session {
	w.t.Helper()
	var s Session
	require.Equal(w.t, http.StatusCreated, w.call("POST", "/auth/register", "",
		`{"username":"`+name+`","password":"`+name+name+`"}`, &s))
	return s
}

func (w *world) login(name string) Session {
	w.t.Helper()
	var s Session
	require.Equal(w.t, http.StatusOK, w.call("POST", "/auth/login", "", credentials(name, name+name), &s))
	return s
}

func credentials(name, password string) string {
	data, _ := json.Marshal(map[string]string{"username": name, "password": password})
	return string(data)
}

func (w *world) refresh(token string) (Session, int) {
	w.t.Helper()
	var s Session
	status := w.call("POST", "/auth/refresh", "", `{"refreshToken":"`+token+`"}`, &s)
	return s, status
}

// events empties the outbox.
func (w *world) events() []event.Emit {
	w.t.Helper()
	var all []event.Emit
	_, err := w.store.Outbox(w.t.Context(), 1000, func(_ context.Context, msgs []bus.Message) error {
		for _, m := range msgs {
			e, err := event.Decode[event.Emit](m, event.TypeEmit)
			require.NoError(w.t, err)
			require.Equal(w.t, event.UserKey(e.Change.UserID), m.Key)
			all = append(all, e)
		}
		return nil
	})
	require.NoError(w.t, err)
	return all
}
