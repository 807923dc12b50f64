package tinode

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Audience is users and topics of which everybody is a subscriber.
type Audience struct {
	server  *Server
	clients []*client
	topics  []string
	got     atomic.Int64
}

// Audience is a number of users, who are not there yet.
func (s *Server) Audience(users int) *Audience {
	return &Audience{server: s, clients: make([]*client, users)}
}

// Gather signs the users up, makes topics and attaches everybody to all of them.
func (a *Audience) Gather(ctx context.Context, topics int) error {
	enter := func(ctx context.Context, i int) (err error) {
		if a.clients[i], err = dial(ctx, a.server.Addr, i, &a.got); err != nil {
			return err
		}
		return a.clients[i].signUp(ctx)
	}
	if err := each(ctx, len(a.clients), 4, enter); err != nil {
		return err
	}
	for range topics {
		topic, err := a.clients[0].open(ctx)
		if err != nil {
			return err
		}
		a.topics = append(a.topics, topic)
	}
	return each(ctx, len(a.clients), 8, a.attach)
}

// attach attaches a client to all topics.
func (a *Audience) attach(ctx context.Context, i int) error {
	for _, topic := range a.topics {
		if err := a.clients[i].subscribe(ctx, topic); err != nil {
			return err
		}
	}
	return nil
}

// Close ends all connections.
func (a *Audience) Close() {
	for _, c := range a.clients {
		if c != nil {
			c.close()
		}
	}
}

// each does n things, some at a time.
func each(ctx context.Context, n, limit int, do func(ctx context.Context, i int) error) error {
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(limit)
	for i := range n {
		all.Go(func() error { return do(ctx, i) })
	}
	return all.Wait()
}

// Result is what a run came to.
type Result struct {
	Messages   int
	Deliveries int
	Window     time.Duration // the first send to the last delivery
	P50, P99   time.Duration
	Faults     int // arrivals out of turn, or lost
	Dropped    int // connections
}

// Closed keeps a number of senders sending, each its next message when the last one was acknowledged, for a time, and waits until everything
// has arrived at everybody.
func (a *Audience) Closed(ctx context.Context, senders int, warmup, duration time.Duration) (Result, error) {
	if _, err := a.loop(ctx, senders, warmup); err != nil {
		return Result{}, err
	}
	return a.loop(ctx, senders, duration)
}

func (a *Audience) loop(ctx context.Context, senders int, duration time.Duration) (Result, error) {
	a.reset()
	began := time.Now()
	var sent atomic.Int64
	err := each(ctx, senders, senders, func(ctx context.Context, i int) error {
		c := a.clients[i%len(a.clients)]
		for n := i; time.Since(began) < duration; n++ {
			content := fmt.Sprintf("@%d The quick brown fox jumps over", time.Now().UnixNano())
			if _, err := c.ask(ctx, "pub", map[string]any{"topic": a.topics[n%len(a.topics)], "content": content}); err != nil {
				return err
			}
			sent.Add(1)
		}
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	return a.finish(began, int(sent.Load())), ctx.Err()
}

// Paced sends at a rate, whatever becomes of the messages.
func (a *Audience) Paced(ctx context.Context, rate float64, warmup, duration time.Duration) (Result, error) {
	if _, err := a.pace(ctx, rate, warmup); err != nil {
		return Result{}, err
	}
	return a.pace(ctx, rate, duration)
}

func (a *Audience) pace(ctx context.Context, rate float64, duration time.Duration) (Result, error) {
	a.reset()
	began := time.Now()
	total := int(rate * duration.Seconds())
	for n := range total {
		planned := began.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		select {
		case <-time.After(time.Until(planned)):
		case <-ctx.Done():
			return Result{}, ctx.Err()
		}
		c := a.clients[n%len(a.clients)]
		if err := c.publish(a.topics[(n/len(a.clients)+n)%len(a.topics)], "p"+strconv.Itoa(n), planned); err != nil {
			return Result{}, err
		}
	}
	return a.finish(began, total), ctx.Err()
}

// reset forgets the arrivals so far. Nothing is on its way then.
func (a *Audience) reset() {
	a.got.Store(0)
	for _, c := range a.clients {
		c.latency, c.faults = c.latency[:0], 0
	}
}

// patience is how long the last delivery may take.
const patience = 20 * time.Second

// finish waits for the deliveries and sums up.
func (a *Audience) finish(began time.Time, sent int) Result {
	r := Result{Messages: sent}
	wanted := sent * len(a.clients)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	last, lastAt := int64(0), time.Now()
	for range tick.C {
		got := a.got.Load()
		if got != last {
			last, lastAt = got, time.Now()
		}
		if int(got) >= wanted || time.Since(lastAt) > patience {
			break
		}
	}
	r.Window, r.Deliveries = lastAt.Sub(began), int(last)
	r.Faults = wanted - r.Deliveries
	var all []time.Duration
	for _, c := range a.clients {
		all = append(all, c.latency...)
		r.Faults += c.faults
		select {
		case <-c.done:
			r.Dropped++
		default:
		}
	}
	slices.Sort(all)
	if len(all) > 0 {
		r.P50, r.P99 = all[len(all)/2], all[len(all)*99/100]
	}
	return r
}

// Storm starts the server anew, connects everybody at once, and returns the time from the first dial until the last one is
// attached to every topic, and how many connections were dropped.
func (a *Audience) Storm(ctx context.Context) (time.Duration, int, error) {
	a.Close()
	if err := a.server.Restart(ctx); err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var dropped atomic.Int64
	began := time.Now()
	err := each(ctx, len(a.clients), len(a.clients), func(ctx context.Context, i int) error {
		for {
			err := a.enter(ctx, i)
			if !errors.Is(err, errDropped) {
				return err
			}
			dropped.Add(1)
		}
	})
	return time.Since(began), int(dropped.Load()), err
}

// enter connects a client that has an account, and attaches it to all topics.
func (a *Audience) enter(ctx context.Context, i int) error {
	token := a.clients[i].token
	c, err := dial(ctx, a.server.Addr, i, &a.got)
	if c != nil {
		c.token = token
		a.clients[i] = c
	}
	if err != nil {
		return err
	}
	if err := c.signIn(ctx, token); err != nil {
		return err
	}
	return a.attach(ctx, i)
}
