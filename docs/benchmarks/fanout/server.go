// Package fanout measures the layer that holds connections, alone: a server process that broadcasts numbered events when it is told
// to, and a crowd of raw clients that count what arrives. The same clients, doing the same work, read from each of the servers.
package fanout

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/centrifugal/centrifuge"

	"parley/app/socket"
)

// Server names a server that can be measured.
type Server string

// The servers.
const (
	Parley            Server = "parley"
	Centrifuge        Server = "centrifuge"
	CentrifugeDelayed Server = "centrifuge-delayed"
)

// Title is how reports name the server.
func (s Server) Title() string {
	return map[Server]string{
		Parley:            "Parley app/socket",
		Centrifuge:        "centrifuge v0.40.1",
		CentrifugeDelayed: "centrifuge v0.40.1, WriteDelay 5 ms",
	}[s]
}

// room is where everybody is.
const room = "everyone"

// idle is an interval of pings longer than any run, so that nothing but the events is measured.
const idle = time.Hour

// Serve runs a server in this process: it prints its URL, then obeys standard input, until that ends: "burst N" broadcasts the next N events,
// "collect" returns memory that is not used to the system.
func Serve(ctx context.Context, name Server) error {
	handler, publish, err := open(name)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with the process
	fmt.Printf("ws://%s\n", listener.Addr())
	return obey(publish)
}

// obey follows the commands on standard input.
func obey(publish func(payload []byte) error) error {
	seq := 0
	in := bufio.NewReader(os.Stdin)
	for {
		var command string
		var n int
		if _, err := fmt.Fscanln(in, &command, &n); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		switch command {
		case "burst":
			for range n {
				seq++
				if err := publish(event(seq)); err != nil {
					return err
				}
			}
		case "collect":
			debug.FreeOSMemory()
			fmt.Println("collected")
		default:
			return fmt.Errorf("unknown command %q", command)
		}
	}
}

// event is a message of ordinary length, in the form in which Parley sends it.
func event(seq int) json.RawMessage {
	return fmt.Appendf(nil, `{"messageId":%d,"groupId":17,"channelId":23,"seq":%d,"senderId":99,`+
		`"content":"A message of ordinary length, as people write them.","hash":"m-%d","createdAt":"2026-03-14T15:09:26.535Z"}`,
		seq, seq, seq)
}

// open returns the handler of a server, and what broadcasts.
func open(name Server) (http.Handler, func([]byte) error, error) {
	switch name {
	case Parley:
		return openParley()
	case Centrifuge:
		return openCentrifuge(centrifuge.ConnectReply{})
	case CentrifugeDelayed:
		return openCentrifuge(centrifuge.ConnectReply{WriteDelay: 5 * time.Millisecond, MaxMessagesInFrame: -1})
	default:
		return nil, nil, fmt.Errorf("no server %q", name)
	}
}

func openParley() (http.Handler, func([]byte) error, error) {
	s, err := socket.New(socket.Options{PingInterval: idle})
	if err != nil {
		return nil, nil, err
	}
	s.OnConnect(func(_ context.Context, c *socket.Conn, _ string) error {
		c.Join(room)
		return nil
	})
	return s.Handler(), func(payload []byte) error {
		s.Broadcast(room, socket.NewFrame("GROUP_MESSAGE_RECEIVE", payload), "")
		return nil
	}, nil
}

func openCentrifuge(reply centrifuge.ConnectReply) (http.Handler, func([]byte) error, error) {
	node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelNone})
	if err != nil {
		return nil, nil, err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		own := reply
		own.Credentials = &centrifuge.Credentials{UserID: "someone"}
		own.Subscriptions = map[string]centrifuge.SubscribeOptions{room: {}}
		own.PingPongConfig = &centrifuge.PingPongConfig{PingInterval: idle, PongTimeout: idle / 2}
		return own, nil
	})
	if err := node.Run(); err != nil {
		return nil, nil, err
	}
	handler := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		CheckOrigin:        func(*http.Request) bool { return true },
		UseWriteBufferPool: true,
	})
	return handler, func(payload []byte) error {
		_, err := node.Publish(room, payload)
		return err
	}, nil
}
