package receipt

import (
	"context"
	"sync"
	"time"

	"parley/app/problem"
)

// When many read at once, hardly any of them would notice that a receipt takes a second; but whoever sends a message would. So
// a crowd's receipts, of whichever channels, go in turns, with rests in between: then a message has to wait for a part of one turn at most,
// in its partition, and mostly does not meet one at the database, or at a processor.

const (
	// minTurn is how many users' receipts go in a turn. It doubles with each tolerated time that somebody has been waiting, up to maxTurn, so that
	// more are told in the same time, since each turn takes a while however few it has. Beyond that, receipts wait, and are overtaken by newer ones.
	minTurn   = 128
	maxTurn   = 512
	tolerated = time.Second
	// shortRest and longRest bound the time between two turns, which is as long as the last one took: half of the time is left. A bus that
	// only takes messages does not show how long they keep a worker busy, which was 10 to 40 ms on two processors without anything to
	// spare; hence the first one.
	shortRest = 100 * time.Millisecond
	longRest  = 200 * time.Millisecond
)

// part is a part of a crowd: some of those who wait at a place.
type part struct {
	at      place
	reports map[int64]*report
}

// sendCrowds sends the receipts of crowds, turn by turn, until ctx ends.
func (g *gatherer) sendCrowds(ctx context.Context) error {
	for {
		turn := g.turn()
		if len(turn) == 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-g.gathers:
			}
			continue
		}
		began := time.Now()
		if p := g.sendTurn(ctx, turn); p != nil {
			g.disband(p)
		}
		if !sleep(ctx, min(max(shortRest, time.Since(began)), longRest), nil) {
			return nil
		}
	}
}

// turn takes what goes next, from those places first that have waited longest.
func (g *gatherer) turn() (parts []part) {
	g.mu.Lock()
	defer g.mu.Unlock()
	room := minTurn
	for range g.longestWait() / tolerated {
		room = min(2*room, maxTurn)
	}
	for room > 0 && len(g.crowds) > 0 {
		at := g.crowds[0]
		g.crowds = g.crowds[1:]
		p := part{at, g.boxes[at].take(room)}
		room -= len(p.reports)
		parts = append(parts, p)
	}
	return parts
}

// longestWait is how long somebody in a crowd has been waiting. The caller holds mu.
func (g *gatherer) longestWait() (longest time.Duration) {
	for _, at := range g.crowds {
		b := g.boxes[at]
		longest = max(longest, time.Since(b.waiting[b.order[0]].since))
	}
	return longest
}

// sendTurn sends the parts of a turn at the same time. It returns why one of them was not taken, nil if all were.
func (g *gatherer) sendTurn(ctx context.Context, turn []part) (failed *problem.Problem) {
	var (
		sending sync.WaitGroup
		results = make([]*problem.Problem, len(turn))
	)
	for i, p := range turn {
		sending.Go(func() {
			results[i] = g.send(ctx, p.at, p.reports)
			g.sent(p.at)
			g.answer(p.reports, results[i])
		})
	}
	sending.Wait()
	for _, p := range results {
		if p != nil {
			failed = p
		}
	}
	return failed
}

// disband refuses what all crowds have told: if the bus does not take a part, the others are not to wait for as long, one after the other.
func (g *gatherer) disband(p *problem.Problem) {
	g.mu.Lock()
	var waiting []answer
	for _, at := range g.crowds {
		b := g.boxes[at]
		g.metrics.refused.Add(float64(len(b.waiting)))
		waiting = append(waiting, answersOf(b.take(len(b.waiting)))...)
		g.calm(at, b)
	}
	g.crowds = nil
	g.mu.Unlock()
	answerAll(waiting, p)
}
