package main

import (
	"context"
	"fmt"
	"time"

	"parley/docs/benchmarks/fanout"
)

// fanoutLoad is a number of clients, and how many events they get at once.
type fanoutLoad struct {
	title          string
	clients, burst int
}

var fanoutLoads = []fanoutLoad{
	{"500 clients, paced", 500, 1},
	{"500 clients, bursts of 200", 500, 200},
	{"1 client, bursts of 1,000", 1, 1000},
}

func (l fanoutLoad) metric() string { return l.title + ": deliveries/s" }

// measureFanout lets servers broadcast to the same raw clients, which are in another process and read in one thread. "Paced" is a
// burst of one: the next event is broadcast when the last one has arrived everywhere.
func measureFanout(ctx context.Context, b *bench) error {
	for _, load := range fanoutLoads {
		err := fanout.Compare(ctx, []fanout.Server{fanout.Parley, fanout.Centrifuge, fanout.CentrifugeDelayed}, load.clients, load.burst, b.runs(),
			choose(b, 3*time.Second, 300*time.Millisecond), func(t fanout.Throughput) {
				b.add(t.Server.Title(), 0, load.metric(), t.Deliveries)
				b.add(t.Server.Title(), 0, load.title+": server µs/delivery", t.CPU)
			})
		if err != nil {
			return fmt.Errorf("%s: %w", load.title, err)
		}
	}
	return nil
}

// measureIdle connects clients that do nothing.
func measureIdle(ctx context.Context, b *bench) error {
	for range b.runs() {
		for _, server := range []fanout.Server{fanout.Parley, fanout.Centrifuge} {
			kib, err := fanout.Idle(ctx, server, choose(b, 5000, 1000))
			if err != nil {
				return err
			}
			b.add(server.Title()+", connected only", 0, residentMetric, kib)
		}
	}
	return b.measureSubscribed(ctx)
}
