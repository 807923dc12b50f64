package partition

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// bid is how much a worker is made for a partition.
type bid struct {
	score     uint64
	partition int
	worker    int
}

// assign says which of the workers has each of n partitions. It is rendezvous hashing with equal shares: of all pairs of a
// worker and a partition, the one with the highest score goes first, and so on, as long as the worker has not got its share
// yet. So shares differ by one at most, and when a worker comes or goes, most of the others' partitions stay where they are.
//
// The result depends on the set of ids alone, as every worker computes it on its own. It must never change:
// while a deployment is updated, workers of two versions that disagree would leave partitions without any worker.
func assign(n int, ids []string) []string {
	owners := make([]string, n)
	if len(ids) == 0 {
		return owners
	}
	share, larger := n/len(ids), n%len(ids) // so many workers have one more
	got := make([]int, len(ids))
	for _, b := range bids(n, ids) {
		if owners[b.partition] != "" || got[b.worker] > share {
			continue
		}
		if got[b.worker] == share {
			if larger == 0 {
				continue
			}
			larger--
		}
		got[b.worker]++
		owners[b.partition] = ids[b.worker]
	}
	return owners
}

// bids is every pair of a worker and a partition, highest score first.
func bids(n int, ids []string) []bid {
	all := make([]bid, 0, n*len(ids))
	for w, id := range ids {
		for p := range n {
			all = append(all, bid{score(id, p), p, w})
		}
	}
	slices.SortFunc(all, func(a, b bid) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.partition, b.partition), cmp.Compare(ids[a.worker], ids[b.worker]))
	})
	return all
}

// score is the first 64 bits of a hash, whose bits are equally good.
func score(id string, partition int) uint64 {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(id), uint64(partition)))
	return binary.BigEndian.Uint64(sum[:])
}
