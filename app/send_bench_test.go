package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/config"
	"parley/app/registry"
	"parley/app/telemetry"
)

// BenchmarkSend is what a message costs a process that is everything, up to the answer: 64 clients send, each its next one when the
// last one was accepted, which is after the commit.
func BenchmarkSend(b *testing.B) {
	cfg := config.Default()
	cfg.DataDir, cfg.HTTP.Addr, cfg.Limits.Enabled = b.TempDir(), "127.0.0.1:0", false
	s, err := wire(cfg, []byte(strings.Repeat("s", 32)), telemetry.Build{}, slog.New(slog.DiscardHandler))
	require.NoError(b, err)
	ctx, stop := context.WithCancel(b.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.node.Run(ctx, registry.Options{OnReady: func() { close(ready) }}) }()
	select {
	case <-ready:
	case err := <-ended:
		b.Fatal(err)
	}
	defer func() {
		stop()
		require.NoError(b, <-ended)
	}()

	token := ""
	do := func(method, path string, body any, into any) int {
		data, _ := json.Marshal(body)
		r, _ := http.NewRequestWithContext(ctx, method, "/api/v1"+path, bytes.NewReader(data))
		r.RemoteAddr = "192.0.2.1:1234"
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		s.web.ServeHTTP(answer, r)
		if into != nil {
			_ = json.Unmarshal(answer.Body.Bytes(), into)
		}
		return answer.Code
	}
	var session struct{ AccessToken string }
	require.Equal(b, http.StatusCreated, do("POST", "/auth/register", map[string]string{"username": "anna", "password": "annaanna"}, &session))
	token = session.AccessToken
	var group struct {
		ID       int64
		Channels []struct{ ID int64 }
	}
	require.Equal(b, http.StatusCreated, do("POST", "/groups", map[string]string{"name": "Ops"}, &group))
	path := fmt.Sprintf("/groups/%d/channels/%d/messages", group.ID, group.Channels[0].ID)

	before := reads(b, s)
	var sent atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			hash := fmt.Sprint("h", sent.Add(1))
			if status := do("POST", path, map[string]string{"content": "Shall we meet at a quarter past seven?", "hash": hash}, nil); status != http.StatusAccepted {
				b.Error(status)
			}
		}
	})
	b.StopTimer()
	b.ReportMetric((reads(b, s)-before)/float64(b.N), "reads/op")
}

// reads counts the statements outside of transactions.
func reads(b *testing.B, s *server) float64 {
	b.Helper()
	families, err := s.metrics.Gather()
	require.NoError(b, err)
	for _, f := range families {
		if f.GetName() == "parley_store_statements_total" {
			for _, m := range f.GetMetric() {
				if m.GetLabel()[0].GetValue() == "read" {
					return m.GetCounter().GetValue()
				}
			}
		}
	}
	b.Fatal("reads are not counted")
	return 0
}
