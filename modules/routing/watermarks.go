package routing

// watermarksKept is of how many channels, at least, the last ones heard of are known.
const watermarksKept = 1 << 16

// watermarks are how far the messages of channels have been emitted. Those of channels that have been silent while many
// others were not are forgotten: what a worker publishes again was published a moment before.
type watermarks struct {
	kept         int
	recent, past map[string]int64
}

func newWatermarks(kept int) watermarks {
	return watermarks{kept: kept, recent: make(map[string]int64)}
}

// raise notes that the channel's messages have been emitted as far as seq, and reports whether that is news.
func (w *watermarks) raise(channel string, seq int64) bool {
	last, ok := w.recent[channel]
	if !ok {
		last = w.past[channel]
	}
	if seq > last || !ok {
		w.set(channel, max(seq, last))
	}
	return seq > last
}

func (w *watermarks) set(channel string, seq int64) {
	if len(w.recent) >= w.kept {
		if _, ok := w.recent[channel]; !ok {
			w.recent, w.past = make(map[string]int64), w.recent
		}
	}
	w.recent[channel] = seq
}
