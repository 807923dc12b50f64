package cli_test

import (
	"bytes"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/cli"
)

// notes is a buffer for several goroutines.
type notes struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.String()
}

// Signals reach the whole process, so this is one test, and nothing else here listens to them.
func TestSignals(t *testing.T) {
	t.Parallel()
	var stderr notes
	ctx, release := cli.Signals(t.Context(), &stderr, func(int) { t.Error("exited") })
	release()
	require.Error(t, ctx.Err())
	require.Empty(t, stderr.String(), "no signal")

	// A signal may arrive after the kill that sent it has returned, and so after release; it must not end the tests then.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, syscall.SIGINT)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		var stderr notes
		exited := make(chan int, 1)
		ctx, release := cli.Signals(t.Context(), &stderr, func(code int) { exited <- code })
		require.NoError(t, ctx.Err())

		require.NoError(t, syscall.Kill(syscall.Getpid(), sig))
		<-ctx.Done()
		require.Equal(t, "parley: stopping; interrupt again to kill\n", stderr.String())
		require.Empty(t, exited)

		// An echo of the first one is not a second one; sooner or later one is.
		began := time.Now()
		require.Eventually(t, func() bool {
			require.NoError(t, syscall.Kill(syscall.Getpid(), sig))
			return len(exited) > 0
		}, 10*time.Second, 20*time.Millisecond)
		require.Equal(t, 130, <-exited)
		require.GreaterOrEqual(t, time.Since(began), 200*time.Millisecond, "an echo was taken for a wish to kill")
		require.Contains(t, stderr.String(), "parley: killed\n")
		release()
	}
}
