package e2e

import (
	"fmt"
	"path/filepath"
	"testing"

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
		for range 3 {
			f.cut()
			goOn(20)
		}
		for _, p := range c.processes() {
			p.kill()
			p.restart()
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
		t.Logf("%d messages", len(history))
	})
}
