package partition

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAssign(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		n    int
		ids  string
		want string
	}{
		"nobody":               {3, "", "- - -"},
		"nothing":              {0, "a b", ""},
		"alone":                {4, "a", "a a a a"},
		"two":                  {8, "a b", "b a a b a a b b"},
		"three":                {8, "a b c", "c a b b a a c c"},
		"more than partitions": {2, "a b c", "c a"},
	} {
		owners := assign(tc.n, strings.Fields(tc.ids))
		for i := range owners {
			if owners[i] == "" {
				owners[i] = "-"
			}
		}
		require.Equal(t, tc.want, strings.Join(owners, " "), "%s: must never change, see assign", name)
	}
}

// Whoever the workers are, and in whatever order they are named: each partition is one's, and shares are even.
func TestAssignIsEven(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, ids := rapid.IntRange(0, 100).Draw(t, "partitions"), drawIDs(t, 1)
		owners := assign(n, ids)
		require.Len(t, owners, n)
		require.Equal(t, owners, assign(n, rapid.Permutation(ids).Draw(t, "order")))
		smallest, largest := spread(owners, ids)
		require.LessOrEqual(t, largest-smallest, 1)
	})
}

func drawIDs(t *rapid.T, least int) []string {
	return rapid.SliceOfNDistinct(rapid.StringN(1, 8, -1), least, 12, rapid.ID[string]).Draw(t, "workers")
}

// spread is the smallest and the largest number of partitions that a worker has.
func spread(owners, ids []string) (smallest, largest int) {
	got := make([]int, len(ids))
	for _, id := range owners {
		if i := slices.Index(ids, id); i >= 0 {
			got[i]++
		}
	}
	return slices.Min(got), slices.Max(got)
}

// moved is how many partitions have another owner in b than in a.
func moved(a, b []string) (count int) {
	for p := range a {
		if a[p] != b[p] {
			count++
		}
	}
	return count
}

// A worker that comes, or goes, which is the same backwards, moves what it must: its own share. Evenness costs a few more,
// but on average only a small part of what others have.
func TestAssignMovesLittle(t *testing.T) {
	t.Parallel()
	const rounds = 200
	for _, n := range []int{16, 64} {
		for workers := 1; workers <= 8; workers++ {
			total, necessary := 0, 0
			for round := range rounds {
				var ids []string
				for i := range workers + 1 {
					ids = append(ids, fmt.Sprintf("host-%d-%d", round, i))
				}
				before, after := assign(n, ids[:workers]), assign(n, ids)
				total += moved(before, after)
				_, share := spread(after, ids[workers:])
				necessary += share
			}
			require.LessOrEqual(t, total-necessary, rounds*n/6, "%d partitions, %d workers and one more", n, workers)
			if workers == 1 {
				require.Equal(t, necessary, total, "the second worker takes its share from the first, and that is all")
			}
		}
	}
}
