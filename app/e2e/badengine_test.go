package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// TestBadFrames: what is wrong below Engine.IO is answered by WebSocket itself.
func TestBadFrames(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, nil)
	b := c.bystanders(t)
	const protocol = "closed 1002"
	piece := func(first byte) string { return frame(first, strings.Repeat("a", 40<<10)) }
	for _, f := range []struct{ name, bytes, want string }{
		{"not masked", "\x81\x011", protocol},
		{"a reserved bit", frame(0xc1, "3"), protocol},
		{"a reserved opcode", frame(0x83, "3"), protocol},
		{"a continuation of nothing", frame(0x80, "3"), protocol},
		{"a text within a text", frame(0x01, "3") + frame(0x81, "3"), protocol},
		{"half a ping", frame(0x09, "x"), protocol},
		{"a long ping", frame(0x89, strings.Repeat("x", 126)), protocol},
		{"a close with a code that does not exist", frame(0x88, "\x00\x01"), protocol},
		{"a length beyond all numbers", "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", "cut off"},
		{"a length of 8 EiB", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", "closed 1009"},
		{"a long text in two pieces", piece(0x01) + piece(0x80), "closed 1009"},
		{"a CONNECT in pieces of one byte", frame(0x01, "4") + frame(0x80, "0"), `44{"data":{"code":"token_missing","detail":"Sign in to do this."},"message":"Sign in to do this."}`},
		{"a ping", frame(0x89, "x") + frame(0x81, "40"), `44{"data":{"code":"token_missing","detail":"Sign in to do this."},"message":"Sign in to do this."}`},
		{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", protocol},
	} {
		t.Run(f.name, func(t *testing.T) {
			got := tryBytes(t, c, f.bytes)
			if strings.HasPrefix(got, protocol) {
				got = protocol // and the library's words for it
			}
			require.Equal(t, f.want, got)
			b.areServed()
		})
	}
	t.Run("a close with half a code", func(t *testing.T) {
		got := tryBytes(t, c, frame(0x88, "\x03"))
		require.Contains(t, []string{"closed 1000 transport_close", "cut off"}, got, "who closes need not be told")
		b.areServed()
	})
}

// tryBytes sends bytes over a new WebSocket, past everything that makes frames of them, and returns what comes back.
func tryBytes(t *testing.T, c *cluster, bytes string) string {
	t.Helper()
	w := c.wire(t)
	defer func() { _ = w.conn.Close() }()
	_, err := io.WriteString(w.conn.NetConn(), bytes)
	require.NoError(t, err)
	return w.next()
}

// frame is a masked WebSocket frame with the given first byte.
func frame(first byte, payload string) string {
	head := []byte{first}
	if n := len(payload); n < 126 {
		head = append(head, 0x80|byte(n))
	} else {
		head = append(head, 0x80|126, byte(n>>8), byte(n))
	}
	return string(head) + "\x00\x00\x00\x00" + payload // a mask of zeros changes nothing
}

// TestBadEngineRequests: what is wrong below Socket.IO is answered over HTTP.
func TestBadEngineRequests(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, nil)
	b := c.bystanders(t)
	const (
		get, post    = "GET /socket.io/?", "POST /socket.io/?"
		polling      = "EIO=4&transport=polling"
		socket       = "EIO=4&transport=websocket"
		upgrade      = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		transport    = `400 {"code":0,"message":"Transport unknown"}`
		session      = `400 {"code":1,"message":"Session ID unknown"}`
		method       = `400 {"code":2,"message":"Bad handshake method"}`
		bad          = `400 {"code":3,"message":"Bad request"}`
		origin       = `403 {"code":4,"message":"Origin not allowed"}`
		version      = `400 {"code":5,"message":"Unsupported protocol version"}`
		unknownSID   = "&sid=AAAAAAAAAAAAAAAAAAAAAAAAAA"
		foreign      = "Origin: https://evil.example\r\n"
		foreignAlike = "Origin: http://parley.evil.example\r\n"
	)
	open := c.openPolling(t)
	require.Equal(t, "200 ok", describe(t, open.post("", `40{"token":"`+b.speaker.token+`"}`)))
	for _, r := range []badRequest{
		{"nothing asked for", "GET /socket.io/", "", "", transport},
		{"an unknown transport", get + "EIO=4&transport=webtransport", "", "", transport},
		{"a transport in capitals", get + "EIO=4&transport=POLLING", "", "", transport},
		{"no transport", get + "EIO=4", "", "", transport},
		{"the version before", get + "EIO=3&transport=polling", "", "", version},
		{"the version to come", get + "EIO=5&transport=polling", "", "", version},
		{"no version", get + "transport=polling", "", "", version},
		{"JSONP", get + polling + "&j=0", "", "", bad},
		{"a WebSocket without one", get + socket, "", "", bad},
		{"polling over a WebSocket", get + polling, upgrade, "", bad},
		{"a WebSocket of the version before", get + "EIO=3&transport=websocket", upgrade, "", version},
		{"a WebSocket of another protocol version", get + socket, strings.Replace(upgrade, "13", "8", 1), "", "400 Bad Request"},
		{"a WebSocket without a key", get + socket, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n", "", "400 Bad Request"},
		{"a WebSocket by POST", post + socket, upgrade, "", method},
		{"a handshake by POST", post + polling, "", "40", method},
		{"a handshake by PUT", "PUT /socket.io/?" + polling, "", "", method},
		{"a poll of an unknown session", get + polling + unknownSID, "", "", session},
		{"a packet to an unknown session", post + polling + unknownSID, "", "40", session},
		{"a WebSocket for an unknown session", get + socket + unknownSID, upgrade, "", session},
		{"a session id with NUL", get + polling + "&sid=%00", "", "", session},
		{"a session id of 20 KiB", get + polling + "&sid=" + strings.Repeat("A", 20<<10), "", "", session},
		{"DELETE of a session", "DELETE /socket.io/?" + polling + "&sid=" + open.sid, "", "", bad},
		{"a page from elsewhere", get + polling, foreign, "", origin},
		{"a page from an address that begins alike", get + polling, foreignAlike, "", origin},
		{"a page from nowhere", get + polling, "Origin: null\r\n", "", origin},
		{"a WebSocket of a page from elsewhere", get + socket, foreign + upgrade, "", origin},
		{"a session of a page from elsewhere", get + polling + "&sid=" + open.sid, foreign, "", origin},
	} {
		t.Run(r.name, func(t *testing.T) {
			a := exchange(t, c.api.addr, r.text(""))
			require.Equal(t, r.want, describe(t, a))
			b.areServed()
		})
	}
	a := open.get()
	require.Equal(t, http.StatusOK, a.status, "none of it did the open session any harm")
	require.Regexp(t, `^40\{"sid"`, string(a.body))
}

// TestBadPosts: whoever sends nonsense by long-polling loses the session, and nobody else does.
func TestBadPosts(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, nil)
	b := c.bystanders(t)
	mallory := c.person(t, "mallory")
	const bad = `400 {"code":3,"message":"Bad request"}`
	const tooLarge = `413 {"code":3,"message":"Payload too large"}`
	for _, p := range []struct{ name, head, body, want string }{
		{"nothing", "Content-Length: 0\r\n", "", bad},
		{"garbage", "", "hello", bad},
		{"separators alone", "", "\x1e\x1e", bad},
		{"a separator at the end", "", "42[\"x\"]\x1e", bad},
		{"a bad packet after a good one", "", "42[\"x\"]\x1e42{}", bad},
		{"a payload of Engine.IO 3", "", `8:42["x"]`, bad},
		{"base64", "", "bAAEC", bad},
		{"invalid UTF-8", "", "42[\"x\",\"\xff\"]", bad},
		{"NUL", "", "\x00", bad},
		{"octets", "Content-Type: application/octet-stream\r\n", "\x04", bad},
		{"64 KiB and one byte", "", "42" + strings.Repeat(" ", 64<<10-1), tooLarge},
		{"a megabyte in chunks", "Transfer-Encoding: chunked\r\n", "100000\r\n" + strings.Repeat(" ", 1<<20) + "\r\n0\r\n\r\n", tooLarge},
		{"a bad chunk", "Transfer-Encoding: chunked\r\n", "zz\r\n", bad},
		{"a second CONNECT", "", "40", bad},
		{"a CLOSE", "", "1", "200 ok"},
	} {
		t.Run(p.name, func(t *testing.T) {
			s := c.openPolling(t)
			s.join(mallory.token)
			require.Equal(t, p.want, describe(t, s.post(p.head, p.body)))
			require.Equal(t, `400 {"code":1,"message":"Session ID unknown"}`, describe(t, s.get()))
			b.areServed()
		})
	}

	t.Run("two polls at a time", func(t *testing.T) {
		s := c.openPolling(t)
		s.join(mallory.token)
		answers := make(chan string)
		for range 2 {
			go func() {
				a, err := roundTrip(t.Context(), c.sockets[0].addr, badRequest{line: "GET " + s.base}.text(""))
				answers <- fmt.Sprint(a.status, " ", strings.TrimSpace(string(a.body)), err)
			}()
		}
		require.ElementsMatch(t, []string{bad + "<nil>", "200 1<nil>"}, []string{<-answers, <-answers})
		b.areServed()
	})
}

// TestWebSocketForASessionThatHasOne: a session cannot be taken over, neither by another WebSocket nor by polling.
func TestWebSocketForASessionThatHasOne(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, nil)
	b := c.bystanders(t)
	s := c.openPolling(t)
	s.join(b.speaker.token)
	first := s.webSocket()
	first.text("2probe")
	require.Equal(t, "3probe", first.next())
	second := s.webSocket()
	require.Equal(t, "closed 1008 no upgrade is possible", second.next(), "while the first one is being tried")
	first.text("5")
	first.text(`421["x"]`)
	require.Equal(t, `431[{"error":{"code":"unknown_event"}}]`, first.next())

	require.Equal(t, `400 {"code":3,"message":"Bad request"}`, describe(t, s.get()))
	require.Equal(t, `400 {"code":3,"message":"Bad request"}`, describe(t, s.post("", "1")))
	require.Equal(t, "closed 1008 no upgrade is possible", s.webSocket().next())
	b.areServed()
	require.Regexp(t, `^42\["GROUP_MESSAGE_SENT",`, first.next(), "it goes on")
}

// pollingSession is a session as a client without any manners has it.
type pollingSession struct {
	t    *testing.T
	c    *cluster
	sid  string
	base string
}

func (c *cluster) openPolling(t *testing.T) *pollingSession {
	t.Helper()
	base := "/socket.io/?EIO=4&transport=polling"
	a := exchange(t, c.sockets[0].addr, badRequest{line: "GET " + base}.text(""))
	require.Equal(t, http.StatusOK, a.status)
	var hello struct {
		SID      string
		Upgrades []string
	}
	require.NoError(t, json.Unmarshal(a.body[1:], &hello))
	require.Equal(t, []string{"websocket"}, hello.Upgrades)
	return &pollingSession{t, c, hello.SID, base + "&sid=" + hello.SID}
}

// webSocket opens a WebSocket for the session.
func (s *pollingSession) webSocket() *wire {
	s.t.Helper()
	url := "ws://" + s.c.sockets[0].addr + strings.Replace(s.base, "polling", "websocket", 1)
	conn, resp, err := websocket.DefaultDialer.DialContext(s.t.Context(), url, nil)
	require.NoError(s.t, err)
	_ = resp.Body.Close()
	s.t.Cleanup(func() { _ = conn.Close() })
	return &wire{s.t, conn}
}

func (s *pollingSession) get() answer {
	return exchange(s.t, s.c.sockets[0].addr, badRequest{line: "GET " + s.base}.text(""))
}

// join enters the main namespace and polls everything that comes by itself.
func (s *pollingSession) join(token string) {
	s.t.Helper()
	require.Equal(s.t, "200 ok", describe(s.t, s.post("", `40{"token":"`+token+`"}`)))
	for got := ""; !strings.Contains(got, "SUBSCRIBED"); {
		a := s.get()
		require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
		got = string(a.body)
	}
}

func (s *pollingSession) post(head, body string) answer {
	return exchange(s.t, s.c.sockets[0].addr, badRequest{line: "POST " + s.base, head: head, body: body}.text(""))
}
