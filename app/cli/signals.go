package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// echoTime is how long after the first signal another one is taken for the same: programs that run others, such as
// timeout or a shell, signal both their child and its process group.
const echoTime = 250 * time.Millisecond

// Signals returns a context that ends with the first SIGINT or SIGTERM. A
// second one calls exit at once, for when ending takes too long. Release gives the signals back.
func Signals(ctx context.Context, stderr io.Writer, exit func(code int)) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	released := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
			_, _ = fmt.Fprintln(stderr, "parley: stopping; interrupt again to kill")
			cancel()
		case <-released:
			return
		}
		began := time.Now()
		for {
			select {
			case <-signals:
				if time.Since(began) < echoTime {
					continue
				}
				_, _ = fmt.Fprintln(stderr, "parley: killed")
				exit(codeKilled)
			case <-released:
			}
			return
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(released)
		<-done
		cancel()
	}
}
