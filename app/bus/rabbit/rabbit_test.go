package rabbit

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/bus"
	"parley/app/bus/bustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(t *testing.T) bus.Bus { return newBus(t, testURL(t)) })
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	bustest.RunMetrics(t, func(t *testing.T, m *bus.Metrics) bus.Bus { return newCountingBus(t, testURL(t), m) })
}

func BenchmarkBus(b *testing.B) {
	bustest.Benchmark(b, func(b *testing.B) bus.Bus { return newBus(b, testURL(b)) })
}

// testURL is the broker for tests.
func testURL(t testing.TB) string {
	t.Helper()
	url := os.Getenv("TEST_AMQP_URL")
	if url == "" {
		t.Fatal("TEST_AMQP_URL is not set. Point it to a RabbitMQ broker, as in amqp://guest:guest@127.0.0.1:5672/; " +
			"the tests use names of their own and remove what they make.")
	}
	return url
}

// newBus returns a bus at the given URL with names of its own, which has not been started. What it leaves on the test
// broker is removed in the end.
func newBus(t testing.TB, url string) *Bus {
	t.Helper()
	return newCountingBus(t, url, nil)
}

func newCountingBus(t testing.TB, url string, m *bus.Metrics) *Bus {
	t.Helper()
	prefix := "test-" + strings.ToLower(rand.Text())
	b, err := New(Options{URL: url, Prefix: prefix, Name: "parley test", Metrics: m, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { removeAll(t, b.topology) })
	return b
}

// removeAll deletes what a bus has left on the test broker.
func removeAll(t testing.TB, top *topology) {
	t.Helper()
	c, err := amqp.Dial(testURL(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	ch, err := c.Channel()
	require.NoError(t, err)
	queues := []string{top.dead()}
	for _, q := range top.all() {
		queues = append(queues, top.name(q.Name))
	}
	for _, name := range queues {
		_, err := ch.QueueDelete(name, false, false, false)
		require.NoError(t, err)
	}
	for _, name := range []string{top.incoming(), top.outgoing(), top.dead()} {
		require.NoError(t, ch.ExchangeDelete(name, false, false))
	}
}

// started starts the bus and stops it in the end.
func started(t testing.TB, b *Bus) *Bus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, b.Start(ctx))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, b.Stop(ctx))
	})
	return b
}
