package e2e

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
)

// example is the client library that docs/clients.md shows, and its driver.
func example(t *testing.T) *jsClients {
	t.Helper()
	return startDriver(t, filepath.Join(jsFolder, "example.mjs"), filepath.Join(jsExamples, "parley.mjs"))
}

// TestExampleClient: everybody talks while connections are cut and processes killed. In the end each client has exactly what the server has.
func TestExampleClient(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		people := c.people(t, "person", 3)
		reader := people[0]
		g := reader.group("friends", people[1:]...)
		general := g.Channels[0]
		for i := range 60 { // more than a client fetches at first
			reader.send(general, fmt.Sprintf("before_%d", i), "said before")
		}
		f, js := c.front(t), example(t)
		for _, p := range people {
			js.do("signIn", args{"name": p.name, "url": f.url, "username": p.name, "password": password}, nil)
			js.do("talk", args{"name": p.name, "channel": general.ID}, nil)
		}
		seq := int64(60)
		goOn := func(n int64) {
			seq += n
			for _, p := range people {
				js.do("has", args{"name": p.name, "channel": general.ID, "seq": seq}, nil)
			}
		}
		goOn(20)
		before := reader.history(general)[:60]
		change := func(round int) { // while connections are cut
			path := func(m event.Message) string { return fmt.Sprintf("%s/%d", messagesPath(general), m.MessageID) }
			edited, deleted := before[20+2*round], before[21+2*round]
			reader.do(http.MethodPatch, path(edited), map[string]string{"content": "said otherwise"}, http.StatusOK, nil)
			reader.do(http.MethodDelete, path(deleted), nil, http.StatusNoContent, nil)
			reader.do(http.MethodPatch, path(before[19]), map[string]string{"content": fmt.Sprintf("edited %d times", round)}, http.StatusOK, nil)
		}
		for round := range 3 {
			f.cut()
			change(round)
			goOn(20)
		}
		for i, p := range c.processes() {
			p.kill()
			p.restart()
			change(3 + i)
			goOn(20)
		}
		f.cut()
		sent := 0
		for _, p := range people {
			var n int
			js.do("stop", args{"name": p.name}, &n)
			sent += n
		}
		var history []event.Message
		require.Eventually(t, func() bool { // accepted, and about to be kept
			history = reader.history(general)
			return len(history) >= 60+sent
		}, patience, pollPause)
		require.Len(t, history, 60+sent, "once each")
		names, next := make(map[int64]string), make(map[int64]int)
		for _, p := range people {
			names[p.id] = p.name
		}
		for _, m := range history[60:] {
			require.Equal(t, fmt.Sprintf("%s %d", names[m.SenderID], next[m.SenderID]), m.Content, "in the order in which it was typed")
			next[m.SenderID]++
		}
		for _, p := range people {
			js.do("has", args{"name": p.name, "channel": general.ID, "seq": len(history), "settled": true}, nil)
			var all []event.Message
			js.do("all", args{"name": p.name, "channel": general.ID}, &all)
			require.Equal(t, history, all, p.name)
		}
		for _, p := range people {
			js.do("read", args{"name": p.name, "channel": general.ID}, nil)
			js.do("unread", args{"name": p.name, "channel": general.ID, "count": 0}, nil)
			for _, other := range people {
				if other != p {
					js.do("told", args{"name": other.name, "channel": general.ID, "user": p.id, "status": "READ", "seq": len(history) - 10}, nil)
				}
			}
		}
		t.Logf("%d messages", len(history))
	})
}

// TestExampleClientStaysSignedIn: it gets new tokens before the old ones expire, and keeps its connection; or gets a new one afterwards, if it could not.
func TestExampleClientStaysSignedIn(t *testing.T) {
	t.Parallel()
	inEachSetupWith(t, map[string]string{"PARLEY_AUTH_ACCESS_TTL": "2s"}, func(t *testing.T, c *cluster) {
		ann := c.person(t, "ann")
		general := ann.group("friends").Channels[0]
		f, js := c.front(t), example(t)
		js.do("signIn", args{"name": "ann", "url": f.url, "username": "ann", "password": password}, nil)
		tokens := make(map[string]bool)
		renewed := func(n int) (r struct {
			Token, Problem string
			Ends           int
		}) {
			clear(tokens)
			require.Eventually(t, func() bool {
				js.do("report", args{"name": "ann"}, &r)
				tokens[r.Token] = true
				return len(tokens) > n
			}, patience, pollPause)
			require.Empty(t, r.Problem)
			return r
		}
		require.Zero(t, renewed(3).Ends, "one connection, whose tokens were renewed in time")
		c.api.kill()
		if c.sockets[0] != c.api { // those whose tokens expire are let go
			require.Eventually(t, func() bool {
				var r struct{ Ends int }
				js.do("report", args{"name": "ann"}, &r)
				return r.Ends > 0
			}, patience, pollPause)
		}
		c.api.restart()
		renewed(1)
		js.do("say", args{"name": "ann", "channel": general.ID, "content": "still here"}, nil)
		js.do("has", args{"name": "ann", "channel": general.ID, "seq": 1, "settled": true}, nil)
	})
}

// chat is a running docs/examples/chat.mjs.
type chat struct {
	t     *testing.T
	stdin io.WriteCloser
	out   lockedBuffer
}

func startChat(t *testing.T, url string, p *person) *chat {
	t.Helper()
	cmd := jsProgram(t, []string{url, p.name, password}, filepath.Join(jsExamples, "chat.mjs"), filepath.Join(jsExamples, "parley.mjs"))
	c := &chat{t: t}
	cmd.Stdout, cmd.Stderr = &c.out, &c.out
	var err error
	c.stdin, err = cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, c.stdin.Close())
		if t.Failed() {
			_ = cmd.Process.Kill()
			t.Logf("%s saw:\n%s", p.name, c.out.String())
		}
		require.NoError(t, cmd.Wait(), "it ends by itself when nothing more is typed")
	})
	return c
}

// types types a line.
func (c *chat) types(line string) {
	c.t.Helper()
	_, err := io.WriteString(c.stdin, line+"\n")
	require.NoError(c.t, err)
}

// sees waits until something has been printed.
func (c *chat) sees(text string) {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return strings.Contains(c.out.String(), text) }, patience, pollPause, "%q in %s", text, &c.out)
}

// TestExampleChat: two people talk on the command line.
func TestExampleChat(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		ann, ben := c.person(t, "ann"), c.person(t, "ben")
		g := ann.group("friends", ben)
		general, second := g.Channels[0], ann.channel(g, "second", false)
		for i := range 60 {
			ann.send(general, fmt.Sprintf("before_%d", i), fmt.Sprintf("said before: %d", i))
		}
		f := c.front(t)
		one, other := startChat(t, f.url, ann), startChat(t, f.url, ben)
		one.sees("60 ann: said before: 59")
		one.types("Hello Ben!")
		other.sees("61 ann: Hello Ben!")
		f.cut()
		other.types("Hello Ann!")
		one.sees("62 ben: Hello Ann!")
		require.NotContains(t, one.out.String(), "\n1 ann: said before: 0")
		one.types("/older")
		one.sees("\n1 ann: said before: 0\n")
		one.types(fmt.Sprintf("/open %d", second.ID))
		one.sees("# second")
		one.types("Over here")
		one.sees("1 ann: Over here")
		require.Eventually(t, func() bool {
			other.types("/list")
			return strings.Contains(other.out.String(), fmt.Sprintf("%d second (1)", second.ID))
		}, patience, 100*time.Millisecond)
	})
}
