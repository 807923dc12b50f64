package socket

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/socket/sockettest"
)

// Draining refuses newcomers, delivers what is queued, and ends everyone's connection so that they come back.
func TestDrain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	var clients []*sockettest.Client
	var conns []*Conn
	for _, transport := range allTransports {
		client, conn := f.pair(t, sockettest.Options{Transport: transport})
		if transport == sockettest.Upgrade {
			<-client.Upgraded()
		}
		clients, conns = append(clients, client), append(conns, conn)
	}
	require.Equal(t, 3, f.BroadcastAll(NewFrame("DRAIN", json.RawMessage(`{"reconnectInMs":100}`))))
	var wg sync.WaitGroup
	for range 2 { // twice is the same as once
		wg.Go(func() {
			if err := f.Drain(testContext(t)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i, client := range clients {
		require.Equal(t, sockettest.TransportClose, waitDone(t, client))
		e, err := client.Next(testContext(t))
		require.NoError(t, err)
		require.Equal(t, "DRAIN", e.Name)
		require.Equal(t, ReasonDraining, f.reason(t, conns[i].ID()))
	}
	for _, transport := range allTransports {
		_, err := sockettest.Dial(testContext(t), f.url, sockettest.Options{Transport: transport})
		var refused *sockettest.StatusError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, http.StatusServiceUnavailable, refused.Status)
	}
	require.NoError(t, f.Drain(testContext(t)))
	require.Zero(t, f.Stats().Sessions)
}

// Who has not read what is queued by the end of the time given is cut off.
func TestDrainRunsOutOfTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{MaxQueueBytes: 1 << 30})
	slow, conn := f.pair(t, sockettest.Options{})
	slow.Pause()
	frame := bulk()
	for range 500 {
		conn.Emit(frame)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, f.Drain(ctx), context.DeadlineExceeded)
	require.Equal(t, ReasonDraining, f.reason(t, conn.ID()))
	require.NoError(t, waitFor(t, func() bool { return f.Stats().Sessions == 0 }))
}

// A server that nobody uses needs no stopping, and may be stopped at any time.
func TestDrainUnused(t *testing.T) {
	t.Parallel()
	s, err := New(Options{})
	require.NoError(t, err)
	require.NoError(t, s.Drain(context.Background()))
	require.NoError(t, s.Drain(context.Background()))
}

// Clients come and go in every way, at random, while rooms are joined and
// left and broadcasts go on. Whatever happens: OnDisconnect is called once for
// every OnConnect, and nothing is left in the end.
func TestStorm(t *testing.T) {
	t.Parallel()
	const workers, rounds = 8, 12
	var mu sync.Mutex
	calls := make(map[string]int)
	count := func(c *Conn, n int) {
		mu.Lock()
		defer mu.Unlock()
		calls[c.ID()] += n
	}
	server, err := New(Options{ConnectTimeout: 5 * time.Second})
	require.NoError(t, err)
	server.OnConnect(func(_ context.Context, c *Conn, token string) error {
		count(c, 1)
		c.Join("room", "user:"+token)
		return nil
	})
	server.OnConnected(func(c *Conn) { c.Emit(NewFrame("hello", nil)) })
	server.OnDisconnect(func(c *Conn, _ string) { count(c, 100) })
	server.On("echo", func(_ *Conn, payload json.RawMessage, ack func(any)) { ack(payload) })
	f := &fixture{Server: server, url: serveTest(t, server)}

	stop := make(chan struct{})
	var noise sync.WaitGroup
	noise.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			for i := range 20 {
				f.Broadcast("room", numberFrame(i), "user:2")
			}
			for _, c := range f.In("room") {
				c.Leave("room")
				c.Join("room")
			}
		}
	})
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(worker)))
			for range rounds {
				stormClient(t, f, rnd)
			}
		})
	}
	wg.Wait()
	close(stop)
	noise.Wait()
	require.NoError(t, f.Drain(testContext(t)))
	require.NotEmpty(t, calls)
	for id, n := range calls {
		require.Equal(t, 101, n, id)
	}
	namespace := 0
	server.lib.io.Sockets().Sockets().Range(func(_ sioSocketID, _ *sioSocket) bool { namespace++; return true })
	require.Zero(t, namespace, "nothing is left in the library, either")
}

// stormClient connects somehow, does a little, and leaves somehow.
func stormClient(t *testing.T, f *fixture, rnd *rand.Rand) {
	opts := sockettest.Options{Transport: allTransports[rnd.IntN(3)], Token: "1", OnEvent: func(sockettest.Event) {}}
	client, err := sockettest.Open(testContext(t), f.url, opts)
	if err != nil {
		t.Error(err)
		return
	}
	defer client.Close()
	if rnd.IntN(4) == 0 { // leaves while it is being let in
		_ = client.Send("40")
		client.Abort()
		return
	}
	if err := client.Connect(testContext(t)); err != nil {
		t.Error(err)
		return
	}
	if _, err := client.EmitAck(testContext(t), "echo", "x"); err != nil {
		t.Error(err)
		return
	}
	switch rnd.IntN(4) {
	case 0:
		client.Abort()
	case 1:
		for _, c := range f.In("user:1") {
			if c.ID() == client.ID() {
				c.Close("test")
			}
		}
	case 2:
		_ = client.Send("42")
	}
}
