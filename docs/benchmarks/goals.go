package main

import (
	"fmt"
	"math"

	"parley/docs/benchmarks/deploy"
	"parley/docs/benchmarks/fanout"
	"parley/docs/benchmarks/figures"
)

// Metrics that goals are about.
const (
	messagesMetric   = "messages/s"
	p50Metric        = "p50, ms"
	p99Metric        = "p99, ms"
	stormMetric      = "until the last one is subscribed, s" // from the first dial
	droppedMetric    = "connections dropped"
	reconnectMetric  = "the last one, s"
	othersMetric     = "others dropped"
	rowsMetric       = "message_recipients rows/message"
	residentMetric   = "KiB/connection, resident"
	evenMetric       = "second worker started → partitions even, s"
	takeoverMetric   = "one of two killed → all taken over, s"
	intoBrokerMetric = "into the broker/message"
	outToItMetric    = "out to it/message"
	sqlMetric        = "SQL statements/message"
)

// title is how reports name a deployment of Parley.
func title(s deploy.Shape) string { return (&deploy.Deployment{Shape: s}).Title() }

// subscribedTitle is how the row about memory names connections through the whole program.
func subscribedTitle(users, channels int) string {
	return fmt.Sprintf("Parley socket role, %d users subscribed to %d channels", users, channels)
}

// Set-ups of the row about members.
const everybodyOnline = "everybody online"

func someOnline(n int) string { return fmt.Sprintf("%d online", n) }

// goals are what was aimed at.
func goals() []figures.Goal {
	const loop, at200 = "closed loop of 64 senders, 100 members online, 5 channels", "the same at 200 messages/s"
	return []figures.Goal{
		{What: loop + ": split roles", Goal: "≥ 1,500 messages/s", Judge: func(r *figures.Results) (string, bool) {
			rate := closedRate(r, title(deploy.Split))
			return text("%s messages/s", rate), rate >= 1500
		}},
		{What: "the same, beside the same design on Node.js", Goal: "5 ×", Judge: func(r *figures.Results) (string, bool) {
			ratio := closedRate(r, title(deploy.Split)) / closedRate(r, nodeTitle)
			return text("%s ×", ratio), ratio >= 5
		}},
		{What: loop + ": one process, SQLite", Goal: "as fast as split roles", Judge: func(r *figures.Results) (string, bool) {
			rate, split := closedRate(r, title(deploy.Embedded)), closedRate(r, title(deploy.Split))
			return text("%s messages/s, %s ×", rate, rate/split), rate >= split
		}},
		{What: "the same, beside Tinode", Goal: "3 ×", Judge: func(r *figures.Results) (string, bool) {
			ratio := closedRate(r, title(deploy.Embedded)) / closedRate(r, tinodeTitle)
			return text("%s ×", ratio), ratio >= 3
		}},
		{What: at200, Goal: "p99 < 20 ms split, < 12 ms in one process", Judge: func(r *figures.Results) (string, bool) {
			split, one, embedded := pacedP99(r, title(deploy.Split)), pacedP99(r, title(deploy.One)), pacedP99(r, title(deploy.Embedded))
			return text("%s ms split, %s in one process, %s with SQLite", split, one, embedded), split < 20 && one < 12 && embedded < 12
		}},
		{What: "the same, beside Tinode", Goal: "ahead", Judge: func(r *figures.Results) (string, bool) {
			ours, theirs := pacedP99(r, title(deploy.Embedded)), pacedP99(r, tinodeTitle)
			return text("p99 %s ms with SQLite, Tinode %s", ours, theirs), ours < theirs
		}},
		{What: "socket layer alone: 500 clients paced, and in bursts of 200", Goal: "ahead of centrifuge", Judge: judgeFanout},
		{What: "idle connection, subscribed to 20 channels", Goal: "≤ 20 KiB", Judge: func(r *figures.Results) (string, bool) {
			kib := median(r, "idle", subscribedTitle(1000, 20), 0, residentMetric)
			return text("%s KiB", kib), kib <= 20
		}},
		{What: "1,000 users × 20 channels connect at once", Goal: "≤ 1.5 s, nobody dropped", Judge: func(r *figures.Results) (string, bool) {
			seconds, dropped := median(r, "storm", title(deploy.Split), 0, stormMetric), median(r, "storm", title(deploy.Split), 0, droppedMetric)
			return text("%s s, %s dropped", seconds, dropped), seconds <= 1.5 && dropped == 0
		}},
		{What: "a socket server is killed: its clients are subscribed again", Goal: "≤ 1.5 s, nobody else dropped", Judge: func(r *figures.Results) (string, bool) {
			seconds, dropped := median(r, "reconnect", title(deploy.Split), 0, reconnectMetric), median(r, "reconnect", title(deploy.Split), 0, othersMetric)
			return text("%s s, %s dropped", seconds, dropped), seconds <= 1.5 && dropped == 0
		}},
		{What: "group of 1,000 members, 100 online; of 10,000", Goal: "≥ 300 messages/s, with rows; no rows", Judge: func(r *figures.Results) (string, bool) {
			rate := median(r, "members", someOnline(100), 1000, messagesMetric)
			rows, none := median(r, "members", someOnline(100), 1000, rowsMetric), median(r, "members", someOnline(100), 10_000, rowsMetric)
			return text("%s messages/s, %s rows each; %s rows", rate, rows, none), rate >= 300 && rows >= 999 && none == 0
		}},
		{What: "a second worker is added; one of two is killed", Goal: "even within 5 s; taken over within 10 s", Judge: func(r *figures.Results) (string, bool) {
			even, over := median(r, "workers", title(deploy.Split), 0, evenMetric), median(r, "workers", title(deploy.Split), 0, takeoverMetric)
			return text("%s s; %s s", even, over), even <= 5 && over <= 10
		}},
		{What: "1,000 members read a channel at once, beside as many events that are refused", Goal: "messages: p99 ≤ 1.5 ×", Judge: judgeReceipts},
		{What: "broker messages and SQL statements for a message", Goal: "no more with 1,000 and 10,000 members than with 10", Judge: judgeCost},
	}
}

// median is NaN for what was not measured, which no comparison is true for.
func median(r *figures.Results, row, setup string, x float64, metric string) float64 {
	if v, ok := r.Median(row, setup, x, metric); ok {
		return v
	}
	return math.NaN()
}

// text formats the values, if the first one was measured.
func text(format string, values ...float64) string {
	if math.IsNaN(values[0]) {
		return ""
	}
	var written []any
	for _, v := range values {
		if math.IsNaN(v) {
			written = append(written, "?")
		} else {
			written = append(written, figures.Number(v))
		}
	}
	return fmt.Sprintf(format, written...)
}

// closedRate is the throughput of a set-up in the closed loop.
func closedRate(r *figures.Results, setup string) float64 {
	return median(r, "closed", setup, 0, messagesMetric)
}

// pacedP99 is a set-up's latency at a pace that is no effort.
func pacedP99(r *figures.Results, setup string) float64 {
	return median(r, "paced", setup, 0, p99Metric)
}

func judgeFanout(r *figures.Results) (string, bool) {
	paced, bursts := fanoutLoads[0].metric(), fanoutLoads[1].metric()
	ours, theirs := fanout.Parley.Title(), fanout.Centrifuge.Title()
	a, b := median(r, "fanout", ours, 0, paced)/median(r, "fanout", theirs, 0, paced), median(r, "fanout", ours, 0, bursts)/median(r, "fanout", theirs, 0, bursts)
	return text("%s × and %s × its deliveries/s", a, b), a > 1 && b > 1
}

// judgeCost allows for a tenth more, which is within what differs from run to run.
func judgeCost(r *figures.Results) (string, bool) {
	met, words := true, ""
	for _, metric := range []string{intoBrokerMetric, outToItMetric, sqlMetric} {
		few, all := median(r, "members", everybodyOnline, 10, metric), median(r, "members", everybodyOnline, 1000, metric)
		many := median(r, "members", someOnline(100), 10_000, metric)
		met = met && all <= 1.1*few && many <= 1.1*few
		words += text("%s, %s, %s "+metric+"; ", few, all, many)
	}
	if words == "" {
		return "", false
	}
	return words + "with 10, 1,000, 10,000 members", met
}

// curves are the plots.
func curves() []figures.Curve {
	return []figures.Curve{
		{Row: "rates", Metric: p99Metric, Title: "Latency against rate: 100 members online, 5 channels", XTitle: "messages/s", LogY: true},
		{Row: "members", Metric: messagesMetric, Title: "Throughput against members: split roles, 64 senders", XTitle: "members", LogX: true},
	}
}
