package loadtest

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBuckets(t *testing.T) {
	t.Parallel()
	last := int64(-1)
	for b := range bucketCount {
		upper := bucketMax(b)
		require.Greater(t, upper, last)
		require.Equal(t, b, bucketOf(upper))
		require.Equal(t, b, bucketOf(last+1), "there is nothing between buckets")
		require.LessOrEqual(t, float64(upper-last-1), float64(last+1)/linear, "1.6 %% at most")
		last = upper
	}
	require.EqualValues(t, 1<<largestBits-1, last)
	require.Equal(t, bucketCount-1, bucketOf(math.MaxInt64))
	require.Equal(t, 0, bucketOf(-5))
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 100_000_000), 1, 300).Draw(t, "µs")
		var h histogram
		for i, us := range values {
			h.shard(i).record(time.Duration(us) * time.Microsecond)
		}
		l := h.read().latency()
		slices.Sort(values)
		require.EqualValues(t, len(values), l.Count)
		require.InDelta(t, float64(values[len(values)-1])/1000, l.MaxMS, 1e-9)
		for share, got := range map[float64]float64{0.5: l.P50MS, 0.9: l.P90MS, 0.99: l.P99MS, 0.999: l.P999MS, 0: l.MinMS} {
			exact := float64(values[max(int(math.Ceil(share*float64(len(values))))-1, 0)]) / 1000
			require.GreaterOrEqual(t, got, exact-1e-9, "share %g", share)
			require.LessOrEqual(t, got, exact*(1+1.0/linear)+1e-9, "share %g", share)
		}
		var counted int64
		for i, b := range l.Counts {
			require.Positive(t, b.Count)
			counted += b.Count
			require.True(t, i == 0 || b.AtMostMS > l.Counts[i-1].AtMostMS)
		}
		require.Equal(t, l.Count, counted)
	})
}

func TestHistogramSince(t *testing.T) {
	t.Parallel()
	var h histogram
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 1000 {
				h.shard(i).record(time.Second)
			}
		})
	}
	all.Wait()
	before := h.read()
	require.EqualValues(t, 4000, before.total)
	h.shard(3).record(time.Millisecond)
	latest := h.read().since(before)
	require.EqualValues(t, 1, latest.total)
	require.InDelta(t, time.Millisecond, latest.quantile(0.99), float64(20*time.Microsecond))
	require.Zero(t, before.since(before).quantile(0.99))
	require.Equal(t, Latency{Counts: []Bucket{}}, new(histogram).read().latency())
}

func TestBars(t *testing.T) {
	t.Parallel()
	require.Empty(t, bars(nil))
	require.Equal(t, ""+
		"  ≤    0.128 ms  ##########                               1\n"+
		"  ≤    0.256 ms  ######################################## 4\n"+
		"  ≤    1.024 ms  ##########                               1\n",
		bars([]Bucket{{0.127, 1}, {0.159, 1}, {0.255, 3}, {1.023, 1}}))
}
