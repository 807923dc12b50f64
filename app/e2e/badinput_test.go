package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bystanders are two people who do nothing wrong: one talks, the other one's device listens. Whatever somebody else sends, they are
// served as ever.
type bystanders struct {
	t        testing.TB
	speaker  *person
	listener *device
	channel  channel
	said     int
}

func (c *cluster) bystanders(t *testing.T) *bystanders {
	t.Helper()
	speaker, listener := c.person(t, "speaker"), c.person(t, "listener")
	general := speaker.group("bystanders", listener).Channels[0]
	return &bystanders{t: t, speaker: speaker, listener: listener.device(0, general), channel: general}
}

// areServed says something and waits until it is heard, over the connection that was there all the time.
func (b *bystanders) areServed() {
	b.t.Helper()
	b.said++
	b.speaker.send(b.channel, fmt.Sprintf("aside-%d", b.said), "Never mind them.")
	b.listener.has(b.channel, b.said)
	b.listener.await(func() bool { return len(b.listener.contents) == b.said && b.listener.subscribed == 1 }, "what was said, live")
}

// exchange sends bytes to a server, whatever they are, and returns the answer.
func exchange(t *testing.T, addr, raw string) answer {
	t.Helper()
	a, err := roundTrip(t.Context(), addr, raw)
	require.NoError(t, err)
	return a
}

// roundTrip is exchange for other goroutines than the test's.
func roundTrip(ctx context.Context, addr, raw string) (answer, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return answer{}, err
	}
	go func() { _, _ = io.WriteString(conn, raw) }() // a server may answer, and close, before it has read all
	return readAnswer(bufio.NewReader(conn))
}

func readAnswer(r *bufio.Reader) (answer, error) {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, body}, err
}

// describe puts everything that a client may rely on in one line: the status and, of a problem, its code, its detail and what is
// wrong with each field.
func describe(t *testing.T, a answer) string {
	t.Helper()
	if a.header.Get("Content-Type") != "application/problem+json" {
		return strings.TrimSpace(strconv.Itoa(a.status) + " " + string(a.body))
	}
	var p struct {
		Type, Title, Detail, Code string
		Status                    int
		Errors                    []struct{ Field, Message string }
	}
	require.NoError(t, json.Unmarshal(a.body, &p))
	require.Equal(t, a.status, p.Status)
	require.Equal(t, "urn:parley:problem:"+p.Code, p.Type)
	require.NotEmpty(t, p.Title)
	require.NotEmpty(t, a.header.Get("X-Request-Id"), "what the log calls the request")
	switch a.status {
	case http.StatusUnauthorized:
		require.Equal(t, "Bearer", a.header.Get("WWW-Authenticate"))
	case http.StatusMethodNotAllowed:
		require.NotEmpty(t, a.header.Get("Allow"))
	}
	s := strconv.Itoa(a.status) + " " + p.Code
	if p.Detail != p.Title {
		detail, _, _ := strings.Cut(p.Detail, ": invalid character") // the rest is encoding/json's, and may change with it
		s += ": " + detail
	}
	for _, e := range p.Errors {
		s += "; " + e.Field + " " + e.Message
	}
	return s
}

// badRequest is a request and its answer.
type badRequest struct {
	name string
	line string // method and target
	head string // besides Host and Content-Length, each line with its CRLF; BEARER stands for a good access token
	body string
	want string
}

// Answers that several requests get.
const (
	emptyBody    = "400 malformed_request: The body is empty; a JSON object is expected."
	trailing     = "400 malformed_request: Something follows after the body's JSON object."
	notUTF8      = "400 malformed_request: The body is not valid UTF-8."
	notAnObject  = "400 validation_failed; body must be an object"
	tooLarge     = "413 body_too_large: At most 65536 bytes are read."
	noSuchUser   = "400 validation_failed; userId no such user"
	badUserID    = "400 validation_failed; userId must be a whole number"
	badHash      = "400 validation_failed; hash must be 1 to 64 characters of A-Z a-z 0-9 _ -"
	badLimit     = "400 validation_failed; limit must be a whole number from 1 to 200"
	badAfter     = "400 validation_failed; after must be a whole number, not negative"
	tokenMissing = "401 token_missing: Send the header Authorization: Bearer <access token>."
)

const jsonHead = "Content-Type: application/json\r\n"
const bearerHead = "Authorization: BEARER\r\n"

// text is the request as it goes over the wire.
func (r badRequest) text(token string) string {
	head := "Host: parley\r\nConnection: close\r\n" + strings.ReplaceAll(r.head, "BEARER", "Bearer "+token)
	if r.body != "" && !strings.Contains(head, "Transfer-Encoding") && !strings.Contains(head, "Content-Length") {
		head += fmt.Sprintf("Content-Length: %d\r\n", len(r.body))
	}
	return r.line + " HTTP/1.1\r\n" + head + "\r\n" + r.body
}

// TestBadRequests sends all kinds of nonsense to the HTTP API.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, nil)
	b := c.bystanders(t)
	var all []badRequest
	all = append(all, badBodies()...)
	all = append(all, badFields(b.channel)...)
	all = append(all, badAddresses(b.channel)...)
	all = append(all, badQueries(b.channel)...)
	all = append(all, badHeads()...)
	for _, r := range all {
		t.Run(r.name, func(t *testing.T) {
			a := exchange(t, c.api.addr, r.text(b.speaker.token))
			require.Equal(t, r.want, describe(t, a))
			b.areServed()
		})
	}
}

func badBodies() []badRequest {
	const register = "POST /api/v1/auth/register"
	with := func(name, body, want string) badRequest {
		return badRequest{name, register, jsonHead, body, want}
	}
	account := func(more string) string {
		return `{"username":"mallory","password":"a good password"` + more + `}`
	}
	return []badRequest{
		with("no body", "", emptyBody),
		with("blank body", " \r\n\t", emptyBody),
		with("null", "null", "400 validation_failed; body must not be null"),
		with("a list", "[]", notAnObject),
		with("a text", `"x"`, notAnObject),
		with("a number", "1", notAnObject),
		with("not JSON", "username=mallory", "400 malformed_request: The body is not valid JSON at byte 1"),
		with("single quotes", `{'username':'mallory'}`, "400 malformed_request: The body is not valid JSON at byte 2"),
		with("a comment", `{/* me */"username":"mallory"}`, "400 malformed_request: The body is not valid JSON at byte 2"),
		with("a byte order mark", "\ufeff"+account(""), "400 malformed_request: The body is not valid JSON at byte 1"),
		with("cut off", `{"username":"mallory"`, "400 malformed_request: The body's JSON ends too early."),
		with("a comma too many", `{"username":"mallory",}`, "400 malformed_request: The body is not valid JSON at byte 23"),
		with("a second object", account("")+"{}", trailing),
		with("something after the object", account("")+"x", trailing),
		with("a field twice", account(`,"username":"eve"`), "400 validation_failed; username is given twice"),
		with("an unknown field", account(`,"admin":true`), "400 validation_failed; admin is not a known field"),
		with("a field in capitals", `{"Username":"mallory","password":"a good password"}`, "400 validation_failed; Username is not a known field"),
		with("unknown fields in unknown fields", account(`,"a":{"b":[{"c":1}]}`), "400 validation_failed; a is not a known field"),
		with("an odd field name", account(`,"a\u0000\u0007b`+strings.Repeat("é", 100)+`":1`), "400 validation_failed; a��béééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé… is not a known field"),
		with("wrong types", `{"username":1,"password":true,"displayName":["M"]}`, "400 validation_failed; username must be a string; password must be a string; displayName must be a string"),
		with("objects for texts", `{"username":{},"password":{"a":[{}]},"displayName":null}`, "400 validation_failed; username must be a string; password must be a string"),
		with("nulls", `{"username":null,"password":null}`, "400 validation_failed; username must not be null; password must not be null"),
		with("NUL, escaped", `{"username":"mallory","password":"a good\u0000password"}`, "400 validation_failed; password must not contain the NUL character"),
		with("NUL, bare", "{\"username\":\"mallory\",\"password\":\"a good\x00password\"}", "400 malformed_request: The body is not valid JSON at byte 41"),
		with("NUL after the object", account("")+"\x00", trailing),
		with("a line break in a text", "{\"username\":\"mal\nlory\",\"password\":\"a good password\"}", "400 malformed_request: The body is not valid JSON at byte 17"),
		with("invalid UTF-8", "{\"username\":\"mallory\",\"password\":\"a good \xff password\"}", notUTF8),
		with("UTF-8 of a surrogate", "{\"username\":\"mallory\",\"password\":\"a good \xed\xa0\x80 password\"}", notUTF8),
		with("half a character, escaped", `{"username":"mallory","password":"a good \ud83d password"}`, `400 malformed_request: The body escapes half a character: a \ud800–\udfff without its other half.`),
		with("lists in lists without end", strings.Repeat("[", 60_000), "400 malformed_request: The body is not valid JSON at byte 10001"),
		with("lists in lists in a known field", `{"username":`+strings.Repeat("[", 30_000)+strings.Repeat("]", 30_000)+`}`, "400 malformed_request: The body is not valid JSON at byte 10012"),
		with("lists in lists in an unknown field", `{"x":`+strings.Repeat("[", 30_000)+strings.Repeat("]", 30_000)+`}`, "400 malformed_request: The body is not valid JSON at byte 10005"),
		with("objects in objects", strings.Repeat(`{"a":`, 12_000), "400 malformed_request: The body is not valid JSON at byte 50001"),
		with("too many unknown fields", `{"a0":0`+manyFields(1000)+`}`, "400 validation_failed"+fiftyUnknown()),
		with("one byte too many", account(strings.Repeat(" ", 64<<10-len(account(""))+1)), tooLarge),
		with("a megabyte", account(strings.Repeat(" ", 1<<20)), tooLarge),
		{"chunks without end", register, jsonHead + "Transfer-Encoding: chunked\r\n", "11000\r\n" + strings.Repeat(" ", 0x11000) + "\r\n0\r\n\r\n", tooLarge},
		{"a bad chunk", register, jsonHead + "Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n", "400 malformed_request: The body did not arrive completely."},
		{"no content type", register, "", account(""), "415 unsupported_media_type"},
		{"a form", register, "Content-Type: application/x-www-form-urlencoded\r\n", "username=mallory", "415 unsupported_media_type"},
		{"text", register, "Content-Type: text/plain\r\n", account(""), "415 unsupported_media_type"},
		{"another charset", register, "Content-Type: application/json; charset=iso-8859-1\r\n", account(""), "415 unsupported_media_type: The body must be UTF-8."},
		{"two content types", register, jsonHead + jsonHead, account(""), "415 unsupported_media_type"},
		{"an unreadable content type", register, "Content-Type: application/json; =\r\n", account(""), "415 unsupported_media_type"},
		{"compressed", register, jsonHead + "Content-Encoding: gzip\r\n", "\x1f\x8b\x08\x00", notUTF8},
	}
}

// fiftyUnknown is how many mistakes are listed.
func fiftyUnknown() string {
	var s strings.Builder
	for i := range 50 {
		fmt.Fprintf(&s, "; a%d is not a known field", i)
	}
	return s.String()
}

func manyFields(n int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, `,"a%d":0`, i+1)
	}
	return s.String()
}

// badFields are well-formed bodies with contents that break a rule.
func badFields(ch channel) []badRequest {
	signedIn := bearerHead + jsonHead
	group := "POST /api/v1/groups"
	members := fmt.Sprintf("POST /api/v1/groups/%d/members", ch.GroupID)
	messages := "POST /api/v1" + messagesPath(ch)
	return []badRequest{
		{"a short name, a short password", "POST /api/v1/auth/register", jsonHead, `{"username":"x","password":"y","displayName":"\u200b"}`, "400 validation_failed; username must have 3 to 32 characters of a–z, 0–9, _ . and -, the first one a letter or digit; password must have 8 to 256 characters; displayName must have 1 to 64 characters, one of them visible"},
		{"letters that look alike", "POST /api/v1/auth/register", jsonHead, `{"username":"mallоry","password":"a good password"}`, "400 validation_failed; username must have 3 to 32 characters of a–z, 0–9, _ . and -, the first one a letter or digit"},
		{"nothing to sign in with", "POST /api/v1/auth/login", jsonHead, `{}`, "400 validation_failed; username must be given; password must be given"},
		{"nothing to refresh with", "POST /api/v1/auth/refresh", jsonHead, `{}`, "400 validation_failed; refreshToken must be given"},
		{"a refresh token of nobody", "POST /api/v1/auth/refresh", jsonHead, `{"refreshToken":"x"}`, "401 refresh_token_invalid"},
		{"no name for oneself", "PATCH /api/v1/me", signedIn, `{"displayName":"  "}`, "400 validation_failed; displayName must have 1 to 64 characters, one of them visible"},
		{"no name for a group", group, signedIn, `{"name":" "}`, "400 validation_failed; name must not be empty"},
		{"a long name for a group", group, signedIn, `{"name":"` + strings.Repeat("n", 101) + `"}`, "400 validation_failed; name must not be longer than 100 characters"},
		{"a bell in a group's name", group, signedIn, `{"name":"a\u0007"}`, "400 validation_failed; name must not contain control characters"},
		{"nobody as a member", members, signedIn, `{}`, noSuchUser},
		{"a negative member", members, signedIn, `{"userId":-1}`, noSuchUser},
		{"an unknown member", members, signedIn, `{"userId":999999}`, noSuchUser},
		{"half a member", members, signedIn, `{"userId":1.5}`, badUserID},
		{"a member in words", members, signedIn, `{"userId":"1"}`, badUserID},
		{"a member with an exponent", members, signedIn, `{"userId":1e3}`, badUserID},
		{"a member beyond all numbers", members, signedIn, `{"userId":9223372036854775808}`, "400 validation_failed; userId is out of range"},
		{"a member beyond JavaScript's numbers", members, signedIn, `{"userId":9007199254740993}`, noSuchUser},
		{"an unknown role", members, signedIn, `{"userId":1,"role":"king"}`, "400 validation_failed; role must be one of owner, admin, member"},
		{"an empty message", messages, signedIn, `{"content":"","hash":"h"}`, "400 validation_failed; content must not be blank"},
		{"a blank message", messages, signedIn, `{"content":" \n\u2003","hash":"h"}`, "400 validation_failed; content must not be blank"},
		{"a long message", messages, signedIn, `{"content":"` + strings.Repeat("é", 4001) + `","hash":"h"}`, "400 validation_failed; content must have at most 4000 characters"},
		{"a message with NUL", messages, signedIn, `{"content":"a\u0000b","hash":"h"}`, "400 validation_failed; content must not contain the NUL character"},
		{"no hash", messages, signedIn, `{"content":"hello"}`, badHash},
		{"a hash with a space", messages, signedIn, `{"content":"hello","hash":"a b"}`, badHash},
		{"a hash with a line break", messages, signedIn, `{"content":"hello","hash":"a\n"}`, badHash},
		{"a long hash", messages, signedIn, `{"content":"hello","hash":"` + strings.Repeat("h", 65) + `"}`, badHash},
		{"a hash that is a number", messages, signedIn, `{"content":"hello","hash":1}`, "400 validation_failed; hash must be a string"},
		{"a seq of one's own", messages, signedIn, `{"content":"hello","hash":"h","seq":1}`, "400 validation_failed; seq is not a known field"},
	}
}

// badAddresses are paths, ids and methods that do not exist.
func badAddresses(ch channel) []badRequest {
	signedIn := func(name, line, want string) badRequest { return badRequest{name, line, bearerHead, "", want} }
	all := []badRequest{
		{"an unknown page", "GET /nothing", "", "", "404 not_found"},
		{"the base alone", "GET /api/v1", "", "", "404 not_found"},
		{"an unknown endpoint", "GET /api/v1/nothing", "", "", "404 not_found"},
		{"another version", "GET /api/v2/me", "", "", "404 not_found"},
		signedIn("a slash too many", "GET /api/v1/me/", "404 not_found"),
		signedIn("two slashes", "GET //api/v1/me", "404 not_found"),
		signedIn("two slashes within", "GET /api/v1//me", "404 not_found"),
		signedIn("capitals", "GET /api/v1/ME", "404 not_found"),
		signedIn("dots", "GET /api/v1/x/../me", "404 not_found"),
		signedIn("NUL in a path", "GET /api/v1/groups/%00", "404 not_found"),
		signedIn("an escaped slash in a path", "GET /api/v1/groups/1%2f2", "404 not_found"),
		{"an invalid escape in a path", "GET /api/v1/groups/%zz", "", "", "400 400 Bad Request"},
		{"GET for POST", "GET /api/v1/auth/login", "", "", "405 method_not_allowed"},
		{"DELETE for POST", "DELETE /api/v1/auth/login", "", "", "405 method_not_allowed"},
		signedIn("PUT", "PUT /api/v1/groups", "405 method_not_allowed"),
		signedIn("a method of one's own", "BREW /api/v1/groups", "405 method_not_allowed"),
		signedIn("POST for GET", "POST /healthz", "405 method_not_allowed"),
		signedIn("TRACE", "TRACE /api/v1/me", "405 method_not_allowed"),
		signedIn("CONNECT", "CONNECT parley:80", "404 not_found"),
		signedIn("a group of others, or none", "GET /api/v1/groups/4711", "404 group_not_found"),
		signedIn("a channel of another group", fmt.Sprintf("GET /api/v1/groups/4711/channels/%d/messages", ch.ID), "404 group_not_found"),
		signedIn("no such channel", fmt.Sprintf("GET /api/v1/groups/%d/channels/4711/messages", ch.GroupID), "404 channel_not_found"),
		{"a message to no such channel", fmt.Sprintf("POST /api/v1/groups/%d/channels/4711/messages", ch.GroupID), bearerHead + jsonHead, `{"content":"hello","hash":"h"}`, "404 channel_not_found"},
	}
	for _, id := range []string{
		"0", "-1", "9007199254740992", "9223372036854775807", "9223372036854775808", "18446744073709551617", "abc", "1e3", "1.0", "0x1", "+1", "01", "1_0",
		"%20", "%31%20", "null", "٣", strings.Repeat("1", 300),
	} {
		all = append(all, signedIn("group "+id, "GET /api/v1/groups/"+id, "404 not_found"),
			signedIn("channel "+id, fmt.Sprintf("GET /api/v1/groups/%d/channels/%s/messages", ch.GroupID, id), "404 not_found"))
	}
	return all
}

func badQueries(ch channel) []badRequest {
	history := "GET /api/v1" + messagesPath(ch)
	in := func(name, line, want string) badRequest { return badRequest{name, line, bearerHead, "", want} }
	return []badRequest{
		in("an unknown parameter", history+"?offset=1", "400 validation_failed; offset is not a known parameter"),
		in("several mistakes", history+"?limit=x&after=y&before=z&Limit=1", "400 validation_failed; Limit is not a known parameter; after must be a whole number, not negative; before must be a whole number, not negative; limit must be a whole number from 1 to 200"),
		in("limit 0", history+"?limit=0", badLimit),
		in("limit 201", history+"?limit=201", badLimit),
		in("a negative limit", history+"?limit=-1", badLimit),
		in("an empty limit", history+"?limit=", badLimit),
		in("a limit twice", history+"?limit=1&limit=2", "400 validation_failed; limit must be given once"),
		in("after a negative seq", history+"?after=-1", badAfter),
		in("after all numbers", history+"?after=9007199254740992", badAfter),
		in("before half a seq", history+"?before=1.5", "400 validation_failed; before must be a whole number, not negative"),
		in("an invalid escape in a query", history+"?limit=%zz", "400 validation_failed; query is not a valid query string"),
		in("a semicolon", history+"?limit=1;after=2", "400 validation_failed; query is not a valid query string"),
		in("an odd parameter", history+"?%00%ff=1", "400 validation_failed; �� is not a known parameter"),
		in("a search with NUL", "GET /api/v1/users?q=a%00", "400 validation_failed; q must be UTF-8 text without NUL"),
		in("a search with invalid UTF-8", "GET /api/v1/users?q=%ff", "400 validation_failed; q must be UTF-8 text without NUL"),
		in("a long search", "GET /api/v1/users?q="+strings.Repeat("a", 65), "400 validation_failed; q must have at most 64 characters"),
		in("a page of members beyond the last one", fmt.Sprintf("GET /api/v1/groups/%d/members?limit=0", ch.GroupID), badLimit),
	}
}

// badHeads are headers, and forms of HTTP.
func badHeads() []badRequest {
	me := "GET /api/v1/me"
	return []badRequest{
		{"no Authorization", me, "", "", tokenMissing},
		{"an empty Authorization", me, "Authorization: \r\n", "", tokenMissing},
		{"a scheme alone", me, "Authorization: Bearer\r\n", "", tokenMissing},
		{"a scheme and spaces", me, "Authorization: Bearer    \r\n", "", tokenMissing},
		{"basic", me, "Authorization: Basic YWRtaW46YWRtaW4=\r\n", "", tokenMissing},
		{"another scheme", me, "Authorization: Token x\r\n", "", tokenMissing},
		{"no scheme", me, "Authorization: eyJhbGciOiJIUzI1NiJ9.e30.x\r\n", "", tokenMissing},
		{"a comma", me, "Authorization: Bearer, x\r\n", "", tokenMissing},
		{"two tokens in one header", me, "Authorization: BEARER BEARER\r\n", "", "401 token_invalid: Sign in again."},
		{"a tab for a space", me, "Authorization: Bearer\tx\r\n", "", tokenMissing},
		{"a bad header before a good one", me, "Authorization: Bearer x\r\n" + bearerHead, "", "401 token_invalid: Sign in again."},
		{"quotes", me, "Authorization: Bearer \"x\"\r\n", "", "401 token_invalid: Sign in again."},
		{"not ASCII", me, "Authorization: Bearer é\r\n", "", "401 token_invalid: Sign in again."},
		{"a token of 30 KiB", me, "Authorization: Bearer " + strings.Repeat("a", 30<<10) + "\r\n", "", "401 token_invalid: Sign in again."},
		{"the token in the query", me + "?access_token=x", "", "", tokenMissing},
		{"headers of 64 KiB", me, "X-Padding: " + strings.Repeat("a", 64<<10) + "\r\n", "", "431 431 Request Header Fields Too Large"},
		{"ten thousand headers", me, strings.Repeat("X-Padding: a\r\n", 10_000), "", "431 431 Request Header Fields Too Large"},
		{"a header without a name", me, ": x\r\n", "", "400 400 Bad Request"},
		{"a space in a header's name", me, "X Padding: x\r\n", "", "400 400 Bad Request: invalid header name"},
		{"NUL in a header", me, "X-Padding: a\x00b\r\n", "", "400 400 Bad Request"},
		{"two hosts", me, "Host: other\r\n", "", "400 400 Bad Request"},
		{"a negative length", "POST /api/v1/auth/login", jsonHead + "Content-Length: -1\r\n", "", "400 400 Bad Request"},
		{"two lengths", "POST /api/v1/auth/login", jsonHead + "Content-Length: 2\r\nContent-Length: 3\r\n", "{}", "400 400 Bad Request"},
		{"a length and chunks", "POST /api/v1/auth/login", jsonHead + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n", "400 validation_failed; username must be given; password must be given"},
		{"an unknown coding", "POST /api/v1/auth/login", jsonHead + "Transfer-Encoding: gzip\r\n", "{}", "501 Unsupported transfer encoding"},
		{"an unknown expectation", "POST /api/v1/auth/login", jsonHead + "Expect: the-unexpected\r\n", "{}", "417"},
		{"not HTTP", "GARBAGE", "", "", "400 400 Bad Request"},
		{"a target without a slash", "GET api/v1/me", "", "", "400 400 Bad Request"},
		{"an upgrade where there is none", me, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", tokenMissing},
	}
}
