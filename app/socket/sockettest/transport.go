package sockettest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// dialWebSocket opens a WebSocket, for a session of its own or, with sid, for a session that is polling.
func (c *Client) dialWebSocket(ctx context.Context, sid string) (*websocket.Conn, error) {
	dialer := websocket.Dialer{NetDialContext: c.dial}
	ws, resp, err := dialer.DialContext(ctx, c.address("websocket", sid), c.opts.Header)
	if err != nil {
		if resp != nil {
			body, _ := io.ReadAll(resp.Body)
			return nil, errors.Join(&StatusError{resp.StatusCode, string(body)}, resp.Body.Close(), err)
		}
		return nil, err
	}
	return ws, nil
}

func (c *Client) openWebSocket(ctx context.Context) error {
	ws, err := c.dialWebSocket(ctx, "")
	if err != nil {
		return err
	}
	_, packet, err := ws.ReadMessage()
	if err == nil {
		err = c.greet(string(packet))
	}
	if err != nil {
		return errors.Join(err, ws.Close())
	}
	c.ws = ws
	c.mu.Lock()
	c.socket = ws
	c.mu.Unlock()
	c.wg.Go(func() { c.read(ws) })
	return nil
}

// greet reads the server's first packet.
func (c *Client) greet(packet string) error {
	if !strings.HasPrefix(packet, "0") {
		return fmt.Errorf("expected an OPEN packet, got %q", packet)
	}
	return json.Unmarshal([]byte(packet[1:]), &c.hello)
}

// read handles what comes over a WebSocket until it ends.
func (c *Client) read(ws *websocket.Conn) {
	for {
		_ = ws.SetReadDeadline(time.Now().Add(c.hello.silence()))
		_, packet, err := ws.ReadMessage()
		if err != nil {
			c.finish(reasonOf(err))
			return
		}
		c.wait()
		c.handle(string(packet))
	}
}

// reasonOf says in the official client's words why reading from a WebSocket failed.
func reasonOf(err error) string {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return PingTimeout
	}
	return TransportClose
}

// wait returns when the client is not paused.
func (c *Client) wait() {
	c.mu.Lock()
	paused := c.paused
	c.mu.Unlock()
	if paused != nil {
		select {
		case <-paused:
		case <-c.done:
		}
	}
}

// handle deals with one Engine.IO packet.
func (c *Client) handle(packet string) {
	if c.opts.OnPacket != nil {
		c.opts.OnPacket(packet)
	}
	if packet == "" {
		return
	}
	switch packet[0] {
	case '1':
		c.finish(TransportClose)
	case '2':
		_ = c.Send("3")
	case '4':
		c.message(packet[1:])
	}
}

// message deals with a Socket.IO packet.
func (c *Client) message(packet string) {
	if packet == "" {
		return
	}
	kind, rest := packet[0], packet[1:]
	if strings.HasPrefix(rest, "/") {
		_, rest, _ = strings.Cut(rest, ",")
	}
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	id, data := rest[:digits], json.RawMessage(rest[digits:])
	switch kind {
	case '0':
		var answer struct {
			SID string `json:"sid"`
		}
		err := json.Unmarshal(data, &answer)
		c.mu.Lock()
		c.id = answer.SID
		c.mu.Unlock()
		c.answer(err)
	case '1':
		c.leave()
		c.finish(ServerDisconnect)
	case '2':
		c.event(data)
	case '3':
		c.ack(id, data)
	case '4':
		refused := &ConnectError{}
		if err := json.Unmarshal(data, refused); err != nil {
			c.answer(err)
			return
		}
		c.answer(refused)
	}
}

// answer gives Connect its result.
func (c *Client) answer(err error) {
	select {
	case c.answers <- err:
	default: // nobody has asked
	}
}

func (c *Client) event(data json.RawMessage) {
	var args []json.RawMessage
	var e Event
	if json.Unmarshal(data, &args) != nil || len(args) == 0 || json.Unmarshal(args[0], &e.Name) != nil {
		c.finish(TransportError)
		return
	}
	if len(args) > 1 {
		e.Payload = args[1]
	}
	if c.opts.OnEvent != nil {
		c.opts.OnEvent(e)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
	close(c.arrived)
	c.arrived = make(chan struct{})
}

func (c *Client) ack(id string, data json.RawMessage) {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return
	}
	var args []json.RawMessage
	_ = json.Unmarshal(data, &args)
	var first json.RawMessage
	if len(args) > 0 {
		first = args[0]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch := c.acks[n]; ch != nil {
		ch <- first
		delete(c.acks, n)
	}
}

// finish ends the connection, for the first reason that is given.
func (c *Client) finish(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != "" {
		return
	}
	c.reason = reason
	close(c.done)
	c.cancel()
	if c.socket != nil {
		if reason != TransportError {
			_ = c.socket.WriteControl(websocket.CloseMessage,
				websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
		}
		_ = c.socket.Close()
	}
	c.http.CloseIdleConnections()
}

// openPolling does the handshake by long-polling, and begins to change to WebSocket if that is wanted.
func (c *Client) openPolling(ctx context.Context) error {
	payload, err := c.get(ctx, "")
	if err != nil {
		return err
	}
	first, rest, _ := strings.Cut(payload, "\x1e")
	if err := c.greet(first); err != nil {
		return err
	}
	polled := make(chan struct{})
	c.wg.Go(func() {
		defer close(polled)
		c.payload(rest)
		c.poll()
	})
	if c.opts.Transport == Upgrade {
		c.wg.Go(func() { c.upgrade(polled) })
	}
	return nil
}

// poll polls until the connection ends or is upgraded.
func (c *Client) poll() {
	for {
		c.mu.Lock()
		stop := c.leaving || c.reason != ""
		c.mu.Unlock()
		if stop {
			return
		}
		ctx, cancel := context.WithTimeout(c.ctx, c.hello.silence())
		payload, err := c.get(ctx, c.hello.SID)
		cancel()
		if err != nil {
			c.finish(TransportError)
			return
		}
		c.wait()
		c.payload(payload)
	}
}

func (c *Client) payload(payload string) {
	if payload == "" {
		return
	}
	for packet := range strings.SplitSeq(payload, "\x1e") {
		c.handle(packet)
	}
}

func (c *Client) get(ctx context.Context, sid string) (string, error) {
	return c.do(ctx, http.MethodGet, sid, "")
}

// post sends a packet by long-polling; c.send is held.
func (c *Client) post(packet string) error {
	answer, err := c.do(c.ctx, http.MethodPost, c.hello.SID, packet)
	if err == nil && answer != "ok" {
		err = fmt.Errorf("unexpected answer %q", answer)
	}
	return err
}

// leave tells the server that the client stops polling; closing a WebSocket tells that by itself.
func (c *Client) leave() {
	c.send.Lock()
	defer c.send.Unlock()
	if c.ws == nil && c.Reason() == "" {
		_ = c.post("1")
	}
}

func (c *Client) do(ctx context.Context, method, sid, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.address("polling", sid), strings.NewReader(body))
	if err != nil {
		return "", err
	}
	for name, values := range c.opts.Header {
		req.Header[name] = values
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", &StatusError{resp.StatusCode, string(data)}
	}
	return string(data), nil
}

// upgrade changes to WebSocket: probe, stop polling, wait for what is under way, say so, and go on there. If the
// probe fails, the client goes on polling.
func (c *Client) upgrade(polled <-chan struct{}) {
	ws, err := c.dialWebSocket(c.ctx, c.hello.SID)
	if err != nil {
		return
	}
	if !c.probe(ws) {
		_ = ws.Close()
		return
	}
	c.mu.Lock()
	c.leaving = true
	c.mu.Unlock()
	<-polled
	c.send.Lock() // waits for a POST that is under way
	c.mu.Lock()
	ended := c.reason != ""
	if !ended {
		c.socket = ws
	}
	c.mu.Unlock()
	if ended || ws.WriteMessage(websocket.TextMessage, []byte("5")) != nil {
		c.send.Unlock()
		c.finish(TransportClose)
		_ = ws.Close()
		return
	}
	c.ws = ws
	c.send.Unlock()
	close(c.upgraded)
	c.read(ws)
}

// probe asks whether the server answers on the WebSocket.
func (c *Client) probe(ws *websocket.Conn) bool {
	stop := context.AfterFunc(c.ctx, func() { _ = ws.Close() })
	defer stop()
	if ws.WriteMessage(websocket.TextMessage, []byte("2probe")) != nil {
		return false
	}
	_, answer, err := ws.ReadMessage()
	return err == nil && string(answer) == "3probe"
}
