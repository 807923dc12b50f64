package socket

import (
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	sio "github.com/zishang520/socket.io/v2/socket"
)

// childMode is the variable that makes the test binary play another part, in a process of its own.
const childMode = "PARLEY_SOCKET_TEST_CHILD"

// runChild plays a part. It returns the exit code.
func runChild(mode string) int {
	switch mode {
	case "library-dies":
		return libraryDies()
	case "idle-clients":
		return idleClients(os.Getenv("URL"), os.Getenv("CLIENTS"))
	default:
		fmt.Fprintln(os.Stderr, "unknown part", mode)
		return 2
	}
}

// libraryDies runs the library as it is, and sends it a packet that it does not survive.
func libraryDies() int {
	h := httptest.NewServer(sio.NewServer(nil, nil).ServeHandler(nil))
	defer h.Close()
	for range 10 { // CONNECT may be lost, see TestLibraryLosesAnEarlyConnect
		ws, _, err := websocket.DefaultDialer.Dial( //nolint:bodyclose // has none
			strings.Replace(h.URL, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket", nil)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		_ = ws.WriteMessage(websocket.TextMessage, []byte("40"))
		_ = ws.SetReadDeadline(time.Now().Add(3 * time.Second))
		for err == nil {
			var b []byte
			if _, b, err = ws.ReadMessage(); strings.HasPrefix(string(b), "40") {
				_ = ws.WriteMessage(websocket.TextMessage, []byte("42"))
			}
		}
	}
	return 0
}

// idleClients connects a number of clients, and keeps them until standard input ends.
func idleClients(url, number string) int {
	n, err := strconv.Atoi(number)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	all := make(crowd, n)
	for i := range all {
		if all[i], err = newCounter(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	for _, c := range all { // which also keeps them from being collected, and so closed, before
		_ = c.ws.Close()
	}
	return 0
}
