package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
)

// jsTransport is what an application tells the official client about transports.
type jsTransport struct {
	name   string
	option []string // nil: nothing, so that it decides
	want   []string // what becomes of it
}

func jsTransports() []jsTransport {
	return []jsTransport{
		{"WebSocket", []string{"websocket"}, []string{"websocket"}},
		{"polling", []string{"polling"}, []string{"polling"}},
		{"upgrade", nil, []string{"polling", "websocket"}},
	}
}

// args are a client's for a person: where to connect, and which channel to follow.
func (p *person) args(socket string, tr jsTransport, ch channel) args {
	a := args{"url": socket, "api": p.c.api.url(), "token": p.token, "path": messagesPath(ch)}
	if tr.option != nil {
		a["transports"] = tr.option
	}
	return a
}

// inEachSetupAndTransport runs a scenario with each of the official client's transports.
func inEachSetupAndTransport(t *testing.T, scenario func(t *testing.T, c *cluster, tr jsTransport)) {
	t.Helper()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		for _, tr := range jsTransports() {
			t.Run(tr.name, func(t *testing.T) { scenario(t, c, tr) })
		}
	})
}

// requireHeardAll: a connection has heard every message from its first to its last, once and in order.
func requireHeardAll(t *testing.T, heard []int64) {
	t.Helper()
	require.NotEmpty(t, heard)
	for i, seq := range heard {
		require.Equal(t, heard[0]+int64(i), seq, "after %d", heard[max(0, i-1)])
	}
}

// TestOfficialClient: clients connect, and change their transport, while hundreds of messages pour in. None is lost, doubled or
// out of order.
func TestOfficialClient(t *testing.T) {
	t.Parallel()
	inEachSetupAndTransport(t, func(t *testing.T, c *cluster, tr jsTransport) {
		who := strings.ToLower(tr.name)
		ann, ben := c.person(t, "ann-"+who), c.person(t, "ben-"+who)
		general := ann.group("friends", ben).Channels[0]
		js := startJS(t)
		pour := ann.args("", tr, general)
		pour["name"] = "ann"
		js.do("pour", pour, nil)
		poured := func(n int) {
			require.Eventually(t, func() bool {
				var count int
				js.do("poured", args{"name": "ann"}, &count)
				return count >= n
			}, patience, pollPause)
		}
		poured(20)
		names := []string{"ben-0", "ben-1", "ben-2", "ann-0"}
		for i, name := range names {
			p := ben
			if strings.HasPrefix(name, "ann") {
				p = ann
			}
			js.connect(name, p.args(c.socket(i), tr, general))
		}
		for _, name := range names {
			js.do("until", args{"name": name, "transports": len(tr.want)}, nil)
		}
		poured(300)
		var sent int
		js.do("stop", args{"name": "ann"}, &sent)
		history := ann.history(general)
		require.Eventually(t, func() bool {
			history = ann.history(general)
			return len(history) >= sent
		}, patience, pollPause)
		require.Len(t, history, sent)
		for i, m := range history {
			require.Equal(t, fmt.Sprintf("ann_%d", i), m.Hash, "in the order in which they were sent")
		}

		for _, name := range names {
			js.do("until", args{"name": name, "known": sent}, nil)
			r := js.report(name)
			require.Equal(t, history, r.Known, name)
			require.Equal(t, [][]string{tr.want}, r.Transports, name)
			require.Empty(t, r.Errors, name)
			require.Empty(t, r.Ends, name)
			require.Len(t, r.Heard, 1)
			requireHeardAll(t, r.Heard[0])
			require.Equal(t, int64(sent), r.Heard[0][len(r.Heard[0])-1], "and the last one live")
			mine, others := event.MessageSent, event.MessageReceive
			if strings.HasPrefix(name, "ben") {
				mine, others = others, mine
			}
			require.Equal(t, len(r.Heard[0]), r.Events[mine], name)
			require.Zero(t, r.Events[others], name)
		}

		var ack struct {
			OK        bool
			ExpiresAt string
		}
		js.do("emit", args{"name": "ben-0", "event": event.Auth, "payload": args{"token": ben.token}}, &ack)
		require.True(t, ack.OK)
		require.NotEmpty(t, ack.ExpiresAt)
		var refused struct {
			OK    bool
			Error struct{ Code string }
		}
		js.do("emit", args{"name": "ben-0", "event": event.Auth, "payload": args{"token": "x"}}, &refused)
		require.False(t, refused.OK)
		require.Equal(t, "token_invalid", refused.Error.Code)
		js.do("emit", args{"name": "ben-0", "event": "nonsense", "payload": nil}, &refused)
		require.Equal(t, "unknown_event", refused.Error.Code)
		require.Empty(t, js.report("ben-0").Ends, "the connection goes on")
	})
}

// gate is a proxy in front of a socket server that holds WebSockets back until open is called.
func gate(t *testing.T, target string) (address string, open func()) {
	t.Helper()
	to, err := url.Parse(target)
	require.NoError(t, err)
	opened := make(chan struct{})
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("transport") == "websocket" {
			select {
			case <-opened:
			case <-r.Context().Done():
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	open = sync.OnceFunc(func() { close(opened) })
	t.Cleanup(func() {
		open()
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL, open
}

// TestOfficialClientUpgradesInMidStream: hundreds of messages come over long-polling, and hundreds more over the WebSocket that takes its place.
func TestOfficialClientUpgradesInMidStream(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		ann, ben := c.person(t, "ann"), c.person(t, "ben")
		general := ann.group("friends", ben).Channels[0]
		js := startJS(t)
		// Whose messages come as SENT, and as RECEIVE, which take different ways.
		heard := map[string]string{"ann-0": event.MessageSent, "ben-0": event.MessageReceive, "ben-1": event.MessageReceive}
		var gates []func()
		for name, p := range map[string]*person{"ann-0": ann, "ben-0": ben, "ben-1": ben} {
			address, open := gate(t, c.socket(len(gates)))
			gates = append(gates, open)
			js.connect(name, p.args(address, jsTransport{}, general))
		}
		pour := ann.args("", jsTransport{}, general)
		pour["name"] = "ann"
		js.do("pour", pour, nil)
		for name, event := range heard {
			js.do("until", args{"name": name, "event": event, "times": 200}, nil)
		}
		for _, open := range gates {
			open()
		}
		for name := range heard {
			js.do("until", args{"name": name, "transports": 2}, nil)
		}
		for name, event := range heard {
			js.do("until", args{"name": name, "event": event, "times": js.report(name).Events[event] + 200}, nil)
		}
		var sent int
		js.do("stop", args{"name": "ann"}, &sent)
		for name, event := range heard {
			js.do("until", args{"name": name, "event": event, "times": sent}, nil)
			r := js.report(name)
			require.Equal(t, [][]string{{"polling", "websocket"}}, r.Transports)
			require.GreaterOrEqual(t, r.BeforeUpgrade, 200)
			require.Len(t, r.Heard, 1)
			requireHeardAll(t, r.Heard[0])
			require.Len(t, r.Heard[0], sent)
			require.Equal(t, ann.history(general), r.Known)
			require.Empty(t, r.Ends)
		}
	})
}

// TestOfficialClientIsRefused: an application learns from data.code why it was not let in, is not made to try again in vain, and can try
// again with another token.
func TestOfficialClientIsRefused(t *testing.T) {
	t.Parallel()
	inEachSetupAndTransport(t, func(t *testing.T, c *cluster, tr jsTransport) {
		who := strings.ToLower(tr.name)
		ann, gone := c.person(t, "ann-"+who), c.person(t, "gone-"+who)
		general := ann.group("friends").Channels[0]
		parley(t, c.env, "", "user", "disable", gone.name)
		js := startJS(t)
		all := append(badTokens(t, c.secret(t), ann.id),
			badToken{name: "none", shake: "token_missing"}, badToken{name: "disabled", token: gone.token, shake: "user_disabled"})
		for i, bad := range all {
			if bad.shake == "token_invalid" && i%5 != 0 {
				continue // the server has been asked about each of them elsewhere
			}
			a := ann.args(c.socket(i), tr, general)
			a["socketToken"] = bad.token
			refused := js.try(bad.name, a)
			require.NotNil(t, refused, bad.name)
			require.NotNil(t, refused.Data, bad.name)
			require.Equal(t, bad.shake, refused.Data.Code, bad.name)
			require.NotEmpty(t, refused.Message, bad.name)
			require.False(t, refused.Active, bad.name)

			var again struct{ Error *jsError }
			js.do("retry", args{"name": bad.name, "token": ann.token}, &again)
			require.Nil(t, again.Error, bad.name)
		}
		a := ann.args(c.socket(0), tr, general)
		a["namespace"] = "/admin"
		refused := js.try("admin", a)
		require.NotNil(t, refused)
		require.Equal(t, "Invalid namespace", refused.Message)
		require.Equal(t, "unknown_namespace", refused.Data.Code)

		js.connect("mate", ann.args(c.socket(1), tr, general))
		parley(t, c.env, "", "user", "disable", ann.name)
		js.do("until", args{"name": "mate", "ends": 1}, nil)
		ends := js.report("mate").Ends
		require.Equal(t, "io server disconnect", ends[0].Reason)
		require.False(t, ends[0].Active, "it does not come back by itself")
	})
}

// TestOfficialClientComesBack: a server crashes, and then goes away in good order, while messages pour in. Clients come back
// by themselves and miss nothing.
func TestOfficialClientComesBack(t *testing.T) {
	t.Parallel()
	inEachSetupAndTransport(t, func(t *testing.T, c *cluster, tr jsTransport) {
		who := strings.ToLower(tr.name)
		ann, ben := c.person(t, "ann-"+who), c.person(t, "ben-"+who)
		general := ann.group("friends", ben).Channels[0]
		js := startJS(t)
		js.connect("ann-0", ann.args(c.socket(0), tr, general))
		js.connect("ben-0", ben.args(c.socket(0), tr, general))
		js.connect("ben-1", ben.args(c.socket(1), tr, general)) // in split roles, its server stays up
		names := []string{"ann-0", "ben-0", "ben-1"}
		for _, name := range names {
			js.do("until", args{"name": name, "transports": len(tr.want)}, nil)
		}
		pour := ann.args("", tr, general)
		pour["name"] = "ann"
		js.do("pour", pour, nil)
		goOn := func(n int) {
			for _, name := range names {
				js.do("until", args{"name": name, "known": len(js.report(name).Known) + n}, nil)
			}
		}

		goOn(50)
		c.sockets[0].kill()
		js.do("until", args{"name": "ben-0", "ends": 1}, nil)
		c.sockets[0].restart()
		js.do("until", args{"name": "ben-0", "event": event.Subscribed, "times": 2}, nil)
		js.do("until", args{"name": "ann-0", "event": event.Subscribed, "times": 2}, nil)
		goOn(50)
		for _, name := range names {
			js.do("until", args{"name": name, "transports": len(tr.want)}, nil)
		}

		c.sockets[0].signal(syscall.SIGTERM)
		js.do("until", args{"name": "ben-0", "event": event.Drain, "ends": 2}, nil)
		c.sockets[0].exits(0)
		c.sockets[0].restart()
		js.do("until", args{"name": "ben-0", "event": event.Subscribed, "times": 3}, nil)
		js.do("until", args{"name": "ann-0", "event": event.Subscribed, "times": 3}, nil)
		goOn(50)

		var sent int
		js.do("stop", args{"name": "ann"}, &sent)
		for _, name := range names {
			js.do("until", args{"name": name, "known": sent}, nil)
		}
		history := ann.history(general)
		require.Len(t, history, sent)
		for _, name := range names {
			r := js.report(name)
			require.Equal(t, history, r.Known, name)
			for _, heard := range r.Heard {
				requireAscending(t, heard)
			}
			for _, end := range r.Ends {
				require.True(t, end.Active, "%s: %s", name, end.Reason)
			}
			for i, transports := range r.Transports {
				require.Equal(t, tr.want[0], transports[0], "%s, connection %d", name, i)
			}
		}
		r := js.report("ben-0")
		require.Equal(t, "transport close", r.Ends[1].Reason, "of a server that goes away in good order")
		require.NotNil(t, r.Drain)
		require.NotNil(t, r.Drain.ReconnectInMs)
	})
}

// requireAscending: what a connection hears for the first time has a higher seq than all before.
func requireAscending(t *testing.T, heard []int64) {
	t.Helper()
	seen, highest := make(map[int64]bool), int64(0)
	for _, seq := range heard {
		if !seen[seq] {
			require.Greater(t, seq, highest)
			seen[seq], highest = true, seq
		}
	}
}
