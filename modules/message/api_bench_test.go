package message

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/promise"
	"parley/app/web"
)

// keepsAll is a bus that keeps everything at once, and nothing.
type keepsAll struct{}

func (keepsAll) Declare(context.Context, ...bus.Queue) error { return nil }

func (keepsAll) Send(context.Context, bus.Message) error { return nil }

// BenchmarkSend is what accepting a message costs the API apart from the database and the bus.
func BenchmarkSend(b *testing.B) {
	server := web.New(web.Options{Auth: asUser7{}})
	access := accessFunc(func(int64, int64, int64) error { return nil })
	kept := promise.New(keepsAll{}, promise.NewMetrics(nil, promise.Message), discard)
	require.NoError(b, NewAPI(server.API(), access, nil, nil, nil, keepsAll{}, kept, Limits{MaxLength: 4000, Partitions: 16}).Init(nil))
	const body = `{"content":"Shall we meet at the station at a quarter past seven, or rather at the café?","hash":"b9f2c2a4-0d55-4f0e"}`

	b.Run("handler", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r, _ := http.NewRequestWithContext(b.Context(), http.MethodPost, "/api/v1/groups/1/channels/2/messages", strings.NewReader(body))
			r.RemoteAddr = "192.0.2.1:1234"
			r.Header.Set("Authorization", "Bearer token")
			r.Header.Set("Content-Type", "application/json")
			answer := httptest.NewRecorder()
			server.ServeHTTP(answer, r)
			if answer.Code != http.StatusAccepted {
				b.Fatal(answer.Code, answer.Body)
			}
		}
	})

	// The client's side of the connection is counted, too.
	b.Run("connection", func(b *testing.B) {
		peer := httptest.NewServer(server)
		defer peer.Close()
		conn, err := net.Dial("tcp", peer.Listener.Addr().String())
		require.NoError(b, err)
		defer func() { require.NoError(b, conn.Close()) }()
		request := []byte("POST /api/v1/groups/1/channels/2/messages HTTP/1.1\r\nHost: parley\r\nAuthorization: Bearer token\r\n" +
			"Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
		answer := make([]byte, 4096)
		b.ReportAllocs()
		for b.Loop() {
			_, err := conn.Write(request)
			require.NoError(b, err)
			n, err := io.ReadAtLeast(conn, answer, 12)
			require.NoError(b, err)
			if string(answer[9:12]) != "202" {
				b.Fatal(string(answer[:n]))
			}
		}
	})
}
