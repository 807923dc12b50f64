package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// grace is how long components have to return once the shutdown timeout has
// passed and their contexts have ended; each of those stopped after that has a tenth of it.
const grace = time.Second

// state is where a node stands. It only ever goes forward:
//
//	idle → starting → ready → draining → stopped
//	           └────────────────┘ when the start-up fails
type state int

const (
	idle state = iota
	starting
	ready
	draining
	stopped
)

// Node is the active components of a process.
type Node struct {
	log        *slog.Logger
	components []*component // in start order

	mu      sync.Mutex
	state   state
	failure error              // the first failed task
	cancel  context.CancelFunc // ends Run's wait
}

// Options configure a run.
type Options struct {
	// StartTimeout bounds the start-up of all components together. Defaults to one minute.
	StartTimeout time.Duration
	// ShutdownTimeout bounds the shutdown of all components together. Defaults to 20 seconds.
	ShutdownTimeout time.Duration
	// OnReady, if set, is called once every component has started.
	OnReady func()
}

// New selects the components that are active in the given roles and puts them
// in order. It fails on names that are doubled or needed but not there, and on circles.
func New(log *slog.Logger, roles []Role, modules ...Module) (*Node, error) {
	order, err := resolve(roles, modules)
	if err != nil {
		return nil, err
	}
	n := &Node{log: log}
	for _, m := range order {
		n.components = append(n.components, newComponent(m, log, n.fail))
	}
	return n, nil
}

// Names lists the active components in the order in which they start.
func (n *Node) Names() []string {
	names := make([]string, len(n.components))
	for i, c := range n.components {
		names[i] = c.module.Name()
	}
	return names
}

// Run calls every Init, then every Start in order, waits until ctx ends or a
// task fails, and stops what had started in reverse. A failed start-up is rolled back the same way. It returns nil
// when ctx ended it, at whatever point, and everything stopped in time; otherwise what went
// wrong. When the shutdown times out, the error names the components that have not stopped; these may still be running.
// A node runs once.
func (n *Node) Run(ctx context.Context, o Options) error {
	if o.StartTimeout <= 0 {
		o.StartTimeout = time.Minute
	}
	if o.ShutdownTimeout <= 0 {
		o.ShutdownTimeout = 20 * time.Second
	}
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := n.begin(cancel); err != nil {
		return err
	}
	err := n.start(run, o.StartTimeout)
	if err == nil {
		n.advance(ready)
		if o.OnReady != nil {
			o.OnReady()
		}
		<-run.Done()
	}
	n.advance(draining)
	stopErr := n.stop(context.WithoutCancel(ctx), o.ShutdownTimeout)
	n.advance(stopped)
	return errors.Join(n.reason(run, err), stopErr)
}

// Check returns what keeps the node from doing its work, by component; nothing
// if it is ready. Until every component has started, and from the moment the shutdown begins, that is "node".
func (n *Node) Check(ctx context.Context) map[string]error {
	n.mu.Lock()
	s := n.state
	n.mu.Unlock()
	switch {
	case s < ready:
		return map[string]error{"node": errors.New("starting")}
	case s > ready:
		return map[string]error{"node": errors.New("shutting down")}
	}
	type result struct {
		name string
		err  error
	}
	results := make(chan result, len(n.components)) // buffered: a check that ignores ctx is left behind
	waiting := make(map[string]error)
	for _, c := range n.components {
		if checker, ok := c.module.(Checker); ok {
			waiting[c.module.Name()] = errors.New("the check did not return in time")
			go func() {
				results <- result{c.module.Name(), protect(func() error { return checker.Check(ctx) })}
			}()
		}
	}
	failed := make(map[string]error)
	for len(waiting) > 0 {
		select {
		case r := <-results:
			delete(waiting, r.name)
			if r.err != nil {
				failed[r.name] = r.err
			}
		case <-ctx.Done():
			for name, err := range waiting {
				failed[name] = err
			}
			return failed
		}
	}
	return failed
}

// begin makes sure that a node runs once.
func (n *Node) begin(cancel context.CancelFunc) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state != idle {
		return errors.New("the node has been run already")
	}
	n.state = starting
	n.cancel = cancel
	return nil
}

func (n *Node) advance(s state) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = s
}

// fail is called by tasks. The first failure ends the run and is what Run returns.
func (n *Node) fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failure != nil || n.state == stopped {
		n.log.Error("a further task failed", "error", err)
		return
	}
	n.failure = err
	n.log.Error("a task failed, stopping", "error", err)
	n.cancel()
}

// reason is what ended the run, other than the caller; startErr is what the start-up returned.
func (n *Node) reason(run context.Context, startErr error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failure != nil || startErr == nil {
		return n.failure
	}
	if run.Err() != nil && errors.Is(startErr, context.Canceled) {
		return nil // asked to stop before it was ready
	}
	return startErr
}

// start initializes and starts the components in order.
func (n *Node) start(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for _, c := range n.components {
		if err := protect(func() error { return c.module.Init(c) }); err != nil {
			return fmt.Errorf("init %s: %w", c.module.Name(), err)
		}
	}
	for _, c := range n.components {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("start %s: %w", c.module.Name(), err)
		}
		begin := time.Now()
		if err := protect(func() error { return c.module.Start(ctx) }); err != nil {
			return fmt.Errorf("start %s: %w", c.module.Name(), err)
		}
		c.started = true
		c.log.DebugContext(ctx, "started", "took", time.Since(begin))
	}
	return nil
}

// stop stops the components in reverse. One that does not return is left
// behind, and the rest are stopped nonetheless.
func (n *Node) stop(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	end := time.Now().Add(timeout + grace)
	var errs []error
	var stuck []string
	for _, c := range slices.Backward(n.components) {
		begin := time.Now()
		done := make(chan error, 1)
		go func() { done <- c.stop(ctx) }()
		select {
		case err := <-done:
			errs = append(errs, err)
			c.log.DebugContext(ctx, "stopped", "took", time.Since(begin))
		case <-time.After(max(time.Until(end), grace/10)):
			stuck = append(stuck, c.module.Name())
		}
	}
	if len(stuck) > 0 {
		errs = append(errs, fmt.Errorf("shutdown timed out after %s; not stopped: %s", timeout, strings.Join(stuck, ", ")))
	}
	return errors.Join(errs...)
}
