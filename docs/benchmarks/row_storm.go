package main

import (
	"context"
	"errors"
	"time"

	"parley/docs/benchmarks/deploy"
)

// crowd is the load of a connect storm: everybody connects at once, and is in every channel.
func (b *bench) crowd() load {
	return load{users: choose(b, 1000, 200), channels: 20, connectOnly: true, duration: choose(b, 5*time.Second, 2*time.Second)}
}

// measureStorm connects everybody at once to socket servers that nobody was connected to before. It begins with a run that only
// signs everybody up.
func measureStorm(ctx context.Context, b *bench) error {
	err := b.inEach(ctx, func(t target) error {
		l := b.crowd()
		for run := range b.runs() + 1 {
			if err := restartSockets(ctx, t); err != nil {
				return err
			}
			o, err := b.drive(ctx, t, l)
			if err != nil {
				return err
			}
			if run == 0 {
				continue
			}
			b.add(t.Title(), 0, stormMetric, o.Connect.StormMS/1000)
			b.add(t.Title(), 0, droppedMetric, float64(o.Connect.Disconnects))
		}
		return nil
	})
	return errors.Join(err, b.tinodeStorm(ctx))
}

// restarter is a target whose socket servers can be started anew.
type restarter interface {
	RestartSockets(ctx context.Context) error
}

func restartSockets(ctx context.Context, t target) error {
	if r, ok := t.(restarter); ok {
		return r.RestartSockets(ctx)
	}
	return nil
}

// connections is how many clients a socket server has let in.
const connections = "parley_socket_connections"

// everybody waits until everybody is connected, and has been subscribed, too.
func everybody(ctx context.Context, d *deploy.Deployment, l load) error {
	if err := d.Await(ctx, time.Minute, connections, float64(l.users)); err != nil {
		return err
	}
	return pause(ctx, 3*time.Second)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// measureReconnect kills one of two socket servers. Its clients come back as official ones do, after a pause that is chosen at random, and try
// both addresses, of which one does not answer any more.
func measureReconnect(ctx context.Context, b *bench) error {
	return b.with(ctx, deploy.Split, func(t target) error {
		d, ok := t.(*deploy.Deployment)
		if !ok {
			return errors.New("not a deployment of Parley")
		}
		for range b.runs() {
			l := b.crowd()
			l.duration = 32 * time.Second
			lost := 0
			l.during = func(ctx context.Context) error {
				victim := d.Role("socket")[0]
				if err := everybody(ctx, d, l); err != nil {
					return err
				}
				values, err := victim.Metrics(ctx)
				lost = int(values[connections])
				d.Kill(victim)
				return err
			}
			o, err := b.drive(ctx, t, l)
			if err != nil {
				return err
			}
			b.add(t.Title(), 0, "clients that lost their server", float64(lost))
			b.add(t.Title(), 0, "SUBSCRIBED again, p50, s", o.Connect.ReconnectMS.P50MS/1000)
			b.add(t.Title(), 0, reconnectMetric, o.Connect.ReconnectMS.MaxMS/1000)
			b.add(t.Title(), 0, othersMetric, float64(o.Connect.Disconnects-lost))
			if _, err := d.Add(ctx, "socket"); err != nil {
				return err
			}
		}
		return nil
	})
}

// measureSubscribed is the memory of connections through the whole program, all of them on one socket server.
func (b *bench) measureSubscribed(ctx context.Context) error {
	return b.with(ctx, deploy.OneSocket, func(t target) error {
		d, ok := t.(*deploy.Deployment)
		if !ok {
			return errors.New("not a deployment of Parley")
		}
		l := b.crowd()
		setup := subscribedTitle(l.users, l.channels)
		for run := range b.runs() + 1 { // the first one signs everybody up
			if err := d.RestartSockets(ctx); err != nil {
				return err
			}
			before, err := memory(ctx, d.Role("socket"))
			if err != nil {
				return err
			}
			var after usage
			l.duration = 32 * time.Second
			l.during = func(ctx context.Context) error {
				if err := everybody(ctx, d, l); err != nil {
					return err
				}
				after, err = memory(ctx, d.Role("socket"))
				return err
			}
			if _, err := b.drive(ctx, t, l); err != nil {
				return err
			}
			if run > 0 {
				b.add(setup, 0, residentMetric, (after.resident-before.resident)/float64(l.users)/1024)
				b.add(setup, 0, "live (heap and stacks)", (after.live-before.live)/float64(l.users)/1024)
			}
		}
		return nil
	})
}

// usage is memory, in bytes.
type usage struct{ resident, live float64 }

// memory is what processes use when their garbage is collected. The runtime gives memory back bit by bit, so it is given 20 seconds.
func memory(ctx context.Context, processes []*deploy.Process) (usage, error) {
	var u usage
	for range 40 {
		for _, p := range processes {
			if err := p.Collect(ctx); err != nil {
				return u, err
			}
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return u, err
		}
	}
	for _, p := range processes {
		resident, err := p.Resident()
		if err != nil {
			return u, err
		}
		values, err := p.Metrics(ctx)
		if err != nil {
			return u, err
		}
		u.resident += resident
		u.live += values["go_memstats_heap_alloc_bytes"] + values["go_memstats_stack_inuse_bytes"]
	}
	return u, nil
}
