package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// wire is a WebSocket to the Socket.IO server without any manners.
type wire struct {
	t    *testing.T
	conn *websocket.Conn
}

// wire opens a WebSocket and reads the server's OPEN.
func (c *cluster) wire(t *testing.T) *wire {
	t.Helper()
	url := strings.Replace(c.socket(0), "http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
	conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), url, nil)
	require.NoError(t, err)
	_ = resp.Body.Close()
	w := &wire{t, conn}
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	require.Regexp(t, `^0\{"maxPayload":65536,.*"sid":"\w+","upgrades":\[\]\}$`, w.next())
	return w
}

// next is the next packet, "closed" with code and reason, or "cut off".
func (w *wire) next() string {
	w.t.Helper()
	for {
		_, data, err := w.conn.ReadMessage()
		closed := &websocket.CloseError{}
		switch {
		case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
			return strings.TrimSpace(fmt.Sprintf("closed %d %s", closed.Code, closed.Text))
		case err != nil:
			return "cut off"
		case string(data) == "2":
			w.text("3")
		default:
			return string(data)
		}
	}
}

func (w *wire) text(packet string) { _ = w.conn.WriteMessage(websocket.TextMessage, []byte(packet)) }

// join enters the main namespace and waits until everything that comes by itself has come.
func (w *wire) join(token string) {
	w.t.Helper()
	w.text(`40{"token":"` + token + `"}`)
	require.Regexp(w.t, `^40\{"sid":"[\w-]+"\}$`, w.next())
	require.Regexp(w.t, `^42\["SUBSCRIBED",`, w.next())
}

// badPacket is what a client sends, and what it gets for it.
type badPacket struct {
	name   string
	joined bool   // it has entered the namespace before
	send   string // a text message, unless
	kind   int    // says something else
	want   string // packets, and the end if it is one
}

// The end of the connection, or that it goes on.
const (
	protocolError = "closed 1008 protocol_error"
	goesOn        = "goes on"
)

// try sends a packet on a connection of its own and collects what comes back. Whether the connection goes on is seen by an
// unknown event, or by joining; both are always answered.
func (p badPacket) try(t *testing.T, c *cluster, token string) string {
	t.Helper()
	w := c.wire(t)
	defer func() { _ = w.conn.Close() }()
	if p.joined {
		w.join(token)
	}
	kind := websocket.TextMessage
	if p.kind != 0 {
		kind = p.kind
	}
	require.NoError(t, w.conn.WriteMessage(kind, []byte(strings.ReplaceAll(p.send, "TOKEN", token))))
	probe := func() { w.text(`40{"token":"` + token + `"}`) }
	if p.joined {
		probe = func() { w.text(`42999["STILL THERE?"]`) }
	}
	// A client waits for the answer to a CONNECT before it tries again.
	patient := !p.joined && strings.HasPrefix(p.send, "40")
	if !patient {
		probe()
	}
	var got []string
	for {
		packet := w.next()
		switch {
		case packet == `43999[{"error":{"code":"unknown_event"}}]`, !p.joined && strings.HasPrefix(packet, `40{"sid":`):
			return strings.Join(append(got, goesOn), "\n")
		case strings.HasPrefix(packet, "closed"), packet == "cut off":
			return strings.Join(append(got, packet), "\n")
		}
		got = append(got, packet)
		if patient {
			patient = false
			probe()
		}
	}
}

// TestBadPackets sends all kinds of nonsense over a WebSocket.
func TestBadPackets(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, nil)
	b := c.bystanders(t)
	mallory := c.person(t, "mallory")
	for _, p := range append(badBeforeJoining(), badAfterJoining(b)...) {
		t.Run(p.name, func(t *testing.T) {
			require.Equal(t, p.want, p.try(t, c, mallory.token))
			b.areServed()
		})
	}
}

func badBeforeJoining() []badPacket {
	const (
		noToken   = `44{"data":{"code":"token_missing","detail":"Sign in to do this."},"message":"Sign in to do this."}` + "\n" + goesOn
		badToken  = `44{"data":{"code":"token_invalid","detail":"Sign in again."},"message":"The access token is not valid."}` + "\n" + goesOn
		namespace = `,{"message":"Invalid namespace","data":{"code":"unknown_namespace"}}` + "\n" + goesOn
	)
	all := []badPacket{
		{name: "a ping from a client", send: "2"},
		{name: "a probe without polling", send: "2probe"},
		{name: "an OPEN from a client", send: "0{}"},
		{name: "an UPGRADE without a probe", send: "5"},
		{name: "a NOOP", send: "6", want: goesOn},
		{name: "a PONG nobody asked for", send: "3", want: goesOn},
		{name: "a CLOSE", send: "1", want: "closed 1000 transport_close"},
		{name: "nothing", send: ""},
		{name: "garbage", send: "hello"},
		{name: "NUL", send: "\x00"},
		{name: "an unknown Engine.IO type", send: "7"},
		{name: "base64", send: "bAAEC", want: "closed 1003 protocol_error"},
		{name: "binary", send: "\x00\x01\x02", kind: websocket.BinaryMessage, want: "closed 1003 protocol_error"},
		{name: "an empty binary message", send: "", kind: websocket.BinaryMessage, want: "closed 1003 protocol_error"},
		{name: "a CONNECT in a binary message", send: `40{"token":"TOKEN"}`, kind: websocket.BinaryMessage, want: "closed 1003 protocol_error"},
		{name: "invalid UTF-8", send: "40{\"token\":\"\xff\"}", want: "closed 1007 protocol_error"},
		{name: "a surrogate in UTF-8", send: "40{\"token\":\"\xed\xa0\x80\"}", want: "closed 1007 protocol_error"},
		{name: "64 KiB and one byte", send: "40" + strings.Repeat(" ", 64<<10-1), want: "closed 1009"},
		{name: "a message without a type", send: "4"},
		{name: "an unknown Socket.IO type", send: "47"},
		{name: "a letter for a Socket.IO type", send: "4x"},
		{name: "a binary event before CONNECT", send: `451-["x",{"_placeholder":true,"num":0}]`},
		{name: "a binary acknowledgement before CONNECT", send: "460-[]"},
		{name: "a CONNECT_ERROR from a client", send: "44{}"},
		{name: "an EVENT before CONNECT", send: `42["AUTH",{"token":"TOKEN"}]`},
		{name: "an EVENT before CONNECT that wants an answer", send: `421["AUTH",{"token":"TOKEN"}]`},
		{name: "an ACK before CONNECT", send: "430[]"},
		{name: "a DISCONNECT before CONNECT", send: "41"},
		{name: "a CONNECT with a list", send: "40[1]"},
		{name: "a CONNECT with a text", send: `40"TOKEN"`},
		{name: "a CONNECT with a number", send: "40-1"},
		{name: "a CONNECT with null", send: "40null"},
		{name: "a CONNECT with half an object", send: `40{"token":`},
		{name: "a CONNECT with two objects", send: `40{}{}`},
		{name: "a CONNECT with an id", send: `401{"token":"x"}`, want: badToken},
		{name: "a CONNECT without anything", send: "40", want: noToken},
		{name: "a CONNECT with an empty object", send: "40{}", want: noToken},
		{name: "a token that is a number", send: `40{"token":1}`, want: noToken},
		{name: "a token that is null", send: `40{"token":null}`, want: noToken},
		{name: "a token that is a list", send: `40{"token":["TOKEN"]}`, want: noToken},
		{name: "a token that is an object", send: `40{"token":{"token":"TOKEN"}}`, want: noToken},
		{name: "a token under another name", send: `40{"Token":"TOKEN"}`, want: noToken},
		{name: "a token with NUL", send: `40{"token":"TOKEN\u0000"}`, want: badToken},
		{name: "a token of 60 KiB", send: `40{"token":"` + strings.Repeat("a", 60<<10) + `"}`, want: badToken},
		{name: "lists in lists for a token", send: `40{"token":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, want: noToken},
		{name: "lists in lists beyond measure", send: `40{"token":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `}`},
		{name: "an unknown namespace", send: "40/admin,", want: "44/admin" + namespace},
		{name: "an unknown namespace without a comma", send: "40/admin", want: "44/admin" + namespace},
		{name: "an unknown namespace with a token", send: `40/admin,{"token":"TOKEN"}`, want: "44/admin" + namespace},
		{name: "a namespace with a query", send: "40/?token=x,", want: "44/?token=x" + namespace},
		{name: "a namespace of slashes", send: "40//,", want: "44//" + namespace},
		{name: "a long namespace", send: "40/" + strings.Repeat("n", 60<<10) + ",", want: "44/" + strings.Repeat("n", 60<<10) + namespace},
		{name: "an EVENT in an unknown namespace", send: `42/admin,["x"]`},
		{name: "a DISCONNECT from an unknown namespace", send: "41/admin,"},
	}
	return withDefault(all)
}

func badAfterJoining(b *bystanders) []badPacket {
	const unknown = `43%s[{"error":{"code":"unknown_event"}}]` + "\n" + goesOn
	refused := func(code, rest string) string {
		return `437[{"error":{"code":"` + code + `"` + rest + `},"ok":false}]` + "\n" + goesOn
	}
	malformed := refused("malformed_request", `,"detail":"AUTH takes {token}.","title":"The request could not be read."`)
	missing := refused("token_missing", `,"detail":"Sign in to do this.","title":"Sign in to do this."`)
	all := []badPacket{
		{name: "a second CONNECT", send: `40{"token":"TOKEN"}`},
		{name: "a second CONNECT without a token", send: "40"},
		{name: "a CONNECT to an unknown namespace besides", send: "40/admin,", want: `44/admin,{"message":"Invalid namespace","data":{"code":"unknown_namespace"}}` + "\n" + goesOn},
		{name: "an EVENT to an unknown namespace besides", send: `42/admin,["x"]`},
		{name: "an EVENT with nothing in it", send: "42"},
		{name: "an EVENT with an object", send: "42{}"},
		{name: "an EVENT with a text", send: `42"x"`},
		{name: "an EVENT without a name", send: "42[]"},
		{name: "an EVENT whose name is a number", send: "42[1]"},
		{name: "an EVENT whose name is null", send: "42[null]"},
		{name: "an EVENT whose name is a list", send: `42[["x"]]`},
		{name: "an EVENT cut off", send: `42["x"`},
		{name: "an EVENT with a comma too many", send: `42["x",]`},
		{name: "an EVENT with something behind it", send: `42["x"]x`},
		{name: "two EVENTs in one message", send: "42[\"x\"]\x1e42[\"y\"]"},
		{name: "an EVENT with a negative id", send: `42-1["x"]`},
		{name: "an EVENT with a long id", send: `4212345678901234567["x"]`},
		{name: "an EVENT with a name of the protocol", send: `42["connect"]`},
		{name: "an EVENT with another name of the protocol", send: `42["disconnecting"]`},
		{name: "an EVENT with lists in lists", send: `42["x",` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + "]"},
		{name: "an EVENT with bare NUL", send: "42[\"x\",\"\x00\"]"},
		{name: "an EVENT with invalid UTF-8", send: "42[\"x\",\"\xff\"]", want: "closed 1007 protocol_error"},
		{name: "an EVENT of 64 KiB and one byte", send: `42["x","` + strings.Repeat("a", 64<<10) + `"]`, want: "closed 1009"},
		{name: "a binary EVENT", send: `451-["x",{"_placeholder":true,"num":0}]`},
		{name: "binary after joining", send: "\x04", kind: websocket.BinaryMessage, want: "closed 1003 protocol_error"},
		{name: "an unknown EVENT", send: `42["x",{"a":1}]`, want: goesOn},
		{name: "an unknown EVENT that wants an answer", send: `420["x",{"a":1}]`, want: fmt.Sprintf(unknown, "0")},
		{name: "an unknown EVENT with the longest id", send: `429007199254740991["x"]`, want: fmt.Sprintf(unknown, "9007199254740991")},
		{name: "an EVENT that only servers send", send: `421["GROUP_MESSAGE_RECEIVE",{"channelId":1,"content":"x"}]`, want: fmt.Sprintf(unknown, "1")},
		{name: "an EVENT with many arguments", send: `421["x",1,null,[],{}]`, want: fmt.Sprintf(unknown, "1")},
		{name: "an EVENT without a letter in its name", send: `421[""]`, want: fmt.Sprintf(unknown, "1")},
		{name: "an EVENT with NUL in its name", send: `421["\u0000"]`, want: fmt.Sprintf(unknown, "1")},
		{name: "an ACK nobody asked for", send: "430[]", want: goesOn},
		{name: "an ACK without an id", send: "43[]", want: goesOn},
		{name: "an ACK with an object", send: "430{}"},
		{name: "an ACK with nothing in it", send: "430"},
		{name: "a DISCONNECT with something in it", send: "41{}"},
		{name: "a DISCONNECT", send: "41", want: "closed 1000 client_disconnect"},
		{name: "AUTH with a number", send: `427["AUTH",1]`, want: malformed},
		{name: "AUTH with a text", send: `427["AUTH","TOKEN"]`, want: malformed},
		{name: "AUTH with a list", send: `427["AUTH",["TOKEN"]]`, want: malformed},
		{name: "AUTH with true", send: `427["AUTH",true]`, want: malformed},
		{name: "AUTH with nothing", send: `427["AUTH"]`, want: malformed},
		{name: "AUTH with a token that is a number", send: `427["AUTH",{"token":1}]`, want: malformed},
		{name: "AUTH with a token that is an object", send: `427["AUTH",{"token":{}}]`, want: malformed},
		{name: "AUTH with null", send: `427["AUTH",null]`, want: missing},
		{name: "AUTH without a token", send: `427["AUTH",{}]`, want: missing},
		{name: "AUTH with a token that is null", send: `427["AUTH",{"token":null}]`, want: missing},
		{name: "AUTH with a token of somebody else", send: `427["AUTH",{"token":"` + b.speaker.token + `"}]`,
			want: refused("forbidden", `,"detail":"The token is another user's; open a new connection for it.","title":"You may not do this."`)},
		{name: "a bad AUTH that wants no answer", send: `42["AUTH",1]`, want: goesOn},
	}
	for i := range all {
		all[i].joined = true
	}
	return withDefault(all)
}

// withDefault has those who break the protocol be closed for it.
func withDefault(all []badPacket) []badPacket {
	for i := range all {
		if all[i].want == "" {
			all[i].want = protocolError
		}
	}
	return all
}

// TestTwoConnectsAtOnce: the second CONNECT comes before the first one has been answered.
func TestTwoConnectsAtOnce(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, nil)
	b := c.bystanders(t)
	mallory := c.person(t, "mallory")
	for range 20 {
		w := c.wire(t)
		w.text(`40{"token":"` + mallory.token + `"}`)
		w.text(`40{"token":"` + mallory.token + `"}`)
		var packet string
		for packet = w.next(); strings.HasPrefix(packet, "4"); packet = w.next() {
			require.Regexp(t, `^40\{"sid":|^42\["SUBSCRIBED",`, packet)
		}
		require.Equal(t, protocolError, packet)
		_ = w.conn.Close()
	}
	b.areServed()
}

// TestFloodOfEvents: every event of a flood is answered, in order, and nobody else waits for it.
func TestFloodOfEvents(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, nil)
	b := c.bystanders(t)
	w := c.wire(t)
	defer func() { _ = w.conn.Close() }()
	w.join(c.person(t, "mallory").token)
	const events = 5000
	go func() {
		for i := range events {
			w.text(fmt.Sprintf(`42%d["x"]`, i))
		}
	}()
	for i := range events {
		require.Equal(t, fmt.Sprintf(`43%d[{"error":{"code":"unknown_event"}}]`, i), w.next())
		if i%1000 == 0 {
			b.areServed()
		}
	}
}
