package loadtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// run is one load test.
type run struct {
	options Options
	api     *api
	poster  *poster
	clock   clock
	ledger  *ledger
	buffers writeBuffers

	people   []*member
	groups   []*group
	channels []*channel
	clients  []*client

	usersRegistered, usersReused, membersAdded atomic.Int64
	groupsCreated, groupsReused                int
	stepped                                    int // of the current step of the preparation

	connectTimes, subscribedTimes, reconnectTimes histogram
	acceptTimes, deliveryTimes                    histogram
	besideTimes                                   histogram // deliveryTimes of the messages that were sent beside receipts
	firstDial                                     time.Duration
	lastSubscribed                                atomic.Int64
	failedDials, disconnects, reconnects          atomic.Int64
	drains, resyncs, renewed                      atomic.Int64

	accepted, givenUp, retries, refused, limited atomic.Int64
	expected                                     atomic.Int64 // deliveries of what was accepted
	receiptsTold, receiptsTaken, receiptsRefused atomic.Int64
	tellingSince                                 atomic.Int64 // when everybody began to tell, the last time
	inFlight, inFlightMax                        atomic.Int64
	measuredFrom                                 atomic.Int64 // the first message after the warm-up
	measuringSince, lastAccepted                 atomic.Int64

	mu     sync.Mutex
	errors map[string]int
}

// Run carries out a load test. The report's verdict says whether all was well; an error means that the test could not be
// carried out.
func Run(ctx context.Context, o Options) (report *Report, err error) {
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	r := newRun(o)
	defer r.api.close()
	defer context.AfterFunc(ctx, r.poster.close)()
	defer r.poster.close()
	if o.Cleanup {
		defer func() { err = errors.Join(err, r.cleanup(ctx)) }()
	}
	report, err = r.carryOut(ctx)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
	return report, err
}

func newRun(o Options) *run {
	r := &run{
		options: o,
		api:     newAPI(o.URL, 2*hashing),
		poster:  newPoster(o.URL),
		clock:   clock{time.Now()},
		ledger:  newLedger(random(4)),
		errors:  make(map[string]int),
	}
	r.measuredFrom.Store(math.MaxInt64)
	r.tellingSince.Store(math.MaxInt64)
	return r
}

func (r *run) carryOut(ctx context.Context) (*Report, error) {
	report := &Report{Version: ReportVersion, StartedAt: r.clock.began.UTC(), Settings: r.options.settings()}
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	report.Setup = r.setupReport()
	connected, stop := context.WithCancel(ctx)
	var staying sync.WaitGroup
	defer staying.Wait()
	defer stop()
	r.connect(connected, &staying)
	if err := r.awaitSubscribed(ctx); err != nil {
		return nil, err
	}
	staying.Go(func() { r.renewTokens(connected) })
	if r.options.ConnectOnly {
		r.watch(ctx, func() { sleep(ctx, r.options.Duration) })
	} else if err := r.load(ctx, report); err != nil {
		return nil, err
	}
	report.Connect = r.connectReport()
	r.sendingReport(&report.Sending)
	report.Receipts = r.receiptsReport()
	report.FinishedAt = time.Now().UTC()
	report.judge()
	return report, nil
}

// prepare makes users, groups and channels.
func (r *run) prepare(ctx context.Context) error {
	if err := r.enterAll(ctx); err != nil {
		return err
	}
	if err := r.gather(ctx); err != nil {
		return err
	}
	if err := r.markBase(ctx); err != nil {
		return err
	}
	for i, m := range r.people[:r.options.Users] {
		r.clients = append(r.clients, newClient(r, m, i))
		for _, ch := range m.channels {
			ch.listeners++
		}
	}
	return nil
}

// connect begins to connect everybody, at once.
func (r *run) connect(ctx context.Context, staying *sync.WaitGroup) {
	r.firstDial = r.clock.now()
	for _, c := range r.clients {
		staying.Go(func() { c.stay(ctx) })
	}
}

// awaitSubscribed waits until everybody is subscribed.
func (r *run) awaitSubscribed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.options.Patience)
	defer cancel()
	for i, c := range r.clients {
		select {
		case <-c.subscribed:
			r.options.Step(i+1, len(r.clients), "connections")
		case <-ctx.Done():
			return fmt.Errorf("%d of %d members are subscribed after %s%s", r.subscribedTimes.read().total, len(r.clients),
				r.options.Patience, r.errorsText())
		}
	}
	return nil
}

func (r *run) noteSubscribed(now time.Duration) { raise(&r.lastSubscribed, int64(now)) }

// raise makes v at least n.
func raise(v *atomic.Int64, n int64) {
	for {
		old := v.Load()
		if n <= old || v.CompareAndSwap(old, n) {
			return
		}
	}
}

// renewTokens keeps everybody's tokens fresh, and the connections authenticated.
func (r *run) renewTokens(ctx context.Context) {
	for sleep(ctx, time.Second) {
		var renewing errgroup.Group
		renewing.SetLimit(hashing)
		for _, c := range r.clients {
			used := c.tokens.Load()
			if time.Now().Before(used.renewAt) {
				continue
			}
			renewing.Go(func() error {
				if c.renewOrNote(ctx, used) { // else the next second is soon enough
					r.renewed.Add(1)
					c.authenticate()
				}
				return nil
			})
		}
		_ = renewing.Wait() // never fails
	}
}

// noteError counts a failure by its kind.
func (r *run) noteError(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors[kind]++
}

func (r *run) allErrors() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.errors)
}

// cause is the kind of an error: short, and the same for all errors of that kind, whatever addresses and ports they name.
func cause(err error) string {
	refused, dial, request, timeout := (*refusal)(nil), (*net.OpError)(nil), (*url.Error)(nil), net.Error(nil)
	errno := syscall.Errno(0)
	switch {
	case errors.As(err, &refused):
		return refused.kind()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &request):
		return request.Err.Error()
	case errors.As(err, &dial):
		return dial.Err.Error()
	default:
		return err.Error()
	}
}
