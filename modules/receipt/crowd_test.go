package receipt

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
	"parley/app/problem"
)

// flood has users 1 to n tell the same of a channel. It returns how many have been answered, and how many of these refused.
func (d *desk) flood(channel, n, seq int64) (answered, refused *int) {
	answered, refused = new(int), new(int)
	for user := range n {
		d.gatherer.take(place{channel: channel}, user+1, claim{read: seq, at: time.Now()}, func(p *problem.Problem) {
			d.mu.Lock()
			defer d.mu.Unlock()
			*answered++
			if p != nil {
				*refused++
			}
		})
	}
	return answered, refused
}

// trips lists what the bus has got so far, in the order of its arrival.
func (d *desk) trips() []trip {
	synctest.Wait()
	d.bus.mu.Lock()
	defer d.bus.mu.Unlock()
	return d.bus.trips
}

func TestACrowdGoesInTurns(t *testing.T) {
	t.Parallel()
	inBubble(t, func(d *desk) {
		const takes = 15 * time.Millisecond
		d.bus.takes = takes
		first := int64(2) // the first of each channel goes at once, alone
		for channel := range first {
			d.flood(channel+1, 1, 1)
		}
		synctest.Wait()
		require.Len(t, d.gatherer.boxes, 2)
		for channel := range first {
			d.flood(channel+1, 300, 2)
		}
		<-time.After(2 * time.Second)
		trips := d.trips()
		last, users := trips[first-1].end, map[string]bool{}
		for i, trip := range trips[first:] {
			require.LessOrEqual(t, len(trip.users), minTurn)
			if trip.begun.Before(last) { // the rest of the turn
				require.LessOrEqual(t, len(trip.users)+len(trips[int(first)+i-1].users), minTurn)
			} else if i > 0 {
				require.GreaterOrEqual(t, trip.begun.Sub(last), takes, "half of the time is left to messages")
			}
			last = trip.end
			for _, u := range trip.users {
				users[fmt.Sprint(trip.channel, u.UserID, u.Read)] = true
			}
		}
		require.Len(t, users, 600, "everybody's last word, once")
		require.Less(t, last.Sub(trips[0].begun), time.Second)
	})
}

// The more tell, the larger turns become, up to a bound.
func TestALargeCrowdGoesInLargerTurns(t *testing.T) {
	t.Parallel()
	inBubble(t, func(d *desk) {
		d.bus.takes = 20 * time.Millisecond
		d.flood(3, 1, 1)
		synctest.Wait()
		answered, refused := d.flood(3, 8_000, 2)
		<-time.After(10 * time.Second)
		trips := d.trips()
		require.Less(t, trips[len(trips)-1].end.Sub(trips[0].begun), 4*time.Second)
		for _, trip := range trips {
			require.LessOrEqual(t, len(trip.users), maxTurn)
		}
		require.Equal(t, []int{8_000, 0}, []int{*answered, *refused})
	})
}

// Many channels with some people each share a turn.
func TestCrowdsShareTurns(t *testing.T) {
	t.Parallel()
	inBubble(t, func(d *desk) {
		const channels, people = 30, 2 * crowd
		d.bus.takes = 20 * time.Millisecond
		for channel := range int64(channels) {
			d.flood(channel+1, 1, 1)
		}
		<-time.After(d.bus.takes / 2)
		for channel := range int64(channels) {
			d.flood(channel+1, people, 2)
		}
		<-time.After(5 * time.Second)
		turns := map[time.Time]int{}
		for _, trip := range d.trips()[channels:] {
			turns[trip.begun] += len(trip.users)
		}
		require.LessOrEqual(t, len(turns), channels*people/minTurn+2)
		for _, users := range turns {
			require.LessOrEqual(t, users, minTurn)
		}
	})
}

func TestWhoIsAloneDoesNotWaitForACrowd(t *testing.T) {
	t.Parallel()
	inBubble(t, func(d *desk) {
		d.bus.takes = 10 * time.Millisecond
		d.flood(3, 1, 1)
		synctest.Wait()
		d.flood(3, 1000, 2)
		<-time.After(30 * time.Millisecond) // amid the turns
		answered, _ := d.flood(4, 1, 1)
		<-time.After(10 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, 1, *answered)
	})
}

// If the bus does not take a part of a crowd, nobody else in any crowd waits for as long once more.
func TestCrowdsAreRefusedTogether(t *testing.T) {
	t.Parallel()
	inBubble(t, func(d *desk) {
		d.bus.takes = 10 * time.Millisecond
		d.flood(3, 1, 1)
		d.flood(4, 1, 1)
		synctest.Wait()
		d.bus.mu.Lock()
		d.bus.takes = time.Hour
		d.bus.mu.Unlock()
		answered3, refused3 := d.flood(3, 500, 2)
		answered4, refused4 := d.flood(4, 500, 2)
		<-time.After(10*time.Millisecond + sendTimeout)
		synctest.Wait()
		require.Equal(t, []int{500, 500, 500, 500}, []int{*answered3, *refused3, *answered4, *refused4})

		d.bus.mu.Lock()
		d.bus.takes, d.bus.err = 0, bus.ErrUnavailable
		d.bus.mu.Unlock()
		<-time.After(2 * pace)
		answered3, refused3 = d.flood(3, 500, 2)
		<-time.After(2 * pace)
		synctest.Wait()
		require.Equal(t, []int{500, 500}, []int{*answered3, *refused3})

		d.bus.mu.Lock()
		d.bus.err = nil
		d.bus.mu.Unlock()
		answered3, refused3 = d.flood(3, 500, 2)
		<-time.After(time.Second)
		synctest.Wait()
		require.Equal(t, []int{500, 0}, []int{*answered3, *refused3}, "and told again when the bus is back")
	})
}

// Whatever comes when: who is told "ok" has been told of to the bus, a channel has one message on its way at a time, and nobody is forgotten.
func TestWhatIsAcknowledgedIsOnTheBus(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		inBubble(t, func(d *desk) {
			rng := rand.New(rand.NewPCG(seed, 1))
			told, answered := 0, 0
			for range 100 {
				d.bus.mu.Lock()
				d.bus.takes, d.bus.err = time.Duration(rng.IntN(20))*time.Millisecond, nil
				if rng.IntN(20) == 0 {
					d.bus.err = bus.ErrUnavailable
				}
				d.bus.mu.Unlock()
				channel, seq := 1+rng.Int64N(4), rng.Int64N(1000)
				for user := range 1 + rng.Int64N(1+rng.Int64N(300)) {
					told++
					d.gatherer.take(place{channel: channel}, user, claim{read: seq, at: time.Now()}, func(p *problem.Problem) {
						d.mu.Lock()
						defer d.mu.Unlock()
						answered++
						if p == nil {
							require.GreaterOrEqual(t, d.bus.furthest(channel, user), seq)
						}
					})
				}
				<-time.After(time.Duration(rng.IntN(60)) * time.Millisecond)
			}
			<-time.After(time.Minute)
			last := map[int64]time.Time{}
			for _, trip := range d.trips() {
				require.False(t, trip.begun.Before(last[trip.channel]))
				last[trip.channel] = trip.end
			}
			require.Equal(t, told, answered)
		})
	}
}
