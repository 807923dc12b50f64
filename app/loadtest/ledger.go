package loadtest

import (
	"bytes"
	"hash/maphash"
	"strconv"
	"sync/atomic"
	"time"
)

// record is what is known of one message. It is written by its sender and by the connection that gets it confirmed, and read
// by all that receive it.
type record struct {
	sentAt atomic.Int64 // since the beginning of the run; in the open loop, when it was to be sent
	flags  atomic.Uint32
}

// Flags of a record.
const (
	flagAccepted  = 1 << iota // 202
	flagConfirmed             // GROUP_MESSAGE_SENT, or read from the history by its sender
	flagFailed                // GROUP_MESSAGE_FAILED
	flagRepeated              // sent more than once, so it may be confirmed more than once
	flagGivenUp               // never accepted
	flagBeside                // sent in the moment of receipts
)

func (r *record) is(flag uint32) bool { return r.flags.Load()&flag != 0 }

func (r *record) set(flag uint32) { r.flags.Or(flag) }

const (
	chunkBits = 14
	chunkSize = 1 << chunkBits
	maxChunks = 1 << 14
)

// ledger has a record for every message of the run. Messages are numbered as they are sent, and their hash says which one it
// is, so that an arrival is found without a lock or a map.
type ledger struct {
	prefix []byte       // of hashes: the run's own, so that messages of earlier runs are not taken for its
	seed   maphash.Seed // of the fingerprints of messages that are not
	next   atomic.Int64
	chunks [maxChunks]atomic.Pointer[[chunkSize]record]
}

func newLedger(run string) *ledger {
	return &ledger{prefix: []byte(run + "-"), seed: maphash.MakeSeed()}
}

// count is how many messages there are.
func (l *ledger) count() int64 { return l.next.Load() }

// addBelow numbers a new message, unless there are as many as the limit says; then it returns -1.
func (l *ledger) addBelow(limit int64) int64 {
	for {
		n := l.next.Load()
		if n >= limit {
			return -1
		}
		chunk := &l.chunks[n>>chunkBits]
		if chunk.Load() == nil {
			chunk.CompareAndSwap(nil, new([chunkSize]record))
		}
		if l.next.CompareAndSwap(n, n+1) {
			return n
		}
	}
}

// at is the record of a message that was numbered.
func (l *ledger) at(n int64) *record { return &l.chunks[n>>chunkBits].Load()[n&(chunkSize-1)] }

// hash is the hash of a message.
func (l *ledger) hash(n int64) []byte {
	return strconv.AppendInt(append(make([]byte, 0, len(l.prefix)+10), l.prefix...), n, 10)
}

// find returns the number of the message with the given hash; ok is false if it is not one of this run.
func (l *ledger) find(hash []byte) (n int64, r *record, ok bool) {
	digits, ok := bytes.CutPrefix(hash, l.prefix)
	if !ok || len(digits) == 0 || len(digits) > 12 {
		return 0, nil, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, nil, false
		}
		n = n*10 + int64(c-'0')
	}
	if n >= l.count() {
		return 0, nil, false
	}
	return n, l.at(n), true
}

// clock measures time since the beginning of a run.
type clock struct{ began time.Time }

func (c clock) now() time.Duration { return time.Since(c.began) }
