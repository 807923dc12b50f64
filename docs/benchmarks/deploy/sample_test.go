package deploy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSteadyLeavesOutBothEnds(t *testing.T) {
	t.Parallel()
	var samples []Sample
	for i, n := range []float64{5, 5, 30, 50, 80, 100, 105, 105} {
		samples = append(samples, Sample{At: time.Unix(int64(i), 0), Metrics: map[string]float64{"n": n}})
	}
	samples = append(samples, Sample{At: time.Unix(9, 0)}) // the process had ended
	from, to, ok := Steady(samples, "n")
	require.True(t, ok)
	require.InDelta(t, 30, from.Metrics["n"], 0)
	require.InDelta(t, 80, to.Metrics["n"], 0)

	_, _, ok = Steady(samples, "nobody counts this")
	require.False(t, ok)
	_, _, ok = Steady(samples[:2], "n")
	require.False(t, ok)
}
