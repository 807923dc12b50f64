package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/socket/sockettest"
)

// device is one client as the documentation tells client authors to write it: it keeps what it hears, asks for what it missed,
// and comes back when its connection ends.
type device struct {
	t        testing.TB
	person   *person
	channels map[int64]channel
	server   func(attempt int) string // where to connect

	ctx    context.Context //nolint:containedctx // the life of the device
	cancel context.CancelFunc
	done   chan struct{}

	mu         sync.Mutex
	changed    chan struct{} // closed at the next change
	known      map[int64][]event.Message
	subscribed int // how often it was told SUBSCRIBED
	resyncs    int
	events     []string // names of all events
	contents   []string // of the messages of others, as they came
	failed     map[string]string
	faults     []string // violations of the order
}

// device connects to the socket server with the given number, and on to the next one when that goes away.
func (p *person) device(server int, channels ...channel) *device {
	p.t.Helper()
	d := p.newDevice(func(attempt int) string { return p.c.socket(server + attempt) }, channels...)
	d.await(func() bool { return d.subscribed > 0 }, "SUBSCRIBED")
	return d
}

func (p *person) newDevice(server func(attempt int) string, channels ...channel) *device {
	ctx, cancel := context.WithCancel(context.Background())
	d := &device{
		t: p.t, person: p, server: server, channels: make(map[int64]channel),
		ctx: ctx, cancel: cancel, done: make(chan struct{}),
		changed: make(chan struct{}), known: make(map[int64][]event.Message), failed: make(map[string]string),
	}
	for _, c := range channels {
		d.channels[c.ID] = c
	}
	go d.run()
	p.t.Cleanup(d.close)
	return d
}

func (d *device) close() {
	d.cancel()
	<-d.done
}

// run keeps the device connected.
func (d *device) run() {
	defer close(d.done)
	for attempt := 0; d.ctx.Err() == nil; attempt++ {
		dial, cancel := context.WithTimeout(d.ctx, 20*time.Second)
		c, err := sockettest.Dial(dial, d.server(attempt), sockettest.Options{Token: d.person.token})
		cancel()
		if err != nil {
			pause(d.ctx, 100*time.Millisecond)
			continue
		}
		d.listen(c)
	}
}

// listen handles a connection's events until it ends.
func (d *device) listen(c *sockettest.Client) {
	defer c.Close()
	highest := make(map[int64]int64) // by channel, in this connection
	for {
		e, err := c.Next(d.ctx)
		if err != nil {
			return
		}
		d.handle(e, highest)
	}
}

func (d *device) handle(e sockettest.Event, highest map[int64]int64) {
	if err := undocumented(e.Name, e.Payload); err != nil {
		d.fault("%v", err)
	}
	var m event.Message
	switch e.Name {
	case event.MessageSent, event.MessageReceive:
		if err := json.Unmarshal(e.Payload, &m); err != nil {
			d.fault("unreadable: %s", e.Payload)
			return
		}
	case event.Subscribed, event.Resync:
		d.catchUp()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e.Name)
	switch e.Name {
	case event.Subscribed:
		d.subscribed++
	case event.Resync:
		d.resyncs++
	case event.MessageFailed:
		var f event.Failed
		_ = json.Unmarshal(e.Payload, &f)
		d.failed[f.Hash] = f.Code
	case event.MessageSent, event.MessageReceive:
		d.receive(e.Name, m, highest)
	}
	d.tell()
}

// receive takes a message. One that this connection has not had yet must have a higher seq than all before.
func (d *device) receive(name string, m event.Message, highest map[int64]int64) {
	if mine := m.SenderID == d.person.id; mine != (name == event.MessageSent) {
		d.faults = append(d.faults, fmt.Sprintf("%s for a message of user %d", name, m.SenderID))
	}
	if name == event.MessageReceive {
		d.contents = append(d.contents, m.Content)
	}
	known := d.known[m.ChannelID]
	last := int64(len(known))
	if m.Seq <= last && !reflect.DeepEqual(known[m.Seq-1], m) {
		d.faults = append(d.faults, fmt.Sprintf("channel %d: two messages with seq %d: %+v and %+v", m.ChannelID, m.Seq, known[m.Seq-1], m))
	}
	if m.Seq <= highest[m.ChannelID] {
		if m.Seq > last {
			d.faults = append(d.faults, fmt.Sprintf("channel %d: seq %d came after %d", m.ChannelID, m.Seq, highest[m.ChannelID]))
		}
		return // a repeat
	}
	highest[m.ChannelID] = m.Seq
	if m.Seq > last+1 { // a jump: fetch what is missing, this one included
		c, ok := d.channels[m.ChannelID]
		if !ok {
			return
		}
		d.mu.Unlock()
		err := d.fetch(c)
		d.mu.Lock()
		if err != nil && d.ctx.Err() == nil {
			d.faults = append(d.faults, err.Error())
		}
		return
	}
	if m.Seq == last+1 {
		d.known[m.ChannelID] = append(known, m)
	}
}

// catchUp asks for everything that the device may have missed.
func (d *device) catchUp() {
	for _, c := range d.channels {
		if err := d.fetch(c); err != nil && d.ctx.Err() == nil {
			d.fault("%v", err)
		}
	}
}

func (d *device) fetch(c channel) error {
	d.mu.Lock()
	last := int64(len(d.known[c.ID]))
	d.mu.Unlock()
	missed, err := d.person.after(d.ctx, c, last)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range missed {
		if m.Seq == int64(len(d.known[c.ID]))+1 {
			d.known[c.ID] = append(d.known[c.ID], m)
		}
	}
	return nil
}

func (d *device) fault(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, fmt.Sprintf(format, args...))
}

// tell wakes those in await.
func (d *device) tell() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// await waits until a condition on the device holds; it is looked at under the device's lock, after each event.
func (d *device) await(holds func() bool, what string) {
	d.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		d.mu.Lock()
		ok, changed := holds(), d.changed
		d.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			d.mu.Lock()
			got := summary(d.events)
			d.mu.Unlock()
			d.t.Fatalf("%s waits in vain for %s; it has got %v", d.person.name, what, got)
		}
	}
}

// summary counts events by name.
func summary(events []string) map[string]int {
	counts := make(map[string]int)
	for _, name := range events {
		counts[name]++
	}
	return counts
}

// has waits until the device knows the channel's first n messages.
func (d *device) has(c channel, n int) {
	d.t.Helper()
	d.await(func() bool { return len(d.known[c.ID]) >= n }, fmt.Sprintf("%d messages in channel %d", n, c.ID))
}

// heard reports how often the device got an event.
func (d *device) heard(name string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return summary(d.events)[name]
}

// received lists the messages of others that the device got, as they came.
func (d *device) received() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.contents...)
}

// check compares what the device knows with the history, and reports violations of the order.
func (d *device) check(c channel) {
	d.t.Helper()
	history := d.person.history(c)
	d.has(c, len(history))
	d.mu.Lock()
	defer d.mu.Unlock()
	require.Empty(d.t, d.faults, "%s", d.person.name)
	require.Equal(d.t, history, d.known[c.ID], "%s knows what the history says", d.person.name)
}
