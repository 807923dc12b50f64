package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	headerTimeout  = 10 * time.Second // to send the request's head, or what is left of its body once it is answered
	answerTimeout  = 30 * time.Second // to read the answer
	idleTimeout    = 120 * time.Second
	maxHeaderBytes = 32 << 10
	stopTimeout    = 20 * time.Second // for a stop whose context has no deadline
)

// errStopping is why the contexts of requests end that take too long while the server stops.
var errStopping = errors.New("the server is stopping")

// listener is an HTTP server on an open port.
type listener struct {
	net       net.Listener
	http      *http.Server
	handler   http.Handler
	interrupt context.CancelCauseFunc // ends the contexts of all requests
	busy      atomic.Int64            // requests at hand
}

// listen opens a listener; key is the configuration's name of the address.
func listen(ctx context.Context, key, addr string, h http.Handler, log *slog.Logger) (*listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("cannot listen on %s: another program uses this port; stop it or set %s to another address: %w", addr, key, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("cannot listen on %s: not permitted; ports below 1024 need privileges, so set %s to a higher one: %w", addr, key, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("cannot listen on %s: this machine does not have that address; correct %s: %w", addr, key, err)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s (%s): %w", addr, key, err)
	}
	base, interrupt := context.WithCancelCause(context.WithoutCancel(ctx))
	l := &listener{net: ln, handler: h, interrupt: interrupt}
	l.http = &http.Server{
		Handler:           http.HandlerFunc(l.count),
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return l, nil
}

// count serves a request.
func (l *listener) count(w http.ResponseWriter, r *http.Request) {
	l.busy.Add(1)
	defer l.busy.Add(-1)
	l.handler.ServeHTTP(w, r)
}

func (l *listener) addr() net.Addr { return l.net.Addr() }

// serve is the task that accepts connections until shutdown.
func (l *listener) serve(context.Context) error {
	if err := l.http.Serve(l.net); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.addr(), err)
	}
	return nil
}

// shutdown closes the listener and finishes requests at hand. After half of the time that ctx leaves, their contexts
// are ended, so that they can still be answered; after three quarters they are cut off, so that what stops later has time, too.
func (l *listener) shutdown(ctx context.Context) error {
	left := timeLeft(ctx)
	impatient := time.AfterFunc(left/2, func() { l.interrupt(errStopping) })
	defer l.interrupt(errStopping)
	defer impatient.Stop()
	soon, cancel := context.WithTimeout(ctx, left*3/4)
	defer cancel()
	err := l.http.Shutdown(soon)
	if err == nil {
		return nil
	}
	busy := l.busy.Load()
	err = errors.Join(fmt.Errorf("%d requests were cut off: %w", busy, err), l.http.Close())
	if busy == 0 { // net/http waits for new connections, too, even if they never ask for anything
		return nil
	}
	return err
}

// timeLeft is how long something may take whose context has a deadline, or not.
func timeLeft(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return stopTimeout
}
