package socket

import (
	"fmt"
	"net/http/httptest"
	"os"
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
	case "server":
		return serveAlone()
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
