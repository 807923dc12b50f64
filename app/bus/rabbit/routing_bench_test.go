package rabbit

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

// nobody takes whatever arrives.
type nobody struct{}

func (nobody) Receive(context.Context, bus.Message) {}
func (nobody) Reset(context.Context)                {}

// BenchmarkRouting publishes events with one and with several keys, the more keys are bound. Brokers before RabbitMQ 3.11 go through all
// bindings of the exchange for an event with more than one key.
func BenchmarkRouting(b *testing.B) {
	for _, bound := range []int{100, 1_000, 5_000, 20_000} {
		keys := make([]string, bound)
		for i := range keys {
			keys[i] = fmt.Sprint("user:", i)
		}
		bench := newBus(b, testURL(b))
		require.NoError(b, bench.Start(b.Context()))
		inbox, err := bench.Open(b.Context(), "server.bench", nobody{})
		require.NoError(b, err)
		require.NoError(b, inbox.Bind(b.Context(), keys...))
		for _, n := range []int{1, 2, 16, 100} {
			b.Run(fmt.Sprintf("bound=%d/keys=%d", bound, n), func(b *testing.B) {
				msg := bus.Message{Key: keys[0], Also: keys[1:n], Type: "bench", Body: make([]byte, 1_000)}
				for b.Loop() {
					require.NoError(b, bench.Publish(b.Context(), msg))
				}
			})
		}
		require.NoError(b, inbox.Close(b.Context()))
		require.NoError(b, bench.Stop(b.Context()))
	}
}
