package loadtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

func (r *run) setupReport() Setup {
	return Setup{
		UsersRegistered: int(r.usersRegistered.Load()),
		UsersReused:     int(r.usersReused.Load()),
		GroupsCreated:   r.groupsCreated,
		GroupsReused:    r.groupsReused,
		MembersAdded:    int(r.membersAdded.Load()),
		TookMS:          ms(r.clock.now()),
	}
}

func (r *run) connectReport() Connect {
	offline := 0
	for _, c := range r.clients {
		if !c.isOnline() {
			offline++
		}
	}
	subscribed := r.subscribedTimes.read()
	return Connect{
		Wanted:        len(r.clients),
		Subscribed:    int(subscribed.total),
		FailedDials:   int(r.failedDials.Load()),
		StormMS:       ms(time.Duration(r.lastSubscribed.Load()) - r.firstDial),
		ConnectMS:     r.connectTimes.read().latency(),
		SubscribedMS:  subscribed.latency(),
		Disconnects:   int(r.disconnects.Load()),
		Drains:        int(r.drains.Load()),
		Resyncs:       int(r.resyncs.Load()),
		Reconnects:    int(r.reconnects.Load()),
		ReconnectMS:   r.reconnectTimes.read().latency(),
		Unreconnected: offline,
		TokensRenewed: int(r.renewed.Load()),
	}
}

func (r *run) sendingReport(s *Sending) {
	s.Sent = int(r.ledger.count())
	s.Accepted = int(r.accepted.Load())
	s.GivenUp = int(r.givenUp.Load())
	s.Retries = int(r.retries.Load())
	s.Refused = int(r.refused.Load())
	s.RateLimited = int(r.limited.Load())
	s.Errors = r.allErrors()
	s.InFlightMax = int(r.inFlightMax.Load())
}

func (r *run) loadReport(o outcome) *Load {
	since := time.Duration(r.measuringSince.Load())
	window := max(time.Duration(o.windowEnd)-since, time.Microsecond)
	sending := max(time.Duration(r.lastAccepted.Load())-since, time.Microsecond)
	return &Load{
		WindowMS:  ms(window),
		SendingMS: ms(sending),
		Sent:      o.sent, Accepted: o.accepted, Delivered: o.delivered,
		Deliveries: o.deliveries, CaughtUp: o.caughtUp,
		AcceptedPerSecond:   perSecond(o.accepted, sending),
		DeliveredPerSecond:  perSecond(o.delivered, window),
		DeliveriesPerSecond: perSecond(o.deliveries, window),
		AcceptMS:            r.acceptTimes.read().latency(),
		DeliveryMS:          r.deliveryTimes.read().latency(),
	}
}

func perSecond(n int, d time.Duration) float64 {
	return float64(int(float64(n)/d.Seconds()*10+0.5)) / 10
}

// judge says in words what is wrong.
func (r *Report) judge() {
	problems := []string{}
	problem := func(n int, what string) {
		if n > 0 {
			problems = append(problems, fmt.Sprintf("%d %s", n, what))
		}
	}
	f := r.Faults
	problem(f.LostMessages, "accepted messages are not in the history")
	problem(f.LostDeliveries, "deliveries did not arrive")
	problem(f.Gaps, "times a number was left out at a connection, without a word of the server")
	problem(f.Duplicates, "deliveries came twice at a connection")
	problem(f.Reordered, "deliveries came after a later one")
	problem(f.StoredTwice, "messages are in the history more than once")
	problem(f.HistoryGaps, "numbers are left out in the history")
	problem(f.Differing, "times a connection was sent other messages than the history has")
	problem(f.Unconfirmed, "accepted messages were not confirmed to their sender")
	problem(f.Failed, "accepted messages were given up (GROUP_MESSAGE_FAILED)")
	problem(f.Misaddressed, "events reached somebody whom they are not for")
	problem(f.Unreadable, "events could not be read")
	problem(r.Connect.Unreconnected, "members had no connection in the end")
	problem(r.Sending.GivenUp, "messages were never accepted")
	if r.Load != nil && r.Load.Accepted == 0 {
		problems = append(problems, "no message was accepted")
	}
	r.Verdict = Verdict{OK: len(problems) == 0, Problems: problems}
}

// errorsText lists errors by their kinds, the most frequent first.
func (r *run) errorsText() string { return listErrors(r.allErrors()) }

func listErrors(all map[string]int) string {
	kinds := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		if all[a] != all[b] {
			return all[b] - all[a]
		}
		return strings.Compare(a, b)
	})
	var b strings.Builder
	for _, kind := range kinds {
		fmt.Fprintf(&b, "\n  %d × %s", all[kind], kind)
	}
	return b.String()
}
