package bustest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"parley/app/bus"
)

// Benchmark measures a bus: Send with one and with 64 senders, Publish of single events and of batches, bindings and probes in
// batches, and calls. open is like Run's.
func Benchmark(b *testing.B, open func(b *testing.B) bus.Bus) {
	b.Run("Send/1", func(b *testing.B) { benchmarkSend(b, open(b), 1) })
	b.Run("Send/64", func(b *testing.B) { benchmarkSend(b, open(b), 64) })
	b.Run("Publish/1", func(b *testing.B) { benchmarkPublish(b, open(b), 1) })
	b.Run("Publish/100", func(b *testing.B) { benchmarkPublish(b, open(b), 100) })
	b.Run("Bind/1000", func(b *testing.B) { benchmarkBind(b, open(b), 1000, false) })
	b.Run("Unbind/1000", func(b *testing.B) { benchmarkBind(b, open(b), 1000, true) })
	b.Run("Probe/200", func(b *testing.B) { benchmarkProbe(b, open(b), 200) })
	b.Run("Call", func(b *testing.B) { benchmarkCall(b, open(b)) })
}

// begin starts the bus, and stops it in the end.
func begin(b *testing.B, under bus.Bus) context.Context {
	b.Helper()
	ctx := context.Background()
	if err := under.Start(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.Cleanup(func() {
		if err := under.Stop(ctx); err != nil {
			b.Error(err)
		}
	})
	return ctx
}

// rate reports how many things were done a second.
func rate(b *testing.B, things int, unit string) {
	b.Helper()
	b.ReportMetric(float64(things)/b.Elapsed().Seconds(), unit+"/s")
}

func body() []byte { return make([]byte, 200) } // about the size of a chat message

func benchmarkSend(b *testing.B, under bus.Bus, senders int) {
	ctx := begin(b, under)
	q := queue("bench", 100)
	q.MaxLength = 10_000 // as in the configuration's default
	consuming, end := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- under.Consume(consuming, q, idler{}) }()
	defer func() {
		end()
		if err := <-done; err != nil {
			b.Error(err)
		}
	}()
	if err := under.Declare(ctx, q); err != nil {
		b.Fatal(err)
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	parallel(senders, func(int) {
		for left.Add(-1) >= 0 {
			if err := under.Send(ctx, bus.Message{Key: q.Key, Body: body()}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	rate(b, b.N, "sends")
}

// idler does nothing, successfully.
type idler struct{}

func (idler) Work(context.Context, []bus.Message) error        { return nil }
func (idler) GaveUp(context.Context, bus.Message, error) error { return nil }

// counter counts what an inbox gets, and answers calls.
type counter struct {
	bus      bus.Bus
	received atomic.Int64
}

func (c *counter) Receive(ctx context.Context, msg bus.Message) {
	c.received.Add(1)
	if msg.ReplyTo != "" {
		_ = c.bus.Reply(ctx, msg, nil) // the caller will notice
	}
}

func (*counter) Reset(context.Context) {}

func benchmarkPublish(b *testing.B, under bus.Bus, size int) {
	ctx := begin(b, under)
	c := &counter{bus: under}
	in, err := under.Open(ctx, "bench", c)
	if err != nil {
		b.Fatal(err)
	}
	if err := in.Bind(ctx, "channel:1"); err != nil {
		b.Fatal(err)
	}
	batch := make([]bus.Message, size)
	for i := range batch {
		batch[i] = bus.Message{Key: "channel:1", Body: body()}
	}
	b.ResetTimer()
	for range b.N {
		if err := under.Publish(ctx, batch...); err != nil {
			b.Fatal(err)
		}
	}
	rate(b, b.N*size, "events")
}

func benchmarkBind(b *testing.B, under bus.Bus, size int, unbind bool) {
	ctx := begin(b, under)
	in, err := under.Open(ctx, "bench", &counter{bus: under})
	if err != nil {
		b.Fatal(err)
	}
	keys := make([]string, size)
	for i := range keys {
		keys[i] = fmt.Sprint("channel:", i)
	}
	b.StopTimer()
	b.ResetTimer()
	timed := func(is bool, change func(context.Context, ...string) error) {
		if is {
			b.StartTimer()
			defer b.StopTimer()
		}
		if err := change(ctx, keys...); err != nil {
			b.Fatal(err)
		}
	}
	for range b.N {
		timed(!unbind, in.Bind)
		timed(unbind, in.Unbind)
	}
	rate(b, b.N*size, "keys")
}

// benchmarkProbe has every other key be bound.
func benchmarkProbe(b *testing.B, under bus.Bus, size int) {
	ctx := begin(b, under)
	in, err := under.Open(ctx, "bench", &counter{bus: under})
	if err != nil {
		b.Fatal(err)
	}
	probes := make([]bus.Message, size)
	for i := range probes {
		probes[i] = bus.Message{Key: fmt.Sprint("user:", i)}
		if i%2 == 0 {
			if err := in.Bind(ctx, probes[i].Key); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ResetTimer()
	for range b.N {
		if _, err := under.Probe(ctx, probes...); err != nil {
			b.Fatal(err)
		}
	}
	rate(b, b.N*size, "probes")
}

func benchmarkCall(b *testing.B, under bus.Bus) {
	ctx := begin(b, under)
	in, err := under.Open(ctx, "bench", &counter{bus: under})
	if err != nil {
		b.Fatal(err)
	}
	if err := in.Bind(ctx, "server:bench"); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		if _, err := under.Call(ctx, bus.Message{Key: "server:bench"}); err != nil {
			b.Fatal(err)
		}
	}
	rate(b, b.N, "calls")
}
