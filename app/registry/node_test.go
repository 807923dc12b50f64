package registry_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal keeps the order in which fakes were called.
type journal struct {
	mu      sync.Mutex
	entries []string
}

func (j *journal) add(entry string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry)
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}

// fake is a component whose every part can be replaced.
type fake struct {
	name  string
	roles []registry.Role
	needs []string
	log   *journal

	host  registry.Host
	init  func(registry.Host) error
	start func(context.Context) error
	stop  func(context.Context) error
	check func(context.Context) error
}

func (f *fake) Name() string           { return f.name }
func (f *fake) Roles() []registry.Role { return f.roles }
func (f *fake) Needs() []string        { return f.needs }

func (f *fake) Init(h registry.Host) error {
	f.host = h
	f.record("init")
	if f.init != nil {
		return f.init(h)
	}
	return nil
}

func (f *fake) Start(ctx context.Context) error {
	f.record("start")
	if f.start != nil {
		return f.start(ctx)
	}
	return nil
}

func (f *fake) Stop(ctx context.Context) error {
	f.record("stop")
	if f.stop != nil {
		return f.stop(ctx)
	}
	return nil
}

func (f *fake) Check(ctx context.Context) error {
	if f.check != nil {
		return f.check(ctx)
	}
	return nil
}

func (f *fake) record(what string) {
	if f.log != nil {
		f.log.add(what + " " + f.name)
	}
}

var quiet = slog.New(slog.DiscardHandler)

// chain is three components, each of which needs the one before.
func chain(j *journal) []*fake {
	return []*fake{
		{name: "a", log: j},
		{name: "b", log: j, needs: []string{"a"}},
		{name: "c", log: j, needs: []string{"b"}, roles: registry.AllRoles()},
	}
}

func newNode(t *testing.T, fakes ...*fake) *registry.Node {
	t.Helper()
	modules := make([]registry.Module, len(fakes))
	for i, f := range fakes {
		modules[i] = f
	}
	n, err := registry.New(quiet, registry.AllRoles(), modules...)
	require.NoError(t, err)
	return n
}

func TestRunStartsInOrderAndStopsInReverse(t *testing.T) {
	t.Parallel()
	var j journal
	n := newNode(t, chain(&j)...)
	ctx, cancel := context.WithCancel(t.Context())
	require.Equal(t, map[string]error{"node": errors.New("starting")}, n.Check(ctx))

	err := n.Run(ctx, registry.Options{OnReady: func() {
		require.Empty(t, n.Check(ctx), "ready")
		j.add("ready")
		cancel()
	}})

	require.NoError(t, err)
	require.Equal(t, []string{
		"init a", "init b", "init c", "start a", "start b", "start c", "ready", "stop c", "stop b", "stop a",
	}, j.all())
	require.Equal(t, map[string]error{"node": errors.New("shutting down")}, n.Check(ctx))
	require.ErrorContains(t, n.Run(t.Context(), registry.Options{}), "has been run already")
}

func TestNotReadyWhileDraining(t *testing.T) {
	t.Parallel()
	fakes := chain(nil)
	n := newNode(t, fakes...)
	ctx, cancel := context.WithCancel(t.Context())
	var seen map[string]error
	fakes[2].stop = func(ctx context.Context) error {
		seen = n.Check(ctx)
		return nil
	}
	require.NoError(t, n.Run(ctx, registry.Options{OnReady: cancel}))
	require.Contains(t, seen, "node")
}

func TestStartUpFailsAndIsRolledBack(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		spoil func(c *fake)
		want  []string
		text  string
	}{
		"init": {
			spoil: func(c *fake) { c.init = func(registry.Host) error { return boom } },
			want:  []string{"init a", "init b", "init c"},
			text:  "init c: boom",
		},
		"start": {
			spoil: func(c *fake) { c.start = func(context.Context) error { return boom } },
			want:  []string{"init a", "init b", "init c", "start a", "start b", "start c", "stop b", "stop a"},
			text:  "start c: boom",
		},
		"start panics": {
			spoil: func(c *fake) { c.start = func(context.Context) error { panic(boom) } },
			want:  []string{"init a", "init b", "init c", "start a", "start b", "start c", "stop b", "stop a"},
			text:  "start c: panic: boom",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var j journal
			fakes := chain(&j)
			tc.spoil(fakes[2])
			err := newNode(t, fakes...).Run(t.Context(), registry.Options{})
			require.ErrorContains(t, err, tc.text)
			require.Equal(t, tc.want, j.all())
		})
	}
}

func TestRollBackReportsFailingStops(t *testing.T) {
	t.Parallel()
	fakes := chain(nil)
	fakes[2].start = func(context.Context) error { return errors.New("no port") }
	fakes[1].stop = func(context.Context) error { panic("stop b") }
	fakes[0].stop = func(context.Context) error { return errors.New("disk full") }
	err := newNode(t, fakes...).Run(t.Context(), registry.Options{})
	require.ErrorContains(t, err, "start c: no port")
	require.ErrorContains(t, err, "stop b: panic: stop b")
	require.ErrorContains(t, err, "stop a: disk full")
}

func TestStopBeforeReadyIsNoError(t *testing.T) {
	t.Parallel()
	var j journal
	fakes := chain(&j)
	ctx, cancel := context.WithCancel(t.Context())
	fakes[1].start = func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	require.NoError(t, newNode(t, fakes...).Run(ctx, registry.Options{}))
	require.Equal(t, []string{"init a", "init b", "init c", "start a", "start b", "stop a"}, j.all())
}

func TestCancelledBeforeRun(t *testing.T) {
	t.Parallel()
	var j journal
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, newNode(t, chain(&j)...).Run(ctx, registry.Options{}))
	require.NotContains(t, strings.Join(j.all(), " "), "start")
}

func TestStartTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fakes := chain(nil)
		fakes[0].start = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		err := newNode(t, fakes...).Run(t.Context(), registry.Options{StartTimeout: time.Second})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "start a")
	})
}

func TestTaskLivesUntilItsComponentStops(t *testing.T) {
	t.Parallel()
	var j journal
	fakes := chain(&j)
	fakes[1].start = func(context.Context) error {
		fakes[1].host.Go("work", func(ctx context.Context) error {
			<-ctx.Done()
			j.add("task b ends")
			return ctx.Err()
		})
		return nil
	}
	ended := func() bool { return slices.Contains(j.all(), "task b ends") }
	fakes[2].stop = func(context.Context) error {
		require.False(t, ended(), "c is stopped before b's tasks end")
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, newNode(t, fakes...).Run(ctx, registry.Options{OnReady: cancel}))
	require.True(t, ended(), "Run waits for tasks")
	require.Less(t, slices.Index(j.all(), "task b ends"), slices.Index(j.all(), "stop a"))
}

func TestFailingTaskStopsTheNode(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		run  func(context.Context) error
		text string
	}{
		"error": {func(context.Context) error { return errors.New("connection lost") }, `b: task "work": connection lost`},
		"panic": {func(context.Context) error { panic("oh") }, `b: task "work": panic: oh`},
		// A component's own context.Canceled, while it was not asked to stop, is a failure as any other.
		"canceled": {func(context.Context) error { return context.Canceled }, `b: task "work": context canceled`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var j journal
			fakes := chain(&j)
			fakes[1].start = func(context.Context) error {
				fakes[1].host.Go("work", tc.run)
				return nil
			}
			// c's start waits for the failure, so the node is still starting or just ready when it happens.
			fakes[2].start = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			err := newNode(t, fakes...).Run(t.Context(), registry.Options{})
			require.ErrorContains(t, err, tc.text)
			require.NotContains(t, err.Error(), "start c", "the cause, not what followed from it")
			require.Equal(t, []string{"stop b", "stop a"}, j.all()[len(j.all())-2:])
		})
	}
}

func TestTaskThatFinishesIsNoFailure(t *testing.T) {
	t.Parallel()
	fakes := chain(nil)
	finished := make(chan struct{})
	fakes[0].start = func(context.Context) error {
		fakes[0].host.Go("once", func(context.Context) error { close(finished); return nil })
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, newNode(t, fakes...).Run(ctx, registry.Options{OnReady: func() { <-finished; cancel() }}))
}

func TestTasksAfterTheEndDoNotRun(t *testing.T) {
	t.Parallel()
	fakes := chain(nil)
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, newNode(t, fakes...).Run(ctx, registry.Options{OnReady: cancel}))
	fakes[0].host.Go("late", func(context.Context) error { panic("must not run") })
}

func TestTaskOfAComponentThatFailedToStart(t *testing.T) {
	t.Parallel()
	fakes := chain(nil)
	ended := false
	fakes[2].start = func(context.Context) error {
		fakes[2].host.Go("work", func(ctx context.Context) error { <-ctx.Done(); ended = true; return nil })
		return errors.New("boom")
	}
	require.ErrorContains(t, newNode(t, fakes...).Run(t.Context(), registry.Options{}), "start c: boom")
	require.True(t, ended)
}

func TestShutdownTimeoutNamesWhatDidNotStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		fakes := chain(&j)
		release := make(chan struct{})
		fakes[2].stop = func(context.Context) error { <-release; return nil } // ignores ctx
		fakes[1].stop = func(ctx context.Context) error { return ctx.Err() }  // heeds it
		ctx, cancel := context.WithCancel(t.Context())
		begin := time.Now()
		err := newNode(t, fakes...).Run(ctx, registry.Options{ShutdownTimeout: 5 * time.Second, OnReady: cancel})
		require.ErrorContains(t, err, "shutdown timed out after 5s; not stopped: c")
		require.NotContains(t, err.Error(), "c, b")
		require.Contains(t, j.all(), "stop a", "the others are stopped nonetheless")
		require.Less(t, time.Since(begin), 7*time.Second)
		close(release)
	})
}

func TestStuckTaskIsNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fakes := chain(nil)
		release := make(chan struct{})
		fakes[0].start = func(context.Context) error {
			fakes[0].host.Go("deaf", func(context.Context) error { <-release; return nil })
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		err := newNode(t, fakes...).Run(ctx, registry.Options{OnReady: cancel})
		require.ErrorContains(t, err, "shutdown timed out after 20s; not stopped: a")
		close(release)
	})
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	fakes := chain(nil)
	away := errors.New("connection refused")
	fakes[0].check = func(context.Context) error { return away }
	fakes[1].check = func(context.Context) error { panic("odd") }
	n := newNode(t, fakes...)
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, n.Run(ctx, registry.Options{OnReady: func() {
		missing := n.Check(ctx)
		require.Len(t, missing, 2)
		require.ErrorIs(t, missing["a"], away)
		require.ErrorContains(t, missing["b"], "panic: odd")
		cancel()
	}}))
}

func TestCheckDoesNotWaitForTheDeaf(t *testing.T) {
	t.Parallel()
	fakes := chain(nil)
	release := make(chan struct{})
	fakes[0].check = func(context.Context) error { <-release; return nil }
	n := newNode(t, fakes...)
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, n.Run(ctx, registry.Options{OnReady: func() {
		short, stop := context.WithTimeout(ctx, time.Millisecond)
		defer stop()
		require.ErrorContains(t, n.Check(short)["a"], "did not return in time")
		close(release)
		cancel()
	}}))
}

// Components may be stopped twice, or before they have started, and started
// and stopped from several sides; a node must keep its own order through all of it.
func TestStress(t *testing.T) {
	t.Parallel()
	for round := range 200 {
		fakes := chain(nil)
		for _, f := range fakes {
			f.start = func(context.Context) error {
				for range 3 {
					f.host.Go("work", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
				}
				return nil
			}
		}
		if round%3 == 0 {
			fakes[2].start = func(context.Context) error {
				fakes[0].host.Go("fail", func(context.Context) error { return errors.New("boom") })
				return nil
			}
		}
		n := newNode(t, fakes...)
		ctx, cancel := context.WithCancel(t.Context())
		var checks sync.WaitGroup
		checks.Go(func() { n.Check(ctx) })
		checks.Go(cancel)
		if err := n.Run(ctx, registry.Options{}); err != nil {
			require.ErrorContains(t, err, "boom")
		}
		checks.Wait()
	}
}
