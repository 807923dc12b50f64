package rabbit

import (
	"net"
	"sync"
	"time"
)

const (
	// writeTimeout is how long a write may be stuck. A broker that has stopped reading says so (it blocks the
	// connection) long before the socket's buffers are full; one that does not is hung.
	writeTimeout = 5 * time.Second
	// gatherTime is how long a busy connection gathers what it writes. The broker's work for a message is mostly that
	// of waking up for it: with 1,500 messages a second it took 0.34 ms of CPU for each that came alone, and 0.22 ms
	// when they came every 5 ms.
	gatherTime = 4 * time.Millisecond
	// busyRate is how many writes a second, and busyBurst how many at once, a connection sends off without gathering.
	busyRate  = 400
	busyBurst = 8
	// crowd is how many messages, or batches of them, are under way at once where many write, and crowdTime how
	// long that is remembered.
	crowd     = 3
	crowdTime = 20 * time.Millisecond
	// gatherMost is how many bytes are gathered at most.
	gatherMost = 64 << 10
	// farewell is how long closing may take to send off what was gathered.
	farewell = 100 * time.Millisecond
)

// wire is a network connection that gathers what is written to it, when it is busy or told to hold, and whose
// writes cannot be stuck for ever. The library needs the latter: it closes the socket of a dead connection
// only after taking a lock that a stuck publisher holds.
//
// Busy means that many write, and at the same time: whoever sends one message after the other, and waits for
// each answer, would only be slowed down.
//
// What was gathered is lost if the connection is: nobody takes a message for sent before the broker has confirmed it.
type wire struct {
	net.Conn

	mu      sync.Mutex
	gather  time.Duration // when busy; 0: never
	buf     []byte
	held    int
	asked   int         // bursts that are not answered
	err     error       // of a write that nobody waited for
	timer   *time.Timer // sends off what was gathered
	ticking bool

	level     float64 // of writes beyond busyRate
	leveledAt time.Time
	crowdAt   time.Time // when there was a crowd
	sentAt    time.Time
}

func newWire(c net.Conn) *wire {
	w := &wire{Conn: c}
	w.timer = time.AfterFunc(time.Hour, w.tick)
	w.timer.Stop()
	return w
}

// pace begins to gather when the connection is busy. That is for connections on which nobody asks the broker many
// questions one after the other.
func (w *wire) pace(gather time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gather = gather
}

// Write sends p off, soon at the latest.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	w.buf = append(w.buf, p...)
	switch {
	case len(w.buf) >= gatherMost:
		w.send(writeTimeout)
	case w.held > 0:
		w.sendAfter(gatherTime)
	default:
		w.sendPaced()
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// hold begins a burst: what is written is gathered until release.
func (w *wire) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held++
}

// release ends a burst. Its end is told to answered.
func (w *wire) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked++; w.asked >= crowd {
		w.crowdAt = time.Now()
	}
	if w.held--; w.held == 0 && len(w.buf) > 0 {
		w.sendPaced()
	}
}

// answered says that a burst was answered, or that nobody waits for it any more.
func (w *wire) answered() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked--
}

// sendPaced sends at once, or a little later when there is much to send. The caller holds mu.
func (w *wire) sendPaced() {
	if w.gather == 0 {
		w.send(writeTimeout)
		return
	}
	now := time.Now()
	w.level = min(max(0, w.level-now.Sub(w.leveledAt).Seconds()*busyRate)+1, 2*busyBurst)
	w.leveledAt = now
	wait := w.gather - now.Sub(w.sentAt)
	if w.level <= busyBurst || wait <= 0 || now.Sub(w.crowdAt) > crowdTime {
		w.send(writeTimeout)
		return
	}
	w.sendAfter(wait)
}

// sendAfter has what was gathered sent later. The caller holds mu.
func (w *wire) sendAfter(wait time.Duration) {
	if !w.ticking {
		w.ticking = true
		w.timer.Reset(wait)
	}
}

func (w *wire) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ticking = false
	w.send(writeTimeout)
}

// send sends off what was gathered. A failure is the end of the connection. The caller holds mu.
func (w *wire) send(timeout time.Duration) {
	if len(w.buf) == 0 || w.err != nil {
		return
	}
	if w.ticking {
		w.ticking = false
		w.timer.Stop()
	}
	w.sentAt = time.Now()
	if w.err = w.SetWriteDeadline(w.sentAt.Add(timeout)); w.err == nil {
		_, w.err = w.Conn.Write(w.buf)
	}
	w.buf = w.buf[:0]
	if w.err != nil {
		w.cut()
	}
}

// Close sends off what was gathered, if that is possible at once, and closes the connection.
func (w *wire) Close() error {
	if w.mu.TryLock() { // else a write is stuck
		w.send(farewell)
		w.timer.Stop()
		w.err = net.ErrClosed
		w.mu.Unlock()
	}
	return w.Conn.Close()
}

// cut closes the connection without a word.
func (w *wire) cut() { _ = w.Conn.Close() }
