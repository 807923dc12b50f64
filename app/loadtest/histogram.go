package loadtest

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// A histogram counts durations in buckets that are 1/64 of their octave wide (at most 1.6 % off), from microseconds to more
// than an hour. Any number of goroutines record into it: those that do so often have shards of their own.
type histogram struct {
	shards [shardCount]shard
}

const (
	shardCount  = 16
	linearBits  = 6
	linear      = 1 << linearBits
	largestBits = 32 // of microseconds, more than an hour
	bucketCount = (largestBits-linearBits-1)*linear + 2*linear
)

type shard struct {
	counts [bucketCount]atomic.Uint32
	sum    atomic.Int64 // microseconds
	max    atomic.Int64
	_      [64]byte // shards share no cache line
}

// shard is where one of several recorders counts.
func (h *histogram) shard(i int) *shard { return &h.shards[i%shardCount] }

// bucketOf numbers the bucket of a duration in microseconds.
func bucketOf(us int64) int {
	us = min(max(us, 0), 1<<largestBits-1)
	shift := max(bits.Len64(uint64(us))-linearBits-1, 0)
	return shift<<linearBits + int(us>>shift)
}

// bucketMax is the largest number of microseconds in a bucket.
func bucketMax(bucket int) int64 {
	if bucket < 2*linear {
		return int64(bucket)
	}
	shift := bucket>>linearBits - 1
	return int64(bucket-shift<<linearBits+1)<<shift - 1
}

// record counts a duration; a negative one as nothing.
func (s *shard) record(d time.Duration) {
	us := max(d.Microseconds(), 0)
	s.counts[bucketOf(us)].Add(1)
	s.sum.Add(us)
	raise(&s.max, us)
}

// counts is what a histogram held at a moment.
type counts struct {
	buckets  []int64
	total    int64
	sum, max int64 // microseconds
}

// read adds the shards up.
func (h *histogram) read() counts {
	c := counts{buckets: make([]int64, bucketCount)}
	for i := range h.shards {
		s := &h.shards[i]
		for b := range s.counts {
			n := int64(s.counts[b].Load())
			c.buckets[b] += n
			c.total += n
		}
		c.sum += s.sum.Load()
		c.max = max(c.max, s.max.Load())
	}
	return c
}

// since is what has come after an earlier moment.
func (c counts) since(earlier counts) counts {
	d := counts{buckets: make([]int64, bucketCount), total: c.total - earlier.total, sum: c.sum - earlier.sum, max: c.max}
	for b := range d.buckets {
		d.buckets[b] = c.buckets[b] - earlier.buckets[b]
	}
	return d
}

// quantile is the smallest value, as its bucket knows it, that a share of all values do not exceed. It is 0 without any values.
func (c counts) quantile(share float64) time.Duration {
	rank := max(int64(math.Ceil(share*float64(c.total))), 1)
	var seen int64
	for b, n := range c.buckets {
		if seen += n; seen >= rank && n > 0 {
			return time.Duration(min(bucketMax(b), c.max)) * time.Microsecond
		}
	}
	return 0
}

// latency is the histogram as a report has it.
func (c counts) latency() Latency {
	l := Latency{Count: c.total, Counts: c.coarse(coarseBits)}
	if c.total == 0 {
		return l
	}
	l.MinMS, l.MaxMS = ms(c.quantile(0)), float64(c.max)/1000
	l.MeanMS = math.Round(float64(c.sum)/float64(c.total)) / 1000
	l.P50MS, l.P90MS, l.P99MS, l.P999MS = ms(c.quantile(0.5)), ms(c.quantile(0.9)), ms(c.quantile(0.99)), ms(c.quantile(0.999))
	return l
}

// coarseBits makes the buckets of a report: eight for each octave.
const coarseBits = 3

// coarse sums up buckets until there are 1<<resolution for each octave, and leaves out empty ones.
func (c counts) coarse(resolution int) []Bucket {
	coarse := []Bucket{}
	end := int64(-1)
	for b, n := range c.buckets {
		if n == 0 {
			continue
		}
		if us := bucketMax(b); us > end {
			width := bits.Len64(uint64(us)) - resolution - 1
			end = us
			if width > 0 {
				end = (us>>width+1)<<width - 1
			}
			coarse = append(coarse, Bucket{AtMostMS: float64(end) / 1000})
		}
		coarse[len(coarse)-1].Count += n
	}
	return coarse
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
