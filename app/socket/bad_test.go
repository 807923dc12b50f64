package socket

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"parley/app/socket/sockettest"
)

// badPackets are what no client should send, and how a WebSocket is closed upon it; 0: by an answer, or not at all.
var badPackets = []struct {
	name   string
	packet string
	joined bool // the namespace is joined before
	code   int
}{
	{"empty", "", true, websocket.ClosePolicyViolation},
	{"unknown engine type", "9", true, websocket.ClosePolicyViolation},
	{"open", "0{}", true, websocket.ClosePolicyViolation},
	{"ping", "2", true, websocket.ClosePolicyViolation},
	{"upgrade", "5", true, websocket.ClosePolicyViolation},
	{"base64", "bAAAA", true, websocket.CloseUnsupportedData},
	{"not UTF-8", "42[\"\xff\"]", true, websocket.CloseInvalidFramePayloadData},
	{"empty message", "4", true, websocket.ClosePolicyViolation},
	{"unknown type", "48", true, websocket.ClosePolicyViolation},
	{"connect error", `44{"message":"x"}`, true, websocket.ClosePolicyViolation},
	{"binary event", `451-["a",{"_placeholder":true,"num":0}]`, true, websocket.ClosePolicyViolation},
	{"binary event without attachments", `450-["a"]`, true, websocket.ClosePolicyViolation},
	{"binary ack", `461-0[]`, true, websocket.ClosePolicyViolation},
	{"event without data", "42", true, websocket.ClosePolicyViolation},
	{"event without a name", "42[]", true, websocket.ClosePolicyViolation},
	{"event with a number for a name", "42[1]", true, websocket.ClosePolicyViolation},
	{"event that is no array", `42{"a":1}`, true, websocket.ClosePolicyViolation},
	{"event that is no JSON", `42["a",}`, true, websocket.ClosePolicyViolation},
	{"event cut off", `42["a"`, true, websocket.ClosePolicyViolation},
	{"event with a reserved name", `42["disconnect"]`, true, websocket.ClosePolicyViolation},
	{"event with an id too large", `4299999999999999999999["a"]`, true, websocket.ClosePolicyViolation},
	{"event nested too deeply", "42" + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), true, websocket.ClosePolicyViolation},
	{"event to another namespace", `42/admin,["a"]`, true, websocket.ClosePolicyViolation},
	{"ack without data", "431", true, websocket.ClosePolicyViolation},
	{"disconnect with data", "41{}", true, websocket.ClosePolicyViolation},
	{"disconnect of another namespace", "41/admin,", true, websocket.ClosePolicyViolation},
	{"second connect", "40", true, websocket.ClosePolicyViolation},
	{"connect to another namespace", "40/admin,", true, 0},
	{"connect to a namespace with odd letters", "40/\u2028\"\x01,{}", true, 0},
	{"ack that nobody asked for", "4399[]", true, 0},
	{"noop", "6", true, 0},
	{"pong that nobody asked for", "3", true, 0},
	{"pong with data", "3probe", true, 0},
	{"event before connect", `42["a"]`, false, websocket.ClosePolicyViolation},
	{"ack before connect", "430[]", false, websocket.ClosePolicyViolation},
	{"disconnect before connect", "41", false, websocket.ClosePolicyViolation},
	{"pong before connect", "3", false, 0},
	{"connect with a string", `40"token"`, false, websocket.ClosePolicyViolation},
	{"connect with an array", `40["token"]`, false, websocket.ClosePolicyViolation},
	{"connect that is no JSON", `40{"token":`, false, websocket.ClosePolicyViolation},
	{"connect with something behind", `40{}{}`, false, websocket.ClosePolicyViolation},
	{"connect nested too deeply", `40{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}", false, websocket.ClosePolicyViolation},
	{"connect with odd recovery data", `40{"pid":{},"offset":[1],"token":{"a":null}}`, false, 0},
	{"too large", "42[\"" + strings.Repeat("x", 64<<10) + "\"]", true, websocket.CloseMessageTooBig},
}

// Each bad packet costs its own client the connection, or is answered; nobody else notices.
func TestBadPacketsWebSocket(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	bystander := f.dial(t, sockettest.Options{})
	for _, test := range badPackets {
		t.Run(test.name, func(t *testing.T) {
			client := dialRaw(t, f.url)
			require.True(t, strings.HasPrefix(readText(t, client), "0"))
			if test.joined {
				require.NoError(t, client.WriteMessage(websocket.TextMessage, []byte("40")))
				require.True(t, strings.HasPrefix(readText(t, client), "40{"))
			}
			require.NoError(t, client.WriteMessage(websocket.TextMessage, []byte(test.packet)))
			if test.code == 0 { // still open: an answer comes
				joined := test.joined
				if strings.HasPrefix(test.packet, "40{") {
					require.True(t, strings.HasPrefix(readText(t, client), "40{"))
					joined = true
				}
				requireAlive(t, client, joined)
				return
			}
			for {
				_, packet, err := client.ReadMessage()
				if err == nil {
					require.NotContains(t, string(packet), "42")
					continue
				}
				require.True(t, websocket.IsCloseError(err, test.code), "%v", err)
				return
			}
		})
	}
	require.Empty(t, bystander.Reason())
	require.NoError(t, waitFor(t, func() bool { return f.Stats().Connections == 1 }))
}

// requireAlive checks that the connection works.
func requireAlive(t *testing.T, client *websocket.Conn, joined bool) {
	want := "40{"
	if joined {
		require.NoError(t, client.WriteMessage(websocket.TextMessage, []byte(`425["a"]`)))
		want = `435[{"error":{"code":"unknown_event"}}]`
	} else {
		require.NoError(t, client.WriteMessage(websocket.TextMessage, []byte("40")))
	}
	for packet := ""; !strings.HasPrefix(packet, want); {
		packet = readText(t, client)
	}
	require.NoError(t, client.Close())
}

// The same packets by POST: 400, or an answer.
func TestBadPacketsPolling(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	bystander := f.dial(t, sockettest.Options{Transport: sockettest.Polling})
	for _, test := range badPackets {
		t.Run(test.name, func(t *testing.T) {
			url := openPolling(t, f.url)
			if test.joined {
				url = joinPolling(t, f.url)
			}
			want := http.StatusOK
			switch test.code {
			case 0:
			case websocket.CloseMessageTooBig:
				want = http.StatusRequestEntityTooLarge
			default:
				want = http.StatusBadRequest
			}
			status, _ := request(t, http.MethodPost, url, test.packet)
			require.Equal(t, want, status)
			status, _ = request(t, http.MethodPost, url, "6")
			if want == http.StatusOK {
				require.Equal(t, want, status, "still open")
				_, _ = request(t, http.MethodPost, url, "1")
			} else {
				require.Equal(t, http.StatusBadRequest, status, "closed")
			}
		})
	}
	require.Empty(t, bystander.Reason())
}

// Requests that are no part of the protocol are refused with the original server's codes.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{AllowedOrigins: []string{"https://chat.example.com"}})
	base := f.url + "/socket.io/"
	sid := joinPolling(t, f.url)
	tests := []struct {
		name, method, url string
		header            []string
		status            int
		answer            string
	}{
		{"no transport", "GET", base + "?EIO=4", nil, 400, `{"code":0,"message":"Transport unknown"}`},
		{"unknown transport", "GET", base + "?EIO=4&transport=flashsocket", nil, 400, `{"code":0,"message":"Transport unknown"}`},
		{"no version", "GET", base + "?transport=polling", nil, 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"old version", "GET", base + "?EIO=3&transport=polling", nil, 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"unknown session", "GET", base + "?EIO=4&transport=polling&sid=x", nil, 400, `{"code":1,"message":"Session ID unknown"}`},
		{"handshake by POST", "POST", base + "?EIO=4&transport=polling", nil, 400, `{"code":2,"message":"Bad handshake method"}`},
		{"WebSocket without upgrade", "GET", base + "?EIO=4&transport=websocket", nil, 400, `{"code":3,"message":"Bad request"}`},
		{"JSONP", "GET", base + "?EIO=4&transport=polling&j=0", nil, 400, `{"code":3,"message":"Bad request"}`},
		{"another method", "DELETE", sid, nil, 400, `{"code":3,"message":"Bad request"}`},
		{"another origin", "GET", base + "?EIO=4&transport=polling", []string{"Origin", "https://evil.example.com"}, 403,
			`{"code":4,"message":"Origin not allowed"}`},
		{"no origin", "GET", base + "?EIO=4&transport=polling", []string{"Origin", "null"}, 403, `{"code":4,"message":"Origin not allowed"}`},
		{"odd origin", "GET", base + "?EIO=4&transport=polling", []string{"Origin", "http://%zz"}, 403, `{"code":4,"message":"Origin not allowed"}`},
		{"binary POST", "POST", sid, []string{"Content-Type", "application/octet-stream"}, 400, `{"code":3,"message":"Bad request"}`},
		{"and then", "POST", sid, nil, 400, `{"code":1,"message":"Session ID unknown"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { // one after the other: the last two belong together
			status, answer := request(t, test.method, test.url, "", test.header...)
			require.Equal(t, test.status, status)
			require.JSONEq(t, test.answer, answer)
		})
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	get := func(t *testing.T, url, method, origin string) (int, http.Header) {
		r, err := http.NewRequestWithContext(testContext(t), method, url+"/socket.io/?EIO=4&transport=polling", nil)
		require.NoError(t, err)
		r.Header.Set("Origin", origin)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode, resp.Header
	}
	listed := newFixture(t, Options{AllowedOrigins: []string{"https://chat.example.com"}})
	status, header := get(t, listed.url, http.MethodGet, "https://chat.example.com")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "https://chat.example.com", header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "Origin", header.Get("Vary"))
	status, header = get(t, listed.url, http.MethodOptions, "https://chat.example.com")
	require.Equal(t, http.StatusNoContent, status)
	require.Equal(t, "GET, POST", header.Get("Access-Control-Allow-Methods"))
	status, header = get(t, listed.url, http.MethodGet, listed.url)
	require.Equal(t, http.StatusOK, status, "the server's own")
	require.Empty(t, header.Get("Access-Control-Allow-Origin"))

	everywhere := newFixture(t, Options{AllowedOrigins: []string{"*"}})
	status, _ = get(t, everywhere.url, http.MethodGet, "https://anywhere.example.com")
	require.Equal(t, http.StatusOK, status)

	for _, transport := range allTransports {
		_, err := sockettest.Dial(testContext(t), listed.url, sockettest.Options{
			Transport: transport, Header: http.Header{"Origin": {"https://evil.example.com"}},
		})
		var refused *sockettest.StatusError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, http.StatusForbidden, refused.Status)
		listed.dial(t, sockettest.Options{Transport: transport, Header: http.Header{"Origin": {"https://chat.example.com"}}})
	}
}

// Binary WebSocket messages, and messages that are cut off, close the connection.
func TestBadFrames(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	bystander := f.dial(t, sockettest.Options{})

	client, conn := f.pair(t, sockettest.Options{})
	require.NoError(t, client.SendBinary([]byte{4, 2}))
	waitDone(t, client)
	require.Equal(t, ReasonProtocol, f.reason(t, conn.ID()))

	for _, garbage := range []string{"\x82", "\x81\xff", ""} { // and then nothing any more
		raw := dialRaw(t, f.url)
		_, err := raw.NetConn().Write([]byte(garbage))
		require.NoError(t, err)
		require.NoError(t, raw.NetConn().Close())
	}
	for garbage, code := range map[string]int{
		"\xff\xff\xff\xff":       websocket.CloseProtocolError,
		"\x81\x05hello":          websocket.CloseProtocolError, // not masked
		"GET / HTTP/1.1\r\n\r\n": websocket.CloseProtocolError,
		"\x81\xff" + "\x00\x00\x00\x00\x00\x01\x00\x01" + "mask": websocket.CloseMessageTooBig,
	} {
		raw := dialRaw(t, f.url)
		readText(t, raw)
		_, err := raw.NetConn().Write([]byte(garbage + strings.Repeat("more", 1000)))
		require.NoError(t, err)
		_, _, err = raw.ReadMessage()
		require.True(t, websocket.IsCloseError(err, code), "%q: %v", garbage, err)
		require.NoError(t, raw.Close())
	}
	require.NoError(t, waitFor(t, func() bool { return f.Stats().Sessions == 1 }))
	require.Empty(t, bystander.Reason())

	// WebSocket's own ping is answered.
	raw := dialRaw(t, f.url)
	pong := make(chan string, 1)
	raw.SetPongHandler(func(data string) error { pong <- data; return nil })
	require.NoError(t, raw.WriteMessage(websocket.PingMessage, []byte("hello")))
	require.NoError(t, raw.WriteMessage(websocket.TextMessage, []byte("40")))
	readText(t, raw)
	readText(t, raw)
	require.Equal(t, "hello", <-pong)
}

// One packet of a connected client ends a process that uses the library as it is: an EVENT without data is
// asserted to be an array in a goroutine of the library. Here it costs the client its connection, see badPackets.
func TestLibraryDiesOfAPacket(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(testContext(t), os.Args[0])
	child.Env = append(os.Environ(), childMode+"=library-dies")
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "%s", out)
	require.Contains(t, string(out), "panic: interface conversion: interface {} is nil, not []interface {}")
}

func TestOptions(t *testing.T) {
	t.Parallel()
	_, err := New(Options{MaxQueueBytes: -1, PingTimeout: -1, AllowedOrigins: []string{"chat.example.com", "https://a/b", "*"}})
	for _, want := range []string{"MaxQueueBytes", "PingTimeout", `"chat.example.com"`, `"https://a/b"`} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), `"*"`)
	s, err := New(Options{})
	require.NoError(t, err)
	require.Equal(t, []int{1 << 20, 64 << 10, 32}, []int{s.opts.MaxQueueBytes, s.opts.MaxPayload, s.opts.MaxEvents})
	_, err = json.Marshal(s.Stats())
	require.NoError(t, err)
}
