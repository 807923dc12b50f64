package message

import (
	"context"
	"sync"
)

// turns lets one goroutine of this process at a time into each channel, the others in the order in which they came. Those who want to
// change messages of one channel wait here, where it costs nothing, and not with a connection each at the lock on its row, where the worker that
// keeps new messages would have to wait behind them all.
type turns struct {
	mu       sync.Mutex
	channels map[int64]*turn // with somebody in, or waiting
}

type turn struct {
	in   chan struct{} // holds whose turn it is
	want int           // how many are in, or waiting
}

// take waits for the turn. Unless it fails, leave must be called.
func (t *turns) take(ctx context.Context, channelID int64) (leave func(), err error) {
	own := t.join(channelID)
	select {
	case own.in <- struct{}{}:
		return func() {
			<-own.in
			t.part(channelID, own)
		}, nil
	case <-ctx.Done():
		t.part(channelID, own)
		return nil, ctx.Err()
	}
}

func (t *turns) join(channelID int64) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.channels[channelID]
	if own == nil {
		own = &turn{in: make(chan struct{}, 1)}
		if t.channels == nil {
			t.channels = make(map[int64]*turn)
		}
		t.channels[channelID] = own
	}
	own.want++
	return own
}

func (t *turns) part(channelID int64, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.want--; own.want == 0 {
		delete(t.channels, channelID)
	}
}
