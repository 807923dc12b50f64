package rabbit

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// tape is a connection that records what is written to it.
type tape struct {
	net.Conn

	mu     sync.Mutex
	writes [][]byte
	broken error
	closed bool
}

func (t *tape) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken != nil {
		return 0, t.broken
	}
	t.writes = append(t.writes, bytes.Clone(p))
	return len(p), nil
}

func (t *tape) SetWriteDeadline(time.Time) error { return nil }

func (t *tape) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	return nil
}

func (t *tape) breakWith(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken = err
}

func (t *tape) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// packets is how many writes there were.
func (t *tape) packets() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.writes)
}

func (t *tape) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.Join(t.writes, nil))
}

// onWire runs a test with a connection that gathers when it is busy, in a bubble of its own time.
func onWire(t *testing.T, test func(t *testing.T, w *wire, out *tape)) {
	t.Parallel()
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		out := &tape{}
		w := newWire(out)
		w.pace(gatherTime)
		test(t, w, out)
	})
}

func write(t *testing.T, w *wire, s string) {
	t.Helper()
	n, err := w.Write([]byte(s))
	require.NoError(t, err)
	require.Equal(t, len(s), n)
}

func TestALoneWriteIsNotKeptWaiting(t *testing.T) {
	onWire(t, func(t *testing.T, w *wire, out *tape) {
		for i := range 200 {
			write(t, w, "x")
			require.Equal(t, i+1, out.packets())
			<-time.After(time.Second / 200)
		}
	})
}

func TestWhoeverWaitsForAnswersIsNotKeptWaiting(t *testing.T) {
	onWire(t, func(t *testing.T, w *wire, out *tape) {
		for i := range 1000 {
			w.hold()
			write(t, w, "x")
			w.release()
			require.Equal(t, i+1, out.packets())
			<-time.After(200 * time.Microsecond)
			w.answered()
		}
	})
}

func TestABusyConnectionGathers(t *testing.T) {
	onWire(t, func(t *testing.T, w *wire, out *tape) {
		const n = 1000
		gathering(w)
		begin, all := time.Now(), ""
		for i := range n {
			s := string(rune('a' + i%26))
			w.hold()
			write(t, w, s)
			w.release()
			w.answered()
			all += s
			<-time.After(time.Second / 2000)
		}
		packets := int(time.Since(begin)/gatherTime) + 2*busyBurst
		require.Less(t, out.packets(), packets)
		<-time.After(gatherTime)
		synctest.Wait()
		require.Equal(t, all, out.text())

		<-time.After(time.Second)
		before := out.packets()
		write(t, w, "calm again")
		require.Equal(t, before+1, out.packets())
	})
}

func TestHeldWritesGoTogether(t *testing.T) {
	onWire(t, func(t *testing.T, w *wire, out *tape) {
		w.pace(0)
		w.hold()
		for range 100 {
			write(t, w, "x")
		}
		require.Zero(t, out.packets())
		w.release()
		require.Equal(t, 1, out.packets())

		w.hold()
		write(t, w, "nobody releases this in time")
		<-time.After(gatherTime)
		synctest.Wait()
		require.Equal(t, 2, out.packets())
		write(t, w, string(make([]byte, gatherMost)))
		require.Equal(t, 3, out.packets(), "there is a limit")
		w.release()
		require.Equal(t, 3, out.packets())
	})
}

// gathering has a crowd of others wait for their answers.
func gathering(w *wire) {
	for range crowd {
		w.hold()
		w.release()
	}
}

// busy makes the connection busy and leaves something gathered.
func busy(t *testing.T, w *wire) {
	t.Helper()
	gathering(w)
	for range 2 * busyBurst {
		write(t, w, "x")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	require.NotEmpty(t, w.buf)
}

func TestClosingSendsWhatWasGathered(t *testing.T) {
	onWire(t, func(t *testing.T, w *wire, out *tape) {
		busy(t, w)
		require.NoError(t, w.Close())
		require.Len(t, out.text(), 2*busyBurst)
		require.True(t, out.isClosed())
		_, err := w.Write([]byte("too late"))
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

func TestAFailureLaterEndsTheConnection(t *testing.T) {
	onWire(t, func(t *testing.T, w *wire, out *tape) {
		busy(t, w)
		down := errors.New("network is down")
		out.breakWith(down)
		<-time.After(gatherTime)
		synctest.Wait()
		require.True(t, out.isClosed(), "so that whoever reads from it notices")
		_, err := w.Write([]byte("x"))
		require.ErrorIs(t, err, down)
	})
}

// A peer that does not read holds up writers for a while, but not whoever ends the connection.
func TestAStuckWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer func() { require.NoError(t, theirs.Close()) }()
		w, result := newWire(ours), make(chan error, 1)
		go func() {
			_, err := w.Write([]byte("x"))
			result <- err
		}()
		synctest.Wait()
		begin := time.Now()
		require.NoError(t, w.Close())
		require.Error(t, <-result)
		require.Zero(t, time.Since(begin))
	})
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer func() { require.NoError(t, theirs.Close()) }()
		begin := time.Now()
		_, err := newWire(ours).Write([]byte("x"))
		require.Error(t, err)
		require.Equal(t, writeTimeout, time.Since(begin))
	})
}

// Whatever is written, held and waited for, everything goes out in order, and nothing waits longer than gatherTime.
func TestNothingIsLostOrLate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		answers := rapid.Bool().Draw(r, "answers")
		steps := rapid.SliceOf(rapid.SampledFrom([]string{"write", "write", "write", "hold", "release", "wait", "wait long"})).Draw(r, "steps")
		pause := rapid.SampledFrom([]time.Duration{0, 300 * time.Microsecond, 5 * time.Millisecond}).Draw(r, "pause")
		synctest.Test(t, func(t *testing.T) {
			out := &tape{}
			w := newWire(out)
			w.pace(gatherTime)
			held, written := 0, ""
			for i, step := range steps {
				switch step {
				case "write":
					s := string(rune('a' + i%26))
					write(t, w, s)
					written += s
				case "hold":
					w.hold()
					held++
				case "release":
					if held > 0 {
						held--
						w.release()
						if answers {
							w.answered()
						}
					}
				case "wait":
					<-time.After(pause)
				case "wait long":
					<-time.After(gatherTime)
					synctest.Wait()
					require.Equal(t, written, out.text())
				}
			}
			require.NoError(t, w.Close())
			require.Equal(t, written, out.text())
		})
	})
}
