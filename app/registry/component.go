package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
)

// component is a module in a node, and the Host that the module sees.
type component struct {
	module  Module
	log     *slog.Logger
	ctx     context.Context // the lifetime of the tasks
	halt    context.CancelFunc
	fail    func(error)
	started bool

	mu     sync.Mutex
	halted bool // no further tasks
	tasks  sync.WaitGroup
}

func newComponent(m Module, log *slog.Logger, fail func(error)) *component {
	ctx, cancel := context.WithCancel(context.Background())
	return &component{
		module: m,
		log:    log.With("component", m.Name()),
		ctx:    ctx,
		halt:   cancel,
		fail:   fail,
	}
}

// Logger implements Host.
func (c *component) Logger() *slog.Logger { return c.log }

// Go implements Host.
func (c *component) Go(task string, run func(context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.halted {
		return
	}
	c.tasks.Go(func() {
		err := protect(func() error { return run(c.ctx) })
		if err != nil && (c.ctx.Err() == nil || !errors.Is(err, context.Canceled)) {
			c.fail(fmt.Errorf("%s: task %q: %w", c.module.Name(), task, err))
		}
	})
}

// stop ends the tasks, stops the module if it had started, and waits for the tasks.
func (c *component) stop(ctx context.Context) error {
	c.mu.Lock()
	c.halted = true
	c.mu.Unlock()
	c.halt()
	var err error
	if c.started {
		err = protect(func() error { return c.module.Stop(ctx) })
	}
	c.tasks.Wait()
	if err != nil {
		return fmt.Errorf("stop %s: %w", c.module.Name(), err)
	}
	return nil
}

// protect makes an error of a panic.
func protect(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return f()
}
