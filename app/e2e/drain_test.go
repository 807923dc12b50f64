package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"parley/app/event"
	"parley/app/socket/sockettest"
)

// signal sends a signal to the process.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
}

// exits waits until the process has ended, with the given code.
func (p *process) exits(code int) {
	p.t.Helper()
	select {
	case <-p.exited:
		require.Equal(p.t, code, p.cmd.ProcessState.ExitCode(), "%s\n%s", p.name, tail(p.log.String(), 60))
	case <-time.After(patience):
		p.t.Fatalf("%s does not end\n%s", p.name, tail(p.log.String(), 60))
	}
}

// unready waits until /readyz says that the process is not to be sent anything any more, or nobody listens.
func (p *process) unready() {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return status(p.url()+"/readyz") != http.StatusOK }, patience, 10*time.Millisecond)
}

// upload is a request of which the server has begun to read the body, and not got all.
type upload struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	rest string
}

// upload begins to send a message. When it returns, the request is in the hands of the API, which waits for the body.
func (p *person) upload(t *testing.T, ch channel, hash, content string) *upload {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.c.api.addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(2*patience)))
	body := fmt.Sprintf(`{"content":%q,"hash":%q}`, content, hash)
	_, err = fmt.Fprintf(conn, "POST /api/v1%s HTTP/1.1\r\nHost: parley\r\nAuthorization: Bearer %s\r\n%sContent-Length: %d\r\nExpect: 100-continue\r\n\r\n%s",
		messagesPath(ch), p.token, jsonHead, len(body), body[:10])
	require.NoError(t, err)
	u := &upload{t, conn, bufio.NewReader(conn), body[10:]}
	line, err := u.r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line, "it is sent when the body is first read")
	_, err = u.r.ReadString('\n')
	require.NoError(t, err)
	return u
}

// finish sends the rest and reads the answer.
func (u *upload) finish() answer {
	u.t.Helper()
	_, err := io.WriteString(u.conn, u.rest)
	require.NoError(u.t, err)
	a, err := readAnswer(u.r)
	require.NoError(u.t, err)
	return a
}

// TestDrain: a process that is asked to stop tells its clients, finishes what it has in hand, and ends with 0.
func TestDrain(t *testing.T) {
	t.Parallel()
	inEachSetupWith(t, map[string]string{"PARLEY_SHUTDOWN_TIMEOUT": "50s"}, func(t *testing.T, c *cluster) {
		ann, ben := c.person(t, "ann"), c.person(t, "ben")
		general := ann.group("friends", ben).Channels[0]
		var clients []*sockettest.Client
		for _, transport := range []sockettest.Transport{sockettest.WebSocket, sockettest.Polling, sockettest.Upgrade, sockettest.Polling} {
			clients = append(clients, dial(t, c.socket(0), sockettest.Options{Token: ben.token, Transport: transport}))
		}
		sending := ann.upload(t, general, "h1", "sent while the server went away")

		// The socket server with the clients, and the API with the message: one process, or two.
		stopped := []*process{c.sockets[0]}
		if c.api != c.sockets[0] {
			stopped = append(stopped, c.api)
		}
		for _, p := range stopped {
			p.signal(syscall.SIGTERM)
			p.unready()
		}
		for _, client := range clients {
			requireDrained(t, client)
		}
		for _, p := range stopped {
			require.NotEqual(t, http.StatusOK, status(p.url()+"/readyz"))
		}
		_, err := sockettest.Dial(t.Context(), c.sockets[0].url(), sockettest.Options{Token: ben.token})
		require.Error(t, err, "no new connections")
		a := sending.finish()
		require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
		for _, p := range stopped {
			p.exits(0)
			p.restart()
		}
		listener := ben.device(0, general)
		listener.has(general, 1)
		listener.check(general)
		require.Equal(t, "h1", ann.history(general)[0].Hash)
	})
}

// dial connects and waits until the client is subscribed.
func dial(t *testing.T, url string, o sockettest.Options) *sockettest.Client {
	t.Helper()
	client, err := sockettest.Dial(t.Context(), url, o)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	_, err = client.Await(t.Context(), event.Subscribed)
	require.NoError(t, err)
	return client
}

// requireDrained waits for the end of a connection: first the client is told when to come back, and to where it was, it can
// come back by itself.
func requireDrained(t *testing.T, client *sockettest.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	told, err := client.Await(ctx, event.Drain)
	require.NoError(t, err)
	var drain struct{ ReconnectInMs *int64 }
	require.NoError(t, told.Decode(&drain))
	require.NotNil(t, drain.ReconnectInMs, "%s", told.Payload)
	require.GreaterOrEqual(t, *drain.ReconnectInMs, int64(0))
	require.Less(t, *drain.ReconnectInMs, int64(5000))
	select {
	case <-client.Done():
	case <-ctx.Done():
		t.Fatal("the connection does not end")
	}
	require.Equal(t, sockettest.TransportClose, client.Reason(), "the reason upon which official clients come back")
}

// TestStopsWithoutBeingAskedTwice: clients that do nothing, or not enough, do not keep a process from ending well.
//
// The time is short: a single dawdler that was waited for to its end would leave none to the others.
func TestStopsWithoutBeingAskedTwice(t *testing.T) {
	t.Parallel()
	env := map[string]string{"PARLEY_SHUTDOWN_TIMEOUT": "12s", "PARLEY_MESSAGE_MAX_LENGTH": "16000"}
	inEachSetupWith(t, env, func(t *testing.T, c *cluster) {
		ann, ben := c.person(t, "ann"), c.person(t, "ben")
		general := ann.group("friends", ben).Channels[0]
		deaf := dial(t, c.socket(0), sockettest.Options{Token: ben.token, ReadBuffer: 4096})
		deaf.Pause()         // it reads one more message, and then never again
		for i := range 270 { // more than Linux takes for a connection by default, and less than the server keeps besides
			ann.send(general, fmt.Sprintf("h%d", i), strings.Repeat("x", 16000))
		}
		dawdling := ann.upload(t, general, "dawdling", "never finished")
		poll := c.openPolling(t)
		poll.join(ben.token) // and never polls again
		c.openPolling(t)     // never joins
		c.wire(t)            // nor does it
		idle, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", c.sockets[0].addr)
		require.NoError(t, err)
		defer func() { _ = idle.Close() }()
		for _, p := range c.processes() {
			p.signal(syscall.SIGTERM)
		}
		a, err := readAnswer(dawdling.r)
		require.NoError(t, err)
		require.Equal(t, "503 unavailable: The server is stopping.", describe(t, a))
		for _, p := range c.processes() {
			p.exits(0)
		}
	})
}

// processes are all that there are, each once.
func (c *cluster) processes() []*process {
	all := append([]*process{c.api, c.worker}, c.sockets...)
	slices.SortStableFunc(all, func(a, b *process) int { return strings.Compare(a.name, b.name) })
	return slices.Compact(all)
}

// TestSecondSignalKills: who cannot wait does not have to.
func TestSecondSignalKills(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, map[string]string{"PARLEY_SHUTDOWN_TIMEOUT": "1h"})
	ann := c.person(t, "ann")
	general := ann.group("friends").Channels[0]
	ann.upload(t, general, "h1", "never finished")
	c.api.signal(syscall.SIGTERM)
	c.api.unready()
	require.Eventually(t, func() bool { // one that comes right after the first is taken for its echo
		select {
		case <-c.api.exited:
			return true
		default:
			_ = c.api.cmd.Process.Signal(syscall.SIGINT)
			return false
		}
	}, patience, 50*time.Millisecond)
	c.api.exits(130)
	require.Contains(t, c.api.log.String(), "parley: stopping; interrupt again to kill\n")
	require.Contains(t, c.api.log.String(), "parley: killed\n")
	c.api.restart()
	require.Empty(t, ann.history(general), "nothing was promised")
}

// TestStopBeforeStarted: a process that is still coming up can be stopped, too.
func TestStopBeforeStarted(t *testing.T) {
	t.Parallel()
	p := launch(t, "parley", base(t))
	p.signal(syscall.SIGINT)
	select {
	case <-p.exited: // before it could catch signals, perhaps
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	require.NotContains(t, p.log.String(), "panic")
}

// TestRollingRestart: one process after the other is stopped and started anew while people talk. Nothing that was accepted is lost, and
// every process ends well.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		people := c.people(t, "person", 4)
		general := people[0].group("friends", people[1:]...).Channels[0]
		var devices []*device
		for i, p := range people {
			devices = append(devices, p.device(i, general))
		}
		book := newLedger()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var senders errgroup.Group
		for _, p := range people {
			senders.Go(func() error {
				for n := 0; ctx.Err() == nil; n++ {
					hash := fmt.Sprintf("%s_%d", p.name, n)
					if err := p.insist(t.Context(), general, hash, "message "+hash); err != nil {
						return err
					}
					book.note(general, hash)
				}
				return nil
			})
		}
		for _, p := range c.processes() {
			before := book.count()
			require.Eventually(t, func() bool { return book.count() >= before+50 }, patience, 10*time.Millisecond)
			p.stop()
			p.restart()
		}
		before := book.count()
		require.Eventually(t, func() bool { return book.count() >= before+50 }, patience, 10*time.Millisecond)
		stop()
		require.NoError(t, senders.Wait())
		book.check(people[0], general)
		for _, d := range devices {
			d.check(general)
		}
	})
}
