package routing

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/bus/memory"
	"parley/app/event"
)

func TestRouterTakesBundlesApart(t *testing.T) {
	t.Parallel()
	r := &rooms{}
	router := NewRouter("server-1", memory.New(memory.Options{}), r, time.Second, NewMetrics(nil), slog.New(slog.DiscardHandler))
	msg, err := event.NewBundle(event.Bundle{Events: []event.BundledEvent{
		{Users: []int64{2, 3}, Event: "A", Payload: json.RawMessage(`{}`)},
		{Users: []int64{3, 4}, Channel: 9, Event: "B", Payload: json.RawMessage(`{}`)},
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"user:2", "user:3", "user:4"}, append([]string{msg.Key}, msg.Also...), "routed by each user, once")
	router.Receive(t.Context(), msg)
	router.Receive(t.Context(), bus.Message{Key: "user:2", Type: event.TypeBundle, Body: []byte("{")})
	require.Equal(t, []string{"user:2", "user:3", "user:3 in channel:9", "user:4 in channel:9"}, r.all(), "in their order")
}
