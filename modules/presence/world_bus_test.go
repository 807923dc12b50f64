package presence

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"parley/app/bus"
	"parley/app/bus/memory"
)

// slowBus is a bus whose calls take up to latency, and fail while it is away.
type slowBus struct {
	*memory.Bus

	mu      sync.Mutex
	rng     *rand.Rand
	latency time.Duration
	away    bool
	failing int        // so many probes will fail
	probes  [][]string // the keys of each call
	events  []bus.Message
}

var errAway = fmt.Errorf("%w: as the test wants it", bus.ErrUnavailable)

// travel takes some of the way there, or back.
func (b *slowBus) travel(ctx context.Context) error {
	b.mu.Lock()
	away, d := b.away, time.Duration(b.rng.Int64N(int64(b.latency)+1))
	b.mu.Unlock()
	if d > 0 {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if away {
		return errAway
	}
	return nil
}

func (b *slowBus) Publish(ctx context.Context, msgs ...bus.Message) error {
	if err := b.travel(ctx); err != nil {
		return err
	}
	b.mu.Lock()
	b.events = append(b.events, msgs...)
	b.mu.Unlock()
	if err := b.Bus.Publish(ctx, msgs...); err != nil {
		return err
	}
	return b.travel(ctx)
}

func (b *slowBus) Probe(ctx context.Context, msgs ...bus.Message) ([]bool, error) {
	if err := b.travel(ctx); err != nil {
		return nil, err
	}
	var keys []string
	for _, m := range msgs {
		keys = append(keys, m.Key)
	}
	b.mu.Lock()
	b.probes = append(b.probes, keys)
	fails := b.failing > 0
	if fails {
		b.failing--
	}
	b.mu.Unlock()
	if fails {
		return nil, errAway
	}
	reached, err := b.Bus.Probe(ctx, msgs...)
	return reached, errors.Join(err, b.travel(ctx))
}

func (b *slowBus) Send(ctx context.Context, msg bus.Message) error {
	if err := b.travel(ctx); err != nil {
		return err
	}
	return b.Bus.Send(ctx, msg)
}

// failProbes has the next probes fail.
func (b *slowBus) failProbes(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failing = n
}

func (b *slowBus) set(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

// takeProbes returns the keys that have been probed since the last time.
func (b *slowBus) takeProbes() [][]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	probes := b.probes
	b.probes = nil
	return probes
}
