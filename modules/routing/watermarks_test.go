package routing

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestWatermarks compares with a table of everything: the last channels heard of are never forgotten, and memory is bounded.
func TestWatermarks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		const kept = 4
		w := newWatermarks(kept)
		highest := make(map[string]int64)
		var order []string // channels, the last heard of at the end
		for range rapid.IntRange(1, 200).Draw(rt, "messages") {
			channel := strconv.Itoa(rapid.IntRange(1, 12).Draw(rt, "channel"))
			seq := rapid.Int64Range(1, 20).Draw(rt, "seq")
			known := false
			others := make(map[string]bool)
			for i := len(order) - 1; i >= 0 && len(others) < kept; i-- {
				known = known || order[i] == channel
				others[order[i]] = true
			}
			got := w.raise(channel, seq)
			if known || seq > highest[channel] {
				require.Equal(rt, seq > highest[channel], got, "channel %s, seq %d", channel, seq)
			}
			if known {
				highest[channel] = max(highest[channel], seq)
			} else if got {
				highest[channel] = seq
			}
			order = append(order, channel)
			require.LessOrEqual(rt, len(w.recent)+len(w.past), 2*kept)
		}
	})
}
