package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"parley/app/loadtest"
	"parley/docs/benchmarks/deploy"
)

// target is something that `parley loadtest` can drive.
type target interface {
	Title() string
	API() string
	Sockets() []string
	All() []*deploy.Process
	Stop()
}

// load is what is asked of `parley loadtest`.
type load struct {
	users, members, channels int     // members: 0 for as many as users
	senders                  int     // in the closed loop
	rate                     float64 // messages a second in the open loop
	warmup, duration         time.Duration
	patience                 time.Duration // 0 for its default
	connectOnly              bool
	receipts                 time.Duration                   // how often everybody tells what it has read; 0: never
	receiptChannels          int                             // of how many channels each time; 0: of all
	placebo                  bool                            // these are not receipts, but events that the server does not know
	during                   func(ctx context.Context) error // runs meanwhile, if there is anything to do
}

// audience is the load that everything is measured with, unless it is the load that varies.
func (b *bench) audience() load {
	return load{
		users: 100, channels: 5, senders: 64,
		warmup: choose(b, 3*time.Second, time.Second), duration: choose(b, 10*time.Second, 2*time.Second),
	}
}

// short is the same for less time, for curves that have many points.
func (l load) short() load {
	l.warmup, l.duration = min(l.warmup, 2*time.Second), min(l.duration, 6*time.Second)
	return l
}

// paced is the same at a rate.
func (l load) paced(rate float64) load {
	l.senders, l.rate = 0, rate
	return l
}

func (l load) args(t target) []string {
	args := []string{
		"loadtest", "--json", "--url", t.API(), "--prefix", "bench", "--password", "a password of the benchmarks",
		"--users", strconv.Itoa(l.users), "--channels", strconv.Itoa(l.channels),
		"--duration", l.duration.String(),
	}
	for _, u := range t.Sockets() {
		args = append(args, "--socket-url", u)
	}
	if l.members > 0 {
		args = append(args, "--members", strconv.Itoa(l.members))
	}
	if l.patience > 0 {
		args = append(args, "--patience", l.patience.String())
	}
	if l.receipts > 0 {
		args = append(args, "--receipts", l.receipts.String())
	}
	if l.receiptChannels > 0 {
		args = append(args, "--receipts-channels", strconv.Itoa(l.receiptChannels))
	}
	if l.placebo {
		args = append(args, "--placebo")
	}
	switch {
	case l.connectOnly:
		return append(args, "--connect-only")
	case l.rate > 0:
		args = append(args, "--rate", strconv.FormatFloat(l.rate, 'f', -1, 64))
	default:
		args = append(args, "--senders", strconv.Itoa(l.senders))
	}
	return append(args, "--warmup", l.warmup.String())
}

// outcome is what a run of the load test came to.
type outcome struct {
	*loadtest.Report
	samples []deploy.Sample
}

// errFaulty is the error of a run in which something was lost, doubled or reordered.
var errFaulty = errors.New("the load test found faults")

// drive runs the load test. With errFaulty there is an outcome, too.
func (b *bench) drive(ctx context.Context, t target, l load) (outcome, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), b.lab.Parley, l.args(t)...) //nolint:gosec // no input from outside
	var out, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trouble
	generator, err := deploy.Spawn("load generator", cmd, "")
	if err != nil {
		return outcome{}, err
	}
	defer generator.Kill()
	watch := deploy.Watch(ctx, choose(b, 500*time.Millisecond, 250*time.Millisecond), append(t.All(), generator))
	var during error
	if l.during != nil {
		during = l.during(ctx)
	}
	select {
	case <-generator.Done():
	case <-ctx.Done():
		during = errors.Join(during, ctx.Err())
	}
	o := outcome{new(loadtest.Report), watch.Stop()}
	if during != nil {
		return o, during
	}
	if err := json.Unmarshal(out.Bytes(), o.Report); err != nil {
		return o, fmt.Errorf("parley loadtest: %w\n%s", err, lastLines(trouble.String(), 12))
	}
	if !o.Verdict.OK {
		return o, fmt.Errorf("%w: %s", errFaulty, strings.Join(o.Verdict.Problems, "; "))
	}
	return o, nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// persisted counts the messages that are kept; peers count theirs under the same name.
const persisted = "parley_messages_persisted_total"

// addThroughput adds what a closed loop came to.
func (b *bench) addThroughput(setup string, x float64, o outcome) {
	b.add(setup, x, messagesMetric, o.Load.DeliveredPerSecond)
	b.add(setup, x, "deliveries/s", o.Load.DeliveriesPerSecond)
}

// addLatency adds the time from sending to the arrivals.
func (b *bench) addLatency(setup string, x float64, o outcome) {
	b.add(setup, x, p50Metric, o.Load.DeliveryMS.P50MS)
	b.add(setup, x, p99Metric, o.Load.DeliveryMS.P99MS)
}

// addCPU adds the CPU time that each group of processes has used for a message.
func (b *bench) addCPU(setup string, x float64, samples []deploy.Sample) {
	from, to, ok := deploy.Steady(samples, persisted)
	if !ok {
		return
	}
	b.addShares(setup, x, from, to, to.Metrics[persisted]-from.Metrics[persisted])
}

// cpuGroups are the groups of processes whose CPU time is reported.
func cpuGroups() []string {
	return []string{"api", "worker", "socket", "all roles", "PostgreSQL", "RabbitMQ", "load generator"}
}

// addShares adds what was used between two samples for each of the messages.
func (b *bench) addShares(setup string, x float64, from, to deploy.Sample, messages float64) {
	total := 0.0
	for _, group := range cpuGroups() {
		if _, ok := to.CPU[group]; ok {
			each := millis(to.CPU[group]-from.CPU[group]) / messages
			b.add(setup, x, "CPU ms/message: "+group, each)
			total += each
		}
	}
	b.add(setup, x, "CPU ms/message: sum", total)
}

// perMessage is how much a counter has grown for each message that was kept, while the load was steady.
func perMessage(samples []deploy.Sample, counter string) (float64, bool) {
	from, to, ok := deploy.Steady(samples, persisted)
	if _, counted := to.Metrics[counter]; !ok || !counted {
		return 0, false
	}
	return (to.Metrics[counter] - from.Metrics[counter]) / (to.Metrics[persisted] - from.Metrics[persisted]), true
}
