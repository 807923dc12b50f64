package receipt

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"parley/app/bus"
	"parley/app/event"
	"parley/app/problem"
	"parley/app/registry"
)

const (
	// senders is how many receipts' messages may be on their way to the bus at once.
	senders = 16
	// pace is the shortest time between two messages about one channel, so that a crowd's receipts travel together
	// and leave room for messages.
	pace = 100 * time.Millisecond
	// maxAcks is how many reports of one user about one channel may wait for their answers.
	maxAcks = 32
	// sendTimeout is how long the bus may take.
	sendTimeout = 10 * time.Second
)

// Sender is what is needed of the bus.
type Sender interface {
	Send(ctx context.Context, msg bus.Message) error
}

// Direct takes receipts of personal chats.
type Direct interface {
	// Report returns once it cannot get lost any more that reader has got as far as seq in the chat with other.
	Report(ctx context.Context, reader, other int64, status string, seq int64) error
}

// place is what receipts are about: a channel, or the chat of two people as seen by one of them.
type place struct{ channel, me, peer int64 }

// gatherer hands receipts to the bus. A place's first one goes at once. While it is on its way, and for a moment
// after it, the place's others wait; newer ones of a user take the place of older ones, and all go in one message, unless they are a
// crowd: see crowd.go.
type gatherer struct {
	bus        Sender
	direct     Direct
	partitions func() int
	metrics    *GatherMetrics
	log        *slog.Logger

	mu      sync.Mutex
	boxes   map[place]*box
	due     []place       // boxes to be sent, in this order
	wake    chan struct{} // capacity 1: there is something due
	crowds  []place       // boxes to be sent in parts, in this order
	gathers chan struct{} // capacity 1: there is a crowd
	stopped bool
}

// box is a place's receipts that wait. It goes when there has been none for as long as the pace.
type box struct {
	waiting map[int64]*report // by user
	order   []int64           // of those users, the one that has waited longest first
	busy    bool              // due, a crowd, on its way, or resting
	rest    *time.Timer
}

// report is what a user's devices have told, and who wants to know that it was taken.
type report struct {
	claim

	since   time.Time // when it began to wait
	answers []answer
}

// answer is called with nil once a receipt cannot get lost any more.
type answer func(*problem.Problem)

func newGatherer(b Sender, d Direct, partitions func() int, m *GatherMetrics, log *slog.Logger) *gatherer {
	return &gatherer{
		bus: b, direct: d, partitions: partitions, metrics: m, log: log,
		boxes: make(map[place]*box), wake: make(chan struct{}, 1), gathers: make(chan struct{}, 1),
	}
}

// start begins to send.
func (g *gatherer) start(h registry.Host) {
	g.mu.Lock()
	g.stopped = false
	g.mu.Unlock()
	for range senders {
		h.Go("send", func(ctx context.Context) error {
			for ctx.Err() == nil {
				g.sendNext(ctx)
			}
			return nil
		})
	}
	h.Go("crowds", g.sendCrowds)
}

// stop refuses what still waits.
func (g *gatherer) stop() {
	g.mu.Lock()
	g.stopped = true
	var waiting []answer
	for at, b := range g.boxes {
		if b.rest != nil {
			b.rest.Stop()
		}
		waiting = append(waiting, answersOf(b.waiting)...)
		delete(g.boxes, at)
	}
	g.due, g.crowds = nil, nil
	g.mu.Unlock()
	answerAll(waiting, ErrNotTaken)
}

// take takes a receipt, and answers now or later.
func (g *gatherer) take(at place, user int64, c claim, done answer) {
	g.metrics.reported.Inc()
	if !g.put(at, user, c, done) {
		g.metrics.refused.Inc()
		done(ErrNotTaken)
	}
}

// put has a receipt wait for its turn.
func (g *gatherer) put(at place, user int64, c claim, done answer) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return false
	}
	b := g.boxes[at]
	if b == nil {
		b = &box{waiting: make(map[int64]*report)}
		g.boxes[at] = b
	}
	r := b.waiting[user]
	if r == nil {
		r = &report{since: time.Now()}
		b.waiting[user] = r
		b.order = append(b.order, user)
	}
	if len(r.answers) >= maxAcks {
		return false
	}
	r.claim, r.answers = r.join(c), append(r.answers, done)
	if !b.busy {
		g.enqueue(at, b)
	}
	return true
}

// enqueue has a place's receipts sent as soon as possible, or as a crowd's. The caller holds mu.
func (g *gatherer) enqueue(at place, b *box) {
	b.busy = true
	if len(b.waiting) > crowd {
		g.crowds = append(g.crowds, at)
		poke(g.gathers)
		return
	}
	g.due = append(g.due, at)
	poke(g.wake)
}

// poke wakes whoever waits for a channel of capacity 1, now or when it waits next.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sendNext waits until something is due, and sends it.
func (g *gatherer) sendNext(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-g.wake:
	}
	at, reports, ok := g.next()
	if !ok {
		return
	}
	p := g.send(ctx, at, reports)
	g.sent(at)
	g.answer(reports, p)
}

// next takes the receipts that are due longest.
func (g *gatherer) next() (place, map[int64]*report, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.due) == 0 {
		return place{}, nil, false
	}
	at := g.due[0]
	g.due = g.due[1:]
	if len(g.due) > 0 {
		poke(g.wake)
	}
	b := g.boxes[at]
	if len(b.waiting) > crowd { // by now
		g.enqueue(at, b)
		return place{}, nil, false
	}
	return at, b.take(crowd), true
}

// take takes the reports of n users at most, those first that have waited longest.
func (b *box) take(n int) map[int64]*report {
	if len(b.waiting) <= n {
		all := b.waiting
		b.waiting, b.order = make(map[int64]*report), nil
		return all
	}
	some := make(map[int64]*report, n)
	for _, user := range b.order[:n] {
		some[user] = b.waiting[user]
		delete(b.waiting, user)
	}
	b.order = b.order[n:]
	return some
}

// send returns nil once the receipts cannot get lost any more.
func (g *gatherer) send(ctx context.Context, at place, reports map[int64]*report) *problem.Problem {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	var err error
	if at.channel == 0 {
		err = g.sendDirect(ctx, at, reports[at.me].claim)
	} else {
		err = g.sendChannel(ctx, at.channel, reports)
	}
	if err != nil {
		g.log.Warn("receipts were not taken; clients tell them again", "channel", at.channel, "users", len(reports), "error", err)
		g.metrics.refused.Add(float64(len(reports)))
		return ErrNotTaken.WithCause(err)
	}
	g.metrics.sent.Inc()
	return nil
}

func (g *gatherer) sendChannel(ctx context.Context, channel int64, reports map[int64]*report) error {
	body := event.Receipts{ChannelID: channel, Users: make([]event.Receipt, 0, len(reports))}
	for user, r := range reports {
		body.Users = append(body.Users, event.Receipt{UserID: user, Delivered: r.delivered, Read: r.read, At: event.At(r.at)})
	}
	n := g.partitions()
	if n == 0 {
		return fmt.Errorf("%w: no worker has told how many partitions there are", bus.ErrUnavailable)
	}
	msg, err := event.Encode(event.PartitionKey(event.Partition(channel, n)), event.TypeReceipts, body)
	if err != nil {
		return err
	}
	return g.bus.Send(ctx, msg)
}

func (g *gatherer) sendDirect(ctx context.Context, at place, c claim) error {
	if c.read > 0 {
		if err := g.direct.Report(ctx, at.me, at.peer, Read.String(), c.read); err != nil {
			return err
		}
	}
	if c.delivered > c.read {
		return g.direct.Report(ctx, at.me, at.peer, Delivered.String(), c.delivered)
	}
	return nil
}

// sent has a place rest after its receipts have been sent, unless a crowd waits there.
func (g *gatherer) sent(at place) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.boxes[at]
	if b == nil { // stopped
		return
	}
	if len(b.waiting) > crowd {
		g.enqueue(at, b)
		return
	}
	g.calm(at, b)
}

// calm has a place rest. The caller holds mu.
func (g *gatherer) calm(at place, b *box) {
	b.rest = time.AfterFunc(pace, func() { g.rested(at, b) })
}

// rested sends what has come while a place was resting, or forgets the place.
func (g *gatherer) rested(at place, b *box) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.stopped:
	case len(b.waiting) > 0:
		g.enqueue(at, b)
	default:
		delete(g.boxes, at)
	}
}

// answer tells those who wait for it that their receipts were taken, or why not.
func (g *gatherer) answer(reports map[int64]*report, p *problem.Problem) {
	for _, r := range reports {
		g.metrics.answered.Observe(time.Since(r.since).Seconds())
	}
	answerAll(answersOf(reports), p)
}

func answersOf(reports map[int64]*report) (all []answer) {
	for _, r := range reports {
		all = append(all, r.answers...)
	}
	return all
}

func answerAll(all []answer, p *problem.Problem) {
	for _, done := range all {
		done(p)
	}
}
