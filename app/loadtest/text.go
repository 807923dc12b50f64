package loadtest

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// barWidth is how long the longest bar of a printed histogram is.
const barWidth = 40

// WriteText writes the report for people.
func (r *Report) WriteText(out io.Writer) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	s := r.Settings
	fmt.Fprintf(w, "Load test of %s: %s, %d users in %s of %d members with %s\n\n", s.URL, s.how(), s.Users,
		plural(s.Groups, "group"), s.Members, plural(s.Channels, "channel"))
	if l := r.Load; l != nil {
		l.writeText(w)
	}
	r.Connect.writeText(w)
	r.Sending.writeText(w)
	if told := r.Receipts; told != nil {
		told.writeText(w, s.Placebo)
	}
	if c := r.Client; c.CPUMS > 0 {
		fmt.Fprintf(w, "load generator\t%.1f s of CPU time, %.2f µs per delivery\n", c.CPUMS/1000, c.CPUPerDeliveryUS)
	}
	_ = w.Flush() // to a builder, which takes everything
	if r.Load != nil {
		fmt.Fprintf(&b, "\nSend to receive:\n%s", bars(r.Load.DeliveryMS.Counts))
	} else {
		fmt.Fprintf(&b, "\nDial to SUBSCRIBED:\n%s", bars(r.Connect.SubscribedMS.Counts))
	}
	b.WriteString(r.Verdict.text(r.Load != nil))
	_, err := io.WriteString(out, b.String())
	return err
}

func (s Settings) how() string {
	switch s.Mode {
	case ModeConnect:
		return fmt.Sprintf("everybody connects at once and stays for %s", duration(s.DurationMS))
	case ModeOpen:
		return fmt.Sprintf("%g messages/s", s.Rate)
	default:
		return fmt.Sprintf("%s in a closed loop", plural(s.Senders, "sender"))
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func duration(ms float64) time.Duration {
	return time.Duration(ms * float64(time.Millisecond)).Round(time.Millisecond)
}

func (l *Load) writeText(w io.Writer) {
	fmt.Fprintf(w, "accepted\t%.1f messages/s\t%d in %s\n", l.AcceptedPerSecond, l.Accepted, duration(l.SendingMS))
	fmt.Fprintf(w, "delivered to everyone\t%.1f messages/s\t%d in %s\n", l.DeliveredPerSecond, l.Delivered, duration(l.WindowMS))
	fmt.Fprintf(w, "deliveries\t%.1f per second\t%d, and %d read from the history\n", l.DeliveriesPerSecond, l.Deliveries, l.CaughtUp)
	_, _ = io.WriteString(w, "\n")
	l.AcceptMS.writeText(w, "send to 202")
	l.DeliveryMS.writeText(w, "send to receive")
}

func (told *Receipts) writeText(w io.Writer, placebo bool) {
	what := "receipts"
	if placebo {
		what = "placebos"
	}
	told.DeliveryMS.writeText(w, "send to receive, beside "+what)
	fmt.Fprintf(w, "%s\t%d told, %d acknowledged, %d refused\n", what, told.Told, told.Acknowledged, told.Refused)
}

func (l Latency) writeText(w io.Writer, what string) {
	if l.Count > 0 {
		fmt.Fprintf(w, "%s\tp50 %.1f\tp90 %.1f\tp99 %.1f\tp99.9 %.1f\tmax %.1f ms\n", what, l.P50MS, l.P90MS, l.P99MS, l.P999MS, l.MaxMS)
	}
}

func (c Connect) writeText(w io.Writer) {
	c.ConnectMS.writeText(w, "dial to connected")
	c.SubscribedMS.writeText(w, "dial to SUBSCRIBED")
	c.ReconnectMS.writeText(w, "lost to SUBSCRIBED again")
	fmt.Fprintf(w, "\nconnections\t%d of %d subscribed, the last after %s\n", c.Subscribed, c.Wanted, duration(c.StormMS))
	fmt.Fprintf(w, "\t%s, %s; %d DRAIN, %d RESYNC; %s\n", plural(c.Disconnects, "disconnect"), plural(c.Reconnects, "reconnect"),
		c.Drains, c.Resyncs, plural(c.FailedDials, "failed attempt"))
}

func (s Sending) writeText(w io.Writer) {
	if s.Sent > 0 {
		fmt.Fprintf(w, "sending\t%d sent with the warm-up, %d accepted, %d given up; at most %d at once\n", s.Sent, s.Accepted, s.GivenUp, s.InFlightMax)
		fmt.Fprintf(w, "\t%d sent again, after %d × 503, %d × 429 and other failures\n", s.Retries, s.Refused, s.RateLimited)
	}
	if len(s.Errors) > 0 {
		fmt.Fprintf(w, "failures on the way\t%s\n", strings.ReplaceAll(strings.TrimLeft(listErrors(s.Errors), "\n "), "\n  ", "\n\t"))
	}
}

// bars draws a histogram, a bar for each octave.
func bars(buckets []Bucket) string {
	var lines []Bucket
	limit, most := 0.128, int64(1) // ms; octaves of microseconds
	for _, b := range buckets {
		for b.AtMostMS >= limit {
			limit *= 2
		}
		if len(lines) == 0 || lines[len(lines)-1].AtMostMS != limit {
			lines = append(lines, Bucket{AtMostMS: limit})
		}
		lines[len(lines)-1].Count += b.Count
		most = max(most, lines[len(lines)-1].Count)
	}
	var text strings.Builder
	for _, l := range lines {
		bar := strings.Repeat("#", int(max((l.Count*barWidth+most/2)/most, 1)))
		fmt.Fprintf(&text, "  ≤ %8g ms  %-*s %d\n", l.AtMostMS, barWidth, bar, l.Count)
	}
	return text.String()
}

func (v Verdict) text(sent bool) string {
	if !v.OK {
		return "\nVERDICT: not well\n  " + strings.Join(v.Problems, "\n  ") + "\n"
	}
	if !sent {
		return "\nVERDICT: everybody was subscribed, and connected in the end\n"
	}
	return "\nVERDICT: nothing was lost, doubled or reordered\n"
}
