package loadtest

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// watch does something, and tells every second how it goes.
func (r *run) watch(ctx context.Context, do func()) {
	watching, stop := context.WithCancel(ctx)
	var told sync.WaitGroup
	told.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		last := r.sample()
		for {
			select {
			case <-watching.Done():
				return
			case <-tick.C:
			}
			now := r.sample()
			r.options.Tell(r.line(now, last))
			last = now
		}
	})
	do()
	stop()
	told.Wait()
}

// sample is how far the run is at a moment.
type sample struct {
	at                           time.Duration
	sent, accepted, known, wants int64
	latency                      counts
}

func (r *run) sample() sample {
	return sample{
		at: r.clock.now(), sent: r.ledger.count(), accepted: r.accepted.Load(),
		known: r.known(), wants: r.expected.Load(), latency: r.deliveryTimes.read(),
	}
}

// line tells of the time between two samples.
func (r *run) line(now, last sample) string {
	online := 0
	for _, c := range r.clients {
		if c.isOnline() {
			online++
		}
	}
	seconds := (now.at - last.at).Seconds()
	rate := func(now, last int64) float64 { return float64(now-last) / seconds }
	text := fmt.Sprintf("%4.0f s  %d online", now.at.Seconds(), online)
	if !r.options.ConnectOnly {
		text += fmt.Sprintf("  %.0f sent/s  %.0f accepted/s  %.0f deliveries/s  %d outstanding",
			rate(now.sent, last.sent), rate(now.accepted, last.accepted), rate(now.known, last.known), max(now.wants-now.known, 0))
		if latest := now.latency.since(last.latency); latest.total > 0 {
			text += fmt.Sprintf("  p99 %.1f ms", ms(latest.quantile(0.99)))
		}
	}
	if n := r.disconnects.Load(); n > 0 {
		text += fmt.Sprintf("  %d disconnects", n)
	}
	return text
}
