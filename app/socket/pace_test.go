//go:build unix

package socket

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// writeLog is a connection's socket that takes everything, and notes what is written when.
type writeLog struct {
	in, out *os.File
	begin   time.Time

	mu     sync.Mutex
	writes []written
}

type written struct {
	at   time.Duration
	data string
}

func newWriteLog(t *testing.T) *writeLog {
	in, out, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = in.Close(), out.Close() })
	return &writeLog{in: in, out: out, begin: time.Now()}
}

func (l *writeLog) Control(func(uintptr)) error   { return nil }
func (l *writeLog) Read(func(uintptr) bool) error { return nil }

// Write implements syscall.RawConn. What has been written is read again at once, so the pipe is always empty before.
func (l *writeLog) Write(write func(fd uintptr) bool) error {
	write(l.out.Fd())
	buf := make([]byte, 4*chunkBytes)
	n, err := syscall.Read(int(l.in.Fd()), buf)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes = append(l.writes, written{time.Since(l.begin), string(buf[:n])})
	return err
}

// all is what has been written when there is nothing left to do at the moment.
func (l *writeLog) all() []written {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.writes)
}

// times are those of the writes, in milliseconds.
func (l *writeLog) times() []int64 {
	var at []int64
	for _, w := range l.all() {
		at = append(at, w.at.Milliseconds())
	}
	return at
}

// count is how many times a text was written.
func (l *writeLog) count(text string) int {
	n := 0
	for _, w := range l.all() {
		n += strings.Count(w.data, text)
	}
	return n
}

// newPacedConn is a connection without a client, in a bubble, to which frames are written in rounds of 4 ms.
func newPacedConn(t *testing.T) (*Conn, *writeLog) {
	s := newLooseServer(t)
	c := newLooseConn(s)
	log := newWriteLog(t)
	c.session.ws = log.wsConn(t)
	return c, log
}

// wsConn is the transport that writes to the log.
func (l *writeLog) wsConn(t *testing.T) *wsConn {
	end, other := net.Pipe()
	t.Cleanup(func() { _, _ = end.Close(), other.Close() })
	return &wsConn{net: end, raw: l}
}

// after waits on the bubble's clock.
func after(d time.Duration) { <-time.After(d) }

func TestPaceWritesAtOnceWhenIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, log := newPacedConn(t)
		for range 5 {
			c.Emit(NewFrame("x", nil))
			after(20 * time.Millisecond)
		}
		require.Equal(t, []int64{0, 20, 40, 60, 80}, log.times())
		require.EqualValues(t, 5, c.server.Stats().Writes)
	})
}

func TestPaceGathersWhenBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, log := newPacedConn(t)
		after(500 * time.Microsecond) // so that no event comes at the moment when a round ends
		for range 24 {
			c.Emit(NewFrame("x", nil))
			synctest.Wait()
			after(500 * time.Microsecond)
		}
		after(20 * time.Millisecond)
		require.Equal(t, 24, log.count(`42["x"]`))
		require.Equal(t, []int64{0, 4, 8, 12}, log.times(), "the first at once, the others at the end of a round")
	})
}

func TestPaceEndsARoundWhenNothingComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, log := newPacedConn(t)
		for range 10 {
			c.Emit(NewFrame("x", nil))
			synctest.Wait()
		}
		after(20 * time.Millisecond)
		require.Equal(t, 10, log.count(`42["x"]`))
		require.Equal(t, []int64{0, 2}, log.times(), "in the second quarter, nothing has come any more")
	})
}

// One connection's gathering is nothing to another that has been idle.
func TestPaceIsPerConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		busy, _ := newPacedConn(t)
		idle := newLooseConn(busy.server)
		log := newWriteLog(t)
		idle.session.ws = log.wsConn(t)
		for range 2 {
			busy.Emit(NewFrame("x", nil))
			synctest.Wait()
		}
		idle.Emit(NewFrame("x", nil))
		require.Equal(t, []int64{0}, log.times())
		after(20 * time.Millisecond)
	})
}

// What must not wait does not, though the connection waits for the end of a round.
func TestPaceHurries(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(t *testing.T, c *Conn){
		"flush": func(t *testing.T, c *Conn) { require.NoError(t, c.Flush(context.Background())) },
		"close": func(_ *testing.T, c *Conn) { c.Drop("test") },
		"ping":  func(_ *testing.T, c *Conn) { c.session.send(c.server.ping) },
		"full": func(_ *testing.T, c *Conn) {
			for range chunkBytes / 1000 {
				c.Emit(NewFrame("padding", []byte(`"`+strings.Repeat("x", 1000)+`"`)))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, log := newPacedConn(t)
				for range 3 {
					c.Emit(NewFrame("x", nil))
					synctest.Wait()
				}
				require.Equal(t, 1, log.count(`42["x"]`), "the others wait")
				do(t, c)
				require.Equal(t, 3, log.count(`42["x"]`))
				require.Zero(t, slices.Max(log.times()))
				after(20 * time.Millisecond)
			})
		})
	}
}

// Who goes on only when an event has been received is not held up for nothing.
func TestPaceLearns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, log := newPacedConn(t)
		const events = 3000
		for i := range events {
			c.Emit(NewFrame("x", nil))
			for log.count(`42["x"]`) <= i {
				after(100 * time.Microsecond)
			}
		}
		require.Len(t, log.all(), events)
		require.Less(t, time.Since(log.begin), 50*time.Millisecond)
		// Once events come so fast that gathering pays, they are gathered again.
		c.session.pace.exempt = 10 // it is idle: nobody has it
		for range 100 {
			c.Emit(NewFrame("x", nil))
			synctest.Wait()
			after(100 * time.Microsecond)
		}
		after(20 * time.Millisecond)
		require.Equal(t, events+100, log.count(`42["x"]`))
		require.Less(t, len(log.all()), events+20)
	})
}

// Waiting for the writers includes what waits for the end of a round.
func TestPaceIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, log := newPacedConn(t)
		for range 3 {
			c.Emit(NewFrame("x", nil))
			synctest.Wait()
		}
		require.NoError(t, c.server.out.wait(context.Background()))
		require.Equal(t, 3, log.count(`42["x"]`))
		after(20 * time.Millisecond)
	})
}

// Whatever is sent when: everything is written once, in order, and nothing later than a round after it was sent.
func TestPaceProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		type step struct {
			frames int
			hurry  bool
			pause  time.Duration
		}
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{
				frames: rapid.IntRange(0, 4).Draw(rt, "frames"),
				hurry:  rapid.IntRange(0, 9).Draw(rt, "hurry") == 0,
				pause:  time.Duration(rapid.IntRange(0, 6000).Draw(rt, "pause")) * time.Microsecond,
			}
		}), 1, 60).Draw(rt, "steps")
		var (
			sent   []time.Duration
			writes []written
		)
		synctest.Test(t, func(t *testing.T) {
			c, log := newPacedConn(t)
			for _, s := range steps {
				for range s.frames {
					c.Emit(NewFrame("n", fmt.Appendf(nil, "%d", len(sent))))
					sent = append(sent, time.Since(log.begin))
				}
				if s.hurry {
					c.server.out.hurry(c.session)
				}
				after(s.pause)
			}
			after(20 * time.Millisecond)
			writes = log.all()
		})
		n := 0
		for _, w := range writes {
			for rest := w.data; rest != ""; n++ {
				want := string(NewFrame("n", fmt.Appendf(nil, "%d", n)).w.bytes)
				if !strings.HasPrefix(rest, want) {
					rt.Fatalf("event %d: got %q", n, rest)
				}
				rest = rest[len(want):]
				if late := w.at - sent[n]; late > 4*time.Millisecond {
					rt.Fatalf("event %d was written %v after it was sent", n, late)
				}
			}
		}
		if n != len(sent) {
			rt.Fatalf("%d of %d events were written", n, len(sent))
		}
	})
}
